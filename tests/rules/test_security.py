"""Measures are looked at every year, and controllers hear of a change (5.2, 5.5)."""

from __future__ import annotations

from typing import Any

import pytest

from projections.rules.security import CHAPTER
from tests.recording import Recording
from tests.rules.judging import civil, held, said, standing

REVIEWS = (
    ("RiskAssessmentCompleted", {"assessment_id": "RA-2"}),
    ("SecurityMeasureAdopted", {"measure_id": "M2", "title": "x"}),
    ("SecurityMeasureAmended", {"measure_id": "M1", "changes": "x"}),
    ("SecurityMeasureRetired", {"measure_id": "M1"}),
)


def registered(at: str = "2024-03-01 09:00") -> Recording:
    story = Recording()
    story.add("ProcessorRegistered", at, {"processor_id": "P", "legal_name": "P"})
    return story


def of(story: Recording, rule: str, as_of: str | None = None) -> list[str]:
    return [civil(f.at) for f in held(CHAPTER, story.events, as_of) if f.rule.id == rule]


@pytest.mark.parametrize(("type_", "data"), REVIEWS)
@pytest.mark.parametrize(
    ("at", "expected"), [("2025-03-01 23:59:59", []), ("2025-03-02 00:00", ["2025-03-02 00:00"])]
)
def test_measures_are_reviewed_within_twelve_months(
    type_: str, data: dict[str, Any], at: str, expected: list[str]
) -> None:
    """To 24:00 of the same day of the next year; any of the four is a review (O-5.2)."""
    story = registered()
    story.add(type_, at, data)
    assert of(story, "O-5.2", "2025-12-31") == expected


@pytest.mark.parametrize(
    ("last", "due"), [("2024-02-29 09:00", "2025-03-01 00:00"), ("2023-02-28", "2024-02-29 00:00")]
)
def test_a_year_from_a_leap_day_ends_on_the_last_of_february(last: str, due: str) -> None:
    """Clamped to the end of the month, as every term in months."""
    (clock,) = standing(CHAPTER, registered(last).events, last)
    assert civil(clock.due_at) == due


def test_every_year_without_a_review_is_found_when_it_has_passed() -> None:
    """From the day the processor was registered, and from each review; not before, nor twice."""
    story = registered()
    story.add("ProcessorRegistered", "2024-12-01 09:00", {"processor_id": "P2", "legal_name": "x"})
    story.add("RiskAssessmentCompleted", "2026-01-10 09:00", {"assessment_id": "RA-1"})
    assert of(story, "O-5.2", "2025-03-01 23:59:59") == []
    assert of(story, "O-5.2", "2025-03-02 00:00") == ["2025-03-02 00:00"]
    assert of(story, "O-5.2", "2027-06-01") == ["2025-03-02 00:00", "2027-01-11 00:00"]
    (first, second) = held(CHAPTER, story.events, "2027-06-01")
    assert first.text.en == (
        "no risk assessment or review of measures within 12 months after 2024-03-01"
        " (only 2026-01-10)"
    )
    assert second.text.nl == (
        "geen risicobeoordeling of herziening van maatregelen binnen 12 maanden na 2026-01-10"
    )
    assert said(first)[1] == ()


def test_the_clock_of_the_next_review_runs_from_the_last() -> None:
    """Several on one day are one; it tells since when and by which."""
    story = registered()
    for type_, data in REVIEWS:
        story.add(type_, "2024-06-01 12:00", data)
    running = [c for c in standing(CHAPTER, story.events) if c.open and c.rule.id == "O-5.2"]
    assert [(c.subject, civil(c.due_at)) for c in running] == [("M1", "2025-06-02 00:00")]


def changed(at: str = "2025-04-15 09:00") -> Recording:
    story = Recording()
    story.add("SecurityMeasureAmended", at, {"measure_id": "M2", "changes": "x"})
    return story


def communicate(story: Recording, at: str, measures: list[str]) -> None:
    data = {"controller_ids": ["C1", "C2"], "measure_ids": measures}
    story.add("SecurityMeasuresCommunicated", at, data)


@pytest.mark.parametrize(
    ("at", "measures", "expected"),
    [
        ("2025-04-15 09:00", ["M2"], []),
        ("2025-05-15 23:59:59", ["M1", "M2"], []),
        ("2025-05-15 23:59:59", [], []),  # a communication of all measures
        ("2025-05-16 00:00", ["M2"], ["2025-05-16 00:00"]),
        ("2025-04-16 09:00", ["M1"], ["2025-05-16 00:00"]),
        ("2025-04-15 08:59", ["M2"], ["2025-05-16 00:00"]),  # before the change
    ],
)
def test_controllers_hear_of_a_change_within_thirty_days(
    at: str, measures: list[str], expected: list[str]
) -> None:
    """By a communication that names the measure, or none; the last day counts to 24:00 (O-5.5)."""
    story = changed()
    communicate(story, at, measures)
    assert of(story, "O-5.5", "2025-12-31") == expected


def test_a_change_that_was_not_told_is_found_when_the_days_have_passed() -> None:
    """Also when it was told later; each change by itself."""
    story = changed()
    assert of(story, "O-5.5", "2025-05-15 23:59:59") == []
    (late,) = held(CHAPTER, story.events, "2025-05-16 00:00")
    assert late.text.en == "M2 changed 2025-04-15, not told to controllers (policy 30 days)"
    communicate(story, "2025-06-01 09:00", ["M2"])
    story.add("SecurityMeasureAmended", "2025-06-02 09:00", {"measure_id": "M2", "changes": "y"})
    assert of(story, "O-5.5", "2025-12-31") == ["2025-05-16 00:00", "2025-07-03 00:00"]
    told = held(CHAPTER, story.events, "2025-06-03")[0]
    assert told.text.nl == (
        "M2 gewijzigd 2025-04-15, aan Klanten pas 2025-06-01 meegedeeld (beleid 30 dagen)"
    )


def test_a_retracted_communication_told_nobody_anything() -> None:
    """From when the retraction was known (N8)."""
    story = changed()
    communicate(story, "2025-04-16 09:00", ["M2"])
    taken_back = {"retracts_event_id": story.events[-1].id, "reason": "was not sent"}
    story.add("EventRetracted", "2025-06-01 09:00", taken_back)
    assert held(CHAPTER, story.events, "2025-06-15", "2025-05-31") == []
    assert len(held(CHAPTER, story.events, "2025-06-15", "2025-06-01 09:00")) == 1
