"""Civil time: days, months and hours as the agreement counts them, on the days that are odd."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.civil import (
    AMSTERDAM,
    add_period,
    begin_of,
    civil_date,
    days_after,
    end_of,
)

DAYS = st.dates(date(1990, 1, 1), date(2090, 12, 31))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=AMSTERDAM).astimezone(UTC)


def test_seven_days_close_at_midnight_after_the_seventh() -> None:
    """Announced on 13 January: 23:59:59 on the 20th is within, 00:00:00 on the 21st is not."""
    closes = days_after(at("2025-01-13T09:00"), 7)
    assert closes == at("2025-01-21T00:00")
    assert at("2025-01-20T23:59:59") < closes
    assert not at("2025-01-21T00:00:00") < closes


@pytest.mark.parametrize("hour", ["00:00:00", "12:00:00", "23:59:59"])
def test_the_day_of_the_announcement_does_not_count(hour: str) -> None:
    """The hour of the announcement moves nothing."""
    assert days_after(at(f"2025-01-13T{hour}"), 7) == at("2025-01-21T00:00")


@pytest.mark.parametrize(("start", "hours"), [("2025-03-25T10:00", 181), ("2025-10-20T10:00", 183)])
def test_a_day_of_23_or_25_hours_is_a_day(start: str, hours: int) -> None:
    """The window closes at Dutch midnight though the clocks went forward or back within it."""
    closes = days_after(at(start), 7)
    assert closes.astimezone(AMSTERDAM).hour == 0
    assert closes - at(start) == timedelta(hours=hours)


@pytest.mark.parametrize(("day", "hours"), [("2025-03-30", 23), ("2025-10-26", 25)])
def test_the_length_of_a_day_is_elapsed_time(day: str, hours: int) -> None:
    """On the day the clocks change, 24:00 comes 23 or 25 hours after 00:00."""
    found = date.fromisoformat(day)
    assert end_of(found) - begin_of(found) == timedelta(hours=hours)


@pytest.mark.parametrize("change", ["2025-03-29T12:00", "2025-10-25T12:00"])
def test_72_hours_are_elapsed_hours(change: str) -> None:
    """Over a change of the clocks, the wall shows another hour after 72 hours."""
    end = at(change) + timedelta(hours=72)
    assert end.astimezone(AMSTERDAM).hour in (11, 13)


@pytest.mark.parametrize(
    ("day", "period", "last"),
    [
        ("2026-01-31", "P1M", "2026-02-28"),
        ("2028-01-31", "P1M", "2028-02-29"),
        ("2026-03-31", "P1M", "2026-04-30"),
        ("2026-12-31", "P1M", "2027-01-31"),
        ("2026-01-30", "P30D", "2026-03-01"),
        ("2028-02-29", "P1Y", "2029-02-28"),
        ("2026-01-31", "P1Y1M1W1D", "2027-03-08"),
        ("2026-01-15", "P2W", "2026-01-29"),
    ],
)
def test_a_month_is_the_same_day_or_the_last(day: str, period: str, last: str) -> None:
    """Clamped to the end of a shorter month; days are added after months."""
    assert add_period(date.fromisoformat(day), period) == date.fromisoformat(last)


@pytest.mark.parametrize("period", ["", "P", "1M", "PT1H", "P1M ", "P-1M", "P1.5M", "P1D1M", "P١M"])
def test_no_other_form_is_a_period(period: str) -> None:
    """Hours, signs, fractions, another order and foreign digits are refused."""
    with pytest.raises(ValueError, match="not a period"):
        add_period(date(2026, 1, 31), period)


@given(DAYS)
def test_a_day_begins_where_the_one_before_ends(day: date) -> None:
    """No moment belongs to two days, and none to no day."""
    assert end_of(day) == begin_of(day + timedelta(days=1))
    assert civil_date(begin_of(day)) == day
    assert civil_date(end_of(day) - timedelta(microseconds=1)) == day


@given(DAYS, st.integers(1, 40))
def test_months_never_leave_their_month(day: date, months: int) -> None:
    """So many months later is so many months later, not a day of the month after."""
    last = add_period(day, f"P{months}M")
    assert (last.year * 12 + last.month) - (day.year * 12 + day.month) == months
    assert last.day == day.day or (last + timedelta(days=1)).day == 1
