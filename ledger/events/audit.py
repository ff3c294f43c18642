"""Audits of controllers, findings of auditors, costs (clauses 9.4, 11.2, 11.3).

The vocabulary of `docs/reference/events.md`, as models; see `ledger/events/base.py`.
"""

from __future__ import annotations

from pydantic import Field

from ledger.events import fields as f
from ledger.events.base import EventData, event_type
from ledger.events.declared import DECLARATION, DECLARED_BY, IDENTITY, INTEGRITY


@event_type(
    nl="Audit door verwerkingsverantwoordelijke gevraagd",
    group="audit",
    clauses="11.3",
    gdpr="28(3)(h)",
    iso27001=("A.5.35", "A.8.34"),
    nen7510=("5.35",),
    registers=("audit_register",),
)
class ControllerAuditRequested(EventData):
    """A controller asked for an audit of its own."""

    audit_id: f.Id = Field(description="Id of the audit")
    controller_id: f.Id = Field(description="Id of the controller")
    auditor_independent: f.Bool = Field(
        description="Whether the auditor is independent (clause 11.3)"
    )
    requested_at: f.Moment | None = Field(None, description="When it was requested")
    grounds: f.Text | None = Field(None, description="Grounds")
    auditor: f.Name | None = Field(None, description="Audit firm")
    auditor_expert: f.Bool | None = Field(
        None, description="Whether the auditor is expert (clause 11.3)"
    )
    declaration: f.Text | None = DECLARATION
    declared_by: f.Pseudonym | None = DECLARED_BY
    sender_identity_established: f.Established | None = IDENTITY
    integrity_established: f.Established | None = INTEGRITY


@event_type(
    nl="Audit door verwerkingsverantwoordelijke aanvaard",
    group="audit",
    clauses="11.3",
    gdpr="28(3)(h)",
    iso27001=("A.5.35", "A.8.34"),
    registers=("audit_register",),
)
class ControllerAuditAccepted(EventData):
    """An audit was accepted."""

    audit_id: f.Id = Field(description="Id of the audit")
    controller_id: f.Id = Field(description="Id of the controller")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")
    planned_from: f.Moment | None = Field(None, description="When the audit is planned to begin")


@event_type(
    nl="Audit door verwerkingsverantwoordelijke geweigerd",
    group="audit",
    clauses="11.3",
    gdpr="28(3)(h)",
    iso27001=("A.5.35", "A.5.31"),
    registers=("audit_register",),
)
class ControllerAuditRefused(EventData):
    """An audit was refused."""

    audit_id: f.Id = Field(description="Id of the audit")
    controller_id: f.Id = Field(description="Id of the controller")
    ground: f.RefusalGround = Field(description="Ground of the refusal")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")
    previous_audit_id: f.Id | None = Field(
        None, description="The audit in the year that the refusal points to"
    )


@event_type(
    nl="Audit door verwerkingsverantwoordelijke afgerond",
    group="audit",
    clauses="11.3",
    gdpr="28(3)(h)",
    iso27001=("A.5.35",),
    nen7510=("5.35",),
    registers=("audit_register",),
)
class ControllerAuditCompleted(EventData):
    """A controller's audit was completed."""

    audit_id: f.Id = Field(description="Id of the audit")
    controller_id: f.Id = Field(description="Id of the controller")
    from_: f.Moment | None = Field(None, alias="from", description="First day or moment")
    until: f.Moment | None = Field(None, description="Until when")
    result: f.Text | None = Field(None, description="Result")
    report_sha256: f.Digest | None = Field(None, description="SHA-256 of the report")


@event_type(
    nl="Auditbevinding vastgesteld",
    group="audit",
    clauses="11.2, 11.3",
    gdpr="28(3)(h), 32(1)(d)",
    iso27001=("A.5.36",),
    nen7510=("5.36",),
    registers=("findings_register",),
)
class FindingRaised(EventData):
    """An auditor raised a finding."""

    finding_id: f.Id = Field(description="Id of the auditor's finding")
    grade: f.Slug = Field(description="Grade of the finding")
    control_refs: f.Texts = Field(description="Controls it belongs to")
    audit_id: f.Id | None = Field(None, description="Id of the audit")
    clause_refs: f.Texts | None = Field(None, description="Clauses it belongs to")
    text: f.Text | None = Field(None, description="Text of the finding")


@event_type(
    nl="Corrigerende maatregel gepland",
    group="audit",
    tier="ext",
    clauses="11.2",
    gdpr="32(1)(d)",
    iso27001=("A.5.36",),
    nen7510=("5.36",),
    registers=("findings_register",),
)
class CorrectiveActionPlanned(EventData):
    """Corrective action was planned."""

    finding_id: f.Id = Field(description="Id of the auditor's finding")
    due: f.Moment = Field(description="When the action is due")
    action: f.Text | None = Field(None, description="Corrective action")
    owner: f.Pseudonym | None = Field(
        None, description="Who is responsible, as a pseudonym or role"
    )


@event_type(
    nl="Auditbevinding afgesloten",
    group="audit",
    tier="ext",
    clauses="11.2",
    gdpr="32(1)(d)",
    iso27001=("A.5.36",),
    nen7510=("5.36",),
    registers=("findings_register",),
)
class FindingClosed(EventData):
    """An auditor's finding was closed."""

    finding_id: f.Id = Field(description="Id of the auditor's finding")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")
    evidence_refs: f.Texts | None = Field(None, description="Evidence of the closure")
    verified_by: f.Pseudonym | None = Field(
        None, description="Who verified it, as a pseudonym or role"
    )


@event_type(
    nl="Kosten toegerekend",
    group="audit",
    tier="ext",
    clauses="9.4, 11.3",
    iso27001=("A.5.31",),
    registers=("audit_register",),
)
class CostsAllocated(EventData):
    """Costs were allocated to a party."""

    ref: f.Id = Field(description="What the costs are for")
    party: f.Id = Field(description="Who bears the costs")
    amount: f.Amount | None = Field(None, description="Amount of money")
    currency: f.Currency | None = Field(None, description="Currency, ISO 4217")
    ground: f.Text | None = Field(None, description="Why these costs fall to this party")


@event_type(
    nl="Toegang voor auditor verleend",
    group="audit",
    clauses="11.1, 11.3",
    gdpr="28(3)(h)",
    iso27001=("A.5.15", "A.5.18", "A.8.34"),
    nen7510=("5.18",),
    registers=("access_log", "audit_register"),
)
class AuditorAccessGranted(EventData):
    """An auditor may read the ledger for a while; an event for each controller in its scope."""

    grant_id: f.Id = Field(description="Id of the grant")
    reader: f.Id = Field(description="Who may read, as a pseudonym")
    purpose: f.Text = Field(description="What for")
    valid_until: f.Instant = Field(description="First moment at which it has ended")
    valid_from: f.Instant | None = Field(None, description="From when, if not from occurredat")
    controller_id: f.Id | None = Field(
        None, description="Controller that may be asked about; all, when absent"
    )
    registers: f.Slugs | None = Field(
        None, description="Registers that may be read; all, when absent"
    )
    frameworks: f.Slugs | None = Field(None, description="Frameworks that are audited")
    audit_id: f.Id | None = Field(None, description="Id of the audit")
    by: f.Pseudonym | None = Field(None, description="Who granted it, as a pseudonym or role")


@event_type(
    nl="Toegang voor auditor verlengd",
    group="audit",
    clauses="11.1, 11.3",
    gdpr="28(3)(h)",
    iso27001=("A.5.18", "A.8.34"),
    nen7510=("5.18",),
    registers=("access_log", "audit_register"),
)
class AuditorAccessExtended(EventData):
    """An auditor may read longer."""

    grant_id: f.Id = Field(description="Id of the grant")
    valid_until: f.Instant = Field(description="First moment at which it has ended now")
    reason: f.Text = Field(description="Why")
    controller_id: f.Id | None = Field(None, description="Id of the controller")
    by: f.Pseudonym | None = Field(None, description="Who extended it, as a pseudonym or role")


@event_type(
    nl="Toegang voor auditor ingetrokken",
    group="audit",
    clauses="11.1, 11.3",
    gdpr="28(3)(h)",
    iso27001=("A.5.18",),
    nen7510=("5.18",),
    registers=("access_log", "audit_register"),
)
class AuditorAccessRevoked(EventData):
    """An auditor may read no more."""

    grant_id: f.Id = Field(description="Id of the grant")
    reason: f.Text = Field(description="Why")
    controller_id: f.Id | None = Field(None, description="Id of the controller")
    by: f.Pseudonym | None = Field(None, description="Who revoked it, as a pseudonym or role")


@event_type(
    nl="Bewijs gevraagd",
    group="audit",
    clauses="11.1, 11.3",
    gdpr="28(3)(h)",
    iso27001=("A.5.35",),
    nen7510=("5.35",),
    registers=("audit_register",),
)
class EvidenceRequested(EventData):
    """An auditor asked for evidence."""

    evidence_request_id: f.Id = Field(description="Id of the request")
    question: f.Text = Field(description="What is asked for")
    by: f.Pseudonym = Field(description="Who asks, as a pseudonym")
    controller_id: f.Id | None = Field(None, description="Controller that it is about; all without")
    framework: f.Slug | None = Field(None, description="Framework that it is about")
    control: f.Name | None = Field(None, description="Control that it is about")


@event_type(
    nl="Bewijs geleverd",
    group="audit",
    clauses="11.1, 11.3",
    gdpr="28(3)(h)",
    iso27001=("A.5.35",),
    nen7510=("5.35",),
    registers=("audit_register",),
)
class EvidenceProvided(EventData):
    """A request for evidence was answered, with links to events."""

    evidence_request_id: f.Id = Field(description="Id of the request")
    answer: f.Text = Field(description="What is answered")
    by: f.Pseudonym = Field(description="Who answers, as a pseudonym")
    entries: f.Counts | None = Field(
        None, description="Events that are the evidence, by their leaf index"
    )


@event_type(
    nl="Aantekening bij audit gemaakt",
    group="audit",
    clauses="11.1, 11.3",
    gdpr="28(3)(h)",
    iso27001=("A.5.35",),
    nen7510=("5.35",),
    registers=("audit_register",),
)
class AuditNoteRecorded(EventData):
    """An auditor or the privacy officer noted something about what is audited."""

    note: f.Text = Field(description="What was noted")
    by: f.Pseudonym = Field(description="Who noted it, as a pseudonym")
    controller_id: f.Id | None = Field(None, description="Controller that it is about; all without")
    framework: f.Slug | None = Field(None, description="Framework that it is about")
    control: f.Name | None = Field(None, description="Control that it is about")
