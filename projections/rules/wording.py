"""How moments, days and spans are written in the texts of findings, in Dutch civil time.

`tests/rules/test_wording.py`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from projections.civil import AMSTERDAM
from projections.register import Label

DAY = timedelta(days=1)


def moment_text(at: datetime) -> str:
    """A moment to the minute: 2025-06-14 11:00."""
    return at.astimezone(AMSTERDAM).strftime("%Y-%m-%d %H:%M")


def elapsed(start: datetime, end: datetime) -> Label:
    """Elapsed time: whole days from three days on, hours and minutes below (49 h 55 min)."""
    took = end - start
    if took >= 3 * DAY:
        days = took // DAY
        return Label(f"{days} dagen", f"{days} days")
    minutes = took // timedelta(minutes=1)
    hours, rest = divmod(minutes, 60)
    return Label(f"{hours} u {rest} min", f"{hours} h {rest} min")
