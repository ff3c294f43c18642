"""Processing activities and statutory retention (clauses 4.2, 4.3; Annex I).

The vocabulary of `docs/reference/events.md`, as models; see `ledger/events/base.py`.
"""

from __future__ import annotations

from pydantic import Field

from ledger.events import fields as f
from ledger.events.base import EventData, event_type


@event_type(
    nl="Verwerking geregistreerd",
    group="register",
    clauses="4.2, Annex I",
    gdpr="30(2)(b)-(d), 28(3)",
    iso27001=("A.5.9", "A.5.12", "A.5.34"),
    nen7510=("5.9", "5.12", "5.34", "5.39 HLT"),
    iso27701=("A.2.2.7", "A.2.2.3"),
    registers=("processing_register", "dpia_support"),
)
class ProcessingActivityRegistered(EventData):
    """A category of processing entered the processing register."""

    activity_id: f.Id = Field(description="Id of the processing activity")
    controller_ids: f.Controllers = Field(description="Ids of the controllers concerned")
    data_categories: f.DataCategories = Field(
        description="Categories of personal data (clause 4.2), with art. 9 and BSN marked"
    )
    version: f.Version | None = Field(None, description="Version of the text or of the activity")
    name_nl: f.Name | None = Field(None, description="Name in Dutch")
    name_en: f.Name | None = Field(None, description="Name in English")
    categories_of_processing: f.Texts | None = Field(
        None, description="Categories of processing (art. 30(2)(b))"
    )
    purpose: f.Text | None = Field(None, description="Purpose the controller pursues")
    data_subject_categories: f.Slugs | None = Field(None, description="Categories of data subjects")
    recipients: f.Texts | None = Field(None, description="Recipients of the data")
    storage_countries: f.Countries | None = Field(
        None, description="Countries where the data are stored"
    )
    retention_rule: f.Text | None = Field(None, description="Rule by which the data are kept")
    measure_ids: f.Ids | None = Field(None, description="Ids of security measures")


@event_type(
    nl="Verwerking gewijzigd",
    group="register",
    clauses="4.2, Annex I",
    gdpr="30(2)",
    iso27001=("A.5.9", "A.8.32"),
    nen7510=("5.9", "8.32"),
    iso27701=("A.2.2.7",),
    registers=("processing_register",),
)
class ProcessingActivityAmended(EventData):
    """A processing activity changed: another version of it."""

    activity_id: f.Id = Field(description="Id of the processing activity")
    new_version: f.Version | None = Field(None, description="Version after the amendment")
    changes: f.Changes | None = Field(None, description="What changed")
    reason: f.Text | None = Field(None, description="Why")
    instruction_id: f.Id | None = Field(None, description="Id of the instruction")
    added_controller_ids: f.Ids | None = Field(None, description="Controllers that are added")
    added_data_categories: f.DataCategories | None = Field(
        None, description="Categories of personal data that are added"
    )
    controller_id: f.Id | None = Field(None, description="Id of the controller")


@event_type(
    nl="Verwerking beëindigd",
    group="register",
    tier="ext",
    clauses="Annex I",
    gdpr="30(2)",
    iso27001=("A.5.9",),
    iso27701=("A.2.2.7",),
    registers=("processing_register",),
)
class ProcessingActivityDiscontinued(EventData):
    """A processing activity ended for some controllers."""

    activity_id: f.Id = Field(description="Id of the processing activity")
    controller_ids: f.Controllers = Field(description="Ids of the controllers concerned")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")
    reason: f.Text | None = Field(None, description="Why")


@event_type(
    nl="Wettelijke bewaarplicht ontstaan",
    group="register",
    clauses="4.3, 10.1",
    gdpr="28(3)(g), 17(3)",
    iso27001=("A.5.31", "A.5.33"),
    nen7510=("5.33",),
    iso27701=("A.2.4.3",),
    registers=("lifecycle",),
)
class StatutoryRetentionImposed(EventData):
    """A statute or order obliges the processor to keep data longer."""

    hold_id: f.Id = Field(description="Id of the statutory retention")
    controller_id: f.Id = Field(description="Id of the controller")
    legal_basis: f.Text = Field(description="Statute or order it rests on")
    until: f.Moment = Field(description="Until when")
    data_categories: f.DataCategories | None = Field(
        None, description="Categories of personal data (clause 4.2), with art. 9 and BSN marked"
    )


@event_type(
    nl="Wettelijke bewaarplicht vervallen",
    group="register",
    tier="ext",
    clauses="4.3, 10.1",
    gdpr="28(3)(g)",
    iso27001=("A.5.33",),
    iso27701=("A.2.4.3",),
    registers=("lifecycle",),
)
class StatutoryRetentionLapsed(EventData):
    """The duty to keep data longer lapsed."""

    hold_id: f.Id = Field(description="Id of the statutory retention")
    controller_id: f.Id = Field(description="Id of the controller")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")
