"""Moments, spans, numbers and names, as the texts of findings have them."""

from __future__ import annotations

import pytest

from projections.rules.wording import (
    elapsed,
    in_hours,
    listed,
    moment_text,
    number_of_days,
    period,
)
from tests.recording import local


def test_a_moment_is_told_in_dutch_civil_time() -> None:
    """To the minute, in summer and in winter."""
    assert moment_text(local("2025-06-14T09:00:59+00:00")) == "2025-06-14 11:00"
    assert moment_text(local("2025-01-14T23:30:00+00:00")) == "2025-01-15 00:30"


@pytest.mark.parametrize(
    ("end", "nl", "en"),
    [
        ("2025-03-05 09:00", "0 u 0 min", "0 h 0 min"),
        ("2025-03-05 09:00:59", "0 u 0 min", "0 h 0 min"),
        ("2025-03-07 10:55", "49 u 55 min", "49 h 55 min"),
        ("2025-03-08 08:59", "71 u 59 min", "71 h 59 min"),
        ("2025-03-08 09:00", "3 dagen", "3 days"),
        ("2025-03-19 08:00", "13 dagen", "13 days"),
    ],
)
def test_elapsed_time_is_in_hours_below_three_days(end: str, nl: str, en: str) -> None:
    """And in whole days from there on."""
    took = elapsed(local("2025-03-05 09:00"), local(end))
    assert (took.nl, took.en) == (nl, en)


def test_hours_are_those_that_passed() -> None:
    """The night in which summer time begins has one less, that in which it ends one more."""
    assert in_hours(local("2025-03-29 12:00"), local("2025-03-30 12:00")).en == "23 h 0 min"
    assert in_hours(local("2025-10-25 12:00"), local("2025-10-26 12:00")).en == "25 h 0 min"
    assert in_hours(local("2025-06-12 15:40"), local("2025-06-16 10:00")).nl == "90 u 20 min"


def test_one_day_is_a_day() -> None:
    """Two are days, and so are none."""
    told = [(label.nl, label.en) for label in map(number_of_days, (0, 1, 2))]
    assert told == [("0 dagen", "0 days"), ("1 dag", "1 day"), ("2 dagen", "2 days")]


def test_ten_names_are_told() -> None:
    """Of the others how many there are."""
    ten = "a, b, c, d, e, f, g, h, i, j"
    told = {count: listed("abcdefghijkl"[:count]) for count in (0, 1, 10, 11, 12)}
    assert [label.en for label in told.values()] == [
        "",
        "a",
        ten,
        f"{ten} and 1 other",
        f"{ten} and 2 others",
    ]
    assert told[12].nl == f"{ten} en 2 andere"


def test_a_period_has_an_end_or_not() -> None:
    """From when until when, or from when."""
    begin, end = local("2025-01-27 08:05"), local("2025-02-10 09:00")
    assert period(begin, end).en == "from 2025-01-27 08:05 until 2025-02-10 09:00"
    assert period(begin, end).nl == "van 2025-01-27 08:05 tot 2025-02-10 09:00"
    assert (period(begin, None).nl, period(begin, None).en) == (
        "vanaf 2025-01-27 08:05",
        "from 2025-01-27 08:05",
    )
