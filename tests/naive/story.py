"""The facts of a feed: what had occurred by one moment, as it was known at another.

An event says something once. A later `EventCorrected` gives fields of it other values, a later
`EventRetracted` takes it back; both are events, and can be corrected and taken back as well
(`domain/clauses.md` 1.6).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.naive.civil import day, instant, is_date, start


@dataclass
class Fact:
    """One event as it was known. `number` is its place in the feed, from 0."""

    number: int
    type: str
    id: str
    occurred: datetime
    recorded: datetime
    data: dict[str, Any]

    def when(self, field: str) -> datetime:
        """When it happened: what a field says, else when the event occurred.

        A day alone means the moment the event occurred, when that is on that day; else 00:00.
        """
        return self.read(self.data.get(field))

    def read(self, said: str | None) -> datetime:
        """The moment of a text that belongs to this event."""
        if said is None:
            return self.occurred
        if not is_date(said):
            return instant(said)
        named = datetime.fromisoformat(said).date()
        return self.occurred if day(self.occurred) == named else start(named)

    @property
    def controller(self) -> str:
        """The controller it is about."""
        return str(self.data["controller_id"])


class Story:
    """All facts at a moment `now`, by when they occurred."""

    def __init__(
        self,
        events: Sequence[dict[str, Any]],
        as_of: datetime | None = None,
        known_at: datetime | None = None,
    ) -> None:
        recorded = [_read(number, event) for number, event in enumerate(events)]
        self.now = as_of or known_at or max(event.recorded for event in recorded)
        self._known = [e for e in recorded if known_at is None or e.recorded <= known_at]
        self._settled: dict[int, Fact | None] = {}
        facts = [self._as_known(number) for number in range(len(self._known))]
        self.facts = sorted(
            (f for f in facts if f is not None and (as_of is None or f.occurred <= as_of)),
            key=lambda f: (f.occurred, f.number),
        )

    def all(self, *types: str) -> Iterator[Fact]:
        """The facts of some types."""
        for fact in self.facts:
            if fact.type in types:
                yield fact

    def controllers(self) -> list[str]:
        """Every controller that anything is about."""
        return sorted({f.controller for f in self.facts if "controller_id" in f.data})

    def _as_known(self, number: int) -> Fact | None:
        """The event with what is known about it applied; None when it was taken back."""
        if number not in self._settled:
            self._settled[number] = self._settle(number)
        return self._settled[number]

    def _settle(self, number: int) -> Fact | None:
        event = copy.deepcopy(self._known[number])
        for later in range(number + 1, len(self._known)):
            if self._known[later].type not in ("EventCorrected", "EventRetracted"):
                continue
            amendment = self._as_known(later)
            if amendment is None:
                continue
            if amendment.data.get("retracts_event_id") == event.id:
                return None
            if amendment.data.get("corrects_event_id") == event.id:
                for change in amendment.data["field_changes"]:
                    _correct(event, change["field"], change["new"])
        return event


def _read(number: int, event: dict[str, Any]) -> Fact:
    return Fact(
        number,
        event["type"],
        event["id"],
        instant(event["occurred_at"]),
        instant(event["recorded_at"]),
        event["data"],
    )


def _correct(event: Fact, field: str, new: Any) -> None:
    if field == "occurredat":
        event.occurred = instant(new)
        return
    parent: Any = event.data
    *steps, last = field.split(".")
    for step in steps:
        parent = parent[int(step)] if isinstance(parent, list) else parent.setdefault(step, {})
    if isinstance(parent, list):
        parent[int(last)] = new
    else:
        parent[last] = new
