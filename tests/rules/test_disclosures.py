"""Compelled disclosures: told before, or when the ban lapsed; and what the controller may see."""

from __future__ import annotations

from typing import Any

import pytest

from projections.rows import PROCESSOR_ONLY
from projections.rules.disclosures import CHAPTER
from tests.recording import Recording, local
from tests.rules.judging import brief, clocks, found, rows

DEMAND = {"demand_id": "DD-1", "controller_ids": ["C1"]}
BAN = {"notification_prohibited": True, "prohibition_until": "2025-10-20"}


def story(*steps: tuple[str, str, dict[str, Any]], **demand: Any) -> Recording:
    """A demand of 6 October at 09:00 for C1, and what followed."""
    made = Recording()
    received = ("DisclosureDemandReceived", "2025-10-06 09:00", {**DEMAND, **demand})
    for type_, at, data in sorted([received, *steps], key=lambda step: step[1]):
        made.add(type_, at, data)
    return made


def told(at: str, controller: str = "C1") -> tuple[str, str, dict[str, Any]]:
    return "DisclosureDemandNotified", at, {"demand_id": "DD-1", "controller_id": controller}


def disclosed(at: str, id_: str = "PD-1", *controllers: str) -> tuple[str, str, dict[str, Any]]:
    data = {**DEMAND, "disclosure_id": id_, "controller_ids": [*(controllers or ["C1"])]}
    return "PersonalDataDisclosed", at, data


def test_told_before_nothing_is_found() -> None:
    """Also with the disclosure; and nothing when nothing was disclosed."""
    assert found(CHAPTER, story(told("2025-10-06 10:00"), disclosed("2025-10-07 10:00"))) == []
    assert found(CHAPTER, story(told("2025-10-07 10:00"), disclosed("2025-10-07 10:00"))) == []
    assert found(CHAPTER, story()) == []


def test_told_afterwards() -> None:
    """The text says when it was disclosed and when the controller heard."""
    (finding,) = found(CHAPTER, story(told("2025-10-07 10:01"), disclosed("2025-10-07 10:00")))
    assert brief([finding]) == [("R-4.7", "C1", "2025-10-07 10:00")]
    assert finding.severity == "major"
    assert finding.text.en == (
        "DD-1: disclosed on 2025-10-07 10:00, controller told only on 2025-10-07 10:01,"
        " no prohibition to tell in force"
    )
    assert finding.text.nl == (
        "DD-1: verstrekt op 2025-10-07 10:00, Klant pas geïnformeerd op 2025-10-07 10:01,"
        " geen verbod om te informeren van kracht"
    )
    assert finding.events == (1, 2, 3)


def test_not_told_at_all() -> None:
    """Found at once, for the controller to see: nothing forbids it."""
    made = story(disclosed("2025-10-07 10:00"))
    (finding,) = found(CHAPTER, made, at="2025-10-07 10:00")
    assert "controller not told" in finding.text.en
    assert [row.controllers for row in rows(CHAPTER, made)] == [("C1",)]


def test_each_controller_is_judged_for_itself() -> None:
    """Of two, the one that was told before is not found."""
    both = {"controller_ids": ["C1", "C2"]}
    made = story(
        told("2025-10-06 10:00"), disclosed("2025-10-07 10:00", "PD-1", "C1", "C2"), **both
    )
    assert brief(found(CHAPTER, made)) == [("R-4.7", "C2", "2025-10-07 10:00")]


def test_each_disclosure_is_judged() -> None:
    """Two before the notice are two findings, one after it is none."""
    days = ("2025-10-07 10:00", "2025-10-08 10:00", "2025-10-10 10:00")
    steps = [disclosed(at, f"PD-{n}") for n, at in enumerate(days)]
    made = story(*steps, told("2025-10-09 10:00"))
    assert [at for _, _, at in brief(found(CHAPTER, made))] == [*days[:2]]


def test_a_disclosure_on_instruction_is_none_of_this() -> None:
    """It has no demand."""
    made = Recording()
    data = {"disclosure_id": "PD-1", "instruction_id": "I-1", "controller_ids": ["C1"]}
    made.add("PersonalDataDisclosed", "2025-10-07 10:00", data)
    assert found(CHAPTER, made) == []


# Prohibited to tell.

UNDER_BAN = disclosed("2025-10-07 10:00")


def test_a_ban_defers_the_notice_to_the_end_of_the_day_after_it_lapsed() -> None:
    """From 20 October at 00:00 the clock runs, to 24:00 of the 21st."""
    (clock,) = clocks(CHAPTER, story(UNDER_BAN, **BAN), at="2025-10-08 09:00")
    assert (clock.state, clock.controllers, clock.subject) == ("running", ("C1",), "DD-1")
    assert clock.started_at == local("2025-10-20 00:00")
    assert clock.due_at == local("2025-10-22 00:00")
    assert found(CHAPTER, story(UNDER_BAN, **BAN), at="2025-10-21 23:59:59") == []


@pytest.mark.parametrize(
    ("at", "state", "count"),
    [
        ("2025-10-10 09:00", "met", 0),
        ("2025-10-20 09:00", "met", 0),
        ("2025-10-21 23:59:59", "met", 0),
        ("2025-10-22 00:00", "late", 1),
        ("2025-10-25 09:00", "late", 1),
    ],
)
def test_the_deferred_notice_is_in_time_or_late(at: str, state: str, count: int) -> None:
    """24:00 itself is too late; told in spite of the ban it is told."""
    made = story(UNDER_BAN, told(at), **BAN)
    (clock,) = clocks(CHAPTER, made)
    assert (clock.state, clock.stopped_at) == (state, local(at))
    assert brief(found(CHAPTER, made)) == [("R-4.7", "C1", "2025-10-22 00:00")] * count


def test_never_told_after_the_ban() -> None:
    """Found from the due moment on, whatever comes; the text says when the ban lapsed."""
    made = story(UNDER_BAN, disclosed("2025-10-08 10:00", "PD-2"), **BAN)
    (finding,) = found(CHAPTER, made, at="2025-10-22 00:00")
    assert brief([finding]) == [("R-4.7", "C1", "2025-10-22 00:00")]
    assert finding.text.en == (
        "DD-1: prohibition to tell lapsed on 2025-10-20 00:00, controller not told"
        " (before 2025-10-22 00:00)"
    )
    assert finding.events == (1, 2, 3)


def test_a_ban_without_an_end_lasts() -> None:
    """No clock runs and nothing is found, until it is known when it lapsed."""
    made = story(UNDER_BAN, notification_prohibited=True)
    assert rows(CHAPTER, made) == []
    made.correct(made.events[0], "2025-11-01 09:00", "prohibition_until", "2025-11-01")
    assert clocks(CHAPTER, made)[0].due_at == local("2025-11-03 00:00")


def test_disclosed_after_the_ban_lapsed_it_is_a_disclosure_like_any_other() -> None:
    """To be told before it, also within the day that the deferred notice has."""
    made = story(disclosed("2025-10-20 00:00"), told("2025-10-21 09:00"), **BAN)
    assert brief(found(CHAPTER, made)) == [("R-4.7", "C1", "2025-10-20 00:00")]


def test_nothing_under_a_ban_is_shown_to_the_controller() -> None:
    """Neither the clock nor the finding, until it was told; the processor sees whom it concerns."""
    made = story(UNDER_BAN, **BAN)
    for moment in ("2025-10-08 09:00", "2025-10-30 09:00"):
        shown = rows(CHAPTER, made, at=moment)
        assert shown
        assert {row.controllers for row in shown} == {PROCESSOR_ONLY}
    (finding,) = found(CHAPTER, made)
    assert finding.controllers == ("C1",)
    made.add(*told("2025-11-05 09:00"))
    assert {row.controllers for row in rows(CHAPTER, made)} == {("C1",)}
    assert {row.controllers for row in rows(CHAPTER, made, at="2025-11-05 08:59")} == {
        PROCESSOR_ONLY
    }


def test_a_demand_that_is_not_known_may_be_secret() -> None:
    """A disclosure that was recorded before its demand is found, for the processor alone."""
    made = Recording()
    made.add(*disclosed("2025-10-07 10:00"))
    (row,) = rows(CHAPTER, made)
    assert (row.controllers, row.values["controller"]) == (PROCESSOR_ONLY, "C1")
