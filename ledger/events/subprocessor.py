"""Subprocessors: changes, objections, contracts (clause 7).

The vocabulary of `docs/reference/events.md`, as models; see `ledger/events/base.py`.
"""

from __future__ import annotations

from pydantic import Field

from ledger.events import fields as f
from ledger.events.base import EventData, event_type
from ledger.events.declared import DECLARATION, DECLARED_BY, IDENTITY, INTEGRITY


@event_type(
    nl="Wijziging van subverwerkers bekendgemaakt",
    group="subprocessor",
    clauses="7.2",
    gdpr="28(2)",
    iso27001=("A.5.19", "A.5.21", "A.5.22"),
    nen7510=("5.19", "5.21"),
    iso27701=("A.2.5.7", "A.2.5.9"),
    registers=("subprocessor_register",),
)
class SubprocessorChangeAnnounced(EventData):
    """An intended change of subprocessors was announced."""

    change_id: f.Id = Field(description="Id of the announced change")
    subprocessor_id: f.Id = Field(description="Id of the subprocessor")
    subprocessor_name: f.Name = Field(description="Name of the subprocessor")
    kind: f.ChangeKind = Field(description="Kind of change")
    countries: f.Countries = Field(description="Countries of processing")
    intended_start: f.Moment = Field(description="When it is meant to start")
    delivered_to: f.Deliveries = Field(description="Controllers it was delivered to")
    announced_via: f.Slug = Field(
        description="Way of the announcement (clause 7.2: the newsletter)"
    )
    services: f.TextOrTexts | None = Field(None, description="Services of the subprocessor")
    data_categories: f.DataCategories | None = Field(
        None, description="Categories of personal data (clause 4.2), with art. 9 and BSN marked"
    )
    announced_at: f.Moment | None = Field(None, description="When it was published")


@event_type(
    nl="Bezwaar tegen subverwerker gemaakt",
    group="subprocessor",
    clauses="7.2",
    gdpr="28(2)",
    iso27001=("A.5.22",),
    iso27701=("A.2.5.9",),
    registers=("subprocessor_register",),
)
class SubprocessorObjectionRaised(EventData):
    """A controller objected to an announced change."""

    objection_id: f.Id = Field(description="Id of the objection")
    change_id: f.Id = Field(description="Id of the announced change")
    controller_id: f.Id = Field(description="Id of the controller")
    written: f.Bool = Field(description="Whether it meets Schriftelijk")
    reasoned: f.Bool = Field(description="Whether it gives reasons")
    received_at: f.Moment | None = Field(None, description="When it was received")
    message_sha256: f.Digest | None = Field(None, description="SHA-256 of the message")
    reasons: f.Text | None = Field(None, description="Reasons given")
    declaration: f.Text | None = DECLARATION
    declared_by: f.Pseudonym | None = DECLARED_BY
    sender_identity_established: f.Established | None = IDENTITY
    integrity_established: f.Established | None = INTEGRITY


@event_type(
    nl="Bezwaar tegen subverwerker afgehandeld",
    group="subprocessor",
    clauses="7.2",
    gdpr="28(2)",
    iso27001=("A.5.22",),
    iso27701=("A.2.5.9",),
    registers=("subprocessor_register",),
)
class SubprocessorObjectionResolved(EventData):
    """An objection was resolved."""

    objection_id: f.Id = Field(description="Id of the objection")
    change_id: f.Id = Field(description="Id of the announced change")
    controller_id: f.Id = Field(description="Id of the controller")
    outcome: f.ObjectionOutcome = Field(description="How the objection ended")
    measures: f.TextOrTexts | None = Field(None, description="Measures taken or proposed")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")


@event_type(
    nl="Subverwerkersovereenkomst gesloten",
    group="subprocessor",
    clauses="7.1",
    gdpr="28(4)",
    iso27001=("A.5.20", "A.5.23"),
    nen7510=("5.19",),
    iso27701=("A.2.5.8",),
    registers=("subprocessor_register",),
)
class SubprocessingContractConcluded(EventData):
    """The contract that passes the duties on was concluded."""

    subprocessor_id: f.Id = Field(description="Id of the subprocessor")
    subprocessor_name: f.Name = Field(description="Name of the subprocessor")
    contract_sha256: f.Digest | None = Field(None, description="SHA-256 of the contract")
    signed_at: f.Moment | None = Field(None, description="When it was signed")
    clause_map: f.ClauseMap | None = Field(None, description="Our clause to theirs")
    gaps: f.Texts | None = Field(None, description="Clauses that were not passed on")


@event_type(
    nl="Subverwerker ingeschakeld",
    group="subprocessor",
    clauses="7.1, 7.2",
    gdpr="28(2), 28(4)",
    iso27001=("A.5.19", "A.5.21", "A.5.23"),
    nen7510=("5.19", "5.21"),
    iso27701=("A.2.5.7", "A.2.5.8"),
    registers=("subprocessor_register", "processing_register"),
)
class SubprocessorEngaged(EventData):
    """A subprocessor was engaged for some controllers."""

    subprocessor_id: f.Id = Field(description="Id of the subprocessor")
    controller_ids: f.Controllers = Field(description="Ids of the controllers concerned")
    countries: f.Countries = Field(description="Countries of processing")
    change_id: f.Id | None = Field(None, description="Id of the announced change")
    started_at: f.Moment | None = Field(None, description="When it started")
    services: f.TextOrTexts | None = Field(None, description="Services of the subprocessor")


@event_type(
    nl="Inschakeling van subverwerker beëindigd",
    group="subprocessor",
    clauses="7.1",
    gdpr="28(4), 28(3)(g)",
    iso27001=("A.5.22", "A.5.11"),
    nen7510=("5.11",),
    iso27701=("A.2.5.9",),
    registers=("subprocessor_register",),
)
class SubprocessorDisengaged(EventData):
    """A subprocessor was disengaged for some controllers."""

    subprocessor_id: f.Id = Field(description="Id of the subprocessor")
    controller_ids: f.Controllers = Field(description="Ids of the controllers concerned")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")
    data_returned_or_erased: f.BoolOrText | None = Field(
        None, description="What happened with the data"
    )
