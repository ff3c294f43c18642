"""Rows that are joined rest on what was joined, and come in the order of their kinds."""

from __future__ import annotations

from projections.presenting import in_order, join
from projections.register import Row


def change(position: int, field: str) -> dict[str, object]:
    return {"position": position, "field": field, "old": 1, "new": 2, "known_at": None}


def test_a_joined_row_rests_on_both() -> None:
    """Values are replaced; positions and corrections are those of both, each once, in order."""
    own = Row("k", ("C1",), {"a": 1, "b": 2}, (3, 7), (change(7, "x"),))
    other = Row("o", (), {"b": 9}, (1, 7), (change(7, "x"), change(5, "y")))
    made = join(own, {"b": 9}, [other])
    assert (made.key, made.controllers) == ("k", ("C1",))
    assert made.values == {"a": 1, "b": 9}
    assert made.positions == (1, 3, 7)
    assert [c["position"] for c in made.corrected] == [5, 7]


def test_rows_come_in_the_order_of_their_kinds() -> None:
    """Within a kind they stay as they were."""
    rows = [Row(key, (), {"kind": key[0]}, ()) for key in ("b2", "a1", "b1", "a2")]
    assert [row.key for row in in_order("a", "b")(rows)] == ["a1", "a2", "b2", "b1"]
