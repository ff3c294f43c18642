"""Personal data that must not be in the ledger in clear: BSN, e-mail addresses, phone numbers.

A log that nothing is ever removed from must not hold them (`domain/clauses.md` 1.5; UAVG art. 46 for
the BSN). A BSN is nine digits that pass the "11-proef", standing alone, also written in groups. An
organisation's own contact points and numbers are exempt, by the field they stand in; so is sealed
text (JWE), which the ledger can forget. Whatever is found is named by its place, never repeated.
`tests/test_personal_data.py` has both kinds of mistake.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from ledger.events.base import EventType
from ledger.events.fields import OrganisationContact, OrganisationNumber

BSN = "bsn"
EMAIL = "email"
PHONE = "phone"

_ALONE = r"(?<![A-Za-z0-9])(?:{})(?![A-Za-z0-9])"
_NINE_DIGITS = re.compile(
    _ALONE.format(r"\d{9}|\d{4}[ .-]\d{2}[ .-]\d{3}|\d{3}[ .-]\d{3}[ .-]\d{3}"), re.ASCII
)
_EMAIL = re.compile(r"[^\s@<>\"'(),;:]{1,64}@[^\s@<>\"'(),;:]{1,190}\.[^\W\d_]{2,24}")
_PHONE = re.compile(
    r"(?<![\w.+-])(?:(?:\+|00)[1-9](?:[ ().-]{0,2}\d){7,13}|0(?:[ ().-]{0,2}[1-9])(?:[ ().-]{0,2}\d){8})"
    r"(?![\w-])",
    re.ASCII,
)
_JWE = re.compile(
    r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class PersonalData:
    """Personal data at a place: a JSON pointer into the event, and which kind."""

    pointer: str
    kind: str


def find(raw: Any, event_type: EventType) -> list[PersonalData]:
    """The personal data in an event, over all its text, its keys and its free numbers."""
    exempt = _exempt(event_type)
    return [found for part in raw.items() for found in _walk(*part, "", exempt)]


def is_bsn(digits: str) -> bool:
    """Whether nine digits pass the 11-proef: 9a + 8b + … + 2h - i is a multiple of 11."""
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    total = sum(weight * int(digit) for weight, digit in zip(weights, digits, strict=True))
    return total % 11 == 0 and digits != "000000000"


def kinds_in(text: str) -> Iterator[str]:
    """The kinds of personal data in a text."""
    if _JWE.fullmatch(text):
        return
    if any(is_bsn(re.sub(r"\D", "", found)) for found in _NINE_DIGITS.findall(text)):
        yield BSN
    if "@" in text and _EMAIL.search(text):
        yield EMAIL
    if _PHONE.search(_DATE.sub("", text)):
        yield PHONE


@cache
def _exempt(event_type: EventType) -> frozenset[str]:
    """Pointers of fields that may hold an organisation's contact points and numbers."""
    fields = event_type.model.model_fields.items()
    marked = (name for name, field in fields if _is_marked(field.annotation, field.metadata))
    return frozenset({f"/data/{name}" for name in marked})


def _is_marked(annotation: Any, metadata: Any) -> bool:
    marks = (OrganisationContact, OrganisationNumber)
    inner = getattr(annotation, "__args__", ())
    return any(
        isinstance(m, marks) for m in (*metadata, *getattr(annotation, "__metadata__", ()))
    ) or any(_is_marked(part, ()) for part in inner if part is not type(None))


def _walk(key: str, value: Any, parent: str, exempt: frozenset[str]) -> Iterator[PersonalData]:
    pointer = f"{parent}/{key.replace('~', '~0').replace('/', '~1')}"
    if pointer in exempt or (key == "message_id" and parent.startswith("/data/delivered_to/")):
        return
    yield from (PersonalData(parent or "/", kind) for kind in kinds_in(key))
    if isinstance(value, str):
        yield from (PersonalData(pointer, kind) for kind in kinds_in(value))
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _walk(name, item, pointer, exempt)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _walk(str(number), item, pointer, exempt)
    elif isinstance(value, int) and not isinstance(value, bool) and pointer.count("/") > 2:
        # A number in a fixed field is a count; in free facts it can be anything.
        if 9_999_999 < value <= 999_999_999 and is_bsn(f"{value:09d}"):
            yield PersonalData(pointer, BSN)
