"""Duties that come back: every act but the last is followed, and the end of the duty ends it."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from projections.facts import Fact
from projections.reading import Act
from projections.rules.recurring import stretches
from tests.recording import local

BEGIN = local("2025-01-01 00:00")
TERM = timedelta(hours=5)


def act(hour: int, position: int) -> Act:
    at = BEGIN + timedelta(hours=hour)
    return at, Fact(position, "X", "s", f"E{position}", at, at, {})


@given(st.lists(st.integers(0, 60), max_size=8), st.integers(0, 60) | st.none())
def test_every_late_stretch_is_one_without_an_act_in_the_term(
    hours: list[int], closed: int | None
) -> None:
    """Compared with a look at each act: is there another, or the end, within the term after it?"""
    acts = [act(hour, n) for n, hour in enumerate(hours)]
    end = None if closed is None else act(closed, 99)
    found = stretches(acts, lambda at: at + TERM, end)
    counted = [hour for hour in hours if closed is None or hour <= closed]
    assert len(found) == len(counted)
    late = sorted({s.last[0] for s in found if s.is_late})
    expected = {
        BEGIN + timedelta(hours=hour)
        for hour in counted
        if not any(hour < other < hour + 5 for other in counted)
        and not (closed is not None and closed < hour + 5)
    }
    assert late == sorted(expected)


def test_the_moment_that_it_is_due_is_too_late() -> None:
    """A term in days closes at 24:00."""
    first, last = stretches([act(0, 1), act(5, 2)], lambda at: at + TERM)
    assert first.is_late
    assert last.next is None
    early, _ = stretches([act(0, 1), act(4, 2)], lambda at: at + TERM)
    assert not early.is_late
