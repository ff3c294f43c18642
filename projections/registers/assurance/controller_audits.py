"""Rows of the audits that a controller asked for, and how many in each year (11.3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from projections.audit_year import (
    ACCEPTED,
    COMPLETED,
    REFUSED,
    REQUESTED,
    ControllerAudit,
    answered,
    controller_audits,
    refusal_justified,
    year_of,
)
from projections.facts import Fact
from projections.grants import GRANT_EVENTS, Grant, grant_of
from projections.reading import day_of, given, stamp, text, truth, when
from projections.register import Row
from projections.registers.assurance.columns import COLUMNS
from projections.rows import by_id, of_type, row, row_key
from projections.terms import TERMS_EVENTS

COUNTED = {REQUESTED: "requested", ACCEPTED: "accepted", REFUSED: "refused", COMPLETED: "completed"}


def controller_audit_rows(controller: str, facts: Sequence[Fact]) -> list[Row]:
    """Every audit of one controller against the limit of its year, and the count of each year."""
    audits, agreed = controller_audits(facts), of_type(facts, *TERMS_EVENTS)
    granted = [
        grant
        for id_, own in by_id(of_type(facts, *GRANT_EVENTS), "grant_id").items()
        if (grant := grant_of(id_, own)) is not None
    ]
    then = {audit.audit_id: earlier for audit, earlier in answered(facts)}
    rows = [
        _audit(
            controller,
            audit,
            then.get(audit.audit_id, audits[:place]),
            agreed,
            [grant for grant in granted if grant.audit_id == audit.audit_id],
        )
        for place, audit in enumerate(audits)
    ]
    return [*rows, *_years(controller, facts)]


def _audit(
    controller: str,
    audit: ControllerAudit,
    earlier: Sequence[ControllerAudit],
    agreed: Sequence[Fact],
    granted: Sequence[Grant],
) -> Row:
    year = year_of(audit, earlier, agreed)
    values = {
        "kind": "controller_audit",
        "id": audit.audit_id,
        "controller": controller,
        **_course(audit),
        "access": [_access(grant) for grant in granted],
        "earlier_in_year": [e.audit_id for e in year.earlier],
        "limit": year.limit,
        "year_basis": year.basis,
        "limit_reached": year.reached,
        "refusal_justified": refusal_justified(audit, year),
    }
    rests_on = [*agreed, *(step for a in (audit, *year.earlier) for step in a.steps)]
    rests_on += [fact for grant in granted for fact in grant.facts]
    key = row_key("controller_audit", controller, audit.audit_id)
    return row(COLUMNS, key, (controller,), values, rests_on)


def _access(grant: Grant) -> dict[str, Any]:
    """What the auditor may read, and until when."""
    return {
        "id": grant.id,
        "reader": grant.reader,
        "registers": list(grant.registers or ()),
        "from": stamp(grant.since),
        "until": stamp(grant.until),
        "revoked_at": stamp(grant.revoked_at),
    }


def _course(audit: ControllerAudit) -> dict[str, Any]:
    """What was asked, answered and done."""
    request = audit.requested.data if audit.requested else {}
    accepted = audit.accepted.data if audit.accepted else {}
    refused = audit.refused.data if audit.refused else {}
    completed = audit.completed.data if audit.completed else {}
    answer = audit.accepted or audit.refused
    return {
        "state": _state(audit),
        "requested_at": when(audit.requested, "requested_at") if audit.requested else None,
        "grounds": text(request, "grounds"),
        "auditor": text(request, "auditor"),
        "auditor_independent": truth(request, "auditor_independent"),
        "auditor_expert": truth(request, "auditor_expert"),
        "answered_at": when(answer, "at") if answer else None,
        "planned_from": given(accepted, "planned_from"),
        "refusal_ground": text(refused, "ground"),
        "previous_audit_id": text(refused, "previous_audit_id"),
        "from": given(completed, "from"),
        "until": given(completed, "until"),
        "completed_at": when(audit.completed) if audit.completed else None,
        "result": text(completed, "result"),
        "report_sha256": text(completed, "report_sha256"),
    }


def _state(audit: ControllerAudit) -> str:
    if audit.completed:
        return "completed"
    if audit.refused:
        return "refused"
    return "accepted" if audit.accepted else "requested"


def _years(controller: str, facts: Sequence[Fact]) -> list[Row]:
    """How many audits were asked for, answered and carried out in each calendar year."""
    by_year: dict[int, list[Fact]] = {}
    for fact in of_type(facts, *COUNTED):
        by_year.setdefault(_day(fact).year, []).append(fact)
    return [_year(controller, year, steps) for year, steps in sorted(by_year.items())]


def _day(step: Fact) -> date:
    fields = ("until", "from") if step.type == COMPLETED else ("requested_at", "at")
    return day_of(step, *fields)


def _year(controller: str, year: int, steps: Sequence[Fact]) -> Row:
    audits = {
        counted: len(by_id(of_type(steps, name), "audit_id")) for name, counted in COUNTED.items()
    }
    values = {"kind": "audit_year", "id": str(year), "controller": controller, "year": year}
    key = row_key("audit_year", controller, str(year))
    return row(COLUMNS, key, (controller,), {**values, **audits}, steps)
