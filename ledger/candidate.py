"""An event that is not signed yet: what would refuse it, by all checks but those of signatures.

It is given an id and a source that no recorded event has, and put to the checks of form that
admission and the append make (`ledger/admission.py`, numbers 6 to 8, 11 and 13 to 15). Nothing is
written. `tests/test_checks.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

import psycopg

from ledger import admission, cloudevent, form_rules
from ledger.admission import Admitted
from ledger.append import read_seen
from ledger.cloudevent import CloudEvent
from ledger.envelope import Envelope
from ledger.errors import Fault, Refused, UnknownEventType
from ledger.events import EVENT_TYPES, latest
from ledger.form_rules import Facts
from ledger.tags import controllers_of

SYSTEM = "check"
"""The name of the system that only asks."""


def make(type_: str, data: Mapping[str, Any], occurred_at: datetime, source: str) -> CloudEvent:
    """The event that is asked about, of a type by its name or its full CloudEvents type; `source`
    is that of `SYSTEM` at this processor.

    Raises UnknownEventType, FieldsInvalid, PersonalDataInClear and TooLarge.
    """
    known = EVENT_TYPES.get(type_)
    try:
        name = known.name if known else latest(type_).name
    except KeyError:
        detail = "is not an event type of the vocabulary; GET /v1/event-types lists them"
        raise UnknownEventType(f"type {detail}", Fault("/type", "event-type", detail)) from None
    payload = cloudevent.format(
        id=f"check-{uuid4()}",
        source=source,
        type=name,
        time=occurred_at,
        occurred_at=occurred_at,
        data=data,
    )
    event = cloudevent.parse(payload)
    admission.check_personal_data(event)
    return event


def refusal(conn: psycopg.Connection, event: CloudEvent, recorded_at: datetime) -> Refused | None:
    """What the form rules of its case would refuse the event for; None when nothing."""
    unsigned = Envelope(b"", "", ())
    named = controllers_of(event.type.name, event.raw["data"])
    candidate = Admitted(unsigned, event, event.tags(), named)
    facts = Facts(read_seen(conn, form_rules.needed([candidate], recorded_at)))
    try:
        form_rules.decide(candidate, recorded_at, facts)
    except Refused as refused:
        return refused
    return None
