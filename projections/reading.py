"""Reading fields of facts, whatever they hold.

A correction may have put anything into a field and a feed may be incomplete, yet a fold never
raises: each reader gives the value when it is of the kind asked for, and None (or nothing)
otherwise. `tests/test_reading.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, overload

from ledger.cloudevent import write_instant
from projections.civil import add_period, begin_of, civil_date
from projections.facts import Fact, Recorded

Act = tuple[datetime, Fact]
"""A fact with the moment of what it tells."""

YEARS = range(1900, 9000)
"""Years in which a term can be added to a moment without leaving the calendar."""


def text(data: Mapping[str, Any], field: str) -> str | None:
    """The string in a field; None when it is empty or something else."""
    value = data.get(field)
    return value if isinstance(value, str) and value else None


def texts(data: Mapping[str, Any], *fields: str) -> list[str]:
    """Every string in some fields, each a string or a list of strings: sorted, each once."""
    found: set[str] = set()
    for field in fields:
        value = data.get(field)
        if isinstance(value, str):
            found.add(value)
        elif isinstance(value, list):
            found.update(item for item in value if isinstance(item, str))
    found.discard("")
    return sorted(found)


def objects(data: Mapping[str, Any], field: str) -> list[Mapping[str, Any]]:
    """The objects in a list, in its order."""
    value = data.get(field)
    return [v for v in value if isinstance(v, Mapping)] if isinstance(value, list) else []


def ids(data: Mapping[str, Any], *fields: str) -> list[str]:
    """Every id in some fields: one id, or a list of ids and of deliveries to controllers."""
    found: set[str] = set()
    for field in fields:  # every event is asked for its controllers, so no step more than needed
        value = data.get(field)
        if value is None:
            continue
        if isinstance(value, str):
            found.add(value)
        elif isinstance(value, list):
            for item in value:
                named = item.get("controller") if isinstance(item, Mapping) else item
                if isinstance(named, str):
                    found.add(named)
    found.discard("")
    return sorted(found) if len(found) > 1 else list(found)


def members(data: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """The members of an object; none when the field holds no object."""
    value = data.get(field)
    return value if isinstance(value, Mapping) else {}


def whole(data: Mapping[str, Any], field: str) -> int | None:
    """The whole number in a field; true and false are none."""
    value = data.get(field)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def truth(data: Mapping[str, Any], field: str) -> bool | None:
    """The true or false in a field."""
    value = data.get(field)
    return value if isinstance(value, bool) else None


def instant(data: Mapping[str, Any], field: str) -> datetime | None:
    """The instant in a field, in UTC; None for a date, or a time without its offset."""
    value = data.get(field)
    if not isinstance(value, str):  # most often nothing: raising would take as long as reading
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    if found.tzinfo is None or found.year not in YEARS:
        return None
    return found.astimezone(UTC)


def day(data: Mapping[str, Any], field: str) -> date | None:
    """The calendar date in a field; None for an instant."""
    value = data.get(field)
    if not isinstance(value, str):
        return None
    try:
        found = date.fromisoformat(value)
    except ValueError:
        return None
    return found if found.year in YEARS else None


def civil_day(data: Mapping[str, Any], field: str) -> date | None:
    """The date in a field, or the day (Europe/Amsterdam) on which the instant in it falls."""
    found = instant(data, field)
    return civil_date(found) if found else day(data, field)


def moment(fact: Recorded, *fields: str) -> datetime:
    """The instant that the first field with a moment gives, else when the event occurred.

    A date is the moment of the event when that falls on it, and else the beginning of the day.
    """
    for field in fields:
        if found := instant(fact.data, field):
            return found
        if given := day(fact.data, field):
            same = given == civil_date(fact.occurred_at)
            return fact.occurred_at if same else begin_of(given)
    return fact.occurred_at


def in_order(facts: Iterable[Fact], *fields: str) -> list[Act]:
    """The facts with the `moment` of each, in the order of these."""
    acts = ((moment(fact, *fields), fact) for fact in facts)
    return sorted(acts, key=lambda act: (act[0], act[1].position))


def day_of(fact: Recorded, *fields: str) -> date:
    """The day that the first field with a moment gives, else the day of the event."""
    given = (civil_day(fact.data, field) for field in fields)
    return next((found for found in given if found), None) or civil_date(fact.occurred_at)


def after(first: date, period: str) -> date | None:
    """The last day of a period that began on a day; None when the text is no period."""
    try:
        last = add_period(first, period)
    except (ValueError, OverflowError):
        return None
    return last if last.year in YEARS else None


def when(fact: Recorded, *fields: str) -> str:
    """The first instant (UTC) or date that one of the fields gives, else when it occurred."""
    said = (given(fact.data, field) for field in fields)
    return next((found for found in said if found), None) or stamp(fact.occurred_at)


def first_when(facts: Sequence[Recorded], *fields: str) -> str | None:
    """`when` of the first of some facts; None when there are none."""
    return when(facts[0], *fields) if facts else None


def first_at(facts: Sequence[Recorded], *fields: str) -> datetime | None:
    """The moment of the first of some facts; None when there are none."""
    return moment(facts[0], *fields) if facts else None


def hours(start: datetime | None, end: datetime | None) -> float | None:
    """Elapsed hours to two decimals, whatever the clocks on the wall did; None without both."""
    if start is None or end is None:
        return None
    # Between two times of one zone Python would count the hours on the wall.
    return round((end.astimezone(UTC) - start.astimezone(UTC)).total_seconds() / 3600, 2)


def given(data: Mapping[str, Any], field: str) -> str | None:
    """The instant (as UTC) or the date in a field, as text; None when it holds neither."""
    return stamp(instant(data, field) or day(data, field))


@overload
def stamp(value: datetime | date) -> str: ...
@overload
def stamp(value: datetime | date | None) -> str | None: ...
def stamp(value: datetime | date | None) -> str | None:
    """An instant as ISO 8601 in UTC ending in Z; a date as it is; None for None."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return write_instant(value)
    return value.isoformat()
