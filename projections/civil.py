"""Civil time in Europe/Amsterdam, in which the agreement counts days and months (clauses.md 1.4).

A term in days begins the day after and ends at 24:00 of its last day; a term in months ends on the
same day of the month, or on the last one when the month is shorter (31 January and a month is 28 or
29 February). Hours are elapsed hours, whatever the clocks do. `tests/test_civil.py`.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

AMSTERDAM = ZoneInfo("Europe/Amsterdam")

_PERIOD = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?", re.ASCII)


def civil_date(moment: datetime) -> date:
    """The day on which a moment falls."""
    return moment.astimezone(AMSTERDAM).date()


def local_minute(moment: datetime) -> str:
    """A moment as people here write it, to the minute: 2026-11-27 17:05."""
    return moment.astimezone(AMSTERDAM).strftime("%Y-%m-%d %H:%M")


def begin_of(day: date) -> datetime:
    """00:00 of a day, in UTC: Python counts hours on the wall between two times of one zone."""
    return datetime.combine(day, time(), AMSTERDAM).astimezone(UTC)


def end_of(day: date) -> datetime:
    """24:00 of a day: the first moment that no longer belongs to it."""
    return begin_of(day + timedelta(days=1))


def days_after(moment: datetime, days: int) -> datetime:
    """24:00 of the last of so many days; the day of the moment itself does not count (7.2)."""
    return end_of(civil_date(moment) + timedelta(days=days))


def add_period(day: date, period: str) -> date:
    """The last day of a period that began on a day: ISO 8601, `P1M` or `P30D`.

    Raises ValueError for another form.
    """
    match = _PERIOD.fullmatch(period)
    if match is None or not any(match.groups()):
        raise ValueError(f"not a period of days, weeks, months or years: {period!r}")
    years, months, weeks, days = (int(part or 0) for part in match.groups())
    month = day.year * 12 + day.month - 1 + years * 12 + months
    year, month = divmod(month, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last)) + timedelta(days=7 * weeks + days)
