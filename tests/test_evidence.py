"""Evidence over the scenario, compared with a count over its feed; samples and what was missed."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.events import EVENT_TYPES
from ledger.opening import Ledger
from projections.exports import evidenced
from projections.findings import ask_findings
from projections.frameworks.evidence import Evidence, Gathered, Period, gather, missed
from projections.frameworks.framework import Cadence, shipped
from projections.question import Moment
from projections.withheld import one_controller
from tests.test_isolation import CONTROLLERS, allowed, feed, scenario

__all__ = ["scenario"]

OWN = {"CheckpointSigned", "SigningKeyEnrolled"}
"""Of which the ledger itself adds some to those of the feed."""

ALL = Period(datetime(2024, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
YEAR = Period(datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))


def asked(
    ledger: Ledger,
    framework: str,
    period: Period = ALL,
    moment: Moment = Moment(),  # noqa: B008 - it never changes
    **more: Any,
) -> Gathered:
    """The evidence for a framework."""
    return gather(ledger.pool, ledger.now(), shipped()[framework], period, moment, **more)


def counted(period: Period, known_at: datetime | None = None) -> Counter[str]:
    """How many facts of each type occurred in a period: from the feed, another way."""
    events = [e for e in feed() if known_at is None or instant(e["recorded_at"]) <= known_at]
    moments = {e["id"]: instant(e["occurred_at"]) for e in events}
    gone = {e["data"]["retracts_event_id"] for e in events if e["type"] == "EventRetracted"}
    for event in events:
        if event["type"] == "EventCorrected" and event["id"] not in gone:
            for change in event["data"]["field_changes"]:
                if change["field"] == "occurred_at":
                    moments[event["data"]["corrects_event_id"]] = instant(change["new"])
    return Counter(e["type"] for e in events if e["id"] not in gone and moments[e["id"]] in period)


def instant(text: str) -> datetime:
    """A moment of the feed."""
    return datetime.fromisoformat(text)


@pytest.mark.parametrize("framework", ["gdpr", "iso27001", "iso27701", "nen7510"])
@pytest.mark.parametrize("period", [ALL, YEAR], ids=["all", "a year"])
def test_the_population_is_what_the_feed_has(
    scenario: Ledger, framework: str, period: Period
) -> None:
    """Of every type of every control; the ledger's own checkpoints are counted apart."""
    expected = counted(period)
    for evidence in asked(scenario, framework, period).evidence:
        for name, count in evidence.counts.items():
            if name not in OWN:
                assert count == expected[name], (evidence.control.id, name)


def test_it_is_as_it_was_known(scenario: Ledger) -> None:
    """At a moment in the past, as then; and what occurred later is left out as of a moment."""
    past = datetime(2025, 6, 30, tzinfo=UTC)
    known = asked(scenario, "iso27001", ALL, Moment(known_at=past))
    expected = counted(ALL, past)
    of = asked(scenario, "iso27001", ALL, Moment(as_of=past))
    now = asked(scenario, "iso27001", ALL)
    for then, before, after in zip(known.evidence, of.evidence, now.evidence, strict=True):
        for name in then.counts:
            if name not in OWN:
                assert then.counts[name] == expected[name], name
        assert before.population <= after.population
        assert before.last is None or before.last <= past
    assert known.basis.size < now.basis.size


def test_exceptions_are_the_findings_that_rest_on_the_population(scenario: Ledger) -> None:
    """Each finding under each control one of whose events it rests on, and under no other."""
    findings = ask_findings(scenario.pool, scenario.now(), Moment()).findings
    assert findings
    types = {stored.position: stored.type for stored in scenario.reader.events(limit=1000)}
    names = {position: EVENT_TYPES[type_].name for position, type_ in types.items()}
    seen = set()
    for evidence in asked(scenario, "iso27001").evidence:
        told = {(f.rule.id, f.at, f.subject) for f in evidence.exceptions}
        for finding in findings:
            rests = any(names[position] in evidence.control.types for position in finding.events)
            assert ((finding.rule.id, finding.at, finding.subject) in told) == rests
        seen |= told
    assert seen


def test_where_there_is_nothing_that_is_said(scenario: Ledger) -> None:
    """No control is called met, in any language; 54 of the 93 of Annex A have nothing by design."""
    found = asked(scenario, "iso27001")
    annex = [each for each in found.evidence if each.control.id.startswith("A.")]
    nothing = [each for each in annex if not each.control.types]
    assert len(nothing) == 54
    for each in nothing:
        assert evidenced.says(each, found).en == "no evidence in this ledger"
        assert (each.population, each.strength, each.last) == (0, None, None)
    for language in ("nl", "en"):
        text = json.dumps(evidenced.coverage_json(found, language)).lower()
        text += evidenced.coverage_csv(found, language).lower()
        assert not re.search(r"compliant|conform|voldoet|✓|✔", text)


def test_coverage_adds_up(scenario: Ledger) -> None:
    """Every control is counted once."""
    for framework in shipped():
        coverage = evidenced.coverage_json(asked(scenario, framework), "en")["coverage"]
        assert coverage["controls"] == sum(
            coverage[strength] for strength in ("primary", "supporting", "none")
        )


def test_a_controller_counts_what_it_may_read(scenario: Ledger) -> None:
    """Its own and what is everybody's, as in the list of events; and it is told of nothing that it
    misses, since it does not see all."""
    may = allowed()
    for controller in CONTROLLERS:
        found = gather(
            one_controller(scenario, controller),
            scenario.now(),
            shipped()["gdpr"],
            ALL,
            Moment(),
        )
        whole = asked(scenario, "gdpr")
        own = Counter(e["type"] for e in feed() if e["id"] in may[controller])
        assert found.controller == controller
        for mine, all_ in zip(found.evidence, whole.evidence, strict=True):
            assert not mine.missed
            for name, count in mine.counts.items():
                assert count <= all_.counts[name]
                if name not in ("CheckpointSigned", "EventCorrected", "EventRetracted"):
                    assert count <= own[name], (controller, name)
            named = {c for finding in mine.exceptions for c in finding.controllers}
            assert named <= {controller}


def drawn(
    evidence: Evidence, framework: str, seed: str, indexes: list[int], size: int
) -> list[int]:
    """The sample that an auditor draws with pen and paper, and SHA-256."""

    def rank(index: int) -> bytes:
        return sha256(f"{seed}\n{framework} {evidence.control.id}\n{index}".encode()).digest()

    return sorted(sorted(indexes, key=rank)[:size])


def test_whoever_knows_the_seed_draws_the_same_sample(scenario: Ledger) -> None:
    """Of the size asked for, or all; another seed draws another."""
    everything = asked(scenario, "iso27001", sample=1000, seed="s")
    assert all(len(each.sample) == each.population for each in everything.evidence)
    for seed in ("2026-1", "2026-2"):
        found = asked(scenario, "iso27001", sample=5, seed=seed)
        for whole, each in zip(everything.evidence, found.evidence, strict=True):
            assert each.sample == drawn(each, "iso27001", seed, list(whole.sample), 5)
    one, other = (asked(scenario, "iso27001", sample=5, seed=s).evidence for s in ("a", "b"))
    assert [e.sample for e in one] != [e.sample for e in other]
    assert asked(scenario, "iso27001", sample=5, seed="a").evidence == one


def day(text: str) -> datetime:
    """Noon of a day, in winter or in summer."""
    return datetime.fromisoformat(f"{text}T12:00:00+00:00")


CASES: list[tuple[str, list[str], list[tuple[str, str | None, int]]]] = [
    ("nothing at all", [], [("2026-01-01T23:00", None, 1)]),
    ("in time", ["2025-03-01"], []),
    ("before, and in time", ["2024-06-01", "2025-06-01"], []),
    ("a day late", ["2024-06-01", "2025-06-02"], [("2025-06-01T22:00", "2025-06-02", 1)]),
    ("not since", ["2024-06-01"], [("2025-06-01T22:00", None, 1)]),
    ("years late", ["2022-06-01"], [("2023-06-01T22:00", None, 3)]),
    ("late before the period", ["2022-06-01", "2024-06-01", "2025-05-01"], []),
]


@pytest.mark.parametrize(("came", "found"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_what_is_due_every_year_and_does_not_come_is_missed(
    came: list[str], found: list[tuple[str, str | None, int]]
) -> None:
    """At the end of the day a year after the last one, or after the period began."""
    period = Period(datetime(2024, 12, 31, 23, tzinfo=UTC), datetime(2026, 1, 31, 23, tzinfo=UTC))
    told = missed(
        Cadence("RiskAssessmentCompleted", "P1Y"),
        [day(each) for each in came],
        period,
        datetime(2027, 1, 1, tzinfo=UTC),
    )
    assert [(each.due, each.until, each.times) for each in told] == [
        (datetime.fromisoformat(f"{due}+00:00"), until and day(until), times)
        for due, until, times in found
    ]


def test_what_is_not_due_yet_is_not_missed() -> None:
    """A period that goes on beyond now is judged up to now."""
    period = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC))
    cadence = Cadence("RiskAssessmentCompleted", "P1Y")
    now = datetime(2026, 12, 31, tzinfo=UTC)
    assert missed(cadence, [], period, now) == []
    assert missed(cadence, [day("2026-12-31")], period, now) == []
    assert [each.times for each in missed(cadence, [], period, now + timedelta(days=3))] == [1]


@given(
    st.lists(st.integers(0, 900), max_size=12),
    st.integers(1, 40),
)
def test_gaps_and_what_is_missed_agree(days: list[int], every: int) -> None:
    """Something is missed exactly where more days than that lie between two, or before the end."""
    start = datetime(2024, 1, 1, 12, tzinfo=UTC)
    period = Period(start, start + timedelta(days=901))
    came = sorted({start + timedelta(days=each) for each in days})
    told = missed(Cadence("X", f"P{every}D"), came, period, period.end)
    edges = [start, *came, period.end]
    gaps = [(b - a).days for a, b in pairwise(edges)]
    assert len(told) == sum(gap > every for gap in gaps)
    assert all(each.times >= 1 for each in told)
