"""Certificates, audits, their findings, and information given (11.1-11.3; GDPR 28(3)(h), 28(5)).

Rows by kind. For every reader: `certificate`, `coverage` (a standard and its days without a valid
certificate), `external_audit` and `statement` (of applicability). For its controller alone:
`results_provided`, `information_provided`, `controller_audit` and `audit_year`, against the limit
of 11.3. For the processor alone: `finding` and `costs`. `tests/registers/test_assurance.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from projections.certificate_cover import ISSUED, WITHDRAWN
from projections.facts import Fact
from projections.grants import EXTENDED, GRANTED, REVOKED
from projections.register import Label, Register, Row
from projections.registers.assurance.certificates import certificate_rows
from projections.registers.assurance.columns import COLUMNS
from projections.registers.assurance.controller_audits import controller_audit_rows
from projections.registers.assurance.external import external_audit_rows, information_rows
from projections.registers.assurance.findings import costs_row, finding_row, statement_row
from projections.rows import ITSELF, cases_by, leading_to

CERTIFICATES = f"{ISSUED}+{WITHDRAWN}"
"""The one case of all certificates: whether there is a gap depends on every one of them."""

OF_A_CONTROLLER = ("controller:controller_id",)

BY_TYPE = {
    ISSUED: (CERTIFICATES,),
    WITHDRAWN: (CERTIFICATES,),
    "ExternalAuditCompleted": ("audit:audit_id",),
    "AuditResultsProvided": ("audit:audit_id",),
    "FindingRaised": ("finding:finding_id",),
    "CorrectiveActionPlanned": ("finding:finding_id",),
    "FindingClosed": ("finding:finding_id",),
    "ControllerAuditRequested": OF_A_CONTROLLER,
    "ControllerAuditAccepted": OF_A_CONTROLLER,
    "ControllerAuditRefused": OF_A_CONTROLLER,
    "ControllerAuditCompleted": OF_A_CONTROLLER,
    GRANTED: OF_A_CONTROLLER,
    EXTENDED: OF_A_CONTROLLER,
    REVOKED: OF_A_CONTROLLER,
    "ProcessingAgreementConcluded": OF_A_CONTROLLER,
    "ProcessingAgreementAmended": OF_A_CONTROLLER,
    "ApplicabilityStatementIssued": (ITSELF,),
    "ComplianceInformationProvided": (ITSELF,),
    "CostsAllocated": (ITSELF,),
}


def fold(case: str, facts: Sequence[Fact]) -> Sequence[Row]:
    """The rows of all certificates, of one audit, finding or controller, or of one event."""
    tag, _, id_ = case.partition(":")
    if case == CERTIFICATES:
        return certificate_rows(facts)
    if tag == "audit":
        return external_audit_rows(id_, facts)
    if tag == "finding":
        return [finding_row(id_, facts)]
    if tag == "controller":
        return controller_audit_rows(id_, facts)
    return [row for fact in facts for row in _of_event(fact)]


def _of_event(fact: Fact) -> Sequence[Row]:
    if fact.type == "ComplianceInformationProvided":
        return information_rows(fact)
    return [costs_row(fact) if fact.type == "CostsAllocated" else statement_row(fact)]


REGISTER = Register(
    name="assurance",
    title=Label("Register van certificaten en audits", "Register of certificates and audits"),
    source="9.4, 11.1-11.3; art. 28(3)(h), 28(5)",
    columns=COLUMNS,
    types=frozenset(BY_TYPE),
    cases=cases_by(BY_TYPE),
    fold=fold,
    wide=leading_to(BY_TYPE, CERTIFICATES)
    | {"ExternalAuditCompleted", "ApplicabilityStatementIssued"},
)
