"""One event as a page: what it says, who signed it, both of its times, and its proof.

`tests/test_desk.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse

from api.access import entry_seen_by, holder_of
from api.desk.shown import desk, shows
from api.events import LARGEST
from api.pages.page import language_of
from api.state import rests_on
from ledger import cloudevent, entry
from ledger.envelope import Signature
from ledger.events import EVENT_TYPES
from ledger.tags import CASES, CONTROLLERS
from ledger.unsealing import in_short
from projections.exports.document import text
from projections.rows import own

router = APIRouter(include_in_schema=False)

CASE_PAGES = frozenset({"instruction", "breach", "change", "request", "subprocessor", "audit"})
"""The kinds of cases that have a page (`cases.py`)."""


@router.get("/entries/{index}", dependencies=[shows("events")])
def show_entry(request: Request, index: Annotated[int, Path(ge=0, le=LARGEST)]) -> HTMLResponse:
    """One entry of the log, when whoever asks may read it."""
    stored, language = entry_seen_by(request, index), language_of(request)
    found = entry.parse(stored.leaf)
    event = cloudevent.parse(found.payload)
    rests_on(request, index + 1)
    return desk(
        request,
        "entry",
        index=index,
        title=label_of(event.type.topic, language),
        type_name=event.type.name,
        clauses=event.type.clauses,
        gdpr=event.type.gdpr,
        event_id=event.id,
        source=event.source,
        occurred_at=event.occurred_at,
        recorded_at=found.recorded_at,
        signatures=[_signature(each) for each in found.signatures],
        fields=list(fields_of(in_short(event.raw["data"]), language, own_controllers(request))),
        cases=cases_of(event.raw["data"]),
        here="",
    )


def own_controllers(request: Request) -> Collection[str] | None:
    """The controllers that whoever asks may be told of; None for all."""
    return holder_of(request).controllers


def label_of(topic: str, language: str) -> str:
    """What an event type is called: in Dutch in the words of the agreement, in English by the
    first sentence that the vocabulary has of it."""
    found = EVENT_TYPES[topic]
    if language == "nl":
        return found.nl
    first, _, _ = (found.model.__doc__ or found.name).strip().partition(".")
    return first


def fields_of(
    data: Mapping[str, Any], language: str, controllers: Collection[str] | None
) -> Iterator[tuple[str, str]]:
    """The fields of an event as text; of the controllers in them only those that whoever reads may
    be told of. The signed bytes name them all, and stay as they are."""
    for name, value in data.items():
        told = value if controllers is None else _told(name, value, controllers)
        yield name, text(told, language)


def _told(name: str, value: Any, controllers: Collection[str]) -> Any:
    if name in CONTROLLERS:
        return own(value, controllers)
    if name == "field_changes" and isinstance(value, list):
        return [
            {
                key: _told(str(change.get("field")), item, controllers)
                for key, item in change.items()
            }
            for change in value
            if isinstance(change, dict)
        ]
    return value


def cases_of(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The cases that an event belongs to and that have a page: kind and id."""
    found = [
        (CASES[name], str(value))
        for name, value in data.items()
        if name in CASES and CASES[name] in CASE_PAGES
    ]
    return list(dict.fromkeys(found))


def _signature(signature: Signature) -> str:
    return signature.keyid
