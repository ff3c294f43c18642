"""At most so many audits of a controller a year (11.3): which audits lie in the year of another.

The text says neither per whom nor which year: read per controller, and by calendar year unless the
agreement says `rolling` (twelve months to either side) or `contract` (years from its start). An
audit lies on the day it was carried out, or else is planned or was accepted for; one that was
refused lies nowhere. The limit stops no audit that the authority orders or that a breach gives
reason for (`EXEMPT`). `tests/test_audit_year.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from projections.civil import add_period
from projections.facts import Fact
from projections.reading import day_of, ids, moment, text, truth
from projections.rows import by_id, of_type
from projections.terms import POLICY, terms_at

REQUESTED = "ControllerAuditRequested"
ACCEPTED = "ControllerAuditAccepted"
REFUSED = "ControllerAuditRefused"
COMPLETED = "ControllerAuditCompleted"
STEPS = (REQUESTED, ACCEPTED, REFUSED, COMPLETED)

NUMBER = re.compile(r"[0-9]{1,3}", re.ASCII)

EXEMPT = frozenset({"authority", "breach"})
"""Grounds on which an audit may be asked whatever the limit."""

ASKED_OF = {"not_independent": "auditor_independent", "not_expert": "auditor_expert"}
"""What a request must say of the auditor, by the ground of a refusal for want of it."""


@dataclass(frozen=True, slots=True)
class ControllerAudit:
    """One audit by a controller: the fact of each step, None while it was not taken.

    An audit is `accepted` or `refused`, whichever answer came last; `day` is the one on which it
    lies, None when it was only requested, or refused.
    """

    audit_id: str
    requested: Fact | None
    accepted: Fact | None
    refused: Fact | None
    completed: Fact | None
    day: date | None

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
    steps = of_type(facts, *STEPS)
    return [_audit(audit_id, own) for audit_id, own in by_id(steps, "audit_id").items()]


def _audit(audit_id: str, steps: Sequence[Fact]) -> ControllerAudit:
    last = {step.type: step for step in steps}
    answer = next((step for step in reversed(steps) if step.type in (ACCEPTED, REFUSED)), None)
    accepted = answer if answer and answer.type == ACCEPTED else None
    completed = last.get(COMPLETED)
    lies_on: date | None = None
    if completed:
        lies_on = day_of(completed, "until", "from")
    elif accepted:
        lies_on = day_of(accepted, "planned_from", "at")
    return ControllerAudit(
        audit_id,
        requested=last.get(REQUESTED),
        accepted=accepted,
        refused=answer if answer and answer.type == REFUSED else None,
        completed=completed,
        day=lies_on,
    )


def answered(facts: Sequence[Fact]) -> Iterator[tuple[ControllerAudit, list[ControllerAudit]]]:
    """Each answer to a request of one controller: the audit, and those asked for earlier.

    Both are as they stood then: what was answered is judged by what had been done. What the request
    itself said is known, however late it was told that it had come.
    """
    requests = {audit.audit_id: audit.requested for audit in controller_audits(facts)}
    steps: dict[str, list[Fact]] = {}
    known: dict[str, ControllerAudit] = {}
    for fact in of_type(facts, *STEPS):
        named = ids(fact.data, "audit_id")
        for audit_id in named:
            steps.setdefault(audit_id, []).append(fact)
            known[audit_id] = _audit(audit_id, steps[audit_id])
        if fact.type in (ACCEPTED, REFUSED):
            order, audits = list(known), list(known.values())
            for place in sorted(map(order.index, named)):
                asked = audits[place].requested or requests[order[place]]
                yield replace(audits[place], requested=asked), audits[:place]


@dataclass(frozen=True, slots=True)
class AuditYear:
    """The year of an audit: those asked for `earlier` that lie in it, against the limit of 11.3."""

    basis: str
    limit: int
    earlier: Sequence[ControllerAudit]
    exempt: bool

    @property
    def reached(self) -> bool:
        """Whether the limit was reached without this audit."""
        return not self.exempt and len(self.earlier) >= self.limit


def year_of(
    audit: ControllerAudit,
    earlier: Sequence[ControllerAudit],
    agreed: Sequence[Fact],
    basis: str | None = None,
) -> AuditYear:
    """The year of an audit by the terms in force when it was asked for, or by another `basis`.

    `agreed` are the facts that conclude or amend the agreement (`TERMS_EVENTS`).
    """
    terms = terms_at(agreed, moment(audit.steps[0], "requested_at", "at"))
    start = day_of(agreed[0], "effective_from") if agreed else None
    by = basis or terms.audit_year_basis
    in_year = in_its_year(audit, earlier, by, start)
    return AuditYear(by, yearly_limit(terms.audit_limit), in_year, audit.exempt)


def refusal_justified(audit: ControllerAudit, year: AuditYear) -> bool | None:
    """Whether the ground of a refusal holds; None when the facts do not decide it (or none)."""
    if audit.refused is None:
        return None
    ground = text(audit.refused.data, "ground")
    if ground == "annual_limit":
        return year.reached
    request = audit.requested.data if audit.requested else {}
    fulfilled = truth(request, ASKED_OF.get(ground or "", ""))
    return None if fulfilled is None else not fulfilled


def in_its_year(
    audit: ControllerAudit, earlier: Sequence[ControllerAudit], basis: str, start: date | None
) -> list[ControllerAudit]:
    """Those of the audits asked for earlier that lie in the year in which this one was asked for.

    `basis` is `calendar`, `rolling` or `contract`; a contract year begins on the day and month of
    `start`, and without one is the calendar year.
    """
    asked_on = audit.asked_on
    return [e for e in earlier if e.day and _same_year(asked_on, e.day, basis, start)]


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
