"""Sharing data with researchers (clause 4.5).

The vocabulary of `docs/reference/events.md`, as models; see `ledger/events/base.py`.
"""

from __future__ import annotations

from pydantic import Field

from ledger.events import fields as f
from ledger.events.base import EventData, event_type


@event_type(
    nl="Toestemming voor onderzoek verklaard",
    group="research",
    clauses="4.5",
    gdpr="9(2)(a), 7(1)",
    iso27001=("A.5.34",),
    nen7510=("5.34",),
    iso27701=("A.2.2.6",),
    registers=("research_register",),
)
class ResearchConsentAttested(EventData):
    """The controller attested the explicit consent of patients to research."""

    attestation_id: f.Id = Field(description="Id of the attestation of consents")
    controller_id: f.Id = Field(description="Id of the controller")
    subject_tokens: f.Tokens = Field(description="Keyed tokens of the data subjects")
    recipient: f.Name = Field(description="Recipient organisation")
    project: f.Text | None = Field(None, description="Research project")
    consent_form_sha256: f.Digest | None = Field(None, description="SHA-256 of the consent form")
    approached_by_controller: f.Bool | None = Field(
        None, description="Whether the controller approached the patients itself (clause 4.5)"
    )
    subject_tokens_commitment: f.Digest | None = Field(
        None, description="Commitment to the set of tokens"
    )
    subject_count: f.Count | None = Field(None, description="Number of data subjects")
    attested_at: f.Moment | None = Field(None, description="When the consents were attested")


@event_type(
    nl="Toestemming voor onderzoek ingetrokken",
    group="research",
    clauses="4.5",
    gdpr="7(3)",
    iso27001=("A.5.34",),
    nen7510=("5.34",),
    iso27701=("A.2.3.2",),
    registers=("research_register",),
)
class ResearchConsentWithdrawn(EventData):
    """A patient withdrew the consent to research."""

    attestation_id: f.Id = Field(description="Id of the attestation of consents")
    controller_id: f.Id = Field(description="Id of the controller")
    subject_token: f.Token = Field(description="Keyed token of the data subject")
    withdrawn_at: f.Moment | None = Field(None, description="When it was withdrawn")


@event_type(
    nl="Gegevens voor onderzoek gedeeld",
    group="research",
    clauses="4.5",
    gdpr="9(2)(a), 28(3)(a)",
    iso27001=("A.5.14", "A.5.34"),
    nen7510=("5.14", "5.34"),
    iso27701=("A.2.5.4",),
    registers=("research_register", "disclosure_register"),
)
class ResearchDataShared(EventData):
    """Data were shared with researchers."""

    share_id: f.Id = Field(description="Id of the sharing")
    instruction_id: f.Id = Field(description="Id of the instruction")
    attestation_id: f.Id = Field(description="Id of the attestation of consents")
    controller_id: f.Id = Field(description="Id of the controller")
    subject_tokens: f.Tokens = Field(description="Keyed tokens of the data subjects")
    recipient: f.Name = Field(description="Recipient organisation")
    country: f.Country = Field(description="Country, ISO 3166-1 alpha-2")
    subject_tokens_commitment: f.Digest | None = Field(
        None, description="Commitment to the set of tokens"
    )
    subject_count: f.Count | None = Field(None, description="Number of data subjects")
    pseudonymised: f.Bool | None = Field(None, description="Whether the data were pseudonymised")
    shared_at: f.Moment | None = Field(None, description="When the data were shared")
    method: f.Text | None = Field(None, description="Method")
    file_sha256: f.Digest | None = Field(None, description="SHA-256 of the file")


@event_type(
    nl="Delen voor onderzoek geweigerd",
    group="research",
    clauses="4.5",
    gdpr="9(1), 28(3)",
    iso27001=("A.5.34",),
    iso27701=("A.2.2.5",),
    registers=("research_register",),
)
class ResearchSharingRefused(EventData):
    """The processor refused to share data with researchers."""

    instruction_id: f.Id = Field(description="Id of the instruction")
    controller_id: f.Id = Field(description="Id of the controller")
    reason: f.Text = Field(description="Why")
    refused_at: f.Moment | None = Field(None, description="When it was refused")
