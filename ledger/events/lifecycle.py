"""Return and erasure (clauses 4.3, 10).

The vocabulary of `docs/reference/events.md`, as models; see `ledger/events/base.py`.
"""

from __future__ import annotations

from pydantic import Field

from ledger.events import fields as f
from ledger.events.base import EventData, event_type
from ledger.events.declared import DECLARATION, DECLARED_BY, IDENTITY, INTEGRITY


@event_type(
    nl="Teruggave of wissing gekozen",
    group="lifecycle",
    clauses="10.1",
    gdpr="28(3)(g)",
    iso27001=("A.8.10", "A.5.11"),
    nen7510=("8.10",),
    iso27701=("A.2.4.3",),
    registers=("lifecycle",),
)
class ReturnOrErasureChosen(EventData):
    """A controller chose between return and erasure."""

    controller_id: f.Id = Field(description="Id of the controller")
    choice: f.Choice = Field(description="What the controller chose (clause 10.1)")
    chosen_at: f.Moment | None = Field(None, description="When the choice was made")
    instruction_id: f.Id | None = Field(None, description="Id of the instruction")
    declaration: f.Text | None = DECLARATION
    declared_by: f.Pseudonym | None = DECLARED_BY
    sender_identity_established: f.Established | None = IDENTITY
    integrity_established: f.Established | None = INTEGRITY


@event_type(
    nl="Gegevens teruggegeven",
    group="lifecycle",
    clauses="10.1, 10.2",
    gdpr="28(3)(g), 20",
    iso27001=("A.5.11", "A.5.14", "A.8.24"),
    nen7510=("5.11", "5.14", "7.10"),
    iso27701=("A.2.4.3", "A.2.4.4"),
    registers=("lifecycle",),
)
class DataReturned(EventData):
    """Personal data were returned to the controller."""

    controller_id: f.Id = Field(description="Id of the controller")
    return_id: f.Id = Field(description="Id of the return")
    method: f.ReturnMethod = Field(description="Method")
    encrypted: f.Bool = Field(description="Whether the data were encrypted (clause 10.2)")
    format: f.Text | None = Field(None, description="File format")
    encryption: f.Text | None = Field(None, description="Encryption used")
    file_sha256: f.Digest | None = Field(None, description="SHA-256 of the file")
    sent_at: f.Moment | None = Field(None, description="When the data were sent")
    link_expires_at: f.Moment | None = Field(None, description="When the download link expires")


@event_type(
    nl="Ontvangst van teruggave bevestigd",
    group="lifecycle",
    tier="ext",
    clauses="10.2",
    gdpr="28(3)(g)",
    iso27001=("A.5.14",),
    iso27701=("A.2.4.3",),
    registers=("lifecycle",),
)
class DataReturnAcknowledged(EventData):
    """A controller acknowledged the return."""

    controller_id: f.Id = Field(description="Id of the controller")
    return_id: f.Id = Field(description="Id of the return")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")
    by: f.Text | None = Field(None, description="Who did it, as a pseudonym or role")
    checksum_verified: f.Bool | None = Field(None, description="Whether the checksum was verified")
    declaration: f.Text | None = DECLARATION
    declared_by: f.Pseudonym | None = DECLARED_BY
    sender_identity_established: f.Established | None = IDENTITY
    integrity_established: f.Established | None = INTEGRITY


@event_type(
    nl="Persoonsgegevens gewist",
    group="lifecycle",
    clauses="4.3, 10.1",
    gdpr="28(3)(g), 17",
    iso27001=("A.8.10", "A.7.14"),
    nen7510=("8.10", "7.14"),
    iso27701=("A.2.4.3", "A.2.4.2"),
    registers=("lifecycle",),
)
class PersonalDataErased(EventData):
    """Personal data of a controller were erased."""

    controller_id: f.Id = Field(description="Id of the controller")
    scope: f.Text = Field(description="What was erased")
    partial: f.Bool = Field(description="Whether data remain")
    erasure_id: f.Id | None = Field(None, description="Id of the erasure")
    systems: f.Texts | None = Field(None, description="Systems erased")
    method: f.Text | None = Field(None, description="Method")
    erased_at: f.Moment | None = Field(None, description="When the data were erased")
    exceptions: f.Texts | None = Field(None, description="What was not erased")


@event_type(
    nl="Kopieën gewist",
    group="lifecycle",
    clauses="10.1",
    gdpr="28(3)(g)",
    iso27001=("A.8.10", "A.8.13"),
    nen7510=("8.10", "8.13"),
    iso27701=("A.2.4.3",),
    registers=("lifecycle",),
)
class CopiesErased(EventData):
    """Copies of the data were erased."""

    controller_id: f.Id = Field(description="Id of the controller")
    erasure_id: f.Id | None = Field(None, description="Id of the erasure")
    backup_sets: f.Texts | None = Field(None, description="Backup sets erased")
    erased_at: f.Moment | None = Field(None, description="When the data were erased")
    subprocessors_confirmed: f.Ids | None = Field(None, description="Subprocessors that confirmed")


@event_type(
    nl="Wissing schriftelijk bevestigd",
    group="lifecycle",
    tier="ext",
    clauses="10.1, 11.1",
    gdpr="28(3)(g), 5(2)",
    iso27001=("A.8.10",),
    iso27701=("A.2.4.3",),
    registers=("lifecycle",),
)
class ErasureCertified(EventData):
    """The erasure was certified to the controller."""

    controller_id: f.Id = Field(description="Id of the controller")
    erasure_id: f.Id | None = Field(None, description="Id of the erasure")
    certificate_sha256: f.Digest | None = Field(None, description="SHA-256 of the certificate")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")
