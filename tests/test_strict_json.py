"""JSON from outside: one reading of a text, or a ValueError, in time that grows with its size."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import strict_json

plain = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-strict_json.MAX_INTEGER, strict_json.MAX_INTEGER),
        st.floats(allow_nan=False, allow_infinity=False),
        plain.filter(lambda t: all(c >= " " or c in "\t\n\r" for c in t)),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=8,
)


@given(values, st.booleans())
def test_plain_json_is_read(value: Any, escaped: bool) -> None:
    """What any writer of JSON writes comes back as it was."""
    assert strict_json.loads(json.dumps(value, ensure_ascii=escaped).encode()) == value


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"a":1,"a":2}', "same key twice"),
        (b'{"a":1,"\\u0061":2}', "same key twice"),
        (b'[{"x":{"a":1,"a":1}}]', "same key twice"),
        (b"NaN", "NaN"),
        (b"-Infinity", "Infinity"),
        (b"1e999", "too large"),
        (b"9007199254740992", "2\\^53"),
        (b"-9007199254740992", "2\\^53"),
        (b"1" * 5000, "2\\^53"),
        (b'"\\u0000"', "control character"),
        (b'{"\\u0007":1}', "control character"),
        (b'"\\b"', "control character"),
        (b'"\\f"', "control character"),
        (b'"\\ud800"', "surrogate"),
        (b'"\xff"', "UTF-8"),
        (b'\xef\xbb\xbf"a"', "byte order mark"),
        ('"a"'.encode("utf-16"), "UTF-8"),
        (b"[" * 17 + b"]" * 17, "nests deeper"),
        (b"[" * 1_000_000, "nests deeper"),
        (b'{"a":' * 100_000, "nests deeper"),
        (b"", "Expecting value"),
        (b"[1,]", "Expecting value"),
        (b"01", "Extra data"),
        (b"{'a':1}", "Expecting property name"),
        (b"[1] [2]", "Extra data"),
    ],
)
def test_what_two_readers_could_read_in_two_ways_is_refused(raw: bytes, reason: str) -> None:
    """Each of these is read differently, or not at all, by some reader of JSON."""
    with pytest.raises(ValueError, match=reason):
        strict_json.loads(raw)


def test_depth_is_counted_outside_strings() -> None:
    """Brackets in strings nest nothing, whatever is escaped around them."""
    assert strict_json.loads(b'["' + b"[{" * 100 + b'\\"[[[[\\\\"]')
    assert strict_json.loads(b"[" * 16 + b"]" * 16)


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=60), st.text(alphabet='{}[]",:\\u0ad 1e-', max_size=60)))
def test_any_bytes_are_read_or_refused(raw: bytes | str) -> None:
    """Nothing but a ValueError is raised."""
    with suppress(ValueError):
        strict_json.loads(raw.encode() if isinstance(raw, str) else raw)


@pytest.mark.parametrize("piece", [b'\\"', b'"', b'"\\', b"\\", b'["",', b'"a\\\\"'])
def test_a_hostile_text_takes_no_more_time_than_its_size(piece: bytes) -> None:
    """A string that never ends, full of escaped quotes, once took time with its square."""
    start = time.process_time()
    with pytest.raises(ValueError, match=r"."):
        strict_json.loads(b'"' + piece * 100_000)
    assert time.process_time() - start < 2
