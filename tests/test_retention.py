"""From the last licence to the last copy: times, terms, duties to keep data, and what is held."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.facts import Fact, effective
from projections.retention import (
    Hold,
    Lapse,
    after_licences,
    data_held,
    holds,
    postponing,
    retention,
    subprocessors_at,
)
from tests.recording import Recording, local

BEGIN = local("2025-01-01 00:00")


def hour(number: int) -> str:
    return (BEGIN + timedelta(hours=number)).isoformat()


def times(story: Recording) -> list[tuple[str, str | None]]:
    """When each time without a licence began and ended, in days of 2025."""
    found = after_licences(effective(story.events))
    return [(f"{t.begins_at:%m-%d}", f"{t.ends_at:%m-%d}" if t.ends_at else None) for t in found]


def turn(story: Recording, type_: str, at: str, licence: str, **data: str) -> None:
    story.add(type_, f"2025-{at} 12:00", {"controller_id": "C1", "licence_id": licence, **data})


def test_the_last_of_several_licences_begins_the_time_after() -> None:
    """One that is granted again ends it, and another begins when that one has ended."""
    story = Recording()
    turn(story, "LicenceGranted", "01-01", "A")
    turn(story, "LicenceGranted", "01-01", "B")
    turn(story, "LicenceEnded", "02-01", "A")
    assert times(story) == []
    turn(story, "LicenceEnded", "03-01", "B")
    turn(story, "LicenceGranted", "03-20", "A")
    turn(story, "LicenceEnded", "05-01", "A")
    assert times(story) == [("03-01", "03-20"), ("05-01", None)]


def test_an_end_told_beforehand_comes_when_it_was_told_for() -> None:
    """A is said in January to end in March; B, which ends in February, is not the last."""
    story = Recording()
    turn(story, "LicenceGranted", "01-01", "A")
    turn(story, "LicenceGranted", "01-01", "B")
    turn(story, "LicenceEnded", "01-10", "A", ended_at="2025-03-01")
    turn(story, "LicenceEnded", "02-01", "B")
    (time,) = after_licences(effective(story.events))
    assert time.begins_at == local("2025-03-01 00:00")
    kept = retention(time, effective(story.events))
    assert kept is not None
    assert (kept.until, kept.due_at) == (date(2025, 4, 1), local("2025-04-02 00:00"))


def test_a_licence_that_ends_unknown_did_run_until_then() -> None:
    """A feed may begin in the middle: the later end counts."""
    story = Recording()
    turn(story, "LicenceEnded", "02-01", "A")
    turn(story, "LicenceEnded", "03-01", "B")
    assert times(story) == [("03-01", None)]


@given(st.lists(st.tuples(st.sampled_from("GE"), st.sampled_from("AB")), max_size=8))
def test_a_time_after_is_when_no_granted_licence_runs(turns: list[tuple[str, str]]) -> None:
    """Compared with a count of running licences hour by hour, each ended only while it runs."""
    story, running = Recording(), set[str]()
    states = []
    for number, (kind, licence) in enumerate(turns):
        if (kind == "G") is (licence not in running):
            (running.add if kind == "G" else running.remove)(licence)
            type_ = "LicenceGranted" if kind == "G" else "LicenceEnded"
            story.add(type_, hour(number), {"controller_id": "C1", "licence_id": licence})
        states.append(bool(running) or not story.events)
    found = after_licences(effective(story.events))
    for number, runs in enumerate(states):
        at = local(hour(number))
        resting = any(t.begins_at <= at and (not t.ends_at or at < t.ends_at) for t in found)
        assert resting is not runs


def imposed(story: Recording, at: str, until: str) -> None:
    data = {"hold_id": "H", "controller_id": "C1", "legal_basis": "order", "until": until}
    story.add("StatutoryRetentionImposed", f"2025-{at} 12:00", data)


def lapsed(story: Recording, told: str, **data: str) -> None:
    data = {"hold_id": "H", "controller_id": "C1", **data}
    story.add("StatutoryRetentionLapsed", f"2025-{told} 12:00", data)


def test_a_duty_lapses_when_it_was_told_or_else_at_the_end_of_what_was_imposed() -> None:
    """The day of the lapse is that of the term, also when it ends at 24:00."""
    story = Recording()
    imposed(story, "02-01", "2025-04-30")
    (hold,) = holds(effective(story.events))
    assert hold.lapse is not None
    assert (hold.lapse.at, hold.lapse.on) == (local("2025-05-01 00:00"), date(2025, 4, 30))
    lapsed(story, "05-10", at="2025-05-03")
    (hold,) = holds(effective(story.events))
    assert hold.lapse is not None
    assert (hold.lapse.at, hold.lapse.on) == (local("2025-05-03 00:00"), date(2025, 5, 3))


def test_a_duty_imposed_again_goes_on_or_runs_anew() -> None:
    """Prolonged while it runs it is one; imposed after it lapsed it is another."""
    story = Recording()
    imposed(story, "02-01", "2025-03-31")
    imposed(story, "03-15", "2025-05-31")
    (hold,) = holds(effective(story.events))
    assert (hold.since, hold.lapse and hold.lapse.on) == (
        local("2025-02-01 12:00"),
        date(2025, 5, 31),
    )
    lapsed(story, "04-01")
    imposed(story, "06-01", "2025-07-31")
    assert [h.since for h in holds(effective(story.events))] == [
        local("2025-02-01 12:00"),
        local("2025-06-01 12:00"),
    ]


def test_a_lapse_without_a_duty_is_none() -> None:
    """And one whose end cannot be read runs on."""
    story = Recording()
    lapsed(story, "02-01")
    assert holds(effective(story.events)) == []
    imposed(story, "03-01", "some day")
    (hold,) = holds(effective(story.events))
    assert hold.lapse is None
    assert hold.covers(local("2999-01-01 00:00"))


def duty(number: int, since: int, until: int | None) -> Hold:
    fact = Fact(1, "StatutoryRetentionImposed", "s", "E1", BEGIN, BEGIN, {})
    at = None if until is None else BEGIN + timedelta(days=until)
    lapse = Lapse(at, at.date(), fact) if at else None
    return Hold(f"H{number}", BEGIN + timedelta(days=since), lapse)


DUTIES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 14) | st.none()), max_size=5)


@given(DUTIES, st.integers(0, 12))
def test_a_term_is_postponed_to_where_no_duty_runs_on(
    drawn: list[tuple[int, int | None]], due: int
) -> None:
    """Compared with going on from the end of the term as long as any duty runs on."""
    duties = [duty(number, since, until) for number, (since, until) in enumerate(drawn)]
    at: int | None = due
    touched = False
    while at is not None:
        ends = [until for since, until in drawn if since < at and (until is None or at <= until)]
        touched = touched or bool(ends)
        later = None if None in ends else max([at, *(end for end in ends if end is not None)])
        if later == at:
            break
        at = later
    found = postponing(BEGIN + timedelta(days=due), duties)
    if not touched:
        assert found is None
    else:
        assert found is not None
        expected = None if at is None else BEGIN + timedelta(days=at)
        assert (found.lapse.at if found.lapse else None) == expected


@pytest.mark.parametrize(
    ("day", "held"),
    [
        ("2024-12-31", "none"),
        ("2025-01-02", "all"),
        ("2025-04-02", "part"),
        ("2025-05-02", "copies"),
        ("2025-06-02", "none"),
        ("2025-07-02", "all"),
    ],
)
def test_what_is_held_at_a_moment(day: str, held: str) -> None:
    """Everything until part, then all but copies, then these are erased; a licence begins anew."""
    story = Recording()
    turn(story, "LicenceGranted", "01-01", "A")
    turn(story, "LicenceEnded", "03-01", "A")
    for month, partial in (("04", True), ("05", False)):
        erased = {"controller_id": "C1", "scope": "x", "partial": partial}
        story.add("PersonalDataErased", f"2025-{month}-01 12:00", erased)
    # Told a week later, done on the first of June.
    copies = {"controller_id": "C1", "erased_at": "2025-06-01T12:00:00+02:00"}
    story.add("CopiesErased", "2025-06-08 12:00", copies)
    turn(story, "LicenceGranted", "07-01", "A")
    assert data_held(effective(story.events), local(f"{day} 00:00")) == held


def test_a_subprocessor_is_engaged_until_it_is_not() -> None:
    """Engaged again it is engaged; the end of the agreement ends nothing of what it holds."""
    story = Recording()
    c1 = {"controller_ids": ["C1"], "countries": ["NL"]}
    story.add("SubprocessorEngaged", "2025-01-01 12:00", c1 | {"subprocessor_id": "S1"})
    story.add("SubprocessorEngaged", "2025-01-01 12:00", c1 | {"subprocessor_id": "S2"})
    story.add("SubprocessorDisengaged", "2025-02-01 12:00", c1 | {"subprocessor_id": "S2"})
    story.add("ProcessingAgreementEnded", "2025-03-01 12:00", {"controller_id": "C1"})
    facts = effective(story.events)
    assert subprocessors_at(facts, local("2025-01-15 00:00")) == {"S1", "S2"}
    assert subprocessors_at(facts, local("2025-04-01 00:00")) == {"S1"}
