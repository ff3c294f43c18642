"""Appending and reading events.

An append carries the signature of its producer and needs no token. One envelope is answered with
its receipt; a batch, one envelope a line, with an answer for each line, in order, and a refused
line touches no other. Both answer only when the events are durable and under a signed checkpoint.
`tests/test_api.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field

from api import problems
from api.access import READS_EVERY_EVENT, SIGNED, entry_seen_by, reads, seen_by
from api.body import body_up_to
from api.state import ledger_of, rests_on, state_of
from api.unsealed import Unsealed, opener, require_unsealing
from ledger import entry as entries
from ledger.append import Appended
from ledger.cloudevent import write_instant
from ledger.errors import KeyNotInForce, Refused, SignatureInvalid, UnknownKey
from ledger.events import EVENT_TYPES, versions
from ledger.isolation import OneController
from ledger.opening import Ledger
from ledger.reader import Reader, StoredEntry
from ledger.roles import EVERYBODY

ENVELOPE_LIMIT = 128 * 1024
"""Bytes of one envelope as it travels; admission has the exact limits."""

BATCH_LIMIT = 16 * 1024 * 1024
"""Bytes of a batch."""

BATCH_LINES = 1000

LONGEST_WAIT = 30
"""Seconds a reader may wait for new events."""

HEARTBEAT = 15.0
"""Seconds after which a silent stream sends a comment, so that both ends notice a dead line."""

STREAMS = threading.BoundedSemaphore(50)
"""Streams that are open at once; each keeps a thread waiting."""

LARGEST = 2**53
"""Larger numbers are no index of any log, and some JSON readers do not keep them."""

NOT_SIGNED = (UnknownKey, KeyNotInForce, SignatureInvalid)
"""What is refused because nobody who may sign it did."""

Index = Annotated[int, Path(ge=0, le=LARGEST, description="Leaf index in the log, from 0")]

router = APIRouter(prefix="/v1", tags=["events"])


class Receipt(BaseModel):
    """The answer to an appended event."""

    index: int = Field(description="Leaf index in the log, from 0")
    recorded_at: str = Field(description="The ledger's clock, RFC 3339 in UTC")
    receipt: str = Field(description="c2sp.org/tlog-proof@v1 with the entry in `extra`")


class Event(BaseModel):
    """One recorded event."""

    index: int = Field(description="Leaf index in the log, from 0")
    type: str = Field(description="Name of the event type")
    recorded_at: str = Field(description="The ledger's clock, RFC 3339 in UTC")
    event: dict[str, Any] = Field(description="The CloudEvent as it was signed, parsed")
    entry: str = Field(description="The entry, byte for byte: what the leaf hash is made of")


class NumberedEvent(Event):
    """One recorded event that concerns the controller that was asked for."""

    number: int = Field(description="Its number for that controller, from 1 without a gap")


class Events(BaseModel):
    """A page of events. `next` is the address of the next page, absent on the last."""

    events: list[NumberedEvent | Event]
    size: int = Field(description="Number of entries of the log")
    next: str | None = None


class BatchAnswer(BaseModel):
    """The answer to one line of a batch: a receipt (200, 201) or a problem."""

    status: int
    receipt: Receipt | None = None
    problem: dict[str, Any] | None = None


class BatchAnswers(BaseModel):
    """An answer for each line, in order."""

    answers: list[BatchAnswer]


ENVELOPE_SCHEMA = {
    "type": "object",
    "required": ["payload", "payloadType", "signatures"],
    "properties": {
        "payload": {"type": "string", "contentEncoding": "base64"},
        "payloadType": {"const": "application/cloudevents+json"},
        "signatures": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["keyid", "sig"],
                "properties": {"keyid": {"type": "string"}, "sig": {"type": "string"}},
            },
        },
    },
}


@router.post(
    "/events",
    dependencies=[SIGNED],
    status_code=201,
    response_model=Receipt,
    responses={200: {"model": Receipt, "description": "The same event was recorded before"}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": ENVELOPE_SCHEMA}},
        }
    },
)
async def append_event(
    request: Request, body: Annotated[bytes, Depends(body_up_to(ENVELOPE_LIMIT))]
) -> Response:
    """Append one signed event (a DSSE envelope). Returns when it is durable, with its receipt."""
    rates = state_of(request).rates
    if rates:
        rates.appends(request, 1)
    try:
        answer = await ledger_of(request).append_one(body)
    except NOT_SIGNED:
        if rates:
            rates.refused(request)
        raise
    location = {"Location": f"/v1/events/{answer.index}"}
    return _json(_receipt(answer), 201 if answer.created else 200, location)


@router.post(
    "/events:batch",
    dependencies=[SIGNED],
    response_model=BatchAnswers,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
        }
    },
)
def append_batch(
    request: Request, body: Annotated[bytes, Depends(body_up_to(BATCH_LIMIT))]
) -> Response:
    """Append up to 1,000 signed events, one DSSE envelope a line (NDJSON)."""
    lines = body.removesuffix(b"\n").split(b"\n")
    if len(lines) > BATCH_LINES:
        raise HTTPException(413, f"A batch has at most {BATCH_LINES} lines.")
    rates = state_of(request).rates
    if rates:
        rates.appends(request, len(lines))
    answers = ledger_of(request).append(lines)
    if rates:
        rates.refused(request, sum(isinstance(answer, NOT_SIGNED) for answer in answers))
    return _json({"answers": [_batch_answer(answer) for answer in answers]}, 200)


@router.get("/events", response_model=Events, dependencies=[reads("events")])
def list_events(
    request: Request,
    after: Annotated[int, Query(ge=-1, le=LARGEST, description="Index after which to begin")] = -1,
    type: Annotated[str | None, Query(description="Name of an event type")] = None,
    controller: Annotated[
        str | None, Query(description="Id of a controller", max_length=64)
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    wait: Annotated[int, Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for one")] = 0,
    unsealed: Unsealed = False,
) -> Events:
    """Events in order, with paging; with `wait` it answers as soon as there is one."""
    require_unsealing(request, unsealed)
    ledger = ledger_of(request)
    topics = _topics(type)

    def page() -> list[Event]:
        connections, _ = seen_by(request, controller)
        reader = Reader(connections)
        if controller is not None:
            own = reader.sequence(controller, after=after + 1, types=topics, limit=limit)
            return [NumberedEvent(number=n, **_event(stored).model_dump()) for n, stored in own]
        if isinstance(connections, OneController):
            found = reader.visible(
                connections.controller, after=after + 1, types=topics, limit=limit
            )
        else:
            found = reader.events(after=after + 1, types=topics, limit=limit)
        return [_event(stored) for stored in found]

    size = ledger.reader.size()
    found = page()
    if not found and wait and ledger.listener.wait_beyond(size, wait):
        found, size = page(), ledger.reader.size()
    rests_on(request, size)
    if unsealed:
        _open(request, found)
    following = None
    if len(found) == limit:
        # Without host and scheme: behind a proxy they are not those this server knows.
        onward = request.url.include_query_params(after=found[-1].index)
        following = f"{onward.path}?{onward.query}"
    return Events(events=[*found], size=size, next=following)


@router.get(
    "/events/stream",
    dependencies=[READS_EVERY_EVENT],
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
def stream_events(
    request: Request,
    after: Annotated[int, Query(ge=-1, le=LARGEST, description="Index after which to begin")] = -1,
) -> StreamingResponse:
    """Every event after an index, and then new ones, as server-sent events.

    The id of each is its index, so a client that reconnects with Last-Event-ID misses nothing.
    """
    if not STREAMS.acquire(blocking=False):
        raise HTTPException(503, headers={"Retry-After": str(LONGEST_WAIT)})
    last = request.headers.get("last-event-id", "")
    begin = int(last) if last.isascii() and last.isdigit() and len(last) < 19 else after
    return StreamingResponse(
        _stream(ledger_of(request), begin + 1),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store"},
    )


@router.get("/events/{index}", response_model=Event, dependencies=[reads("events", EVERYBODY)])
def get_event(request: Request, index: Index, unsealed: Unsealed = False) -> JSONResponse:
    """One event. It never changes, so it may be kept; not so with the text of what is sealed."""
    require_unsealing(request, unsealed)
    event = _event(entry_seen_by(request, index))
    if unsealed:
        _open(request, [event])
        return JSONResponse(event.model_dump())
    return JSONResponse(
        event.model_dump(), headers={"Cache-Control": "private, max-age=31536000, immutable"}
    )


def _open(request: Request, events: Sequence[Event]) -> None:
    """Put the text of what is sealed in place of it; `entry` stays as it was signed."""
    show = opener(request, [event.event for event in events])
    for event in events:
        event.event = show(event.event)


def _topics(name: str | None) -> list[str]:
    if name is None:
        return []
    topics = [t.topic for t in versions(name)] or [t for t in EVENT_TYPES if t == name]
    if not topics:
        raise HTTPException(404, "There is no event type of this name.")
    return topics


# Answers to appends are plain values, and not models: building a thousand of these to check what
# was just made would take longer than many a batch. `tests/test_api.py` holds them to the models.
def _json(value: dict[str, Any], status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(value), status, headers, media_type="application/json")


def _receipt(appended: Appended) -> dict[str, Any]:
    return {
        "index": appended.index,
        "recorded_at": write_instant(appended.recorded_at),
        "receipt": appended.receipt,
    }


def _batch_answer(answer: Appended | Refused) -> dict[str, Any]:
    if isinstance(answer, Refused):
        problem = problems.document(answer)
        return {"status": problem["status"], "problem": problem}
    return {"status": 201 if answer.created else 200, "receipt": _receipt(answer)}


def _event(stored: StoredEntry) -> Event:
    entry = entries.parse(stored.leaf)
    return Event(
        index=stored.position - 1,
        type=EVENT_TYPES[stored.type].name,
        recorded_at=write_instant(stored.recorded_at),
        event=orjson.loads(entry.payload),
        entry=stored.leaf.decode(),
    )


def _stream(ledger: Ledger, position: int) -> Iterator[bytes]:
    try:
        yield from _events_after(ledger, position)
    finally:
        STREAMS.release()


def _events_after(ledger: Ledger, position: int) -> Iterator[bytes]:
    while not ledger.listener.closed:
        for stored in ledger.reader.events(after=position):
            position = stored.position
            yield b"id: %d\ndata: %b\n\n" % (
                position - 1,
                orjson.dumps(_event(stored).model_dump()),
            )
        if not ledger.listener.wait_beyond(position, HEARTBEAT):
            yield b": nothing new\n\n"
