"""How requests for an audit were answered (11.3), each by what had been done by then.

`tests/rules/test_audits.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from projections.audit_year import (
    AuditYear,
    ControllerAudit,
    answered,
    refusal_justified,
    year_of,
)
from projections.facts import Fact
from projections.reading import moment, text, truth
from projections.register import Label
from projections.rows import of_type
from projections.rules.audits.rules import INDEPENDENCE, OTHER_YEAR, REFUSAL
from projections.rules.chapter import Judged
from projections.rules.rule import Finding
from projections.terms import TERMS_EVENTS

YEARS = {
    "calendar": Label("kalenderjaar", "calendar year"),
    "rolling": Label("twaalf maanden", "rolling twelve months"),
    "contract": Label("contractjaar", "contract year"),
}

LACKING = {
    "not_independent": Label("onafhankelijk", "independent"),
    "not_expert": Label("deskundig", "expert"),
}


def judged(controller: str, facts: Sequence[Fact]) -> Judged:
    """Every answer to a request of one controller."""
    agreed = of_type(facts, *TERMS_EVENTS)
    for audit, earlier in answered(facts):
        if audit.refused:
            year = year_of(audit, earlier, agreed)
            if refusal_justified(audit, year) is False:
                yield _refused(controller, audit, audit.refused, year)
        elif audit.accepted:
            yield from _accepted(controller, audit, audit.accepted, earlier, agreed)


def _refused(controller: str, audit: ControllerAudit, refused: Fact, year: AuditYear) -> Finding:
    ground = text(refused.data, "ground") or ""
    if ground in LACKING:
        lacking = LACKING[ground]
        said = Label(
            f"{audit.audit_id} geweigerd omdat de auditor niet {lacking.nl} zou zijn, terwijl het"
            " verzoek zegt van wel",
            f"{audit.audit_id} refused because the auditor was said not to be {lacking.en}, while"
            " the request says it is",
        )
        parameters: Mapping[str, Any] = {}
    else:
        said = _within_limit(audit, year)
        parameters = _terms(year)
    at = moment(refused, "at")
    rests_on = _steps(audit, *year.earlier)
    return Finding(REFUSAL, at, said, rests_on, controller, audit.audit_id, parameters=parameters)


def _within_limit(audit: ControllerAudit, year: AuditYear) -> Label:
    if audit.exempt:
        return Label(
            f"{audit.audit_id} geweigerd op het jaarlijkse maximum, dat niet geldt voor een audit"
            " op last van de toezichthouder of na een Inbreuk",
            f"{audit.audit_id} refused on the annual limit, which does not count for an audit"
            " ordered by the authority or after a breach",
        )
    kind = YEARS.get(year.basis, YEARS["calendar"])
    done, limit = len(year.earlier), year.limit
    return Label(
        f"{audit.audit_id} geweigerd op het jaarlijkse maximum, met {done} van {limit} eerder in"
        f" het {kind.nl}",
        f"{audit.audit_id} refused on the annual limit, with {done} of {limit} earlier in the"
        f" {kind.en}",
    )


def _accepted(
    controller: str,
    audit: ControllerAudit,
    accepted: Fact,
    earlier: Sequence[ControllerAudit],
    agreed: Sequence[Fact],
) -> Judged:
    at = moment(accepted, "at")
    if audit.requested and truth(audit.requested.data, "auditor_independent") is False:
        said = Label(
            f"{audit.audit_id} aanvaard terwijl het verzoek zegt dat de auditor niet"
            " onafhankelijk is",
            f"{audit.audit_id} accepted while the request says that the auditor is not independent",
        )
        yield Finding(INDEPENDENCE, at, said, _steps(audit), controller, audit.audit_id)
    year = year_of(audit, earlier, agreed)
    rolling = year_of(audit, earlier, agreed, "rolling")
    if year.basis == "calendar" and rolling.reached and not year.reached:
        last = max(rolling.earlier, key=_day)
        asked_at = moment(audit.steps[0], "requested_at", "at")
        days = abs((audit.asked_on - _day(last)).days)
        said = Label(
            f"{audit.audit_id}, gevraagd op {audit.asked_on}, ligt {days} dagen van"
            f" {last.audit_id} ({_day(last)}): toegestaan per kalenderjaar, niet per twaalf"
            " maanden",
            f"{audit.audit_id}, asked for on {audit.asked_on}, lies {days} days from"
            f" {last.audit_id} ({_day(last)}): allowed per calendar year, not per rolling twelve"
            " months",
        )
        yield Finding(
            OTHER_YEAR,
            asked_at,
            said,
            _steps(audit, *rolling.earlier),
            controller,
            audit.audit_id,
            holds_from=max(asked_at, at),
            parameters=_terms(year),
        )


def _day(audit: ControllerAudit) -> date:
    """The day on which an audit lies, of one that does."""
    return audit.day or audit.asked_on


def _steps(*audits: ControllerAudit) -> list[Fact]:
    return [step for audit in audits for step in audit.steps]


def _terms(year: AuditYear) -> dict[str, Any]:
    return {"audit_limit": f"{year.limit}/year", "audit_year_basis": year.basis}
