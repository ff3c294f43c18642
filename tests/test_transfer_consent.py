"""Consent to processing outside the area: from when it was given, to its end or withdrawal."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from projections.facts import effective
from projections.transfer_consent import GRANTED, WITHDRAWN, Consent, consents, uncovered
from tests.recording import Recording, local

BEGIN = local("2025-01-01 00:00")


def consent_of(at: str, *, withdrawn: str | None = None, **fields: Any) -> Consent:
    story = Recording()
    data = {"consent_id": "T-1", "controller_id": "C1", "country": "NO", "subprocessor_id": "S3"}
    story.add(GRANTED, at, {**data, **fields})
    if withdrawn:
        story.add(WITHDRAWN, withdrawn, {"consent_id": "T-1", "controller_id": "C1"})
    (found,) = consents(effective(story.events))
    return found


def test_a_consent_counts_from_when_it_was_given() -> None:
    """A `valid_from` before that cures nothing; one after it is waited for."""
    assert consent_of("2025-02-10 09:00").begin == local("2025-02-10 09:00")
    early = consent_of("2025-02-10 09:00", valid_from="2025-01-01")
    assert early.begin == local("2025-02-10 09:00")
    later = consent_of("2025-02-10 09:00", valid_from="2025-03-01")
    assert later.begin == local("2025-03-01 00:00")


def test_a_consent_ends_with_its_last_day_or_its_withdrawal() -> None:
    """The last day belongs to it; the moment of the withdrawal does not."""
    lasting = consent_of("2025-02-10 09:00", valid_until="2025-12-31")
    assert lasting.covers(local("2025-12-31 23:59:59"))
    assert not lasting.covers(local("2026-01-01 00:00"))
    taken = consent_of("2025-02-10 09:00", withdrawn="2025-06-01 09:00", valid_until="2025-12-31")
    assert taken.covers(local("2025-06-01 08:59"))
    assert not taken.covers(local("2025-06-01 09:00"))


def test_a_withdrawal_ends_the_consent_of_its_id_before_it() -> None:
    """The same consent given anew counts again."""
    story = Recording()
    given_, taken = {"consent_id": "T-1", "country": "NO"}, {"consent_id": "T-1"}
    story.add(GRANTED, "2025-01-01 09:00", given_)
    story.add(GRANTED, "2025-01-02 09:00", {**given_, "consent_id": "T-2"})
    story.add(WITHDRAWN, "2025-01-03 09:00", taken)
    story.add(GRANTED, "2025-01-04 09:00", given_)
    found = consents(effective(story.events))
    assert [c.withdrawn is not None for c in found] == [True, False, False]


def made(begin: int, end: int | None) -> Consent:
    granted = consent_of("2025-01-01 09:00").granted
    until = None if end is None else BEGIN + timedelta(hours=end)
    return Consent("T", "NO", "S3", BEGIN + timedelta(hours=begin), until, granted, None)


HOURS = st.integers(0, 20)


@given(HOURS, st.none() | HOURS, st.lists(st.tuples(HOURS, st.none() | HOURS), max_size=5))
def test_the_gaps_are_the_hours_that_no_consent_covers(
    begin: int, end: int | None, spans: list[tuple[int, int | None]]
) -> None:
    """Hour by hour: within the period and in a gap is the same as within it and in no consent."""
    given_ = [made(*span) for span in spans]
    until = None if end is None else BEGIN + timedelta(hours=end)
    gaps = uncovered(BEGIN + timedelta(hours=begin), until, given_)
    for hour in range(25):
        at = BEGIN + timedelta(hours=hour)
        within = begin <= hour and (end is None or hour < end)
        assert in_any(at, gaps) == (within and not any(c.covers(at) for c in given_))
    for (_, one_ends), (next_begins, _) in pairwise(gaps):
        assert one_ends is not None
        assert one_ends < next_begins


def in_any(at: datetime, periods: list[tuple[datetime, datetime | None]]) -> bool:
    return any(first <= at and (last is None or at < last) for first, last in periods)
