"""Told in time, kept informed, closed when all was said; and the controller's own 72 hours (9)."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import timedelta
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.facts import Fact, effective
from projections.rules.breaches import CHAPTER
from tests.recording import Recording, by_case, local, rows_of
from tests.rules.judging import civil, held, said, standing

CONFIRMED = {
    "breach_id": "B-1",
    "event_ref": "SE-1",
    "occurred_from": "2025-03-20",
    "occurred_until": "2025-03-21",
    "subject_count": 10,
}
TERMS = {"effective_from": "2024-01-01", "objection_days": 7, "transfer_area": "EU"}


def confirmed(aware: str, *controllers: str) -> Recording:
    story = Recording()
    scope = {"became_aware_at": local(aware).isoformat(), "controller_ids": list(controllers)}
    story.add("BreachConfirmed", aware, CONFIRMED | scope)
    return story


def agreed(story: Recording, controller: str, at: str = "2024-01-01 09:00", **terms: Any) -> None:
    story.add("ProcessingAgreementConcluded", at, TERMS | {"controller_id": controller} | terms)


def tell(story: Recording, controller: str, at: str, missing: tuple[str, ...] = ()) -> None:
    notice = {"breach_id": "B-1", "controller_id": controller, "missing_items": list(missing)}
    story.add("BreachNotified", at, notice)


def update(story: Recording, number: int, at: str, to: list[str], **fields: Any) -> None:
    issued = {"breach_id": "B-1", "update_no": number, "delivered_to": to, "changed_facts": {}}
    story.add("BreachUpdateIssued", at, issued | fields)


def report(story: Recording, controller: str, at: str) -> None:
    reported = {"breach_id": "B-1", "controller_id": controller}
    story.add("SupervisoryAuthorityNotified", at, reported)


def close(story: Recording, at: str) -> None:
    story.add("BreachClosed", at, {"breach_id": "B-1"})


def of(story: Recording, rule: str, as_of: str | None = None) -> list[tuple[tuple[str, ...], str]]:
    """What a rule found: the controllers and the moment of each."""
    return [
        (f.controllers, civil(f.at))
        for f in held(CHAPTER, story.events, as_of)
        if f.rule.id == rule
    ]


def later(moment: str, **span: float) -> str:
    return (local(moment) + timedelta(**span)).isoformat()


@pytest.mark.parametrize(
    ("aware", "due"),
    [
        ("2025-06-12 09:05", "2025-06-13 09:05"),
        ("2025-03-29 12:00", "2025-03-30 13:00"),  # summer time begins on 30 March (B3)
        ("2025-10-25 12:00", "2025-10-26 11:00"),  # and ends on 26 October
    ],
)
def test_twenty_four_hours_are_elapsed_hours_and_their_last_instant_is_in_time(
    aware: str, due: str
) -> None:
    """A second more is too late, and the finding is of the notice (R-9.1, B3)."""
    in_time = confirmed(aware, "C1")
    tell(in_time, "C1", due)
    assert of(in_time, "R-9.1") == []
    (clock, *_) = standing(CHAPTER, in_time.events)
    assert (civil(clock.due_at), clock.state) == (due, "met")
    late = confirmed(aware, "C1")
    tell(late, "C1", later(due, seconds=1))
    assert of(late, "R-9.1") == [(("C1",), f"{due}:01")]


def test_a_controller_that_is_not_told_is_found_when_the_term_has_passed() -> None:
    """Of the moment it was due, told an instant later; once told, of the notice."""
    story = confirmed("2025-06-12 09:05", "C1", "C2")
    tell(story, "C1", "2025-06-12 10:00")
    assert of(story, "R-9.1", "2025-06-13 09:05") == []
    assert of(story, "R-9.1", "2025-06-13 09:05:01") == [(("C2",), "2025-06-13 09:05")]
    tell(story, "C2", "2025-06-14 11:00")
    assert of(story, "R-9.1") == [(("C2",), "2025-06-14 11:00")]
    (finding,) = (f for f in held(CHAPTER, story.events) if f.rule.id == "R-9.1")
    assert finding.text.en == "B-1 told after 49 h 55 min (term 24 h, until 2025-06-13 09:05)"
    assert finding.text.nl == "B-1 gemeld na 49 u 55 min (termijn 24 u, tot 2025-06-13 09:05)"
    assert finding.parameters == {"breach_hours": 24}


def test_each_controller_has_the_hours_of_its_own_agreement() -> None:
    """Those in force when the processor became aware: 48 for C1, 2 for C2, the policy for C3."""
    story = Recording()
    agreed(story, "C1", breach_hours=48)
    agreed(story, "C2", breach_hours=2)
    aware = {"became_aware_at": "2025-06-12T09:00:00+02:00", "controller_ids": ["C1", "C2", "C3"]}
    story.add("BreachConfirmed", "2025-06-12 09:00", CONFIRMED | aware)
    shorter = {"controller_id": "C1", "version": "2", "breach_hours": 1}
    story.add("ProcessingAgreementAmended", "2025-06-12 10:00", shorter)
    for controller in ("C1", "C2", "C3"):
        tell(story, controller, "2025-06-13 10:00")
    assert of(story, "R-9.1") == [(("C2",), "2025-06-13 10:00"), (("C3",), "2025-06-13 10:00")]


@pytest.mark.parametrize(
    ("aware", "expected"),
    [(None, []), ("2025-06-19T12:00:00+02:00", [(("C6",), "2025-06-20 13:00")])],
)
def test_an_added_controller_has_a_clock_of_its_own(aware: str | None, expected: list[Any]) -> None:
    """From when we were aware of that, or else from the update that added it."""
    story = confirmed("2025-06-12 09:05", "C1")
    tell(story, "C1", "2025-06-12 10:00")
    fields = {"became_aware_at": aware} if aware else {}
    update(story, 1, "2025-06-20 09:00", ["C1"], added_controller_ids=["C6"], **fields)
    tell(story, "C6", "2025-06-20 13:00")
    assert of(story, "R-9.1") == expected


@pytest.mark.parametrize(
    ("told", "due"),
    [
        ("2025-03-28 12:00", "2025-03-31 13:00"),  # over 30 March (B3)
        ("2025-10-24 12:00", "2025-10-27 11:00"),  # over 26 October
        ("2025-06-12 15:40", "2025-06-15 15:40"),
    ],
)
def test_the_controller_has_72_elapsed_hours_from_our_notice(told: str, due: str) -> None:
    """The last instant is in time; the finding is of its report (O-33.1, B3)."""
    story = confirmed(told, "C1")
    tell(story, "C1", told)
    tell(story, "C1", later(told, hours=1))
    report(story, "C1", due)
    assert of(story, "O-33.1") == []
    late = confirmed(told, "C1")
    tell(late, "C1", told)
    report(late, "C1", later(due, minutes=1))
    report(late, "C1", later(due, hours=10))
    ((controllers, at),) = of(late, "O-33.1")
    assert (controllers, local(at)) == (("C1",), local(due) + timedelta(minutes=1))
    (clock,) = (c for c in standing(CHAPTER, late.events) if c.rule.id == "O-33.1")
    assert (civil(clock.due_at), clock.state) == (due, "late")


def test_a_controller_that_reports_nothing_is_not_found() -> None:
    """Whether it has to is its own to judge: its clock is late while the breach is open, and does
    not apply once that was closed."""
    story = confirmed("2025-06-12 09:00", "C1")
    tell(story, "C1", "2025-06-12 10:00")
    close(story, "2025-06-20 10:00")
    assert of(story, "O-33.1") == []
    states = [
        next(c for c in standing(CHAPTER, story.events, at) if c.rule.id == "O-33.1").state
        for at in ("2025-06-15 10:00", "2025-06-15 10:00:01", "2025-06-20 10:00")
    ]
    assert states == ["running", "late", "not_applicable"]


def test_an_update_reaches_whoever_was_in_scope_before_it() -> None:
    """One finding for all that it missed; none for whom it adds (R-9.2)."""
    story = confirmed("2025-06-12 09:00", "C1", "C2", "C3")
    update(story, 1, "2025-06-13 09:00", ["C1"], controllers_added=["C4"])
    update(story, 2, "2025-06-14 09:00", ["C1", "C2", "C3"], issued_at="2025-06-14T08:30:00+02:00")
    assert of(story, "R-9.2") == [
        (("C2", "C3"), "2025-06-13 09:00"),
        (("C4",), "2025-06-14 08:30"),
    ]
    (first, _) = (f for f in held(CHAPTER, story.events) if f.rule.id == "R-9.2")
    assert first.text.en == (
        "update 1 of B-1 did not reach every controller that was in scope by then"
    )
    assert first.events == (1, 2)


def test_a_controller_that_was_missed_is_told_of_itself_alone() -> None:
    """Its row rests on what put it in scope, and names nobody else."""
    story = confirmed("2025-06-12 09:00", "C1", "C2", "C3")
    update(story, 1, "2025-06-13 09:00", ["C1"])
    rows = rows_of(CHAPTER.register(), story.events).values()
    missed = [row for row in rows if (row.values["group"] or "").startswith("update")]
    assert [row.controllers for row in missed] == [("C2",), ("C3",)]
    assert all(1 in row.positions for row in missed)
    assert not {"C1", "C3"} & {*missed[0].values["text_en"].split(), missed[0].values["subject"]}


@pytest.mark.parametrize(
    ("next_news", "expected"),
    [
        ("2025-06-26 23:59:59", []),
        ("2025-06-27 00:00", [(("C1", "C2"), "2025-06-27 00:00")]),
        (None, [(("C1", "C2"), "2025-06-27 00:00")]),
    ],
)
@pytest.mark.parametrize("closes", [True, False])
def test_an_open_breach_is_silent_for_fourteen_days_at_most(
    next_news: str | None, expected: list[Any], closes: bool
) -> None:
    """To 24:00 of the last day; an update ends it, or the closing (R-9.2)."""
    story = confirmed("2025-06-12 09:00", "C1", "C2")
    tell(story, "C1", "2025-06-12 10:00")
    if next_news and closes:
        close(story, next_news)
    elif next_news:
        update(story, 1, next_news, ["C1", "C2"])
    assert of(story, "R-9.2", "2025-07-01") == expected
    assert of(story, "R-9.2", "2025-06-26 23:59:59") == []


def test_silence_is_counted_from_the_last_news_of_each_controller() -> None:
    """C2 was told two days later; each stretch of silence is found, one for both when it is."""
    story = confirmed("2025-06-12 09:00", "C1", "C2")
    tell(story, "C1", "2025-06-12 10:00")
    tell(story, "C2", "2025-06-14 10:00")
    update(story, 1, "2025-07-10 10:00", ["C1", "C2"])
    close(story, "2025-08-01 10:00")
    assert of(story, "R-9.2") == [
        (("C1",), "2025-06-27 00:00"),
        (("C2",), "2025-06-29 00:00"),
        (("C1", "C2"), "2025-07-25 00:00"),
    ]


def test_an_update_that_missed_a_controller_is_not_found_twice() -> None:
    """That it was missed is one finding; the processor was not silent."""
    story = confirmed("2025-06-12 09:00", "C1", "C2")
    update(story, 1, "2025-06-20 10:00", ["C1"])
    close(story, "2025-07-01 10:00")
    assert of(story, "R-9.2") == [(("C2",), "2025-06-20 10:00")]


def test_one_clock_tells_the_processor_by_when_to_give_news() -> None:
    """It is one for all that are to hear by a moment, stopped when the last of them has heard."""
    story = Recording()
    agreed(story, "C2", update_silence_days=7)
    aware = {"became_aware_at": "2025-06-12T09:00:00+02:00", "controller_ids": ["C1", "C2", "C3"]}
    story.add("BreachConfirmed", "2025-06-12 09:00", CONFIRMED | aware)
    tell(story, "C1", "2025-06-12 10:00")
    silent = [c for c in standing(CHAPTER, story.events) if c.rule.id == "R-9.2"]
    assert [(civil(c.due_at), c.controllers, c.state, c.parameters) for c in silent] == [
        ("2025-06-20 00:00", (), "running", {"update_silence_days": 7}),
        ("2025-06-27 00:00", (), "running", {"update_silence_days": 14}),
    ]
    update(story, 1, "2025-06-18 10:00", ["C1", "C2", "C3"])
    silent = [c for c in standing(CHAPTER, story.events) if c.rule.id == "R-9.2"]
    assert [(civil(c.due_at)[5:10], c.state) for c in silent] == [
        ("06-20", "met"),
        ("06-26", "running"),
        ("06-27", "met"),
        ("07-03", "running"),
    ]


@pytest.mark.parametrize(
    ("supplied", "reached", "at", "missing"),
    [
        ({"cause": "x", "subject_count": 3}, ["C1"], "2025-06-20 10:00", None),
        ({"cause": "x"}, ["C1"], "2025-06-20 10:00", "numbers"),
        ({"cause": "x", "numbers": 3}, ["C2"], "2025-06-20 10:00", "cause, numbers"),
        ({"cause": "x", "numbers": 3}, ["C1"], "2025-06-21 11:00", "cause, numbers"),  # too late
    ],
)
def test_a_breach_is_closed_when_nothing_is_missing(
    supplied: dict[str, Any], reached: list[str], at: str, missing: str | None
) -> None:
    """What the last notice left open was supplied by an update that arrived by then (O-9.1)."""
    story = confirmed("2025-06-12 09:00", "C1", "C2")
    tell(story, "C1", "2025-06-12 09:30", ("cause", "numbers", "measures"))
    tell(story, "C1", "2025-06-12 10:00", ("cause", "numbers"))
    tell(story, "C2", "2025-06-12 10:00")
    update(story, 1, at, reached, changed_facts=supplied)
    close(story, "2025-06-21 10:00")
    findings = [f for f in held(CHAPTER, story.events) if f.rule.id == "O-9.1"]
    expected = [("O-9.1", ("C1",), "2025-06-21 10:00")] if missing else []
    assert [said(f) for f in findings] == expected
    for finding in findings:
        assert finding.text.en == f"B-1 closed while still missing: {missing}"


def test_a_correction_changes_a_finding_from_when_it_was_known_and_shows_the_old_value() -> None:
    """A notice said to be of 11:00 was of 9:00 the day before: in time after all (N7)."""
    story = confirmed("2025-06-12 09:05", "C1")
    scope = {"breach_id": "B-1", "controller_id": "C1", "missing_items": []}
    told = {"notified_at": "2025-06-14T11:00:00+02:00"}
    notice = story.add("BreachNotified", "2025-06-14 11:00", scope | told)
    first = story.correct(notice, "2025-06-20 09:00", "notified_at", "2025-06-14T10:00:00+02:00")
    assert [civil(f.at) for f in held(CHAPTER, story.events, None, "2025-06-19")] == [
        "2025-06-14 11:00"
    ]
    (row,) = (
        r
        for r in rows_of(CHAPTER.register(), story.events).values()
        if r.values["rule"] == "R-9.1" and r.values["kind"] == "finding"
    )
    assert "48 h 55 min" in row.values["text_en"]
    assert [(c["old"][11:16], c["new"][11:16]) for c in row.corrected] == [("11:00", "10:00")]
    # The correction was wrong as well: it is corrected in turn.
    story.correct(first, "2025-06-21 09:00", "field_changes.0.new", "2025-06-13T09:00:00+02:00")
    assert [f for f in held(CHAPTER, story.events) if f.rule.id == "R-9.1"] == []
    assert of(story, "R-9.1", "2025-06-20 12:00") == [], "as of then, as known now"


def test_a_retraction_changes_findings_from_when_it_was_known() -> None:
    """C2 was put in scope by an update that was booked on the wrong breach (N8)."""
    story = confirmed("2025-06-12 09:00", "C1")
    tell(story, "C1", "2025-06-12 10:00")
    update(story, 1, "2025-06-13 09:00", ["C1"], controllers_added=["C2"])
    mistaken = {"retracts_event_id": story.events[-1].id, "reason": "another breach"}
    story.add("EventRetracted", "2025-06-16 09:00", mistaken)
    before = held(CHAPTER, story.events, "2025-06-18", "2025-06-15 09:00")
    assert [said(f) for f in before] == [("R-9.1", ("C2",), "2025-06-14 09:00")]
    assert held(CHAPTER, story.events, "2025-06-18", "2025-06-16 09:00") == []


@given(st.data())
@settings(max_examples=60)
def test_whoever_misses_an_update_is_found_once_and_nobody_else(data: st.DataObject) -> None:
    """Compared with who was in scope before each update and is not among those it reached."""
    everybody = ["C1", "C2", "C3", "C4"]
    story = confirmed("2025-06-01 09:00", "C1", "C2")
    scope, expected = {"C1", "C2"}, []
    for number in range(1, data.draw(st.integers(0, 5)) + 1):
        to = data.draw(st.lists(st.sampled_from(everybody), unique=True))
        added = data.draw(st.lists(st.sampled_from(everybody), unique=True))
        update(story, number, f"2025-06-0{number + 1} 09:00", to, controllers_added=added)
        if missed := tuple(sorted(scope - set(to))):
            expected.append((missed, f"2025-06-0{number + 1} 09:00"))
        scope |= set(added)
    assert of(story, "R-9.2", "2025-06-08") == expected


def large(number: int) -> list[Fact]:
    """A breach of so many controllers, each with an agreement: the last was not told, the first
    missed every update."""
    story = Recording()
    ids = [f"C{n:05}" for n in range(number)]
    for n, controller in enumerate(ids):
        agreed(story, controller, breach_hours=20 + n % 10)
    scope = {"became_aware_at": "2025-03-28T08:00:00+01:00", "controller_ids": ids}
    story.add("BreachConfirmed", "2025-03-28 09:00", CONFIRMED | scope)
    for controller in ids[:-1]:
        tell(story, controller, "2025-03-28 12:00")
    for update_no in (1, 2):
        update(story, update_no, f"2025-04-0{update_no} 09:00", ids[1:])
    return list(by_case(CHAPTER.register(), effective(story.events))["breach:B-1"])


def test_a_breach_of_ten_thousand_controllers_is_judged_whole() -> None:
    """Each has its own terms, clocks and findings (B8)."""
    rows = CHAPTER.register().fold("breach:B-1", large(10_000))
    findings = [row for row in rows if row.values["kind"] == "finding"]
    (late,) = (row for row in findings if row.values["rule"] == "R-9.1")
    assert (late.controllers, late.values["parameters"]) == (("C09999",), {"breach_hours": 29})
    missed = [row for row in findings if (row.values["group"] or "").startswith("update")]
    assert [row.controllers for row in missed] == [("C00000",)] * 2
    assert len([row for row in rows if row.values["rule"] == "O-33.1"]) == 9_999


def test_judging_a_breach_is_linear_in_its_controllers() -> None:
    """Four times as many take four times as many calls (B8)."""
    few, many = (calls(large(number)) for number in (200, 800))
    assert many < 4.2 * few


def calls(facts: list[Fact]) -> int:
    """How many functions are called to judge a breach."""
    counter = Counter[str]()

    def count(frame: FrameType, event: str, arg: object) -> None:
        counter[event] += 1

    sys.setprofile(count)
    try:
        CHAPTER.register().fold("breach:B-1", facts)
    finally:
        sys.setprofile(None)
    return counter["call"] + counter["c_call"]
