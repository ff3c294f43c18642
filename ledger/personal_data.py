"""Personal data that must not be in the ledger in clear: BSN, e-mail addresses, phone numbers.

A log that nothing is ever removed from must not hold them (`domain/clauses.md` 1.5; UAVG art. 46
for the BSN). A BSN is nine digits that pass the "11-proef", standing alone, also written in groups.
An organisation's contact points may stand in the fields that ask for them, and what cannot name a
person (its numbers, digests, counts) is not looked at: the models mark both kinds of field. Sealed
text is left alone, since the ledger can forget it (`ledger/sealed_text.py`). Whatever is found is
named by its place, never repeated. `tests/test_personal_data.py` has both kinds of mistake.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, get_args

from pydantic import BaseModel

from ledger.events import EVENT_TYPES
from ledger.events.base import EventType
from ledger.events.fields import NotPersonal, OrganisationContact
from ledger.sealed_text import kid_of

BSN = "bsn"
EMAIL = "email"
PHONE = "phone"

ANY = frozenset({BSN, EMAIL, PHONE})
CONTACT = frozenset({EMAIL, PHONE})

_GROUPED = "|".join(
    (
        r"\d{3}[ .-]\d{3}[ .-]\d{3}",
        r"\d{4}[ .-]\d{2}[ .-]\d{3}",
        r"\d{2}[ .-]\d{2}[ .-]\d{2}[ .-]\d{3}",
    )
)
_NINE_DIGITS = re.compile(
    # Looked for at every place: nine digits may begin within other nine.
    rf"(?<![A-Za-z0-9])(?=(\d{{9}}|(?<!\d[.-])(?:{_GROUPED})(?![.-]\d))(?![A-Za-z0-9]))"
)
_EMAIL = re.compile(r"[^\s@<>\"'(),;:]{1,64}@[^\s@<>\"'(),;:]{1,190}\.[^\W\d_]{2,24}")
_BETWEEN = r"[ ().\-/]{0,3}"
_PHONE = re.compile(
    r"(?<![\w+-])(?<!\d\.)"
    rf"(?:(?:\+|00)[1-9](?:{_BETWEEN}\d){{7,13}}|0{_BETWEEN}[1-9](?:{_BETWEEN}\d){{8}})"
    r"(?!\w|-\w)",
    re.ASCII,
)
FEWEST_DIGITS = 8
"""Of a telephone number with its country; a BSN has nine."""

_NO_DIGITS = bytes(set(range(128)) - set(b"0123456789"))

_DATE = re.compile(
    r"(?<!\d)"
    r"(?:(?:19|20)\d\d-\d\d-\d\d(?:[T ]\d\d:\d\d)?|\d{1,2}([-./])\d{1,2}\1(?:19|20)\d\d)"
    r"(?!\d)"
)
_PLAIN = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-")
    | dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff", "")
)
"""Dashes and invisible characters that word processors put between digits."""


@dataclass(frozen=True, slots=True)
class PersonalData:
    """Personal data at a place: a JSON pointer into the event, and which kind."""

    pointer: str
    kind: str


FIXED = frozenset({"specversion", "type", "time", "occurredat"})
"""Attributes whose form leaves no room for anything (`ledger/cloudevent.py`)."""


def find(raw: Mapping[str, Any], event_type: EventType) -> list[PersonalData]:
    """The personal data in an event that was read, over all its text, its keys and its free
    numbers."""
    allowed = _allowed(event_type)
    data = raw.get("data")
    searched = ((key, value) for key, value in raw.items() if key not in FIXED)
    if isinstance(data, dict) and "field_changes" in data:
        allowed = {**allowed, **_allowed_in_changes(data["field_changes"])}
    return [found for key, value in searched for found in _walk(key, value, "", "", allowed)]


def is_bsn(digits: str) -> bool:
    """Whether nine digits pass the 11-proef: 9a + 8b + … + 2h - i is a multiple of 11."""
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    total = sum(weight * int(digit) for weight, digit in zip(weights, digits, strict=True))
    return total % 11 == 0 and digits != "000000000"


def kinds_in(text: str) -> Iterator[str]:
    """The kinds of personal data in a text."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_PLAIN)
    if "@" in text and _EMAIL.search(text):
        yield EMAIL
    if _has_few_digits(text) or kid_of(text) is not None:
        return
    # A date is no part of a number, and a telephone number no BSN.
    text, phones = _PHONE.subn(";", _DATE.sub(";", text))
    if phones:
        yield PHONE
    if any(is_bsn(re.sub(r"\D", "", digits)) for digits in _NINE_DIGITS.findall(text)):
        yield BSN


def _has_few_digits(text: str) -> bool:
    """Whether there are too few for any number: most text is passed over here."""
    if not text.isascii():  # other scripts have digits of their own
        return len(text) < FEWEST_DIGITS
    return len(text.encode().translate(None, _NO_DIGITS)) < FEWEST_DIGITS


Allowed = Mapping[str, frozenset[str]]
"""What may stand where: kinds by JSON pointer, with `*` for any number in a list."""


@cache
def _allowed(event_type: EventType) -> Allowed:
    """What the marks in a model allow."""
    return MappingProxyType(dict(_marked(event_type.model, "/data")))


@cache
def _allowed_anywhere() -> Allowed:
    """What the models allow, of all types together: a mark goes with the name of a field."""
    every = (_allowed(event_type) for event_type in EVENT_TYPES.values())
    return MappingProxyType({pointer: kinds for each in every for pointer, kinds in each.items()})


def _allowed_in_changes(changes: Any) -> dict[str, frozenset[str]]:
    """A correction may give a contact point another value, which is one as well."""
    allowed: dict[str, frozenset[str]] = {}
    for number, change in enumerate(changes if isinstance(changes, list) else ()):
        field = change.get("field") if isinstance(change, dict) else None
        if isinstance(field, str):
            steps = ("*" if step.isdigit() else step for step in field.split("."))
            kinds = _allowed_anywhere().get("/".join(("/data", *steps)), frozenset())
            allowed |= {f"/data/field_changes/{number}/{part}": kinds for part in ("old", "new")}
    return allowed


def _marked(model: type[BaseModel], parent: str) -> Iterator[tuple[str, frozenset[str]]]:
    for name, field in model.model_fields.items():
        pointer = f"{parent}/{field.alias or name}"
        for mark in (*field.metadata, field.annotation):
            yield from _marks(mark, pointer)


def _marks(annotation: Any, pointer: str) -> Iterator[tuple[str, frozenset[str]]]:
    """The marks of a type: its own, and those of its alternatives, items and parts."""
    if isinstance(annotation, OrganisationContact):
        yield pointer, CONTACT
    elif isinstance(annotation, NotPersonal):
        yield pointer, ANY
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from _marked(annotation, pointer)
    else:
        inner = f"{pointer}/*" if getattr(annotation, "__origin__", None) is list else pointer
        for part in get_args(annotation):
            yield from _marks(part, inner)


def _walk(
    key: str, value: Any, parent: str, shape: str, allowed: Allowed
) -> Iterator[PersonalData]:
    """Search one member. `shape` is the pointer to it with `*` for every number in a list."""
    in_key = [PersonalData(parent, kind) for kind in kinds_in(key)]
    yield from in_key
    # No pointer leads through a key that is itself what was found.
    step = "/" + ("-" if in_key else key.replace("~", "~0").replace("/", "~1"))
    yield from _search(value, parent + step, shape + step, allowed)


def _search(value: Any, pointer: str, shape: str, allowed: Allowed) -> Iterator[PersonalData]:
    permitted = allowed.get(pointer) or allowed.get(shape) or frozenset()
    if permitted == ANY:
        return
    if isinstance(value, str):
        yield from (PersonalData(pointer, k) for k in kinds_in(value) if k not in permitted)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _walk(name, item, pointer, shape, allowed)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _search(item, f"{pointer}/{number}", f"{shape}/*", allowed)
    elif _is_free(shape) and _is_bsn_number(value):
        yield PersonalData(pointer, BSN)


def _is_free(shape: str) -> bool:
    """Whether a number is within a value of any form: one in a field of its own is a count."""
    return shape.count("/") > 2


def _is_bsn_number(value: Any) -> bool:
    # Written as a number, a BSN loses a zero at its front.
    whole = isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)
    return whole and 9_999_999 < value <= 999_999_999 and is_bsn(f"{int(value):09d}")
