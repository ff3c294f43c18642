"""JSON from outside, read in one way only.

RFC 8259 leaves to the reader what a repeated key means, how deep nesting may go and what a number
beyond 2^53 is; two readers that differ there see two events under one signature. Here each of these
is an error. Only the standard library, since the offline verifier reads with it as well.
`tests/test_strict_json.py`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any, NoReturn

MAX_DEPTH = 16
"""Levels of nesting."""

MAX_INTEGER = 2**53 - 1
"""The largest integer every JSON reader keeps exactly (RFC 7493 section 2.2)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a text may have; those of an event unless its format says otherwise."""

    depth: int = MAX_DEPTH
    integer: int = MAX_INTEGER
    control_characters: bool = False


OF_EVENTS = Limits()

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
"""A string, or what is left of the text when it never ends: a pattern that can fail would be tried
again at every quote, which takes time with the square of the size."""


def loads(raw: bytes, limits: Limits = OF_EVENTS) -> Any:
    """The value of one JSON text in UTF-8. Raises ValueError, which names what is wrong."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("the text is not UTF-8") from None
    if text.startswith("\ufeff"):
        raise ValueError("the text begins with a byte order mark")
    _check_depth(raw, limits.depth)
    value = _decoder(limits.integer).decode(text)
    if b"\\" in raw:  # the parser itself refuses what is not escaped
        _check_strings(value, limits.control_characters)
    return value


def _check_depth(raw: bytes, deepest: int) -> None:
    # Counted before parsing: the parser itself recurses.
    if raw.count(b"{") + raw.count(b"[") <= deepest:
        return
    depth = 0
    for byte in _STRING.sub(b"", raw):
        if byte in b"[{":
            depth += 1
            if depth > deepest:
                raise ValueError(f"the text nests deeper than {deepest} levels")
        elif byte in b"]}":
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has the same key twice")
    return found


def _no_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")
    return value


@cache
def _decoder(largest: int) -> json.JSONDecoder:
    """One for all texts: `json.loads` would make one for each."""
    digits = len(str(largest))

    def integer(text: str) -> int:
        if len(text) > digits + 1 or abs(int(text)) > largest:
            raise ValueError(f"an integer is beyond 2^{(largest + 1).bit_length() - 1}")
        return int(text)

    return json.JSONDecoder(
        object_pairs_hook=_object,
        parse_constant=_no_constant,
        parse_float=_float,
        parse_int=integer,
    )


def _check_strings(value: Any, control_characters: bool) -> None:
    if isinstance(value, str):
        if not control_characters and any(
            character < " " and character not in "\t\n\r" for character in value
        ):
            raise ValueError("a string holds a control character")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("a string holds half a surrogate pair")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_strings(key, control_characters)
            _check_strings(item, control_characters)
    elif isinstance(value, list):
        for item in value:
            _check_strings(item, control_characters)
