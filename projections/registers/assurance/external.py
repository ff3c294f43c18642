"""Rows of external audits, and of what each controller was given on request (11.1, 11.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from projections.facts import Fact
from projections.reading import given, hours, instant, moment, text, texts, truth, when
from projections.register import Row
from projections.registers.assurance.columns import COLUMNS
from projections.rows import PROCESSOR_WIDE, of_type, row, row_key


def external_audit_rows(audit_id: str, facts: Sequence[Fact]) -> list[Row]:
    """An independent audit, and every controller that its results were given to."""
    completed = of_type(facts, "ExternalAuditCompleted")[-1:]
    rows = [_external_audit(audit_id, fact) for fact in completed]
    for fact in of_type(facts, "AuditResultsProvided"):
        rows.extend(_results_provided(audit_id, completed, fact))
    return rows


def information_rows(fact: Fact) -> list[Row]:
    """What a controller was given to show that the agreement is kept (11.1)."""
    values = {
        "kind": "information_provided",
        "id": fact.id,
        "subject": text(fact.data, "subject"),
        "artefact_sha256": text(fact.data, "artefact_sha256"),
    }
    return _provided(fact, values, [fact])


def _external_audit(audit_id: str, fact: Fact) -> Row:
    values = {
        "kind": "external_audit",
        "id": audit_id,
        "standard": text(fact.data, "standard"),
        "auditor": text(fact.data, "auditor"),
        "auditor_independent": truth(fact.data, "independent"),
        "from": given(fact.data, "from"),
        "until": given(fact.data, "until"),
        "completed_at": when(fact),
        "result": text(fact.data, "result"),
        "report_sha256": text(fact.data, "report_sha256"),
    }
    return row(COLUMNS, row_key("external_audit", audit_id), PROCESSOR_WIDE, values, [fact])


def _results_provided(audit_id: str, completed: Sequence[Fact], fact: Fact) -> list[Row]:
    results = completed[0].data if completed else {}
    values = {
        "kind": "results_provided",
        "id": audit_id,
        "form": text(fact.data, "form"),
        "standard": text(results, "standard"),
        "result": text(results, "result"),
        "report_sha256": text(results, "report_sha256"),
    }
    return _provided(fact, values, [fact, *completed])


def _provided(fact: Fact, values: Mapping[str, Any], rests_on: Sequence[Fact]) -> list[Row]:
    """The row of what its controller was given and when; none when the fact names no controller."""
    times = {
        "requested_at": given(fact.data, "requested_at"),
        "provided_at": when(fact, "provided_at"),
        "hours_to_provision": hours(
            instant(fact.data, "requested_at"), moment(fact, "provided_at")
        ),
    }
    return [
        row(
            COLUMNS,
            row_key(values["kind"], values["id"], str(fact.position), controller),
            (controller,),
            {**values, **times, "controller": controller},
            rests_on,
        )
        for controller in texts(fact.data, "controller_id")
    ]
