"""Recorded events for tests of the read side, and a register folded over all of them at once.

    story = Recording()
    story.add("BreachConfirmed", "2025-03-28 12:00", {"breach_id": "B-1", …})
    story.row(breaches.REGISTER, "breach:B-1")

Times are civil ones in Europe/Amsterdam, or carry their offset.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from projections.civil import AMSTERDAM
from projections.context import joined
from projections.facts import Fact, Recorded, effective
from projections.register import Register, Row
from tests.vectors import BESIDE


def local(moment: str) -> datetime:
    """A moment, in UTC: civil time, unless the text has an offset of its own."""
    found = datetime.fromisoformat(moment)
    return (found if found.tzinfo else found.replace(tzinfo=AMSTERDAM)).astimezone(UTC)


def rows_of(
    register: Register,
    events: Iterable[Recorded],
    as_of: str | None = None,
    known_at: str | None = None,
) -> dict[str, Row]:
    """Every row of a register by its key, from one fold of everything; no key comes twice."""
    facts = effective(
        events,
        as_of=local(as_of) if as_of else None,
        known_at=local(known_at) if known_at else None,
    )
    rows = folded(register, facts)
    found = {row.key: row for row in rows}
    assert len(found) == len(rows)
    return found


def folded(register: Register, facts: Sequence[Fact]) -> Sequence[Row]:
    """The rows of a register from facts as they come."""
    cases = by_case(register, facts)
    return register.present([row for case in cases for row in register.fold(case, cases[case])])


def by_case(register: Register, facts: Sequence[Fact]) -> Mapping[str, Sequence[Fact]]:
    """The facts of each case of a register, with their context."""
    cases: dict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        for case in register.cases(fact) if fact.type in register.types else ():
            cases[case].append(fact)
    return joined(register, cases, [fact for fact in facts if fact.type in register.context])


class Recording:
    """Events in the order in which they were recorded, each at once unless told otherwise."""

    def __init__(self) -> None:
        self.events: list[Recorded] = []

    def add(
        self, type_: str, at: str, data: Mapping[str, Any], *, recorded_at: str | None = None
    ) -> Recorded:
        """Record an event; its id is E and its position."""
        position = len(self.events) + 1
        recorded = local(recorded_at or at)
        event = Recorded(position, type_, "s", f"E{position}", local(at), recorded, data)
        self.events.append(event)
        return event

    def correct(self, event: Recorded, at: str, field: str, new: Any) -> Recorded:
        """Record that a field of an event should have held another value."""
        data = {
            "corrects_event_id": event.id,
            "field_changes": [{"field": field, "new": new}],
            "reason": "typing error",
        }
        return self.add("EventCorrected", at, data)

    def row(self, register: Register, key: str, **moments: str) -> Row:
        """One row of a register. Raises KeyError."""
        return rows_of(register, self.events, **moments)[key]


def scenario_file(name: str) -> Path:
    """A file of the acceptance scenario; the test is skipped when it is not there."""
    path = Path(os.environ.get("VERANTWOORD_SHARED", BESIDE)) / "scenario" / name
    if not path.exists():
        pytest.skip(f"the acceptance scenario is not there: no {path}")
    return path


@cache
def scenario() -> tuple[Recorded, ...]:
    """The events of the acceptance scenario, in the order in which they were recorded."""
    lines = scenario_file("feed.ndjson").read_text().splitlines()
    return of_feed([json.loads(line) for line in lines])


def of_feed(lines: Iterable[Mapping[str, Any]]) -> tuple[Recorded, ...]:
    """The events of a feed, given as parsed lines."""
    return tuple(_of_line(position, line) for position, line in enumerate(lines, start=1))


def _of_line(position: int, event: Mapping[str, Any]) -> Recorded:
    return Recorded(
        position,
        event["type"],
        f"urn:nld:kvk:12345678:systeem:{event['producer']}",
        event["id"],
        local(event["occurred_at"]),
        local(event["recorded_at"]),
        event["data"],
    )
