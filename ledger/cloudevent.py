"""The payload: one CloudEvents 1.0 event in JSON, under the NL GOV profile.

    {"specversion": "1.0", "id": "E144", "source": "urn:nld:kvk:12345678:systeem:helpdesk",
     "type": "nl.verwerkersovereenkomsten.breach-confirmed.v1", "time": "2025-06-12T07:05:00Z",
     "occurredat": "2025-06-12T09:05:00+02:00", "data": {…}}

`time` is when the producer made the event, `occurredat` when it happened. `source` and `id`
together name an event once. The bytes are signed and stored as they came; reading them is this
module's. `tests/test_cloudevent.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from ledger import strict_json
from ledger.errors import CloudEventMalformed, Fault, FieldsInvalid, TooLarge, UnknownEventType
from ledger.events import EVENT_TYPES, EventData, EventType, faults, latest
from ledger.events.fields import INSTANT
from ledger.events.schema import SOURCE
from ledger.tags import tags_of

MAX_PAYLOAD = 32_768
"""Bytes."""

REQUIRED = ("specversion", "id", "source", "type", "time", "occurredat", "data")
OPTIONAL = ("datacontenttype", "dataschema", "subject")
SOURCE_FORM = "must be urn:nld:kvk:<8 digits>:systeem:<name>, or oin with 20 digits"
_SOURCE = re.compile(SOURCE)


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """One event as it was said. Times are UTC; `raw` is the parsed payload, unchanged."""

    id: str
    source: str
    type: EventType
    time: datetime
    occurred_at: datetime
    data: EventData
    raw: Mapping[str, Any]

    @property
    def system(self) -> str:
        """The system that says it: the last part of its source."""
        return self.source.rpartition(":")[2]

    def tags(self) -> tuple[str, ...]:
        """What the event is found by."""
        return tags_of(self.source, self.id, self.type.name, self.raw["data"])


def parse(payload: bytes) -> CloudEvent:
    """Read an event. Raises TooLarge, CloudEventMalformed, UnknownEventType and FieldsInvalid."""
    if len(payload) > MAX_PAYLOAD:
        raise TooLarge(f"the payload has {len(payload)} bytes; at most {MAX_PAYLOAD} are taken")
    try:
        raw = strict_json.loads(payload)
    except json.JSONDecodeError as error:
        raise _malformed("", "json", f"is not JSON: {error.msg}") from None
    except ValueError as error:
        raise _malformed("", "json", str(error)) from None
    _check_attributes(raw)
    event_type = EVENT_TYPES.get(raw["type"])
    if event_type is None:
        detail = "is not an event type of the vocabulary; GET /v1/event-types lists them"
        raise UnknownEventType(f"type {detail}", Fault("/type", "event-type", detail))
    return CloudEvent(
        raw["id"],
        raw["source"],
        event_type,
        _time(raw, "time"),
        _time(raw, "occurredat"),
        read_data(event_type, raw["data"]),
        raw,
    )


def format(
    *,
    id: str,
    source: str,
    type: str,
    occurred_at: datetime,
    time: datetime,
    data: Mapping[str, Any],
) -> bytes:
    """The bytes a producer signs: an event of the latest version of a type, by its name.

    Raises KeyError for an unknown type. What it says is checked by `parse`.
    """
    return json.dumps(
        {
            "specversion": "1.0",
            "id": id,
            "source": source,
            "type": latest(type).topic,
            "time": write_instant(time),
            "occurredat": occurred_at.isoformat(),
            "data": data,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()


def read_data(event_type: EventType, data: Any, pointer: str = "/data") -> EventData:
    """The data of an event, checked. Raises FieldsInvalid, which names every faulty field."""
    if not isinstance(data, dict):
        raise FieldsInvalid("data must be an object", Fault(pointer, "object", "must be an object"))
    try:
        return event_type.model.model_validate(data)
    except ValidationError as error:
        found = faults.of(error, data, pointer)
        summary = "; ".join(f"{fault.field}: {fault.detail}" for fault in found[:5])
        raise FieldsInvalid(summary, *found) from None


def _check_attributes(raw: Any) -> None:
    if not isinstance(raw, dict):
        raise _malformed("", "object", "must be an object")
    for name in REQUIRED:
        if name not in raw:
            raise _malformed(f"/{name}", "required", "is missing")
        if name != "data" and not isinstance(raw[name], str):
            raise _malformed(f"/{name}", "text", "must be text")
    if not raw.keys() <= {*REQUIRED, *OPTIONAL}:
        known = ", ".join((*REQUIRED, *OPTIONAL))
        raise _malformed("", "unknown-attribute", f"must have no attributes but {known}")
    if raw["specversion"] != "1.0":
        raise _malformed("/specversion", "specversion", "must be 1.0")
    if not 0 < len(raw["id"]) <= 128 or not raw["id"].isprintable() or " " in raw["id"]:
        raise _malformed("/id", "id", "must be 1 to 128 printable characters without a space")
    if _SOURCE.fullmatch(raw["source"]) is None:
        raise _malformed("/source", "source", SOURCE_FORM)
    if raw.get("datacontenttype", "application/json") != "application/json":
        raise _malformed("/datacontenttype", "media-type", "must be application/json")
    for name in ("dataschema", "subject"):
        value = raw.get(name, "-")
        if not isinstance(value, str) or not 0 < len(value) <= 256 or not value.isprintable():
            raise _malformed(f"/{name}", name, "must be 1 to 256 printable characters")


def read_instant(text: object) -> datetime:
    """An instant of RFC 3339 with its offset, in UTC. Raises ValueError."""
    if not isinstance(text, str) or INSTANT.fullmatch(text) is None:
        raise ValueError("not an instant")
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError:
        raise ValueError("beyond the calendar") from None
    if moment.year < 1970:
        raise ValueError("before 1970")
    return moment


def _time(raw: Mapping[str, Any], name: str) -> datetime:
    try:
        return read_instant(raw[name])
    except ValueError:
        detail = "must be an instant with its offset (RFC 3339)"
        raise _malformed(f"/{name}", "instant", detail) from None


def write_instant(moment: datetime) -> str:
    """An instant as it is written in events: RFC 3339, in UTC and ending in Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _malformed(pointer: str, rule: str, detail: str) -> CloudEventMalformed:
    return CloudEventMalformed(f"{pointer or 'the event'} {detail}", Fault(pointer, rule, detail))
