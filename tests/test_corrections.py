"""Applying a correction at a path."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.corrections import replace_at


@pytest.mark.parametrize(
    ("data", "path", "old", "after"),
    [
        ({"n": 1}, "n", 1, {"n": 2}),
        ({}, "n", None, {"n": 2}),
        ({"facts": {"n": 1, "m": 0}}, "facts.n", 1, {"facts": {"n": 2, "m": 0}}),
        ({}, "facts.n", None, {"facts": {"n": 2}}),
        ({"ids": ["a", "b"]}, "ids.1", "b", {"ids": ["a", 2]}),
        ({"ids": [{"at": 1}]}, "ids.0.at", 1, {"ids": [{"at": 2}]}),
    ],
)
def test_the_value_at_a_path_is_replaced(
    data: dict[str, Any], path: str, old: Any, after: dict[str, Any]
) -> None:
    """And the one before it is told; the rest stays."""
    assert replace_at(data, path, 2) == old
    assert data == after


@pytest.mark.parametrize("path", ["n.m", "ids.x", "ids.7", "n.m.o", "ids.0.x"])
def test_a_path_through_something_without_parts_is_an_error(path: str) -> None:
    """A number has no fields, a list no names, and not more items than it has."""
    with pytest.raises(LookupError):
        replace_at({"n": 1, "ids": ["a"]}, path, 2)
