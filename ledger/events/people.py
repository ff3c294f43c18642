"""Secrecy and access of staff (clauses 5.8, 6.2).

The vocabulary of `docs/reference/events.md`, as models; see `ledger/events/base.py`.
"""

from __future__ import annotations

from pydantic import Field

from ledger.events import fields as f
from ledger.events.base import EventData, event_type


@event_type(
    nl="Geheimhouding ondertekend",
    group="people",
    clauses="6.2",
    gdpr="28(3)(b)",
    iso27001=("A.6.6", "A.6.2"),
    nen7510=("6.2", "6.6"),
    registers=("staff_register",),
)
class ConfidentialityUndertakingSigned(EventData):
    """A person undertook to keep secrecy."""

    person_pseudonym: f.Id = Field(description="Pseudonym of the person")
    signed_at: f.Moment | None = Field(None, description="When it was signed")
    document_sha256: f.Digest | None = Field(None, description="SHA-256 of the document")
    basis: f.Text | None = Field(None, description="What it rests on")


@event_type(
    nl="Toegang tot gegevens verleend",
    group="people",
    clauses="5.8, 6.2",
    gdpr="28(3)(b), 29, 32(4)",
    iso27001=("A.5.15", "A.5.18", "A.8.2"),
    nen7510=("5.15", "5.18"),
    registers=("staff_register",),
)
class DataAccessAuthorised(EventData):
    """A person was authorised to access personal data."""

    person_pseudonym: f.Id = Field(description="Pseudonym of the person")
    role: f.Text | None = Field(None, description="Role")
    scope: f.Text | None = Field(None, description="Scope")
    authorised_at: f.Moment | None = Field(None, description="When access was authorised")
    approved_by: f.Pseudonym | None = Field(
        None, description="Who approved it, as a pseudonym or role"
    )


@event_type(
    nl="Toegang tot gegevens ingetrokken",
    group="people",
    tier="ext",
    clauses="5.8, 6.2",
    gdpr="32(4)",
    iso27001=("A.5.18", "A.6.5"),
    nen7510=("5.18", "6.5"),
    registers=("staff_register",),
)
class DataAccessRevoked(EventData):
    """A person's access was revoked."""

    person_pseudonym: f.Id = Field(description="Pseudonym of the person")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")
    reason: f.Text | None = Field(None, description="Why")
