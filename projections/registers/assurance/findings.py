"""Rows of auditors' findings, statements of applicability and costs (9.4, 11.2, 11.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from projections.facts import Fact
from projections.reading import first_when, given, objects, text, texts, when
from projections.register import Row
from projections.registers.assurance.columns import COLUMNS
from projections.rows import PROCESSOR_ONLY, PROCESSOR_WIDE, of_type, row, row_key


def finding_row(finding_id: str, facts: Sequence[Fact]) -> Row:
    """A finding of an auditor, what was planned about it, and its closing."""
    raised = of_type(facts, "FindingRaised")
    planned = of_type(facts, "CorrectiveActionPlanned")
    closed = of_type(facts, "FindingClosed")[-1:]
    content = raised[-1].data if raised else {}
    closing = closed[0].data if closed else {}
    values = {
        "kind": "finding",
        "id": finding_id,
        "state": "closed" if closed else "planned" if planned else "open",
        "audit_id": text(content, "audit_id"),
        "grade": text(content, "grade"),
        "text": text(content, "text"),
        "control_refs": texts(content, "control_refs"),
        "clause_refs": texts(content, "clause_refs"),
        "raised_at": first_when(raised),
        "actions": [_action(fact) for fact in planned],
        "due": given(planned[-1].data, "due") if planned else None,
        "closed_at": first_when(closed, "at"),
        "evidence_refs": texts(closing, "evidence_refs"),
        "verified_by": text(closing, "verified_by"),
    }
    return row(COLUMNS, row_key("finding", finding_id), PROCESSOR_ONLY, values, facts)


def statement_row(fact: Fact) -> Row:
    """A statement of applicability: of how many controls it says what."""
    entries = objects(fact.data, "entries")
    values = {
        "kind": "statement",
        "id": text(fact.data, "soa_version"),
        "soa_version": text(fact.data, "soa_version"),
        "standard": text(fact.data, "standard"),
        "issued_at": when(fact, "issued_at"),
        "approved_by": text(fact.data, "approved_by"),
        "controls": len(entries),
        "applicable": sum(entry.get("applicable") is True for entry in entries),
        "implemented": sum(bool(entry.get("implemented")) for entry in entries),
    }
    return row(COLUMNS, row_key("statement", str(fact.position)), PROCESSOR_WIDE, values, [fact])


def costs_row(fact: Fact) -> Row:
    """Who bears the costs of a notification (9.4) or of an audit (11.3)."""
    values = {
        "kind": "costs",
        "id": text(fact.data, "ref"),
        "at": when(fact),
        "party": text(fact.data, "party"),
        "amount": fact.data.get("amount"),
        "currency": text(fact.data, "currency"),
        "ground": text(fact.data, "ground"),
    }
    return row(COLUMNS, row_key("costs", str(fact.position)), PROCESSOR_ONLY, values, [fact])


def _action(fact: Fact) -> dict[str, Any]:
    return {
        "action": text(fact.data, "action"),
        "owner": text(fact.data, "owner"),
        "planned_at": when(fact),
        "due": given(fact.data, "due"),
    }
