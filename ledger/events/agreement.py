"""The agreement, its terms and its licences (clauses 2.3, 3, 4.3).

The vocabulary of `docs/reference/events.md`, as models; see `ledger/events/base.py`.
"""

from __future__ import annotations

from pydantic import Field

from ledger.events import fields as f
from ledger.events.base import EventData, event_type


class Policies(EventData):
    """Terms that the text leaves to policy, and an agreement may fix (clauses.md 1.3)."""

    audit_year_basis: f.AuditYearBasis | None = Field(
        None, description="Which year the number of audits is of (clause 11.3)"
    )
    update_silence_days: f.Count | None = Field(
        None, description="Days a breach may go without an update (clause 9.2)"
    )
    dsr_forward_days: f.Count | None = Field(
        None, description="Days to refer a data subject or forward the request (clause 8.1)"
    )
    copies_days: f.Count | None = Field(
        None, description="Days to erase copies after the erasure (clause 10.1)"
    )
    announce_channel: f.Slug | None = Field(
        None, description="How changes of subprocessors are announced (clause 7.2)"
    )
    data_categories: f.DataCategories | None = Field(
        None, description="Categories of personal data that may be processed (clause 4.2)"
    )


@event_type(
    nl="Verwerkersovereenkomst gesloten",
    group="agreement",
    clauses="2.1, 2.3, 3.1",
    gdpr="28(3)",
    iso27001=("A.5.20", "A.5.31", "A.5.34"),
    nen7510=("5.34",),
    iso27701=("A.2.2.2", "A.2.5.7"),
    registers=("agreement_register", "processing_register"),
)
class ProcessingAgreementConcluded(Policies):
    """A processing agreement was concluded with its terms."""

    controller_id: f.Id = Field(description="Id of the controller")
    effective_from: f.Moment = Field(description="When it takes effect")
    objection_days: f.Count = Field(description="Days to object to a subprocessor (clause 7.2)")
    transfer_area: f.TransferArea = Field(
        description="Area within which data may be processed (clause 5.3)"
    )
    initial_subprocessors: f.Ids = Field(description="Subprocessors in the annex at signing")
    agreement_id: f.Id | None = Field(None, description="Id of the agreement")
    version: f.Version | None = Field(None, description="Version of the text or of the activity")
    text_sha256: f.Digest | None = Field(None, description="SHA-256 of the text agreed on")
    signed_at: f.Moment | None = Field(None, description="When it was signed")
    service_agreement_ref: f.Text | None = Field(
        None, description="The service agreement it goes with (clause 3.1)"
    )
    authorisation: f.Authorisation | None = Field(
        None, description="General or specific authorisation of subprocessors (art. 28(2))"
    )
    retention_after_licence: f.Period | None = Field(
        None, description="How long data are kept after the licence ends (clause 4.3), ISO 8601"
    )
    audit_limit: f.AuditLimit | None = Field(
        None, description="How many audits a year (clause 11.3)"
    )
    breach_hours: f.Count | None = Field(
        None, description="Hours within which a breach is notified (clause 9.1)"
    )


@event_type(
    nl="Verwerkersovereenkomst gewijzigd",
    group="agreement",
    clauses="2.3, 5.2",
    gdpr="28(3), 28(9)",
    iso27001=("A.5.20", "A.5.31"),
    iso27701=("A.2.2.2",),
    registers=("agreement_register",),
)
class ProcessingAgreementAmended(Policies):
    """The agreement was amended: a new version of its terms."""

    controller_id: f.Id = Field(description="Id of the controller")
    version: f.Version = Field(description="Version of the text or of the activity")
    objection_days: f.Count | None = Field(
        None, description="Days to object to a subprocessor (clause 7.2)"
    )
    retention_after_licence: f.Period | None = Field(
        None, description="How long data are kept after the licence ends (clause 4.3), ISO 8601"
    )
    audit_limit: f.AuditLimit | None = Field(
        None, description="How many audits a year (clause 11.3)"
    )
    transfer_area: f.TransferArea | None = Field(
        None, description="Area within which data may be processed (clause 5.3)"
    )
    breach_hours: f.Count | None = Field(
        None, description="Hours within which a breach is notified (clause 9.1)"
    )
    agreement_id: f.Id | None = Field(None, description="Id of the agreement")
    accepted_by: f.Pseudonym | None = Field(
        None, description="Who accepted it, as a pseudonym or role"
    )
    effective_from: f.Moment | None = Field(None, description="When it takes effect")
    text_sha256: f.Digest | None = Field(None, description="SHA-256 of the text agreed on")


@event_type(
    nl="Beëindiging van de overeenkomst verzocht",
    group="agreement",
    tier="ext",
    clauses="3.3",
    iso27001=("A.5.31",),
    registers=("agreement_register",),
)
class AgreementTerminationRequested(EventData):
    """A party asked to terminate early, which clause 3.3 excludes."""

    controller_id: f.Id = Field(description="Id of the controller")
    outcome: f.TerminationOutcome = Field(description="Outcome")
    agreement_id: f.Id | None = Field(None, description="Id of the agreement")
    by: f.Text | None = Field(None, description="Who did it, as a pseudonym or role")
    reason: f.Text | None = Field(None, description="Why")


@event_type(
    nl="Verwerkersovereenkomst geëindigd",
    group="agreement",
    clauses="3.2, 10.1",
    gdpr="28(3)(g)",
    iso27001=("A.5.11", "A.5.31"),
    nen7510=("5.11",),
    iso27701=("A.2.4.3",),
    registers=("agreement_register", "lifecycle"),
)
class ProcessingAgreementEnded(EventData):
    """The agreement ended, since no personal data are held any more."""

    controller_id: f.Id = Field(description="Id of the controller")
    agreement_id: f.Id | None = Field(None, description="Id of the agreement")
    ended_at: f.Moment | None = Field(None, description="When it ended")
    data_held: f.Held | None = Field(
        None, description="What personal data are still held; must be none (clause 3.2)"
    )


@event_type(
    nl="Licentie verleend",
    group="agreement",
    clauses="1 (Licentie, Account), 3.1, Schriftelijk",
    gdpr="28(3)",
    iso27001=("A.5.18",),
    nen7510=("5.18",),
    iso27701=("A.2.2.2",),
    registers=("agreement_register", "lifecycle"),
)
class LicenceGranted(EventData):
    """A licence was granted, with which processing begins."""

    controller_id: f.Id = Field(description="Id of the controller")
    licence_id: f.Id = Field(description="Id of the licence")
    product: f.Text | None = Field(None, description="Product the licence is for")
    account_type: f.Slug | None = Field(
        None, description="Kind of account: basic, dynamic, platinum"
    )
    granted_by: f.Text | None = Field(None, description="Who granted it, as a pseudonym or role")
    starts_at: f.Moment | None = Field(None, description="When it starts")


@event_type(
    nl="Licentie geëindigd",
    group="agreement",
    clauses="3.1, 4.3",
    gdpr="28(3)(g)",
    iso27001=("A.5.18", "A.8.10"),
    nen7510=("5.18", "8.10"),
    iso27701=("A.2.4.3",),
    registers=("lifecycle", "retention_deadlines"),
)
class LicenceEnded(EventData):
    """A licence ended, with which retention begins."""

    controller_id: f.Id = Field(description="Id of the controller")
    licence_id: f.Id = Field(description="Id of the licence")
    ended_at: f.Moment | None = Field(None, description="When it ended")
    reason: f.Text | None = Field(None, description="Why")
