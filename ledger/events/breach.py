"""Security events and personal data breaches (clause 9; GDPR art. 33, 34).

The vocabulary of `docs/reference/events.md`, as models; see `ledger/events/base.py`.
"""

from __future__ import annotations

from pydantic import Field

from ledger.events import fields as f
from ledger.events.base import EventData, event_type


@event_type(
    nl="Beveiligingsgebeurtenis gemeld",
    group="breach",
    clauses="9.3",
    gdpr="33(2)",
    iso27001=("A.6.8", "A.5.24"),
    nen7510=("6.8", "5.24"),
    registers=("breach_register",),
)
class SecurityEventReported(EventData):
    """A possible personal data breach was reported."""

    event_ref: f.Id = Field(description="Id of the security event")
    reporter: f.Text = Field(
        description="Who reported: a kind (controller, staff, subprocessor, third party) or an id"
    )
    channel: f.Slug = Field(description="Way it came in or went out")
    reported_at: f.Moment | None = Field(None, description="When it was reported")
    summary: f.Text | None = Field(None, description="Summary, without personal data")


@event_type(
    nl="Beveiligingsgebeurtenis is geen inbreuk",
    group="breach",
    clauses="9.1",
    gdpr="33(5)",
    iso27001=("A.5.25",),
    nen7510=("5.25",),
    registers=("breach_register",),
)
class SecurityEventDismissed(EventData):
    """A security event was found to be no personal data breach."""

    event_ref: f.Id = Field(description="Id of the security event")
    reason: f.Text | None = Field(None, description="Why")
    assessed_by: f.Pseudonym | None = Field(
        None, description="Who assessed it, as a pseudonym or role"
    )
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")


@event_type(
    nl="Inbreuk vastgesteld",
    group="breach",
    clauses="1 (Inbreuk), 9.1",
    gdpr="4(12), 33(2)",
    iso27001=("A.5.24", "A.5.25", "A.5.26"),
    nen7510=("5.24", "5.25"),
    registers=("breach_register",),
)
class BreachConfirmed(EventData):
    """A personal data breach was confirmed: the processor is aware."""

    breach_id: f.Id = Field(description="Id of the personal data breach")
    event_ref: f.Id = Field(description="Id of the security event")
    became_aware_at: f.Instant = Field(description="When the processor became aware")
    occurred_from: f.Moment = Field(description="When the breach began")
    occurred_until: f.Moment = Field(description="When the breach ended")
    controller_ids: f.Controllers = Field(description="Ids of the controllers concerned")
    subject_count: f.Count = Field(description="Number of data subjects")
    nature: f.Nature | None = Field(
        None, description="Confidentiality (C), integrity (I), availability (A)"
    )
    cause: f.Text | None = Field(None, description="Cause")
    data_subject_categories: f.Slugs | None = Field(None, description="Categories of data subjects")
    subjects_approx: f.Range | None = Field(None, description="Approximate number of data subjects")
    records_approx: f.CountOrRange | None = Field(None, description="Approximate number of records")
    data_categories: f.DataCategories | None = Field(
        None, description="Categories of personal data (clause 4.2), with art. 9 and BSN marked"
    )
    origin: f.Origin | None = Field(None, description="Where the breach originated")


@event_type(
    nl="Inbreuk gemeld aan de verwerkingsverantwoordelijke",
    group="breach",
    clauses="9.1",
    gdpr="33(2), 33(3)",
    iso27001=("A.5.26", "A.5.5"),
    nen7510=("5.43 HLT",),
    registers=("breach_register", "clocks"),
)
class BreachNotified(EventData):
    """A controller was told of a personal data breach."""

    breach_id: f.Id = Field(description="Id of the personal data breach")
    controller_id: f.Id = Field(description="Id of the controller")
    missing_items: f.Texts = Field(description="Items of art. 33(3) that are still missing")
    notified_at: f.Moment | None = Field(None, description="When the notice was given")
    channel: f.Slug | None = Field(None, description="Way it came in or went out")
    nature: f.TextOrTexts | None = Field(None, description="Nature of the breach (art. 33(3)(a))")
    numbers: f.Numbers | None = Field(None, description="Numbers of data subjects and records")
    contact_point: f.Contact | None = Field(
        None, description="Contact point for more information (art. 33(3)(b))"
    )
    likely_consequences: f.Text | None = Field(
        None, description="Likely consequences (art. 33(3)(c))"
    )
    measures: f.TextOrTexts | None = Field(None, description="Measures taken or proposed")


@event_type(
    nl="Ontwikkelingen in inbreuk gemeld",
    group="breach",
    clauses="9.2",
    gdpr="33(4)",
    iso27001=("A.5.26", "A.5.27"),
    nen7510=("5.43 HLT",),
    registers=("breach_register",),
)
class BreachUpdateIssued(EventData):
    """Controllers were told of developments in a personal data breach."""

    breach_id: f.Id = Field(description="Id of the personal data breach")
    update_no: f.UpdateNumber = Field(description="Number of the update: 1, 2, 3 …")
    delivered_to: f.Deliveries = Field(description="Controllers it was delivered to")
    changed_facts: f.FactMap = Field(description="Facts that changed, by name")
    issued_at: f.Moment | None = Field(None, description="When it was issued")
    controllers_added: f.Ids | None = Field(None, description="Controllers that are added")
    added_controller_ids: f.Ids | None = Field(None, description="Controllers that are added")
    became_aware_at: f.Instant | None = Field(None, description="When the processor became aware")


@event_type(
    nl="Inbreuk ingedamd",
    group="breach",
    tier="ext",
    clauses="9.2",
    gdpr="33(3)(d)",
    iso27001=("A.5.26",),
    registers=("breach_register",),
)
class BreachContained(EventData):
    """A personal data breach was contained."""

    breach_id: f.Id = Field(description="Id of the personal data breach")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")
    measures: f.TextOrTexts | None = Field(None, description="Measures taken or proposed")


@event_type(
    nl="Inbreuk gemeld aan de toezichthouder",
    group="breach",
    tier="ext",
    clauses="9.4",
    gdpr="33(1)",
    iso27001=("A.5.5",),
    nen7510=("5.43 HLT",),
    registers=("breach_register", "clocks"),
)
class SupervisoryAuthorityNotified(EventData):
    """A controller told the supervisory authority."""

    breach_id: f.Id = Field(description="Id of the personal data breach")
    controller_id: f.Id = Field(description="Id of the controller")
    notified_at: f.Moment | None = Field(None, description="When the notice was given")
    reference: f.Text | None = Field(None, description="Reference the authority gave")
    reasons_for_delay: f.Text | None = Field(
        None, description="Reasons for a delay beyond 72 hours (art. 33(1))"
    )
    reported_by_controller_at: f.Moment | None = Field(
        None, description="When the controller told the processor about it"
    )


@event_type(
    nl="Inbreuk meegedeeld aan betrokkenen",
    group="breach",
    tier="ext",
    clauses="9.4",
    gdpr="34",
    iso27001=("A.5.26",),
    nen7510=("6.8", "5.43 HLT"),
    registers=("breach_register",),
)
class DataSubjectsNotified(EventData):
    """A controller told the data subjects."""

    breach_id: f.Id = Field(description="Id of the personal data breach")
    controller_id: f.Id = Field(description="Id of the controller")
    number: f.Count = Field(description="Number of data subjects told")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")
    method: f.Text | None = Field(None, description="Method")


@event_type(
    nl="Inbreuk afgesloten",
    group="breach",
    clauses="9.2",
    gdpr="33(5)",
    iso27001=("A.5.27", "A.5.28"),
    nen7510=("5.24",),
    registers=("breach_register",),
)
class BreachClosed(EventData):
    """A personal data breach was closed and documented."""

    breach_id: f.Id = Field(description="Id of the personal data breach")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")
    root_cause: f.Text | None = Field(None, description="Root cause")
    effects: f.Text | None = Field(None, description="Effects of the breach")
    remedial_actions: f.TextOrTexts | None = Field(None, description="Remedial action taken")
    lessons: f.Text | None = Field(None, description="Lessons learned")
    report_sha256: f.Digest | None = Field(None, description="SHA-256 of the report")
