"""Each finding of the scenario, and from when it can be told: not a second before."""

from __future__ import annotations

import csv
from datetime import timedelta

import pytest

from projections.rules import audits, breaches, certificates, people, retention, security
from tests.recording import local, scenario, scenario_file
from tests.rules.judging import civil, held, said

CHAPTERS = [
    module.CHAPTER for module in (audits, breaches, certificates, people, retention, security)
]

RULES = {rule.id for chapter in CHAPTERS for rule in chapter.rules}

EARLIER = [
    ("2025-06-13 09:05:01", "2025-06-14 11:00", "R-9.1", "C5", "2025-06-13 09:05"),
    ("2026-05-01 00:00", "2026-05-19 22:00", "R-4.3", "C4", "2026-05-01 00:00"),
]
"""What is found while it is not done: from, until, and as of which moment."""

TOLD_LATER = {
    ("R-11.2", ""): "2026-05-01 00:00",
    ("NOTE-11.3", "C3"): "2026-02-09 10:00",
}
"""Findings that are told later than the moment they are about."""


def expected() -> list[tuple[str, str, str, str]]:
    """The expected findings of these rules: rule, severity, controllers, moment."""
    with scenario_file("expected_findings.csv").open() as file:
        rows = list(csv.DictReader(file))
    found_here = [row for row in rows if row["rule"] in RULES]
    return sorted(
        (r["rule"], r["severity"], r["controller"].strip("-"), civil(local(r["at"])))
        for r in found_here
    )


@pytest.mark.parametrize("as_of", [None, "2026-08-31 23:59"])
def test_the_findings_of_the_scenario_are_the_expected_ones(as_of: str | None) -> None:
    """Rule, severity, controllers and moment; none missing, none extra."""
    findings = [
        (f.rule.id, f.severity, "+".join(f.controllers), civil(f.at))
        for f in held(CHAPTERS, scenario(), as_of)
    ]
    assert sorted(findings) == expected()
    assert len(findings) == 10


def told_at(moment: str) -> set[tuple[str, str, str]]:
    """What must be told at a moment: every finding from when it can be, as it is then."""
    at = local(moment)
    rows = {
        (rule, controllers, of)
        for rule, _, controllers, of in expected()
        if local(TOLD_LATER.get((rule, controllers), of)) <= at
    }
    return rows | {
        (rule, controller, of)
        for begin, end, rule, controller, of in EARLIER
        if local(begin) <= at < local(end)
    }


MOMENTS = sorted(
    {
        civil(event.occurred_at + timedelta(seconds=seconds))
        for event in scenario()
        if any(event.type in chapter.by_type for chapter in CHAPTERS)
        for seconds in (-1, 0)
    }
    | {moment for begin, end, *_ in EARLIER for moment in (begin, end)}
    | {civil(local("2024-09-02 00:00") + timedelta(days=30 * n)) for n in range(25)}
    | {"2026-04-30 23:59:59", "2026-05-01 00:00"}
)


def test_nothing_is_told_before_it_can_be() -> None:
    """As of the moment of every event they read, a second before it, and of days between."""
    for moment in MOMENTS:
        findings = {
            (rule, "+".join(controllers), at)
            for rule, controllers, at in map(said, held(CHAPTERS, scenario(), moment))
        }
        assert findings == told_at(moment), moment


def test_every_text_is_in_both_languages_and_names_no_controller() -> None:
    """Also those that are told for a while only."""
    findings = [
        f
        for at in ("2025-06-13 12:00", "2026-05-10", "2026-08-31")
        for f in held(CHAPTERS, scenario(), at)
    ]
    for finding in findings:
        assert finding.text.nl != finding.text.en
        for words in (finding.text.nl, finding.text.en):
            assert not {"C1", "C2", "C3", "C4", "C5", "C6"} & set(words.split())
