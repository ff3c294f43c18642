"""Moments as people write them, for the addresses and the command line.

An instant is RFC 3339 with an offset. A date means its end, 24:00 in Europe/Amsterdam, so that "as
of 31 December" includes that day. `known_at` may also be a number: that many entries of the log.
`tests/test_moments.py`.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from projections.civil import AMSTERDAM, begin_of, civil_date, end_of
from projections.frameworks.evidence import Period
from projections.question import Moment

LAST_YEAR = 9999
"""Neither in it nor in the first is there room for another offset, or for a year more or less."""


class MomentError(ValueError):
    """The text is no moment; the message names the parameter and gives an example."""


def parse_moment(as_of: str | None, known_at: str | None) -> Moment:
    """The moment of a question. Raises MomentError."""
    return Moment(
        None if as_of is None else parse_instant("as_of", as_of),
        None if known_at is None else _known_at(known_at),
    )


def parse_period(begin: str | None, until: str | None, now: datetime) -> Period:
    """The period of a question: a date is the whole day, at either end. The year up to now, or up
    to its end, where it is not said. Raises MomentError."""
    end = now if until is None else _end(until)
    start = end - timedelta(days=365) if begin is None else _begin(begin)
    if not start < end:
        raise MomentError("until is after from")
    return Period(start, end)


def _begin(text: str) -> datetime:
    moment = parse_instant("from", text)
    return begin_of(civil_date(moment)) if _is_date(text) else moment


def _end(text: str) -> datetime:
    moment = parse_instant("until", text)
    return end_of(civil_date(moment)) if _is_date(text) else moment


def _is_date(text: str) -> bool:
    return len(text) == len("2025-06-28")


def _known_at(text: str) -> datetime | int:
    if text.isascii() and text.isdigit() and len(text) < 16:
        return int(text)
    return parse_instant("known_at", text)


def parse_instant(name: str, text: str) -> datetime:
    """The instant of a parameter; a date is its end. Raises MomentError, which names it."""
    try:
        if _is_date(text):
            day_after = date.fromisoformat(text) + timedelta(days=1)
            moment = datetime.combine(day_after, time(), AMSTERDAM) - timedelta(microseconds=1)
        else:
            # A plus in an address that was not escaped arrives as a space.
            moment = datetime.fromisoformat(text.replace(" ", "+"))
    except (ValueError, OverflowError):
        raise MomentError(
            f"{name} is a date (2025-06-28) or an instant with its offset"
            " (2025-06-28T12:00:00+02:00)"
        ) from None
    if moment.tzinfo is None:
        raise MomentError(f"{name} needs an offset: 2025-06-28T12:00:00+02:00, or …Z")
    if not 1 < moment.year < LAST_YEAR:
        raise MomentError(f"{name} is in a year from 2 to {LAST_YEAR - 1}")
    return moment
