"""Assistance to controllers (clauses 5.4, 8.2).

The vocabulary of `docs/reference/events.md`, as models; see `ledger/events/base.py`.
"""

from __future__ import annotations

from pydantic import Field

from ledger.events import fields as f
from ledger.events.base import EventData, event_type


@event_type(
    nl="Bijstand gevraagd",
    group="assistance",
    clauses="5.4, 8.2",
    gdpr="28(3)(e)-(f)",
    iso27001=("A.5.34",),
    iso27701=("A.2.2.6",),
    registers=("dsr_register", "assistance_register"),
)
class AssistanceRequested(EventData):
    """A controller asked for assistance."""

    assistance_id: f.Id = Field(description="Id of the assistance")
    controller_id: f.Id = Field(description="Id of the controller")
    subject: f.AssistanceSubject = Field(description="What the assistance is about")
    request_ref: f.Id | None = Field(None, description="Request it is about")
    requested_at: f.Moment | None = Field(None, description="When it was requested")


@event_type(
    nl="Bijstand verleend",
    group="assistance",
    clauses="5.4, 8.2",
    gdpr="28(3)(e)-(f)",
    iso27001=("A.5.34",),
    iso27701=("A.2.2.6",),
    registers=("dsr_register", "assistance_register"),
)
class AssistanceProvided(EventData):
    """Assistance was provided."""

    assistance_id: f.Id = Field(description="Id of the assistance")
    controller_id: f.Id = Field(description="Id of the controller")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")
    what: f.Text | None = Field(None, description="What was done")
    artefact_sha256: f.Digest | None = Field(None, description="SHA-256 of what was provided")
    outcome: f.Text | None = Field(None, description="Outcome")
