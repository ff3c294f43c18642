"""Frameworks and evidence as JSON and CSV, in Dutch or English.

What is not there is said in words; nothing says that a control is met. `tests/test_evidence.py`.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from projections.exports.judged import finding_json
from projections.exports.tables import basis_json, harmless, moment_json
from projections.frameworks.evidence import Applicability, Evidence, Gathered, Missed
from projections.frameworks.framework import Control, Framework
from projections.reading import stamp
from projections.register import Label

NO_EVIDENCE = Label("geen bewijs in dit grootboek", "no evidence in this ledger")

NO_EVENTS = Label(
    "geen bewijs in dit grootboek in deze periode", "no evidence in this ledger in this period"
)

NOTHING_SEEN = Label(
    "niets over deze klant, of over allen, in deze periode",
    "nothing about this controller, or about all, in this period",
)

MARK = Label(
    "Bewijs is geen oordeel: het grootboek toont wat is vastgelegd, niet of een maatregel werkt.",
    "Evidence is no judgement: the ledger shows what was recorded, not whether a control works.",
)

COLUMNS = {
    "control": Label("Beheersmaatregel", "Control"),
    "group": Label("Groep", "Group"),
    "label": Label("Onderwerp", "Topic"),
    "strength": Label("Bewijs", "Evidence"),
    "population": Label("Gebeurtenissen", "Events"),
    "first": Label("Eerste", "First"),
    "last": Label("Laatste", "Last"),
    "exceptions": Label("Bevindingen", "Findings"),
    "missed": Label("Uitgebleven", "Missed"),
    "applicability": Label("Van toepassing verklaard", "Declared applicable"),
}

STRENGTHS = {
    "primary": Label("rechtstreeks", "primary"),
    "supporting": Label("ondersteunend", "supporting"),
}


def frameworks_json(frameworks: Mapping[str, Framework], language: str) -> dict[str, Any]:
    """Which frameworks there are, and how many of their controls the vocabulary can speak of."""
    return {
        "frameworks": [
            {
                "id": each.id,
                "name": each.name,
                "about": each.about.text(language),
                "controls": len(each.controls),
                "controls_with_event_types": sum(bool(c.types) for c in each.controls.values()),
                "address": f"/v1/frameworks/{each.id}",
            }
            for each in frameworks.values()
        ]
    }


def coverage_json(found: Gathered, language: str) -> dict[str, Any]:
    """All controls of a framework with what there is for each, and a summary."""
    return {
        **_asked(found, language),
        "coverage": coverage(found),
        "controls": [evidence_json(each, found, language) for each in found.evidence],
    }


def coverage(found: Gathered) -> dict[str, int]:
    """How many controls there are, and how many of them have evidence, and of which strength."""
    counts = Counter(each.strength for each in found.evidence)
    return {
        "controls": len(found.evidence),
        "primary": counts["primary"],
        "supporting": counts["supporting"],
        "none": counts[None],
    }


def control_json(found: Gathered, language: str) -> dict[str, Any]:
    """One control, with its findings and its sample."""
    (evidence,) = found.evidence
    return {
        **_asked(found, language),
        "seed": found.seed,
        **evidence_json(evidence, found, language),
        "findings": _findings_json(evidence, language),
        "sample": [
            {
                "index": index,
                "event": f"/v1/events/{index}",
                "receipt": f"/v1/events/{index}/proof",
            }
            for index in evidence.sample
        ],
    }


def pack_json(found: Gathered, language: str) -> dict[str, Any]:
    """All controls, each with its findings and its sample; the events are in the pack."""
    made = coverage_json(found, language)
    controls = [
        {
            **about,
            "findings": _findings_json(evidence, language),
            "sample": list(evidence.sample),
        }
        for about, evidence in zip(made["controls"], found.evidence, strict=True)
    ]
    return {**made, "seed": found.seed, "controls": controls}


def _findings_json(evidence: Evidence, language: str) -> list[dict[str, Any]]:
    return [finding_json(each, language) for each in evidence.exceptions]


def evidence_json(evidence: Evidence, found: Gathered, language: str) -> dict[str, Any]:
    """What there is for one control."""
    control = evidence.control
    return {
        "control": control.id,
        "group": control.group.text(language),
        "label": control.label.text(language),
        "strength": evidence.strength,
        "says": says(evidence, found).text(language),
        "population": evidence.population,
        "types": [
            {"type": name, "strength": strength, "events": evidence.counts[name]}
            for strength in ("primary", "supporting")
            for name in getattr(control, strength)
        ],
        "first": stamp(evidence.first),
        "last": stamp(evidence.last),
        "exceptions": len(evidence.exceptions),
        "missed": [_missed_json(each) for each in evidence.missed],
        "applicability": _applicability_json(evidence.applicability),
        "same": [{"framework": f, "control": c} for f, c in control.same],
    }


def coverage_csv(found: Gathered, language: str) -> str:
    """A line for each control."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([label.text(language) for label in COLUMNS.values()])
    for each in found.evidence:
        writer.writerow([harmless(cell) for cell in cells(each, found, language)])
    return out.getvalue()


def cells(evidence: Evidence, found: Gathered, language: str) -> list[str]:
    """The columns of one control, as text."""
    control, said = evidence.control, evidence.applicability
    return [
        control.id,
        control.group.text(language),
        control.label.text(language),
        says(evidence, found).text(language),
        str(evidence.population),
        stamp(evidence.first) or "",
        stamp(evidence.last) or "",
        str(len(evidence.exceptions)),
        "; ".join(f"{each.type} {each.every} ×{each.times}" for each in evidence.missed),
        "" if said is None else _yes_no(said.applicable, language),
    ]


def says(evidence: Evidence, found: Gathered) -> Label:
    """How strong the evidence is, or that there is none."""
    if evidence.strength is not None:
        return STRENGTHS[evidence.strength]
    if found.controller is not None:
        return NOTHING_SEEN
    return NO_EVENTS if evidence.control.types else NO_EVIDENCE


def crosswalk_json(
    framework: Framework, frameworks: Mapping[str, Framework], language: str
) -> dict[str, Any]:
    """For each control those of other frameworks about the same, and those that rest on some of
    the same event types."""
    return {
        "framework": framework.id,
        "name": framework.name,
        "language": language,
        "controls": [
            {
                "control": control.id,
                "label": control.label.text(language),
                "same": [
                    _named(frameworks[f].controls[c], f, language)
                    for f, c in control.same
                    if f in frameworks and c in frameworks[f].controls
                ],
                "shares_evidence": [
                    {**_named(other, f, language), "types": sorted(types)}
                    for f, other, types in _sharing(framework, control, frameworks)
                ],
            }
            for control in framework.controls.values()
        ],
    }


def _sharing(
    framework: Framework, control: Control, frameworks: Mapping[str, Framework]
) -> Iterable[tuple[str, Control, set[str]]]:
    for id_, other in frameworks.items():
        for each in other.controls.values() if id_ != framework.id else ():
            types = {*control.primary} & {*each.primary}
            if types and (id_, each.id) not in control.same:
                yield id_, each, types


def _named(control: Control, framework: str, language: str) -> dict[str, Any]:
    return {
        "framework": framework,
        "control": control.id,
        "label": control.label.text(language),
    }


def _asked(found: Gathered, language: str) -> dict[str, Any]:
    return {
        "framework": found.framework.id,
        "name": found.framework.name,
        "language": language,
        "mark": MARK.text(language),
        "from": stamp(found.period.begin),
        "until": stamp(found.period.end),
        "as_of": moment_json(found.moment.as_of),
        "known_at": moment_json(found.moment.known_at),
        "at": stamp(found.at),
        "controller": found.controller,
        "basis": basis_json(found.basis),
    }


def _missed_json(missed: Missed) -> dict[str, Any]:
    return {
        "type": missed.type,
        "every": missed.every,
        "due": stamp(missed.due),
        "until": stamp(missed.until),
        "times": missed.times,
    }


def _applicability_json(said: Applicability | None) -> dict[str, Any] | None:
    if said is None:
        return None
    return {
        "version": said.version,
        "applicable": said.applicable,
        "justification": said.justification,
        "implemented": said.implemented,
        "event": said.index,
    }


def _yes_no(value: bool | None, language: str) -> str:
    if value is None:
        return ""
    return {"nl": ("nee", "ja"), "en": ("no", "yes")}[language][value]
