"""Security measures, risks, and digests of logs (clauses 2.4, 5; Annex II; GDPR art. 32).

The vocabulary of `docs/reference/events.md`, as models; see `ledger/events/base.py`.
"""

from __future__ import annotations

from pydantic import Field

from ledger.events import fields as f
from ledger.events.base import EventData, event_type


@event_type(
    nl="Beveiligingsmaatregel getroffen",
    group="security",
    clauses="2.4, 5.1, 5.2, Annex II",
    gdpr="32(1), 30(2)(d)",
    iso27001=("A.5.1", "A.5.36"),
    nen7510=("5.36", "5.38 HLT"),
    registers=("measures_register", "evidence_map"),
)
class SecurityMeasureAdopted(EventData):
    """A security measure was adopted."""

    measure_id: f.Id = Field(description="Id of the security measure")
    title: f.Name = Field(description="Title of the measure")
    description: f.Text | None = Field(None, description="Description")
    art32_class: f.TextOrTexts | None = Field(
        None, description="Class of measure: letter a, b, c or d of GDPR art. 32(1)"
    )
    control_refs: f.Texts | None = Field(None, description="Controls it belongs to")
    in_force_from: f.Moment | None = Field(None, description="When the measure takes effect")
    owner: f.Pseudonym | None = Field(
        None, description="Who is responsible, as a pseudonym or role"
    )
    bearer: f.Bearer | None = Field(None, description="Who takes the measure")


@event_type(
    nl="Beveiligingsmaatregel gewijzigd",
    group="security",
    clauses="5.2, Annex II",
    gdpr="32(1)(d)",
    iso27001=("A.8.32", "A.5.36"),
    nen7510=("8.32",),
    registers=("measures_register",),
)
class SecurityMeasureAmended(EventData):
    """A security measure was amended."""

    measure_id: f.Id = Field(description="Id of the security measure")
    changes: f.Changes = Field(description="What changed")
    in_force_from: f.Moment | None = Field(None, description="When the measure takes effect")
    reason: f.Text | None = Field(None, description="Why")


@event_type(
    nl="Beveiligingsmaatregel beëindigd",
    group="security",
    tier="ext",
    clauses="5.2, Annex II",
    gdpr="32",
    iso27001=("A.8.32",),
    nen7510=("8.32",),
    registers=("measures_register",),
)
class SecurityMeasureRetired(EventData):
    """A security measure was retired."""

    measure_id: f.Id = Field(description="Id of the security measure")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")
    replaced_by: f.Id | None = Field(None, description="Id of what replaces it")


@event_type(
    nl="Beveiligingsmaatregelen meegedeeld",
    group="security",
    clauses="5.5",
    gdpr="28(3)(f)",
    iso27001=("A.5.19", "A.5.20"),
    nen7510=("5.19",),
    registers=("measures_register",),
)
class SecurityMeasuresCommunicated(EventData):
    """Controllers were told of the security measures."""

    controller_ids: f.Controllers = Field(description="Ids of the controllers concerned")
    measure_ids: f.Ids = Field(description="Ids of security measures")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")
    occasion: f.Text | None = Field(None, description="What gave occasion (clause 5.5)")


@event_type(
    nl="Risicobeoordeling afgerond",
    group="security",
    clauses="5.2",
    gdpr="32(1), 32(2)",
    nen7510=("5.38 HLT",),
    registers=("evidence_map", "dpia_support"),
)
class RiskAssessmentCompleted(EventData):
    """A risk assessment was completed."""

    assessment_id: f.Id = Field(description="Id of the risk assessment")
    scope: f.Text | None = Field(None, description="Scope")
    method: f.Text | None = Field(None, description="Method")
    at: f.Moment | None = Field(None, description="When it happened, if not at occurredat")
    risks_summary: f.Text | None = Field(None, description="Summary of the risks")
    report_sha256: f.Digest | None = Field(None, description="SHA-256 of the report")


@event_type(
    nl="Vingerafdruk van een logdag vastgelegd",
    group="security",
    clauses="5.1, Annex II",
    gdpr="5(2), 32(1)(b)",
    iso27001=("A.8.15",),
    nen7510=("8.15",),
    registers=("measures_register", "evidence_map"),
)
class LogDigestRecorded(EventData):
    """The lines of one day of a log were fixed by a digest."""

    log_source: f.Id = Field(description="System whose log it is, under a name of its own")
    standard: f.LogStandard = Field(description="Standard that the log follows")
    day: f.Day = Field(description="Civil day of the lines, in Europe/Amsterdam")
    supplement: f.Count = Field(
        description="0 for the day itself, then 1, 2 … for lines that came later"
    )
    form: f.LineForm = Field(description="What a line is: of a file, or an OTLP record")
    lines: f.LineCount = Field(description="Number of lines")
    root: f.Bytes32 = Field(description="Root of the Merkle tree of the lines, 32 bytes in base64")
    hash_algorithm: f.HashAlgorithm = Field(description="Hash algorithm of the tree")
    previous: f.EventRef | None = Field(
        None, description="Id of the digest before it of this log; absent in the first"
    )
    previous_sha256: f.Digest | None = Field(None, description="SHA-256 of the payload of that")
