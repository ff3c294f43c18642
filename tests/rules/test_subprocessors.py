"""New subprocessors: announced to each controller, after its window, and not against objections."""

from __future__ import annotations

from typing import Any

import pytest

from projections.rules.subprocessors import CHAPTER
from tests.recording import Recording, local
from tests.rules.judging import brief, clocks, found

Step = tuple[str, str, dict[str, Any]]

ENGAGED = {
    "subprocessor_id": "S3",
    "controller_ids": ["C1"],
    "countries": ["NL"],
    "change_id": "CH",
}


def announced(at: str = "2025-01-13 09:00", *delivered: Any, **fields: Any) -> Step:
    data = {"change_id": "CH", "subprocessor_id": "S3", "delivered_to": [*(delivered or ["C1"])]}
    return "SubprocessorChangeAnnounced", at, {**data, **fields}


def engaged(at: str = "2025-02-03 09:00", **fields: Any) -> Step:
    data = {k: v for k, v in {**ENGAGED, **fields}.items() if v is not None}
    return "SubprocessorEngaged", at, data


def raised(at: str, **fields: Any) -> Step:
    data = {"objection_id": "O-1", "change_id": "CH", "controller_id": "C1"}
    return "SubprocessorObjectionRaised", at, {**data, "written": True, "reasoned": True, **fields}


def resolved(at: str, outcome: str) -> Step:
    data = {"objection_id": "O-1", "change_id": "CH", "controller_id": "C1", "outcome": outcome}
    return "SubprocessorObjectionResolved", at, data


def concluded(at: str = "2025-01-01 09:00", **fields: Any) -> Step:
    return "ProcessingAgreementConcluded", at, {"controller_id": "C1", **fields}


def amended(at: str, **fields: Any) -> Step:
    return "ProcessingAgreementAmended", at, {"controller_id": "C1", "version": "2", **fields}


def story(*steps: Step) -> Recording:
    made = Recording()
    for type_, at, data in sorted(steps, key=lambda step: step[1]):
        made.add(type_, at, data)
    return made


def rules(*steps: Step) -> list[str]:
    return [finding.rule.id for finding in found(CHAPTER, story(*steps))]


def text(*steps: Step) -> str:
    (finding,) = found(CHAPTER, story(*steps))
    return finding.text.en


def test_announced_and_waited_for() -> None:
    """Nothing is found."""
    assert rules(announced(), engaged()) == []


# R-7.2a: never reached.


def test_never_announced() -> None:
    """For each controller that was not reached, and no other."""
    made = story(announced(), engaged(controller_ids=["C1", "C2"]))
    (finding,) = found(CHAPTER, made)
    assert brief([finding]) == [("R-7.2a", "C2", "2025-02-03 09:00")]
    assert finding.severity == "major"
    assert finding.text.en == (
        "S3 engaged on 2025-02-03 09:00, no announcement reached the controller"
    )
    assert finding.text.nl == (
        "S3 ingeschakeld op 2025-02-03 09:00, geen bekendmaking heeft Klant bereikt"
    )


def test_announced_too_late() -> None:
    """The text says when it reached the controller after all."""
    assert text(engaged(), announced("2025-02-03 09:01")).endswith(
        "an announcement reached the controller only on 2025-02-03 09:01"
    )


def test_the_delivery_counts_where_it_is_told() -> None:
    """Published in January, delivered to this controller in February."""
    for at, expected in (
        ("2025-02-03T09:00:00+01:00", []),
        ("2025-02-03T09:00:01+01:00", ["R-7.2a"]),
        ("2025-02-04", ["R-7.2a"]),
        (None, []),
    ):
        delivery = {"controller": "C1", **({"at": at} if at else {})}
        assert rules(announced("2025-01-13 09:00", delivery), engaged()) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [("CH", []), ("CH-9", ["R-7.2a"]), (None, [])],
)
def test_the_announcement_is_that_of_the_change(change: str | None, expected: list[str]) -> None:
    """Of the change it names; of the subprocessor when it names none."""
    assert rules(announced(), engaged(change_id=change)) == expected


def test_an_announcement_of_another_subprocessor_is_none() -> None:
    """Whatever change it names."""
    assert rules(announced(subprocessor_id="S4"), engaged()) == ["R-7.2a"]
    assert rules(announced(subprocessor_id="S4"), engaged(change_id=None)) == ["R-7.2a"]


@pytest.mark.parametrize("change", [None, "CH"])
def test_a_subprocessor_of_the_annex_needs_no_announcement(change: str | None) -> None:
    """Of an agreement in force when it is engaged."""
    annex = {"initial_subprocessors": ["S1", "S3"]}
    start = engaged(change_id=change)
    assert rules(concluded(**annex), start) == []
    assert rules(concluded("2025-02-03 09:01", **annex), start) == ["R-7.2a"]
    assert rules(concluded(**annex, effective_from="2025-03-01"), start) == ["R-7.2a"]
    ended = ("ProcessingAgreementEnded", "2025-02-01 09:00", {"controller_id": "C1"})
    assert rules(concluded(**annex), ended, start) == ["R-7.2a"]
    assert rules(concluded(initial_subprocessors=["S1"]), start) == ["R-7.2a"]


# R-7.2b: the window.


def test_engaged_before_the_window_closed() -> None:
    """The text has the close, the days, and the announcement they are counted from."""
    (finding,) = found(CHAPTER, story(announced(), engaged("2025-01-20 09:00")))
    assert brief([finding]) == [("R-7.2b", "C1", "2025-01-20 09:00")]
    assert finding.text.en == (
        "S3 engaged on 2025-01-20 09:00, before the window to object closed (2025-01-21 00:00,"
        " 7 days after the announcement on 2025-01-13 09:00)"
    )
    assert finding.text.nl == (
        "S3 ingeschakeld op 2025-01-20 09:00, voordat de termijn voor bezwaar sloot"
        " (2025-01-21 00:00, 7 dagen na bekendmaking op 2025-01-13 09:00)"
    )
    assert finding.parameters == {"objection_days": 7}


@pytest.mark.parametrize(
    ("at", "expected"), [("2025-01-20 23:59:59", ["R-7.2b"]), ("2025-01-21 00:00", [])]
)
def test_the_window_closes_at_24_hours(at: str, expected: list[str]) -> None:
    """A second before is too early; the close itself is not."""
    assert rules(announced(), engaged(at)) == expected


@pytest.mark.parametrize(
    ("step", "days"),
    [
        (amended("2025-01-10 09:00", objection_days=14), 14),
        (amended("2025-01-14 09:00", objection_days=14), 7),
        (amended("2025-01-10 09:00", objection_days=14, effective_from="2025-01-14"), 7),
        (amended("2025-01-12 09:00", objection_days=0), 0),
    ],
)
def test_the_window_is_that_of_the_terms_at_the_announcement(step: Step, days: int) -> None:
    """An amendment between announcement and engagement leaves the old window."""
    closes = f"2025-01-{14 + days} 00:00"
    assert rules(concluded(), step, announced(), engaged(closes)) == []
    before = f"2025-01-{13 + days} 23:59:59"
    assert rules(concluded(), step, announced(), engaged(before)) == ["R-7.2b"]


def test_announced_again_the_window_opens_again() -> None:
    """The last announcement before the engagement counts; one after it does not."""
    again = announced("2025-01-30 09:00")
    assert rules(announced(), again, engaged()) == ["R-7.2b"]
    assert rules(announced(), again, engaged("2025-01-29 09:00")) == []


def test_a_change_of_a_subprocessor_of_the_annex_has_its_window() -> None:
    """It may be engaged without announcement, but not within that of the change it names."""
    annex = concluded(initial_subprocessors=["S3"])
    assert rules(annex, announced(), engaged("2025-01-14 09:00")) == ["R-7.2b"]
    assert rules(annex, announced(), engaged("2025-01-14 09:00", change_id=None)) == []


# R-7.2c: objections.


def test_engaged_against_an_objection() -> None:
    """Not resolved by then, or upheld; the text says which."""
    assert text(announced(), raised("2025-01-16 10:00"), engaged()).endswith(
        "against objection O-1 of 2025-01-16 10:00, which was not resolved"
    )
    upheld = resolved("2025-01-24 11:00", "upheld")
    assert text(announced(), raised("2025-01-16 10:00"), upheld, engaged()).endswith(
        "against objection O-1 of 2025-01-16 10:00, upheld on 2025-01-24 11:00"
    )


@pytest.mark.parametrize("outcome", ["withdrawn", "rejected", "accommodated"])
def test_an_objection_that_was_resolved_otherwise(outcome: str) -> None:
    """At the engagement at the latest."""
    objection = raised("2025-01-16 10:00")
    for at, expected in (("2025-02-03 09:00", []), ("2025-02-03 09:01", ["R-7.2c"])):
        assert rules(announced(), objection, resolved(at, outcome), engaged()) == expected


def test_the_last_outcome_counts() -> None:
    """Rejected first and upheld then."""
    steps = (resolved("2025-01-20 09:00", "rejected"), resolved("2025-01-21 09:00", "upheld"))
    assert rules(announced(), raised("2025-01-16 10:00"), *steps, engaged()) == ["R-7.2c"]


@pytest.mark.parametrize(
    ("objection", "expected"),
    [
        (raised("2025-01-20 23:59:59"), ["R-7.2c"]),
        (raised("2025-01-21 00:00:00"), []),
        (raised("2025-01-16 10:00", written=False), []),
        (raised("2025-01-16 10:00", reasoned=False), []),
        (raised("2025-01-16 10:00", change_id="CH-9"), []),
        (raised("2025-01-16 10:00", controller_id="C2"), []),
    ],
)
def test_an_objection_must_count(objection: Step, expected: list[str]) -> None:
    """In time to the second, in form, to this change, by this controller."""
    assert rules(announced(), objection, engaged()) == expected


def test_an_objection_after_the_engagement_does_not_undo_it() -> None:
    """Engaged too early, but against no objection."""
    early = engaged("2025-01-15 09:00")
    assert rules(announced(), early, raised("2025-01-15 09:01")) == ["R-7.2b"]
    assert rules(announced(), early, raised("2025-01-15 09:00")) == ["R-7.2b", "R-7.2c"]


def test_an_objection_out_of_time_is_not_revived_by_a_later_announcement() -> None:
    """Whether it counts is judged by what had been announced at the engagement."""
    late = raised("2025-01-25 09:00")
    again = announced("2025-03-01 09:00")
    assert rules(announced(), late, engaged(), again) == []


def test_whom_no_announcement_reached_may_object_at_any_time() -> None:
    """Then both are found: not told, and against the objection."""
    assert rules(raised("2025-01-30 09:00"), engaged()) == ["R-7.2a", "R-7.2c"]


def test_the_change_of_an_engagement_that_names_none() -> None:
    """It is that of the announcement that reached the controller."""
    objection = raised("2025-01-16 10:00")
    assert rules(announced(), objection, engaged(change_id=None)) == ["R-7.2c"]


def test_several_objections_are_one_finding() -> None:
    """Each is told."""
    steps = (raised("2025-01-16 10:00"), raised("2025-01-17 10:00", objection_id="O-2"))
    told = text(announced(), *steps, engaged())
    assert "objection O-1 of 2025-01-16 10:00" in told
    assert "objection O-2 of 2025-01-17 10:00" in told


# C-7.2: the window as a clock.


def test_the_window_is_shown_until_it_closes() -> None:
    """For each controller that was reached, by its own terms."""
    more = amended("2025-01-10 09:00", objection_days=14)
    made = story(more, announced("2025-01-13 09:00", "C1", "C2"))
    one, two = sorted(
        clocks(CHAPTER, made, at="2025-01-21 00:00"), key=lambda clock: clock.controllers
    )
    assert (one.controllers, one.state, one.due_at) == (
        ("C1",),
        "running",
        local("2025-01-28 00:00"),
    )
    assert (two.controllers, two.state, two.due_at) == (("C2",), "ended", local("2025-01-21 00:00"))
    assert (one.parameters, two.parameters) == ({"objection_days": 14}, {"objection_days": 7})
    assert (one.subject, one.rule.id, one.started_at) == (
        "CH S3",
        "C-7.2",
        local("2025-01-13 09:00"),
    )
    assert one.open
    assert not two.open


def test_nothing_stops_a_window() -> None:
    """An objection, its outcome and the engagement leave it as it is: it is never late or met."""
    steps = (announced(), raised("2025-01-16 10:00"), resolved("2025-01-17 10:00", "rejected"))
    made = story(*steps, engaged("2025-01-18 09:00"))
    assert [c.state for c in clocks(CHAPTER, made, at="2025-01-20 23:59:59")] == ["running"]
    assert [c.state for c in clocks(CHAPTER, made)] == ["ended"]


def test_a_change_that_was_announced_again_has_the_window_of_the_last() -> None:
    """One clock for each change."""
    made = story(announced(), announced("2025-01-15 09:00"))
    assert [c.due_at for c in clocks(CHAPTER, made)] == [local("2025-01-23 00:00")]
