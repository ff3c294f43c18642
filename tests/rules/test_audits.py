"""Audits answered by the limit of their year, and what was asked for given in time (8.2, 11)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from projections.facts import Recorded
from projections.rules.audits import CHAPTER
from tests.recording import Recording, scenario
from tests.rules.judging import civil, held, said, standing

C1 = {"controller_id": "C1"}
TERMS = C1 | {"effective_from": "2024-09-10", "objection_days": 7, "transfer_area": "EU"}


def ask(story: Recording, audit: str, at: str, **fields: Any) -> None:
    asked = C1 | {"audit_id": audit, "auditor_independent": True} | fields
    story.add("ControllerAuditRequested", at, asked)


def accept(story: Recording, audit: str, told: str, **fields: Any) -> None:
    story.add("ControllerAuditAccepted", told, C1 | {"audit_id": audit} | fields)


def refuse(story: Recording, audit: str, at: str, ground: str) -> None:
    story.add("ControllerAuditRefused", at, C1 | {"audit_id": audit, "ground": ground})


def complete(story: Recording, audit: str, at: str) -> None:
    story.add("ControllerAuditCompleted", at, C1 | {"audit_id": audit})


def agreed(**terms: Any) -> Recording:
    story = Recording()
    story.add("ProcessingAgreementConcluded", "2024-09-10 09:00", TERMS | terms)
    return story


def rules(story: Recording) -> list[tuple[str, str]]:
    return [(rule, at) for rule, _, at in map(said, held(CHAPTER, story.events))]


@pytest.mark.parametrize(
    ("basis", "done", "asked", "reached"),
    [
        ("calendar", "2025-12-31", "2026-01-01", False),
        ("calendar", "2025-01-01", "2025-12-31", True),
        ("rolling", "2025-03-01", "2026-02-28", True),
        ("rolling", "2025-03-01", "2026-03-01", False),
        ("contract", "2025-09-09", "2025-09-10", False),
        ("contract", "2025-09-10", "2026-09-09", True),
    ],
)
def test_a_refusal_on_the_limit_is_right_only_when_it_was_reached(
    basis: str, done: str, asked: str, reached: bool
) -> None:
    """In the year of the agreement: calendar, rolling, or from its own day (R-11.3)."""
    story = agreed(audit_year_basis=basis)
    ask(story, "CA-1", "2024-10-01 09:00")
    accept(story, "CA-1", "2024-10-02 09:00")
    complete(story, "CA-1", f"{done} 17:00")
    ask(story, "CA-2", f"{asked} 18:00")
    refuse(story, "CA-2", f"{asked} 19:00", "annual_limit")
    assert rules(story) == ([] if reached else [("R-11.3", f"{asked} 19:00")])


def test_the_text_counts_what_was_done_in_the_year() -> None:
    """With two a year, one was done."""
    story = agreed(audit_limit="2/year")
    ask(story, "CA-1", "2025-02-01 09:00")
    accept(story, "CA-1", "2025-02-02 09:00")
    ask(story, "CA-2", "2025-06-01 09:00")
    refuse(story, "CA-2", "2025-06-02 09:00", "annual_limit")
    (finding,) = held(CHAPTER, story.events)
    assert finding.text.en == (
        "CA-2 refused on the annual limit, with 1 of 2 earlier in the calendar year"
    )
    assert finding.text.nl == (
        "CA-2 geweigerd op het jaarlijkse maximum, met 1 van 2 eerder in het kalenderjaar"
    )
    assert finding.parameters == {"audit_limit": "2/year", "audit_year_basis": "calendar"}


def test_a_refusal_is_judged_by_what_had_been_done_when_it_was_given() -> None:
    """CA-1 was still open when CA-2 was refused for it; its acceptance later changes nothing."""
    story = agreed()
    ask(story, "CA-1", "2025-02-01 09:00")
    ask(story, "CA-2", "2025-03-01 09:00")
    refuse(story, "CA-2", "2025-03-02 09:00", "annual_limit")
    before = rules(story)
    accept(story, "CA-1", "2025-03-03 09:00")
    assert rules(story) == before == [("R-11.3", "2025-03-02 09:00")]


def test_a_refusal_that_was_taken_back_later_was_given_all_the_same() -> None:
    """Each answer is judged by itself."""
    story = agreed()
    ask(story, "CA-1", "2025-02-01 09:00")
    refuse(story, "CA-1", "2025-02-02 09:00", "annual_limit")
    accept(story, "CA-1", "2025-02-10 09:00")
    assert rules(story) == [("R-11.3", "2025-02-02 09:00")]


@pytest.mark.parametrize("grounds", ["authority", "breach"])
def test_the_limit_does_not_count_for_an_audit_that_must_be(grounds: str) -> None:
    """One that the authority orders or a breach gives reason for."""
    story = agreed()
    ask(story, "CA-1", "2025-02-01 09:00")
    accept(story, "CA-1", "2025-02-02 09:00")
    ask(story, "CA-2", "2025-06-01 09:00", grounds=grounds)
    refuse(story, "CA-2", "2025-06-02 09:00", "annual_limit")
    (finding,) = held(CHAPTER, story.events)
    assert finding.rule.id == "R-11.3"
    assert "does not count" in finding.text.en


@pytest.mark.parametrize(
    ("ground", "fields", "contradicted"),
    [
        ("not_independent", {"auditor_independent": True}, True),
        ("not_independent", {"auditor_independent": False}, False),
        ("not_expert", {"auditor_expert": True}, True),
        ("not_expert", {"auditor_expert": False}, False),
        ("not_expert", {}, False),  # the request does not say
        ("other", {}, False),
    ],
)
def test_a_refusal_of_the_auditor_is_held_to_what_the_request_says(
    ground: str, fields: dict[str, bool], contradicted: bool
) -> None:
    """Only what the facts contradict is found (R-11.3)."""
    story = agreed()
    ask(story, "CA-1", "2025-02-01 09:00", **fields)
    refuse(story, "CA-1", "2025-02-02 09:00", ground)
    assert rules(story) == ([("R-11.3", "2025-02-02 09:00")] if contradicted else [])


@pytest.mark.parametrize(("independent", "rule"), [(True, []), (False, ["O-11.3"])])
def test_an_audit_by_somebody_who_is_not_independent_is_not_accepted(
    independent: bool, rule: list[str]
) -> None:
    """It may be; it is observed at the acceptance (O-11.3)."""
    story = agreed()
    ask(story, "CA-1", "2025-02-01 09:00", auditor_independent=independent)
    accept(story, "CA-1", "2025-02-05 09:00", at="2025-02-03")
    assert [(r, at) for r, at in rules(story)] == [(r, "2025-02-03 00:00") for r in rule]


@pytest.mark.parametrize(
    ("basis", "asked", "noted"),
    [
        ("calendar", "2026-02-02", True),
        ("calendar", "2026-11-18", False),  # a rolling year later
        ("calendar", "2025-12-08", False),  # within the calendar year: beyond both limits
        ("rolling", "2026-02-02", False),
        ("contract", "2026-02-02", False),
    ],
)
def test_an_audit_that_a_rolling_year_would_not_allow_is_noted(
    basis: str, asked: str, noted: bool
) -> None:
    """At the request, told from the acceptance; by the calendar year alone (NOTE-11.3)."""
    story = agreed(audit_year_basis=basis)
    ask(story, "CA-1", "2025-10-13 09:00")
    accept(story, "CA-1", "2025-10-20 09:00")
    complete(story, "CA-1", "2025-11-18 17:00")
    ask(story, "CA-3", f"{asked} 14:00")
    assert rules(story) == []
    accept(story, "CA-3", "2026-12-01 10:00")
    findings = held(CHAPTER, story.events)
    expected = [("NOTE-11.3", ("C1",), f"{asked} 14:00")]
    assert [said(f) for f in findings] == (expected if noted else [])
    for finding in findings:
        assert (finding.severity, civil(finding.holds_from)) == ("policy", "2026-12-01 10:00")
        assert "76 days from CA-1 (2025-11-18)" in finding.text.en


def with_basis(basis: str) -> list[Recorded]:
    """The scenario, with another kind of year in every agreement."""
    return [
        replace(event, data={**event.data, "audit_year_basis": basis})
        if event.type == "ProcessingAgreementConcluded"
        else event
        for event in scenario()
    ]


@pytest.mark.parametrize(
    ("basis", "noted"), [("calendar", True), ("rolling", False), ("contract", False)]
)
def test_the_kind_of_year_changes_one_audit_of_the_scenario_only(basis: str, noted: bool) -> None:
    """CA-1, CA-2 and CA-4 are right and CA-5 is not by any year; CA-3 is noted by one (B6)."""
    findings = [(f.rule.id, f.controllers, f.subject) for f in held(CHAPTER, with_basis(basis))]
    note = [("NOTE-11.3", ("C3",), "CA-3")] if noted else []
    assert findings == [*note, ("R-11.3", ("C1",), "CA-5")]


@pytest.mark.parametrize(
    ("type_", "fields"),
    [("AuditResultsProvided", {"audit_id": "EA-1"}), ("ComplianceInformationProvided", {})],
)
@pytest.mark.parametrize(
    ("provided", "late"), [("2025-03-31 23:59:59", False), ("2025-04-01 00:00", True)]
)
def test_what_was_asked_for_is_provided_within_thirty_days(
    type_: str, fields: dict[str, str], provided: str, late: bool
) -> None:
    """Results of audits and other information; the last day counts to 24:00 (O-11.2)."""
    story = Recording()
    story.add(type_, provided, C1 | fields | {"requested_at": "2025-03-01"})
    assert rules(story) == ([("O-11.2", provided)] if late else [])
    (clock,) = standing(CHAPTER, story.events)
    assert (civil(clock.due_at), clock.state) == ("2025-04-01 00:00", "late" if late else "met")
    for finding in held(CHAPTER, story.events):
        assert finding.text.en.endswith(
            "asked for 2025-03-01, provided after 31 days (policy 30 days)"
        )


def test_what_nobody_asked_for_has_no_term() -> None:
    """Nor a clock."""
    story = Recording()
    story.add("AuditResultsProvided", "2025-03-31 12:00", C1 | {"audit_id": "EA-1"})
    assert standing(CHAPTER, story.events) == rules(story) == []


@pytest.mark.parametrize(("subject", "due"), [("dsr", "2025-03-01 00:00"), ("security", None)])
def test_assistance_with_a_request_comes_within_the_month_of_the_controller(
    subject: str, due: str | None
) -> None:
    """A clock and no finding; other assistance has no term (C-8.2)."""
    story = Recording()
    asked = C1 | {"assistance_id": "AS-1", "subject": subject}
    story.add("AssistanceRequested", "2025-01-31 12:00", asked)
    running = [(civil(c.due_at), c.state) for c in standing(CHAPTER, story.events)]
    assert running == ([(due, "running")] if due else [])
    story.add("AssistanceProvided", "2025-03-01 00:00", C1 | {"assistance_id": "AS-1"})
    assert [c.state for c in standing(CHAPTER, story.events)] == (["late"] if due else [])
    assert rules(story) == []


@pytest.mark.parametrize(
    ("due", "closed", "state"),
    [
        ("2025-08-31", None, "running"),
        ("2025-08-31", "2025-08-31 23:59:59", "met"),
        ("2025-08-31", "2025-09-01 00:00", "late"),
        ("2025-08-31T12:00:00+02:00", "2025-08-31 12:00", "met"),
        ("2025-08-31T12:00:00+02:00", "2025-08-31 12:00:01", "late"),
    ],
)
def test_a_corrective_action_is_due_when_it_was_planned_for(
    due: str, closed: str | None, state: str
) -> None:
    """To the end of a day, or to an instant; it is the processor's own list (C-11.2)."""
    story = Recording()
    finding = {"finding_id": "FND-1"}
    raised = finding | {"grade": "minor", "control_refs": ["A.5.22"]}
    story.add("FindingRaised", "2025-05-20 17:30", raised)
    story.add("CorrectiveActionPlanned", "2025-06-01 09:00", finding | {"due": "2025-07-01"})
    story.add("CorrectiveActionPlanned", "2025-06-02 09:00", finding | {"due": due})
    if closed:
        story.add("FindingClosed", closed, finding)
    (clock,) = standing(CHAPTER, story.events)
    assert (clock.state, clock.controllers, clock.subject) == (state, (), "FND-1")


def test_a_correction_of_a_request_changes_the_judgement_from_when_it_was_known() -> None:
    """The auditor was said not to be independent, by mistake (N7)."""
    story = agreed()
    ask(story, "CA-1", "2025-02-01 09:00", auditor_independent=False)
    refuse(story, "CA-1", "2025-02-02 09:00", "not_independent")
    story.correct(story.events[1], "2025-02-10 09:00", "auditor_independent", True)
    assert held(CHAPTER, story.events, "2025-03-01", "2025-02-09") == []
    (finding,) = held(CHAPTER, story.events, "2025-03-01", "2025-02-10 09:00")
    assert said(finding) == ("R-11.3", ("C1",), "2025-02-02 09:00")
    assert finding.events == (2, 3, 4)
