"""Certificates and audits of the processor (clauses 11.1, 11.2).

The vocabulary of `docs/reference/events.md`, as models; see `ledger/events/base.py`.
"""

from __future__ import annotations

from pydantic import Field

from ledger.events import fields as f
from ledger.events.base import EventData, event_type


@event_type(
    nl="Certificaat afgegeven",
    group="assurance",
    clauses="11.2",
    gdpr="28(5), 32(3)",
    iso27001=("A.5.35", "A.5.36"),
    nen7510=("5.35", "5.36"),
    registers=("assurance_register",),
)
class CertificateIssued(EventData):
    """A certificate was issued to the processor."""

    certificate_id: f.Id = Field(description="Id of the certificate")
    standard: f.Name = Field(description="Standard")
    valid_from: f.Moment = Field(description="First day, or moment, it is valid")
    valid_until: f.Moment = Field(description="Last day, or moment, it is valid")
    edition: f.Text | None = Field(None, description="Edition of the standard")
    body: f.Name | None = Field(None, description="Certification body")
    scope: f.Text | None = Field(None, description="Scope")
    soa_version: f.Version | None = Field(
        None, description="Version of the statement of applicability"
    )


@event_type(
    nl="Certificaat ingetrokken",
    group="assurance",
    tier="ext",
    clauses="11.2",
    gdpr="28(5)",
    iso27001=("A.5.35",),
    registers=("assurance_register",),
)
class CertificateWithdrawn(EventData):
    """A certificate was withdrawn."""

    certificate_id: f.Id = Field(description="Id of the certificate")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")
    reason: f.Text | None = Field(None, description="Why")


@event_type(
    nl="Externe audit afgerond",
    group="assurance",
    clauses="11.2",
    gdpr="28(3)(h)",
    iso27001=("A.5.35",),
    nen7510=("5.35", "5.36"),
    registers=("assurance_register",),
)
class ExternalAuditCompleted(EventData):
    """An independent audit of the processor was completed."""

    audit_id: f.Id = Field(description="Id of the audit")
    standard: f.Name = Field(description="Standard")
    independent: f.Bool = Field(description="Whether the auditor is independent")
    auditor: f.Name | None = Field(None, description="Audit firm")
    from_: f.Moment | None = Field(None, alias="from", description="First day or moment")
    until: f.Moment | None = Field(None, description="Until when")
    result: f.Text | None = Field(None, description="Result")
    report_sha256: f.Digest | None = Field(None, description="SHA-256 of the report")


@event_type(
    nl="Auditresultaten verstrekt",
    group="assurance",
    clauses="11.2",
    gdpr="28(3)(h)",
    iso27001=("A.5.35",),
    registers=("assurance_register",),
)
class AuditResultsProvided(EventData):
    """A controller was given the results of an audit."""

    audit_id: f.Id = Field(description="Id of the audit")
    controller_id: f.Id = Field(description="Id of the controller")
    requested_at: f.Moment | None = Field(None, description="When it was requested")
    provided_at: f.Moment | None = Field(None, description="When it was provided")
    form: f.Text | None = Field(None, description="Form in which it was provided")


@event_type(
    nl="Verklaring van toepasselijkheid vastgesteld",
    group="assurance",
    clauses="11.2",
    gdpr="28(5)",
    iso27001=("A.5.36",),
    nen7510=("5.36",),
    registers=("statement_of_applicability",),
)
class ApplicabilityStatementIssued(EventData):
    """A statement of applicability was issued."""

    soa_version: f.Version = Field(description="Version of the statement of applicability")
    standard: f.Name = Field(description="Standard")
    entries: f.SoaEntries | None = Field(None, description="Controls with their applicability")
    issued_at: f.Moment | None = Field(None, description="When it was issued")
    approved_by: f.Pseudonym | None = Field(
        None, description="Who approved it, as a pseudonym or role"
    )


@event_type(
    nl="Informatie over naleving verstrekt",
    group="assurance",
    clauses="11.1",
    gdpr="28(3)(h)",
    iso27001=("A.5.36",),
    registers=("assurance_register",),
)
class ComplianceInformationProvided(EventData):
    """A controller was given information that shows compliance."""

    controller_id: f.Id = Field(description="Id of the controller")
    requested_at: f.Moment | None = Field(None, description="When it was requested")
    provided_at: f.Moment | None = Field(None, description="When it was provided")
    subject: f.Text | None = Field(None, description="Subject")
    artefact_sha256: f.Digest | None = Field(None, description="SHA-256 of what was provided")
