"""The states of clocks at a moment, and the order of the worklist."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.clocks import STATES, SeenClock, clocks_at
from projections.facts import Fact, effective
from projections.register import Label
from projections.rules.data_subject_requests import ANSWER, REFER
from projections.rules.rule import Clock, State
from tests.recording import Recording, local
from tests.test_findings import finding, rows

START = local("2025-03-05 09:00")
DUE = local("2025-03-11 00:00")
TICK = timedelta.resolution


def fact(day: int = 5) -> Fact:
    made = Recording()
    made.add("LicenceGranted", f"2025-03-{day:02} 09:00", {"controller_id": "C1"})
    return effective(made.events)[0]


def clock(**more: Any) -> Clock:
    given_ = {"rule": REFER, "due_at": DUE, "stopped_at": None, "owner": "C1", "subject": "R-1"}
    return Clock(**{**given_, "started_at": START, "start": fact(), **more})


def seen(at: Any, **more: Any) -> SeenClock:
    (found,) = clocks_at(rows(clock(**more)), at)
    return found


@pytest.mark.parametrize(
    ("open_end", "at", "expected"),
    [
        (True, DUE - TICK, "running"),
        (True, DUE, "late"),
        (False, DUE, "running"),
        (False, DUE + TICK, "late"),
    ],
)
def test_a_term_in_days_ends_at_24_hours_one_in_hours_with_its_last_instant(
    open_end: bool, at: Any, expected: State
) -> None:
    """24:00 is too late, the last instant of a number of hours is in time; the same when it was
    stopped then, whenever one asks."""
    assert seen(at, open_end=open_end).state == expected
    stopped = seen(DUE + timedelta(days=9), open_end=open_end, stopped_at=at)
    assert stopped.state == {"running": "met", "late": "late"}[expected]


@pytest.mark.parametrize("open_end", [True, False])
def test_a_finding_about_a_clock_holds_from_when_the_clock_is_late(open_end: bool) -> None:
    """To the instant, both."""
    made = clock(open_end=open_end)
    overdue = made.overdue_from
    assert overdue
    assert made.state(overdue - TICK) == "running"
    assert made.state(overdue) == "late"


MOMENTS = st.integers(-3, 3).map(lambda n: DUE + n * TICK)


@given(MOMENTS, st.booleans(), st.none() | MOMENTS, st.booleans(), st.booleans())
def test_what_is_stored_has_the_state_of_what_was_judged(
    at: Any, open_end: bool, stopped_at: Any, window: bool, excused: bool
) -> None:
    """A row of a clock gives its state at any moment; it is overdue when it can become late."""
    excuse = Label("geen plicht", "no duty") if excused else None
    made = clock(open_end=open_end, stopped_at=stopped_at, window=window, excused=excuse)
    (found,) = clocks_at(rows(made), at)
    assert found.state == made.state(at)
    later = made.state(DUE + timedelta(days=1))
    assert (made.overdue_from is not None) == (later == "late")


def test_a_window_ends_by_itself() -> None:
    """It is never met or late, and listed until it ends."""
    for at, state in ((DUE - TICK, "running"), (DUE, "ended")):
        found = seen(at, window=True, open_end=True)
        assert (found.state, found.open) == (state, state == "running")
    closed = seen(START, window=True, open_end=True, stopped_at=START)
    assert (closed.state, closed.open) == ("ended", False)
    assert clock(window=True).overdue_from is None


def test_a_duty_that_does_not_apply_is_excused() -> None:
    """Whatever the moment; the reason is told in both languages."""
    excuse = Label("geen plicht", "no duty")
    found = seen(DUE + timedelta(days=9), excused=excuse)
    assert (found.state, found.open, found.excused) == ("not_applicable", False, excuse)
    assert clock(excused=excuse).overdue_from is None


@pytest.mark.parametrize(
    ("stopped_at", "at", "expected"),
    [
        (None, START, True),
        (None, DUE + timedelta(days=9), True),
        (START, DUE, False),
        (DUE + timedelta(days=1), DUE + timedelta(days=9), False),
    ],
)
def test_an_open_clock_still_has_to_be_stopped(stopped_at: Any, at: Any, expected: bool) -> None:
    """Running or overdue; stopped late it is late, and nothing is left to do."""
    assert seen(at, stopped_at=stopped_at).open is expected


def test_a_clock_says_what_it_is_and_rests_on() -> None:
    """The rule and its version, whom and what it is about, its terms, and what it rests on."""
    story = Recording()
    story.add("LicenceGranted", "2025-03-05 09:00", {"controller_id": "C1"})
    story.add("LicenceEnded", "2025-03-06 09:00", {"controller_id": "C1"})
    start, stop = effective(story.events)
    more: dict[str, Any] = {"start": start, "stop": stop, "stopped_at": stop.occurred_at}
    found = seen(DUE, **more, parameters={"dsr_forward_days": 5})
    assert (found.rule, found.version, found.controllers) == (REFER, REFER.version, ("C1",))
    assert (found.subject, found.started_at, found.due_at) == ("R-1", START, DUE)
    assert (found.stopped_at, found.events) == (local("2025-03-06 09:00"), (1, 2))
    assert found.parameters == {"dsr_forward_days": 5}


def test_a_secret_clock_is_the_processors() -> None:
    """It names the controller, whose readers are not given the row."""
    (row,) = rows(clock(secret=True))
    assert row.controllers == ("",)
    assert clocks_at([row], START)[0].controllers == ("C1",)


def test_the_soonest_due_comes_first() -> None:
    """At one moment by rule, controller and subject; findings are no clocks."""
    made = [
        clock(subject="R-2"),
        clock(subject="R-1", owner="C2"),
        clock(rule=ANSWER),
        clock(),
        clock(due_at=DUE - TICK, subject="R-9"),
    ]
    found = clocks_at([*rows(*made)[::-1], *rows(finding())], START)
    assert [(c.rule.id, c.controllers[0], c.subject) for c in found] == [
        ("R-8.1", "C1", "R-9"),
        ("C-12.3", "C1", "R-1"),
        ("R-8.1", "C1", "R-1"),
        ("R-8.1", "C1", "R-2"),
        ("R-8.1", "C2", "R-1"),
    ]


def test_two_terms_of_one_start_are_two_clocks() -> None:
    """They differ by when they are due."""
    assert len(rows(clock(), clock(due_at=DUE + TICK))) == 2


def test_every_state_can_be_asked_for() -> None:
    """Those that a clock can have, and no others."""
    assert sorted(STATES) == sorted(get_args(State))
