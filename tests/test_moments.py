"""Moments as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from api.moments import MomentError, parse_moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-06-28T12:00:00Z", datetime(2025, 6, 28, 12, tzinfo=UTC)),
        ("2025-06-28T12:00:00+02:00", datetime(2025, 6, 28, 10, tzinfo=UTC)),
        ("2025-06-28T12:00:00 02:00", datetime(2025, 6, 28, 10, tzinfo=UTC)),
        ("2025-06-28", datetime(2025, 6, 28, 21, 59, 59, 999999, tzinfo=UTC)),
        ("2025-12-31", datetime(2025, 12, 31, 22, 59, 59, 999999, tzinfo=UTC)),
    ],
)
def test_an_instant_and_the_end_of_a_day(text: str, moment: datetime) -> None:
    """A date means its end in Europe/Amsterdam, in summer and in winter."""
    assert parse_moment(text, text).as_of == moment
    assert parse_moment(None, text).known_at == moment


def test_a_number_is_a_size_of_the_log() -> None:
    """For what was known; nothing asked is nothing given."""
    assert parse_moment(None, "57").known_at == 57
    assert parse_moment(None, None).known_at is None


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2025-02-30", "2025-06-28T12:00:00", "57", "9999-12-31"]
)
def test_anything_else_is_an_error_with_an_example(text: str) -> None:
    """That names the parameter."""
    with pytest.raises(MomentError, match="as_of"):
        parse_moment(text, None)
