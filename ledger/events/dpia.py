"""Support with a DPIA (clauses 5.4, 11.4).

The vocabulary of `docs/reference/events.md`, as models; see `ledger/events/base.py`.
"""

from __future__ import annotations

from pydantic import Field

from ledger.events import fields as f
from ledger.events.base import EventData, event_type


@event_type(
    nl="Ondersteuning bij DPIA gevraagd",
    group="dpia",
    clauses="5.4, 11.4",
    gdpr="28(3)(f), 35",
    iso27001=("A.5.34",),
    nen7510=("5.34",),
    iso27701=("A.2.2.6",),
    registers=("dpia_support",),
)
class DpiaSupportRequested(EventData):
    """A controller asked for support with a DPIA."""

    dpia_id: f.Id = Field(description="Id of the DPIA")
    controller_id: f.Id = Field(description="Id of the controller")
    requested_at: f.Moment | None = Field(None, description="When it was requested")
    scope: f.Text | None = Field(None, description="Scope")


@event_type(
    nl="Ondersteuning bij DPIA verleend",
    group="dpia",
    clauses="5.4, 11.4",
    gdpr="28(3)(f), 35(7)",
    iso27001=("A.5.34",),
    nen7510=("5.34",),
    iso27701=("A.2.2.6",),
    registers=("dpia_support",),
)
class DpiaSupportProvided(EventData):
    """Support with a DPIA was provided."""

    dpia_id: f.Id = Field(description="Id of the DPIA")
    controller_id: f.Id = Field(description="Id of the controller")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")
    ledger_position: f.Count | None = Field(None, description="Size of the log it rests on")
    artefact_sha256: f.Digest | None = Field(None, description="SHA-256 of what was provided")
    parts: f.Texts | None = Field(None, description="Parts that were provided")
