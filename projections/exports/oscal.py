"""Frameworks and evidence in OSCAL 1.2.1 (NIST), which other tools read.

    catalog               a framework: its groups and controls, with our own labels
    assessment results    for each control an observation of what there is, with the receipts and
                          digests of its sample; and the findings of rules that rest on it

An observation judges nothing. A finding is the result of a rule and says so: that an act was not as
the agreement has it, not that a control fails. Ids are made of what they name, so the same answer
has the same ones. `tests/test_oscal.py` holds both to the model that compliance-trestle ships.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from ledger.merkle import leaf_hash
from projections.exports.evidenced import MARK, says
from projections.findings import HeldFinding
from projections.frameworks.evidence import Evidence, Gathered
from projections.frameworks.framework import Framework
from projections.reading import stamp

VERSION = "1.2.1"

OURS = UUID("6f7c1f0e-4d0b-5b0e-9a51-6a0d6a3c0b1e")
"""Namespace of our ids."""

NS = "https://verwerkersovereenkomsten.nl/ns/oscal"
"""Namespace of our properties."""

UNKNOWN = "1970-01-01T00:00:00Z"


def catalog(framework: Framework, language: str) -> dict[str, Any]:
    """A framework as a catalog."""
    groups: dict[str, dict[str, Any]] = {}
    for control in framework.controls.values():
        title = control.group.text(language)
        group = groups.setdefault(
            title,
            {"id": _token(framework, f"group-{len(groups) + 1}"), "title": title, "controls": []},
        )
        group["controls"].append(
            {
                "id": _token(framework, control.id),
                "title": control.label.text(language),
                "props": [{"name": "label", "value": control.id}],
            }
        )
    return {
        "catalog": {
            "uuid": _uuid("catalog", framework.id, language),
            "metadata": _metadata(framework.name, UNKNOWN),
            "groups": list(groups.values()),
        }
    }


def assessment_results(
    found: Gathered, language: str, origin: str, leaf: Callable[[int], bytes]
) -> dict[str, Any]:
    """The evidence for a framework; `leaf` gives the bytes of an entry, of which the digests of
    its samples are."""
    made_of = (
        origin,
        found.framework.id,
        str(found.basis.size),
        found.seed,
        language,
        stamp(found.period.begin),
        stamp(found.period.end),
        stamp(found.at),
        found.controller or "",
    )
    observations = [_observation(each, found, language, leaf, made_of) for each in found.evidence]
    return {
        "assessment-results": {
            "uuid": _uuid("results", *made_of),
            "metadata": _metadata(
                f"{found.framework.name}: {MARK.text(language)}", _moment(found.basis.recorded_at)
            ),
            "import-ap": {"href": "#none", "remarks": "The ledger holds no assessment plan."},
            "results": [
                {
                    "uuid": _uuid("result", *made_of),
                    "title": found.framework.name,
                    "description": MARK.text(language),
                    "start": stamp(found.period.begin),
                    "end": stamp(found.period.end),
                    "props": [
                        _prop("ledger", origin),
                        _prop("size", str(found.basis.size)),
                        *([_prop("seed", found.seed)] if found.seed else []),
                        *([_prop("controller", found.controller)] if found.controller else []),
                    ],
                    "reviewed-controls": {
                        "control-selections": [
                            {
                                "include-controls": [
                                    {"control-id": _token(found.framework, each.control.id)}
                                    for each in found.evidence
                                ]
                            }
                        ]
                    },
                    "observations": observations,
                    **_findings(found, language, made_of),
                }
            ],
        }
    }


def _observation(
    evidence: Evidence,
    found: Gathered,
    language: str,
    leaf: Callable[[int], bytes],
    made_of: tuple[str, ...],
) -> dict[str, Any]:
    control = evidence.control
    observation: dict[str, Any] = {
        "uuid": _uuid("observation", control.id, *made_of),
        "title": f"{control.id} {control.label.text(language)}",
        "description": says(evidence, found).text(language),
        "props": [
            _prop("control", control.id),
            _prop("population", str(evidence.population)),
            *(_prop("events", f"{name} {n}") for name, n in evidence.counts.items() if n),
            *(_prop("missed", f"{m.type} {m.every} {m.times}") for m in evidence.missed),
        ],
        "methods": ["EXAMINE"],
        "collected": _moment(found.at),
    }
    if evidence.sample:
        observation["relevant-evidence"] = [
            {
                "href": f"/v1/events/{index}/proof",
                "description": f"Receipt of entry {index}",
                "props": [_prop("leaf-hash-sha256", leaf_hash(leaf(index)).hex())],
            }
            for index in evidence.sample
        ]
    return observation


def _findings(found: Gathered, language: str, made_of: tuple[str, ...]) -> dict[str, Any]:
    """Each finding once, with the observations of all controls it is an exception of."""
    under: dict[tuple[str, str, str, str], list[str]] = {}
    findings: dict[tuple[str, str, str, str], HeldFinding] = {}
    for evidence in found.evidence:
        for each in evidence.exceptions:
            key = (each.rule.id, str(each.at), each.subject, ",".join(each.controllers))
            findings[key] = each
            under.setdefault(key, []).append(_uuid("observation", evidence.control.id, *made_of))
    if not findings:
        return {}
    return {
        "findings": [
            {
                "uuid": _uuid("finding", *key, *made_of),
                "title": f"{each.rule.id} {each.rule.title.text(language)}",
                "description": each.text.text(language),
                "props": [
                    _prop("severity", each.severity),
                    _prop("at", _moment(each.at)),
                    _prop("clause", each.rule.clause),
                    *(_prop("entry", str(position - 1)) for position in each.events),
                ],
                "target": {
                    "type": "objective-id",
                    "target-id": re.sub(r"[^A-Za-z0-9._-]", "-", each.rule.id),
                    "description": each.rule.title.text(language),
                    "status": {"state": "not-satisfied", "reason": _reason(each)},
                },
                "related-observations": [{"observation-uuid": u} for u in under[key]],
            }
            for key, each in findings.items()
        ]
    }


def _reason(finding: HeldFinding) -> str:
    return "fail" if finding.severity in ("major", "minor") else "other"


def _metadata(title: str, modified: str) -> dict[str, Any]:
    return {
        "title": title,
        "last-modified": modified,
        "version": "1.0",
        "oscal-version": VERSION,
    }


def _prop(name: str, value: str) -> dict[str, str]:
    return {"name": name, "ns": NS, "value": value}


def _token(framework: Framework, id_: str) -> str:
    """An id as OSCAL takes them: it begins with a letter, and has no brackets or blanks."""
    return f"{framework.id}_{re.sub(r'[^A-Za-z0-9.-]+', '-', id_).strip('-')}"


def _uuid(*parts: str) -> str:
    return str(uuid5(OURS, "\n".join(parts)))


def _moment(moment: datetime | None) -> str:
    return stamp(moment) or UNKNOWN
