"""Requests of data subjects (clause 8.1).

The vocabulary of `docs/reference/events.md`, as models; see `ledger/events/base.py`.
"""

from __future__ import annotations

from pydantic import Field

from ledger.events import fields as f
from ledger.events.base import EventData, event_type


@event_type(
    nl="Verzoek van betrokkene ontvangen",
    group="dsr",
    clauses="8.1",
    gdpr="28(3)(e), 12-22",
    iso27001=("A.5.34",),
    nen7510=("5.34",),
    iso27701=("A.2.3.2",),
    registers=("dsr_register",),
)
class DataSubjectRequestReceived(EventData):
    """A data subject turned to the processor."""

    request_id: f.Id = Field(description="Id of the request")
    controller_id: f.Id = Field(description="Id of the controller")
    right: f.Slug = Field(description="Right that is exercised (GDPR 15-22)")
    received_at: f.Moment | None = Field(None, description="When it was received")
    channel: f.Slug | None = Field(None, description="Way it came in or went out")
    subject_token: f.Token | None = Field(None, description="Keyed token of the data subject")
    request_text: f.Sealed | None = Field(None, description="What was asked, sealed")
    subject_contact: f.Sealed | None = Field(
        None, description="How the data subject can be reached, sealed"
    )


@event_type(
    nl="Verzoek van betrokkene doorgestuurd",
    group="dsr",
    clauses="8.1",
    gdpr="28(3)(e)",
    iso27001=("A.5.34",),
    iso27701=("A.2.3.2",),
    registers=("dsr_register",),
)
class DataSubjectRequestForwarded(EventData):
    """The request was forwarded to the controller."""

    request_id: f.Id = Field(description="Id of the request")
    controller_id: f.Id = Field(description="Id of the controller")
    forwarded_at: f.Moment | None = Field(
        None, description="When it was forwarded to the controller"
    )
    channel: f.Slug | None = Field(None, description="Way it came in or went out")


@event_type(
    nl="Betrokkene doorverwezen",
    group="dsr",
    clauses="8.1",
    gdpr="28(3)(e)",
    iso27001=("A.5.34",),
    iso27701=("A.2.3.2",),
    registers=("dsr_register",),
)
class DataSubjectReferred(EventData):
    """The data subject was referred to the controller."""

    request_id: f.Id = Field(description="Id of the request")
    controller_id: f.Id = Field(description="Id of the controller")
    referred_at: f.Moment | None = Field(
        None, description="When the data subject was referred to the controller"
    )
    contact_given: f.BoolOrContact | None = Field(
        None, description="Contact point of the controller that was given to the data subject"
    )
