"""Civil time in Europe/Amsterdam, as `domain/clauses.md` 1.4 asks.

A term in days does not count the day of the act and closes at 24:00 of its last day. A month later
is the same day number, or the last day of a shorter month. Hours are hours that elapsed.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Amsterdam")


def instant(text: str) -> datetime:
    """An instant written with its offset, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def is_date(text: str) -> bool:
    """Whether a moment is written as a day alone."""
    return len(text) == 10


def day(moment: datetime) -> date:
    """The civil day of an instant."""
    return moment.astimezone(ZONE).date()


def start(of: date) -> datetime:
    """00:00 of a civil day."""
    return datetime.combine(of, time(0), ZONE).astimezone(UTC)


def close(of: date) -> datetime:
    """24:00 of a civil day."""
    return start(of + timedelta(days=1))


def minute_before_midnight(of: date) -> datetime:
    """23:59 of a civil day."""
    return datetime.combine(of, time(23, 59), ZONE).astimezone(UTC)


def after_days(moment: datetime, days: int) -> datetime:
    """24:00 of the last day of a term that an act at a moment begins."""
    return close(day(moment) + timedelta(days=days))


def months_later(of: date, months: int) -> date:
    """The same day number some months later (or earlier), clamped."""
    count = of.year * 12 + of.month - 1 + months
    year, month = divmod(count, 12)
    return date(year, month + 1, min(of.day, monthrange(year, month + 1)[1]))


def period_later(of: date, period: str) -> date:
    """The day that lies an ISO 8601 period after a day: years and months, then weeks and days."""
    parts = {unit: int(number) for number, unit in re.findall(r"(\d+)([YMWD])", period)}
    months = parts.get("Y", 0) * 12 + parts.get("M", 0)
    return months_later(of, months) + timedelta(weeks=parts.get("W", 0), days=parts.get("D", 0))
