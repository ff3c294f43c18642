"""The clocks of all duties with a term, the soonest due first: the privacy officer's worklist.

A clock runs from the fact that started it to its due moment, or until a fact stopped it; its state
is that at the moment of the question (`projections/findings.moment_of`). A window, such as that in
which a controller may object, is listed with them until it ends. `tests/test_clocks.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ledger.database import Connections
from projections.findings import moment_of
from projections.question import Basis, Moment, Picked, ask_all
from projections.reading import instant
from projections.register import Label, Row
from projections.rules import JUDGED, RULES
from projections.rules.rule import Rule, State, state

STATES: Sequence[State] = ("running", "late", "met", "ended", "not_applicable")


@dataclass(frozen=True, slots=True)
class SeenClock:
    """A clock and its state at a moment. `events` are log positions: what started and stopped it.

    With `open_end` the moment `due_at` itself is too late: a term in days, to 24:00. `stopped_at`
    is None while it was not stopped; `excused` says why a duty does not apply.
    """

    rule: Rule
    version: int
    controllers: tuple[str, ...]
    subject: str
    state: State
    started_at: datetime
    due_at: datetime
    open_end: bool
    stopped_at: datetime | None
    excused: Label | None
    parameters: dict[str, Any]
    events: tuple[int, ...]

    @property
    def title(self) -> Label:
        """What it asks, or what it is about when nobody is asked anything."""
        return self.rule.duty or self.rule.title

    @property
    def open(self) -> bool:
        """Whether it still has to be stopped, or is a window that did not end yet."""
        return self.stopped_at is None and self.state in ("running", "late")


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clocks as they stand at `at`, the soonest due first, and what the answer rests on."""

    moment: Moment
    at: datetime
    basis: Basis
    clocks: Sequence[SeenClock]


def ask_clocks(
    connections: Connections,
    now: datetime,
    moment: Moment,
    *,
    controller: str | None = None,
    states: Collection[str] = (),
    within: timedelta | None = None,
) -> Clocks:
    """The clocks; with `controller` its own and those for all, in some `states` or in any.

    `within` keeps those due so soon, or overdue. Without `states` these are the clocks that are
    `open`. Raises LookupError when nothing had been recorded yet at `known_at`.
    """
    # Most clocks were stopped long ago. Rows are picked only of a question about now.
    picked = Picked("clock", None if states else now)
    basis, rows = ask_all(
        connections, [*JUDGED.values()], moment, controller=controller, picked=picked
    )
    at = moment_of(moment, basis, now)
    seen = [
        clock
        for clock in clocks_at(rows, at)
        if (clock.state in states if states else clock.open)
        and (within is None or clock.due_at <= at + within)
    ]
    return Clocks(moment, at, basis, seen)


def clocks_at(rows: Iterable[Row], at: datetime) -> list[SeenClock]:
    """The clocks among the rows of chapters, each with its state at a moment."""
    seen = [_seen(row, at) for row in rows if row.values["kind"] == "clock"]
    return sorted(seen, key=lambda c: (c.due_at, c.rule.id, c.controllers, c.subject))


def _seen(row: Row, at: datetime) -> SeenClock:
    values = row.values
    due_at = datetime.fromisoformat(values["due_at"])
    stopped_at = instant(values, "stopped_at")
    excused = values["text_nl"] is not None
    return SeenClock(
        rule=RULES[values["rule"]],
        version=values["version"],
        controllers=(values["controller"],) if values["controller"] else (),
        subject=values["subject"],
        state=state(
            due_at,
            stopped_at,
            at,
            open_end=values["open_end"],
            window=values["window"],
            excused=excused,
        ),
        started_at=datetime.fromisoformat(values["started_at"]),
        due_at=due_at,
        open_end=values["open_end"],
        stopped_at=stopped_at,
        excused=Label(values["text_nl"], values["text_en"]) if excused else None,
        parameters=dict(values["parameters"]),
        events=row.positions,
    )
