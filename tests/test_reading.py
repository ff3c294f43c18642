"""Reading fields: what is of the kind asked for comes out, anything else is nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections import reading
from projections.civil import AMSTERDAM
from projections.facts import Recorded
from tests.recording import local

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
)


def fact(data: dict[str, Any], at: str = "2025-03-05 09:00") -> Recorded:
    return Recorded(1, "Any", "s", "E1", local(at), local(at), data)


@given(JSON)
def test_no_value_makes_a_reader_raise(value: Any) -> None:
    """Whatever a field holds, each reader gives a value of its kind or nothing."""
    data = {"f": value}
    assert isinstance(reading.text(data, "f"), str | None)
    assert all(isinstance(item, str) for item in reading.texts(data, "f", "g"))
    assert isinstance(reading.whole(data, "f"), int | None)
    assert reading.truth(data, "f") in (True, False, None)
    assert isinstance(reading.instant(data, "f"), datetime | None)
    assert isinstance(reading.civil_day(data, "f"), date | None)
    assert reading.moment(fact(data), "f").tzinfo is not None
    assert reading.when(fact(data), "f")
    assert isinstance(reading.objects(data, "f"), list)
    assert dict(reading.members(data, "f")) == (value if isinstance(value, dict) else {})


@given(st.datetimes(timezones=st.timezones()) | st.datetimes())
def test_an_instant_needs_an_offset(value: datetime) -> None:
    """A time without an offset is no instant; one with it is the same instant in UTC."""
    found = reading.instant({"f": value.isoformat()}, "f")
    if value.utcoffset() is None or value.astimezone(UTC).year not in reading.YEARS:
        assert found is None
    else:
        assert found == datetime.fromisoformat(value.isoformat())


def test_true_is_no_number() -> None:
    """Truth values are not counted with."""
    assert reading.whole({"f": True}, "f") is None


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        ("2025-03-05T10:30:00+01:00", "2025-03-05 10:30"),  # an instant counts
        ("2025-03-05", "2025-03-05 09:00"),  # the day of the event: when the event occurred
        ("2025-03-01", "2025-03-01 00:00"),  # another day: from its beginning
        ("soon", "2025-03-05 09:00"),
    ],
)
def test_a_moment_is_the_nearest_thing_said(said: str, moment: str) -> None:
    """A field that gives a moment goes before the time of the event."""
    assert reading.moment(fact({"at": said}), "at") == local(moment)


def test_dates_are_shown_as_given_and_instants_in_utc() -> None:
    """A date keeps its precision: it is not made an instant."""
    assert reading.when(fact({"at": "2025-03-01"}), "at") == "2025-03-01"
    assert reading.when(fact({"at": "2025-03-01T01:00:00+01:00"}), "at") == "2025-03-01T00:00:00Z"
    assert reading.when(fact({}), "at") == "2025-03-05T08:00:00Z"


def test_the_day_of_an_instant_is_the_civil_one() -> None:
    """23:30 in UTC on the last of June is July in Amsterdam."""
    assert reading.day_of(fact({"at": "2025-06-30T23:30:00Z"}), "at") == date(2025, 7, 1)


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("2025-03-29 12:00", "2025-03-30 12:00", 23.0),  # summer time begins
        ("2025-10-25 12:00", "2025-10-26 12:00", 25.0),  # and ends
        ("2025-06-12 09:05", "2025-06-14 11:00", 49.92),
    ],
)
def test_hours_are_elapsed_hours(start: str, end: str, hours: float) -> None:
    """The clock on the wall does not matter."""
    assert reading.hours(local(start), local(end)) == hours
    on_the_wall = [local(moment).astimezone(AMSTERDAM) for moment in (start, end)]
    assert reading.hours(*on_the_wall) == hours


@pytest.mark.parametrize("period", ["P9999Y", "P99999D", "a month", "", "P"])
def test_a_period_that_is_none_leads_nowhere(period: str) -> None:
    """A term that leaves the calendar, or is no term, gives no day."""
    found = reading.after(date(2026, 1, 31), period)
    assert found is None or found.year in reading.YEARS
    assert reading.after(date(2026, 1, 31), "P1M") == date(2026, 2, 28)
