"""Security measures, their versions, risk assessments, and who was told (Annex II; GDPR art. 32).

Rows by kind: `measure`, `risk_assessment`, `log`, and `communication` (5.5), one of a communication
for each controller it went to. A `log` is one of which digests are recorded, with the days between
its first and its last that have none. `tests/registers/test_measures.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from projections.facts import Fact
from projections.reading import day, text, texts, when, whole
from projections.register import Column, Label, Register, Row
from projections.rows import ITSELF, PROCESSOR_WIDE, cases_by, leading_to, of_type, row, row_key

BY_TYPE = {
    "SecurityMeasureAdopted": ("measure:measure_id",),
    "SecurityMeasureAmended": ("measure:measure_id",),
    "SecurityMeasureRetired": ("measure:measure_id",),
    "SecurityMeasuresCommunicated": (ITSELF,),
    "RiskAssessmentCompleted": ("assessment:assessment_id",),
    "LogDigestRecorded": ("log-source:log_source",),
}

COLUMNS = (
    Column("kind", Label("Soort regel", "Kind of row"), "Annex II"),
    Column("id", Label("Kenmerk", "Reference"), "Annex II"),
    Column("title", Label("Beveiligingsmaatregel", "Security measure"), "Annex II; art. 30(2)(d)"),
    Column("description", Label("Omschrijving", "Description"), "Annex II; art. 30(2)(d)"),
    Column("art32_class", Label("Soort maatregel", "Class of measure"), "art. 32(1)(a)-(d)"),
    Column("control_refs", Label("Beheersmaatregelen", "Controls"), "11.2"),
    Column("bearer", Label("Getroffen door", "Borne by"), "5.5"),
    Column("owner", Label("Verantwoordelijke functie", "Owner"), "2.4"),
    Column("state", Label("Toestand", "State"), "2.4; art. 32(1)"),
    Column("in_force_from", Label("Van kracht vanaf", "In force from"), "2.4; art. 32(1)"),
    Column("in_force_until", Label("Van kracht tot", "In force until"), "5.2"),
    Column("replaced_by", Label("Vervangen door", "Replaced by"), "5.2"),
    Column("version", Label("Versie", "Version"), "5.2; art. 32(1)(d)"),
    Column("versions", Label("Wijzigingen", "Amendments"), "5.2; art. 32(1)(d)"),
    Column("controller", Label("Klant", "Controller"), "5.5"),
    Column("measure_ids", Label("Meegedeelde maatregelen", "Measures communicated"), "5.5"),
    Column("communicated_at", Label("Meegedeeld op", "Communicated at"), "5.5; art. 28(3)(f)"),
    Column("occasion", Label("Aanleiding", "Occasion"), "5.5"),
    Column("assessed_at", Label("Risico beoordeeld op", "Risk assessed at"), "5.2; art. 32(2)"),
    Column("scope", Label("Reikwijdte", "Scope"), "5.2; art. 32(2)"),
    Column("method", Label("Methode", "Method"), "5.2; art. 32(2)"),
    Column("risks_summary", Label("Risico's in het kort", "Summary of risks"), "art. 32(2)"),
    Column("standard", Label("Norm van het log", "Standard of the log"), "art. 32(1)(b)"),
    Column("first_day", Label("Eerste logdag", "First day of the log"), "art. 5(2), 32(1)(b)"),
    Column("last_day", Label("Laatste logdag", "Last day of the log"), "art. 5(2), 32(1)(b)"),
    Column("lines", Label("Logregels", "Lines of the log"), "art. 5(2), 32(1)(b)"),
    Column(
        "late_lines", Label("Later gekomen logregels", "Lines that came later"), "art. 32(1)(b)"
    ),
    Column(
        "days_without",
        Label("Dagen zonder vingerafdruk", "Days without a digest"),
        "art. 5(2), 32(1)(b)",
    ),
    Column(
        "breaks",
        Label("Vingerafdrukken die niet aansluiten", "Digests that do not go on from the last"),
        "art. 5(2), 32(1)(b)",
    ),
    Column("report_sha256", Label("Hash van het rapport", "Hash of the report"), "art. 5(2)"),
)


def fold(case: str, facts: Sequence[Fact]) -> Sequence[Row]:
    """The rows of one measure, of one risk assessment, or of one communication."""
    tag, _, id_ = case.partition(":")
    if tag == "measure":
        return [_measure(id_, facts)]
    if tag == "assessment":
        return [_assessment(id_, facts)]
    if tag == "log-source":
        return [_log(id_, facts)]
    return [_communication(c, f) for f in facts for c in texts(f.data, "controller_ids")]


def _measure(measure_id: str, facts: Sequence[Fact]) -> Row:
    adopted = of_type(facts, "SecurityMeasureAdopted")
    turns = of_type(facts, "SecurityMeasureAdopted", "SecurityMeasureRetired")
    retired = turns[-1] if turns and turns[-1].type == "SecurityMeasureRetired" else None
    versions = _versions(facts)
    content = adopted[-1].data if adopted else {}
    values = {
        "kind": "measure",
        "id": measure_id,
        "title": text(content, "title"),
        "description": text(content, "description"),
        "art32_class": texts(content, "art32_class"),
        "control_refs": texts(content, "control_refs"),
        "bearer": text(content, "bearer"),
        "owner": text(content, "owner"),
        "state": "retired" if retired else "in_force",
        "in_force_from": when(adopted[-1], "in_force_from") if adopted else None,
        "in_force_until": when(retired, "at") if retired else None,
        "replaced_by": text(retired.data, "replaced_by") if retired else None,
        "version": len(versions),
        "versions": versions,
    }
    return row(COLUMNS, row_key("measure", measure_id), PROCESSOR_WIDE, values, facts)


def _versions(facts: Sequence[Fact]) -> list[dict[str, Any]]:
    """Each wording of the measure: its first adoption, a later one, and every amendment."""
    worded = of_type(facts, "SecurityMeasureAdopted", "SecurityMeasureAmended")
    return [
        {
            "version": number,
            "in_force_from": when(fact, "in_force_from"),
            "changes": fact.data.get("changes"),
            "reason": text(fact.data, "reason"),
        }
        for number, fact in enumerate(worded, start=1)
    ]


def _assessment(assessment_id: str, facts: Sequence[Fact]) -> Row:
    last = facts[-1]
    values = {
        "kind": "risk_assessment",
        "id": assessment_id,
        "assessed_at": when(last, "at"),
        "scope": last.data.get("scope"),
        "method": text(last.data, "method"),
        "risks_summary": text(last.data, "risks_summary"),
        "report_sha256": text(last.data, "report_sha256"),
    }
    return row(COLUMNS, row_key("risk_assessment", assessment_id), PROCESSOR_WIDE, values, facts)


def _communication(controller: str, fact: Fact) -> Row:
    values = {
        "kind": "communication",
        "id": fact.id,
        "controller": controller,
        "measure_ids": texts(fact.data, "measure_ids"),
        "communicated_at": when(fact, "at"),
        "occasion": text(fact.data, "occasion"),
    }
    key = row_key("communication", str(fact.position), controller)
    return row(COLUMNS, key, (controller,), values, [fact])


def _log(log_source: str, facts: Sequence[Fact]) -> Row:
    recorded = sorted(facts, key=lambda fact: fact.position)
    days = {fact.position: day(fact.data, "day") for fact in recorded}
    late = {f.position for f in recorded if (whole(f.data, "supplement") or 0) > 0}
    digested = sorted({d for position, d in days.items() if d is not None and position not in late})
    values = {
        "kind": "log",
        "id": log_source,
        "standard": text(recorded[-1].data, "standard"),
        "first_day": str(digested[0]) if digested else None,
        "last_day": str(digested[-1]) if digested else None,
        "lines": sum(whole(f.data, "lines") or 0 for f in recorded if f.position not in late),
        "late_lines": sum(whole(f.data, "lines") or 0 for f in recorded if f.position in late),
        "days_without": _between(digested),
        "breaks": [
            after.id
            for before, after in pairwise((None, *recorded))
            if after is not None
            and text(after.data, "previous") != (before.id if before is not None else None)
        ],
    }
    return row(COLUMNS, row_key("log", log_source), PROCESSOR_WIDE, values, facts)


def _between(days: Sequence[date]) -> list[dict[str, str]]:
    """The stretches of days that lack between the first and the last."""
    one = timedelta(days=1)
    return [
        {"from": str(before + one), "until": str(after - one)}
        for before, after in pairwise(days)
        if after - before > one
    ]


REGISTER = Register(
    name="measures",
    title=Label("Register van beveiligingsmaatregelen", "Register of security measures"),
    source="Annex II; 2.4, 5.1, 5.2, 5.5; art. 32, 30(2)(d)",
    columns=COLUMNS,
    types=frozenset(BY_TYPE),
    cases=cases_by(BY_TYPE),
    fold=fold,
    wide=leading_to(BY_TYPE, "measure", "assessment", "log-source"),
)
