"""How moments, days and spans are written in the texts of findings, in Dutch civil time.

`tests/rules/test_wording.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from projections.civil import AMSTERDAM
from projections.register import Label

DAY = timedelta(days=1)

FEW = 10
"""So many names are told; of the others their number."""


def moment_text(at: datetime) -> str:
    """A moment to the minute: 2025-06-14 11:00."""
    return at.astimezone(AMSTERDAM).strftime("%Y-%m-%d %H:%M")


def elapsed(start: datetime, end: datetime) -> Label:
    """Elapsed time: whole days from three days on, hours and minutes below (49 h 55 min)."""
    took = end - start
    return number_of_days(took // DAY) if took >= 3 * DAY else in_hours(start, end)


def in_hours(start: datetime, end: datetime) -> Label:
    """Elapsed time in hours and minutes, however long: 90 h 20 min."""
    hours, rest = divmod((end - start) // timedelta(minutes=1), 60)
    return Label(f"{hours} u {rest} min", f"{hours} h {rest} min")


def number_of_days(days: int) -> Label:
    """A number of days: 1 day, 17 days."""
    return Label(*(("1 dag", "1 day") if days == 1 else (f"{days} dagen", f"{days} days")))


def listed(names: Sequence[str]) -> Label:
    """Names, in their order: a, b and 31 others."""
    told, others = ", ".join(names[:FEW]), len(names) - FEW
    if others <= 0:
        return Label(told, told)
    return Label(
        f"{told} en {others} andere", f"{told} and {others} other{'' if others == 1 else 's'}"
    )


def period(start: datetime, end: datetime | None) -> Label:
    """From when until when; without an end, from when."""
    begin = moment_text(start)
    if end is None:
        return Label(f"vanaf {begin}", f"from {begin}")
    return Label(f"van {begin} tot {moment_text(end)}", f"from {begin} until {moment_text(end)}")
