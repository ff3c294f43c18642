"""Two times: what was the case at T, as known at K.

An event is *recorded* once and never changes. What it says can be corrected (`EventCorrected`) or
taken back (`EventRetracted`) by later events, which can themselves be corrected or retracted. A
*fact* is an event with all corrections applied that were known at K. Registers, clocks and
findings are folds over facts, so each of them can be asked as of any T and as known at any K
(`domain/clauses.md` 1.6; GDPR art. 5(1)(d)). `tests/test_facts.py` compares this with a naive
second evaluation.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ledger.cloudevent import read_instant
from ledger.corrections import OCCURRED_AT, replace_at

CORRECTED = "EventCorrected"
RETRACTED = "EventRetracted"
SHREDDED = "PayloadShredded"


@dataclass(frozen=True, slots=True)
class Recorded:
    """One event as the log holds it. `position` is the leaf index + 1; times are UTC-aware."""

    position: int
    type: str
    source: str
    id: str
    occurred_at: datetime
    recorded_at: datetime
    data: Mapping[str, Any]
    key_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Correction:
    """One field changed by one correcting event, with the value it had before."""

    position: int
    recorded_at: datetime
    field: str
    old: Any
    new: Any
    reason: str


@dataclass(frozen=True, slots=True)
class Fact(Recorded):
    """A recorded event with the corrections applied that were known.

    `shredded` are the events that destroyed a key of its payload (6.1), of those that occurred.
    """

    corrections: tuple[Correction, ...] = ()
    shredded: tuple[Recorded, ...] = ()


def effective(
    events: Iterable[Recorded], *, as_of: datetime | None = None, known_at: datetime | None = None
) -> list[Fact]:
    """The facts with `occurred_at` <= `as_of`, as known at `known_at`, by (occurred_at, position).

    Both bounds are inclusive; None means no bound. Events that correct or retract are applied and
    are facts themselves; a retracted event is no fact.
    """
    known = [e for e in events if known_at is None or e.recorded_at <= known_at]
    known.sort(key=lambda e: e.position)
    amendments: dict[str, list[Fact]] = {}
    facts: list[Fact] = []
    # Last first: whatever amends an event was recorded after it, so it is already settled here.
    for event in reversed(known):
        named = (event.id, f"{event.source} {event.id}")
        fact = _settle(event, [a for name in named for a in amendments.get(name, [])])
        if fact is None:
            continue
        target = _target(fact)
        if target is not None and not (fact.type == SHREDDED and _later(fact, as_of)):
            amendments.setdefault(target, []).append(fact)
        facts.append(fact)
    facts.sort(key=lambda f: (f.occurred_at, f.position))
    return [f for f in facts if not _later(f, as_of)]


def _later(fact: Fact, as_of: datetime | None) -> bool:
    return as_of is not None and fact.occurred_at > as_of


def _target(fact: Fact) -> str | None:
    if fact.type == CORRECTED:
        return str(fact.data["corrects_event_id"])
    if fact.type == RETRACTED:
        return str(fact.data["retracts_event_id"])
    if fact.type == SHREDDED:
        return str(fact.data["event_id"])
    return None


def _settle(event: Recorded, named: list[Fact]) -> Fact | None:
    """The event as amended, or None when it was retracted.

    `named` holds the amendments that name its id. One recorded before the event meant another
    event: the same id from another source.
    """
    amending = [a for a in named if a.position > event.position]
    if any(a.type == RETRACTED for a in amending):
        return None
    fact = Fact(
        event.position,
        event.type,
        event.source,
        event.id,
        event.occurred_at,
        event.recorded_at,
        event.data,
        event.key_ids,
        shredded=tuple(a for a in amending if a.type == SHREDDED),
    )
    for amendment in sorted(amending, key=lambda a: a.position):
        if amendment.type == CORRECTED:
            fact = correct(fact, amendment)
    return fact


def correct(fact: Fact, amendment: Recorded) -> Fact:
    """The fact after one `EventCorrected`; the amended event itself stays as it was.

    A change that no longer fits is left out: each fitted the event when it was appended, but
    corrections of corrections can take away what another one builds on, and a fold never fails.
    """
    changes = amendment.data.get("field_changes")
    for change in changes if isinstance(changes, list) else ():
        with suppress(LookupError, TypeError, ValueError):
            fact = _changed(fact, amendment, change["field"], change["new"])
    return fact


def _changed(fact: Fact, amendment: Recorded, field: Any, new: Any) -> Fact:
    if not isinstance(field, str):
        raise TypeError("a correction of a correction made the field something else than a text")
    data, occurred_at = copy.deepcopy(dict(fact.data)), fact.occurred_at
    if field == OCCURRED_AT:
        old: Any = occurred_at.isoformat()
        occurred_at = read_instant(new)
    else:
        old = replace_at(data, field, new)
    correction = Correction(
        amendment.position,
        amendment.recorded_at,
        field,
        old,
        new,
        str(amendment.data.get("reason")),
    )
    corrections = (*fact.corrections, correction)
    return replace(fact, data=data, occurred_at=occurred_at, corrections=corrections)
