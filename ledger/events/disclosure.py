"""Demands of authorities and disclosures (clause 4.7).

The vocabulary of `docs/reference/events.md`, as models; see `ledger/events/base.py`.
"""

from __future__ import annotations

from typing import Self

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from ledger.events import fields as f
from ledger.events.base import EventData, event_type


@event_type(
    nl="Vordering tot verstrekking ontvangen",
    group="disclosure",
    clauses="4.7",
    gdpr="28(3)(a), 48",
    iso27001=("A.5.5", "A.5.31"),
    nen7510=("5.43 HLT",),
    iso27701=("A.2.5.5",),
    registers=("disclosure_register",),
)
class DisclosureDemandReceived(EventData):
    """An authority demanded personal data."""

    demand_id: f.Id = Field(description="Id of the demand")
    controller_ids: f.Controllers = Field(description="Ids of the controllers concerned")
    authority: f.Name = Field(description="Authority that demands")
    notification_prohibited: f.Bool = Field(
        description="Whether telling the controller is prohibited by law"
    )
    country: f.Country | None = Field(None, description="Country, ISO 3166-1 alpha-2")
    legal_basis: f.Text | None = Field(None, description="Statute or order it rests on")
    categories: f.Slugs | None = Field(None, description="Categories of personal data")
    received_at: f.Moment | None = Field(None, description="When it was received")
    prohibition_basis: f.Text | None = Field(None, description="Provision that prohibits telling")
    prohibition_until: f.Moment | None = Field(None, description="Until when telling is prohibited")


@event_type(
    nl="Vordering gemeld aan de verwerkingsverantwoordelijke",
    group="disclosure",
    clauses="4.7",
    gdpr="28(3)(a)",
    iso27001=("A.5.31",),
    iso27701=("A.2.5.5",),
    registers=("disclosure_register",),
)
class DisclosureDemandNotified(EventData):
    """The controller was told of a demand."""

    demand_id: f.Id = Field(description="Id of the demand")
    controller_id: f.Id = Field(description="Id of the controller")
    notified_at: f.Moment | None = Field(None, description="When the notice was given")
    channel: f.Slug | None = Field(None, description="Way it came in or went out")
    before_disclosure: f.Bool | None = Field(
        None, description="Whether the notice came before the disclosure"
    )


@event_type(
    nl="Vordering betwist",
    group="disclosure",
    tier="ext",
    clauses="4.7",
    iso27001=("A.5.31",),
    iso27701=("A.2.5.6",),
    registers=("disclosure_register",),
)
class DisclosureDemandContested(EventData):
    """A demand was contested."""

    demand_id: f.Id = Field(description="Id of the demand")
    controller_id: f.Id = Field(description="Id of the controller")
    by: f.Text | None = Field(None, description="Who did it, as a pseudonym or role")
    grounds: f.Text | None = Field(None, description="Grounds")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")


@event_type(
    nl="Persoonsgegevens verstrekt",
    group="disclosure",
    clauses="4.5, 4.7",
    gdpr="28(3)(a), 30(1)(d)",
    iso27001=("A.5.14", "A.5.34"),
    nen7510=("5.14", "5.34"),
    iso27701=("A.2.5.4", "A.2.5.6"),
    registers=("disclosure_register",),
)
class PersonalDataDisclosed(EventData):
    """Personal data were disclosed to a third party."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["demand_id"]}, {"required": ["instruction_id"]}]}
    )

    disclosure_id: f.Id = Field(description="Id of the disclosure")
    controller_ids: f.Controllers = Field(description="Ids of the controllers concerned")
    subject_count: f.Count = Field(description="Number of data subjects")
    demand_id: f.Id | None = Field(None, description="Id of the demand")
    instruction_id: f.Id | None = Field(None, description="Id of the instruction")
    recipient: f.Name | None = Field(None, description="Recipient organisation")
    recipient_category: f.Slug | None = Field(None, description="Category of the recipient")
    country: f.Country | None = Field(None, description="Country, ISO 3166-1 alpha-2")
    categories: f.Slugs | None = Field(None, description="Categories of personal data")
    legal_ground: f.Text | None = Field(None, description="Legal ground")
    disclosed_at: f.Moment | None = Field(None, description="When the data were disclosed")
    method: f.Text | None = Field(None, description="Method")
    file_sha256: f.Digest | None = Field(None, description="SHA-256 of the file")

    @model_validator(mode="after")
    def _has_ground(self) -> Self:
        if self.demand_id is None and self.instruction_id is None:
            raise PydanticCustomError("required", "must name a demand_id or an instruction_id")
        return self


@event_type(
    nl="Vordering afgesloten",
    group="disclosure",
    tier="ext",
    clauses="4.7",
    iso27001=("A.5.31",),
    iso27701=("A.2.5.6",),
    registers=("disclosure_register",),
)
class DisclosureDemandClosed(EventData):
    """A demand was closed."""

    demand_id: f.Id = Field(description="Id of the demand")
    outcome: f.Text | None = Field(None, description="Outcome")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")
