"""Validation errors of pydantic as faults: where, by which rule, and never the refused value.

A rule is a stable word that clients may act on; the text beside it is for people. Where a field
takes one of several shapes and has none of them, that is one fault. `tests/test_event_faults.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from ledger.errors import Fault

_SHAPES = {
    "string_type": ("text", "text"),
    "bool_type": ("boolean", "true or false"),
    "int_type": ("integer", "a whole number"),
    "float_type": ("number", "a number"),
    "list_type": ("list", "a list"),
    "dict_type": ("object", "an object"),
    "model_type": ("object", "an object"),
}
"""Errors that say the value is of another JSON type: their rule, and what was asked for."""

_RULES = {
    "missing": ("required", "is missing"),
    "extra_forbidden": ("unknown-field", "is not a field of this event type"),
    "null": ("null", "must be absent, not null"),
    "string_pattern_mismatch": ("form", "has not the form of this field"),
    "string_too_long": ("length", "is longer than {max_length} characters"),
    "string_too_short": ("length", "is shorter than {min_length} characters"),
    "too_long": ("length", "has more than {max_length} items"),
    "too_short": ("length", "has fewer than {min_length} items"),
    "greater_than_equal": ("range", "is smaller than {ge}"),
    "less_than_equal": ("range", "is larger than {le}"),
    "literal_error": ("enumeration", "must be {expected}"),
}

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


def of(error: ValidationError, data: Any, pointer: str) -> tuple[Fault, ...]:
    """The faults in `data`, which stands at a JSON pointer of the event; each once."""
    found: dict[str, list[tuple[str, str]]] = {}
    shapes: dict[str, list[tuple[str, str]]] = {}
    for each in error.errors(include_input=False, include_url=False):
        place = "/".join((pointer, *_place(each, data)))
        if each["type"] in _SHAPES:
            shapes.setdefault(place, []).append(_SHAPES[each["type"]])
        else:
            found.setdefault(place, []).append(_rule(each))
    for place, asked in shapes.items():
        # A fault of another kind, here or below, is of the alternative whose JSON type this is.
        others = (*found, *shapes)
        if place not in found and not any(other.startswith(place + "/") for other in others):
            found[place] = [_one_of(asked)]
    return tuple(dict.fromkeys(Fault(p, *rule) for p, rules in found.items() for rule in rules))


def _rule(error: Any) -> tuple[str, str]:
    kind = error["type"]
    if kind in _RULES:
        rule, detail = _RULES[kind]
        return rule, detail.format(**error.get("ctx", {}))
    # What is left are the checks of `fields` and of the models, whose texts hold no values.
    return kind.replace("_", "-"), error["msg"]


def _one_of(asked: Sequence[tuple[str, str]]) -> tuple[str, str]:
    names = list(dict.fromkeys(name for _, name in asked))
    rule = asked[0][0] if len(names) == 1 else "shape"
    return rule, f"must be {' or '.join(names)}"


def _place(error: Any, data: Any) -> list[str]:
    """The steps from the data to the fault.

    The location that pydantic gives also names the alternatives it tried; what leads nowhere in the
    data is one of these. A key that is no plain name may be anything, and is not repeated.
    """
    steps: list[str] = []
    for part in error["loc"]:
        if isinstance(data, dict) and part in data:
            if _NAME.fullmatch(part) is None:
                return steps
        elif not (isinstance(data, list) and isinstance(part, int) and part < len(data)):
            continue
        data = data[part]
        steps.append(str(part))
    ending = {"missing": error["loc"][-1:], "null": [error.get("ctx", {}).get("name", "")]}
    return steps + [name for name in ending.get(error["type"], ()) if _NAME.fullmatch(name)]
