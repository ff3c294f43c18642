"""The findings of every chapter over the acceptance scenario, at its end: these and no others."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import cache

from projections.findings import HeldFinding, held_at
from projections.rules import JUDGED, RULES
from tests.recording import local, rows_of, scenario, scenario_file

Told = tuple[str, str, str, str]
"""When, by which rule, how grave, about whom."""


@cache
def held() -> Sequence[HeldFinding]:
    """The findings that hold when the last event was recorded."""
    rows = [row for register in JUDGED.values() for row in rows_of(register, scenario()).values()]
    return held_at(rows, scenario()[-1].recorded_at)


def expected() -> list[dict[str, str]]:
    """What must be found by the rules that there are."""
    with scenario_file("expected_findings.csv").open(encoding="utf-8", newline="") as lines:
        return [row for row in csv.DictReader(lines) if row["rule"] in RULES]


def in_minutes(moment: str) -> str:
    return local(moment).strftime("%Y-%m-%dT%H:%MZ")


def test_the_findings_are_the_expected_ones() -> None:
    """In rule, severity, controllers and moment; none is missing, none is extra."""
    found: list[Told] = [
        (
            in_minutes(finding.at.isoformat()),
            finding.rule.id,
            finding.severity,
            "+".join(finding.controllers) or "-",
        )
        for finding in held()
    ]
    wanted = [
        (in_minutes(row["at"]), row["rule"], row["severity"], row["controller"])
        for row in expected()
    ]
    assert sorted(found) == sorted(wanted)


def test_each_text_says_why() -> None:
    """In both languages, each with the ids and moments that the expected text has."""
    words = {"R-2.3": "2024-10-04 16:00", "R-4.5": "1 of 41", "R-4.2": "exercise_video"}
    words |= {"R-7.2b": "(2026-01-27 00:00, 14 days", "R-7.1": "2026-02-02 10:00"}
    words |= {"R-4.7": "2025-11-05 10:00", "R-8.1": "14 days", "R-LATE": "45 days"}
    words |= {"R-4.6": "I-007", "R-4.1w": "I-008", "O-4.6": "I-009", "R-7.2a": "S4"}
    told = {finding.rule.id: finding.text for finding in held()}
    for rule, part in words.items():
        assert part in told[rule].en
        assert told[rule].nl != told[rule].en
