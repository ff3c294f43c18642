"""At most so many audits of a controller a year (11.3): which audits lie in the year of another.

The text says neither per whom nor which year: read per controller, and by calendar year unless the
agreement says `rolling` (twelve months to either side) or `contract` (years from its start). An
audit lies on the day it was carried out, or else is planned or was accepted for; one that was
refused lies nowhere. The limit stops no audit that the authority orders or that a breach gives
reason for (`EXEMPT`). `tests/test_audit_year.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from projections.civil import add_period
from projections.facts import Fact
from projections.reading import day_of, text
from projections.rows import by_id, of_type
from projections.terms import POLICY

REQUESTED = "ControllerAuditRequested"
ACCEPTED = "ControllerAuditAccepted"
REFUSED = "ControllerAuditRefused"
COMPLETED = "ControllerAuditCompleted"

NUMBER = re.compile(r"[0-9]{1,3}", re.ASCII)

EXEMPT = frozenset({"authority", "breach"})
"""Grounds on which an audit may be asked whatever the limit."""


@dataclass(frozen=True, slots=True)
class ControllerAudit:
    """One audit by a controller: the fact of each step, None while it was not taken.

    An audit is `accepted` or `refused`, whichever answer came last.
    """

    audit_id: str
    requested: Fact | None
    accepted: Fact | None
    refused: Fact | None
    completed: Fact | None

    @property
    def day(self) -> date | None:
        """The day on which it lies; None when it was only requested, or refused."""
        if self.completed:
            return day_of(self.completed, "until", "from")
        return day_of(self.accepted, "planned_from", "at") if self.accepted else None

    @property
    def steps(self) -> list[Fact]:
        """The steps that were taken, the request first."""
        taken = (self.requested, self.accepted, self.refused, self.completed)
        return [step for step in taken if step]

    @property
    def asked_on(self) -> date:
        """The day of the request, or else of the first step that is known."""
        return day_of(self.steps[0], "requested_at", "at")

    @property
    def exempt(self) -> bool:
        """Whether the limit does not count for it."""
        return bool(self.requested and text(self.requested.data, "grounds") in EXEMPT)


def controller_audits(facts: Sequence[Fact]) -> list[ControllerAudit]:
    """The audits of one controller, in the order in which they were asked for."""
    steps = of_type(facts, REQUESTED, ACCEPTED, REFUSED, COMPLETED)
    return [_audit(audit_id, own) for audit_id, own in by_id(steps, "audit_id").items()]


def _audit(audit_id: str, steps: Sequence[Fact]) -> ControllerAudit:
    last = {step.type: step for step in steps}
    answer = next((step for step in reversed(steps) if step.type in (ACCEPTED, REFUSED)), None)
    return ControllerAudit(
        audit_id,
        requested=last.get(REQUESTED),
        accepted=answer if answer and answer.type == ACCEPTED else None,
        refused=answer if answer and answer.type == REFUSED else None,
        completed=last.get(COMPLETED),
    )


def in_its_year(
    audit: ControllerAudit, earlier: Sequence[ControllerAudit], basis: str, start: date | None
) -> list[ControllerAudit]:
    """Those of the audits asked for earlier that lie in the year in which this one was asked for.

    `basis` is `calendar`, `rolling` or `contract`; a contract year begins on the day and month of
    `start`, and without one is the calendar year.
    """
    return [e for e in earlier if e.day and _same_year(audit.asked_on, e.day, basis, start)]


def yearly_limit(term: str) -> int:
    """The number in a term like `1/year`; that of the policy where the term has none."""
    number = term.removesuffix("/year")
    return int(number) if NUMBER.fullmatch(number) else yearly_limit(POLICY.audit_limit)


def _same_year(one: date, other: date, basis: str, start: date | None) -> bool:
    if basis == "rolling":
        first, second = sorted((one, other))
        return second < add_period(first, "P1Y")
    if basis == "contract" and start:
        return _contract_year(one, start) == _contract_year(other, start)
    return one.year == other.year


def _contract_year(day: date, start: date) -> int:
    return day.year - ((day.month, day.day) < (start.month, start.day))
