"""When a controller's consent covers processing outside the agreed area (5.3).

Consent is for one controller, one subprocessor and one country. It counts from when it was given,
never before, to the end of its last day or its withdrawal, whichever comes first. What chapter V of
the GDPR asks is another question (`projections/chapter_v`). `tests/test_transfer_consent.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from projections.civil import end_of
from projections.facts import Fact
from projections.reading import day, instant, moment, text
from projections.rows import of_type

GRANTED = "TransferConsentGranted"
WITHDRAWN = "TransferConsentWithdrawn"

Period = tuple[datetime, datetime | None]
"""From an instant on, and up to another, that not included; None is without end."""


@dataclass(frozen=True, slots=True)
class Consent:
    """One consent, from when until when it counts, and what withdrew it."""

    consent_id: str | None
    country: str | None
    subprocessor: str | None
    begin: datetime
    end: datetime | None
    granted: Fact
    withdrawn: Fact | None

    @property
    def expires_at(self) -> datetime | None:
        """When it ends if nobody withdraws it; None when it does not."""
        last = day(self.granted.data, "valid_until")
        return end_of(last) if last else instant(self.granted.data, "valid_until")

    def covers(self, moment: datetime) -> bool:
        """Whether it counts at a moment."""
        return self.begin <= moment and (self.end is None or moment < self.end)


def consents(facts: Iterable[Fact]) -> list[Consent]:
    """The consents of one controller, from the facts about it: each ends with the first withdrawal
    of its id that comes after it."""
    next_withdrawal: dict[str | None, Fact] = {}
    found = []
    for fact in reversed(of_type(facts, GRANTED, WITHDRAWN)):
        id_ = text(fact.data, "consent_id")
        if fact.type == WITHDRAWN:
            next_withdrawal[id_] = fact
        else:
            found.append(_consent(fact, next_withdrawal.get(id_)))
    return found[::-1]


Where = tuple[str | None, str | None]
"""A country, and the subprocessor there."""


def by_place(given: Iterable[Consent]) -> Mapping[Where, Sequence[Consent]]:
    """The consents for each country and subprocessor, in their order."""
    found: dict[Where, list[Consent]] = {}
    for consent in given:
        found.setdefault((consent.country, consent.subprocessor), []).append(consent)
    return found


def counted_in(given: Iterable[Consent], begin: datetime, end: datetime | None) -> list[Consent]:
    """The consents that count at any time in a period, or begin as it ends."""
    return [
        consent
        for consent in given
        if (end is None or consent.begin <= end) and (consent.end is None or consent.end > begin)
    ]


def _consent(granted: Fact, withdrawn: Fact | None) -> Consent:
    consent = Consent(
        text(granted.data, "consent_id"),
        text(granted.data, "country"),
        text(granted.data, "subprocessor_id"),
        max(moment(granted, "valid_from"), granted.occurred_at),
        None,
        granted,
        withdrawn,
    )
    ends = [moment(withdrawn, "at")] if withdrawn else []
    if last := consent.expires_at:
        ends.append(last)
    return replace(consent, end=min(ends, default=None))


def uncovered(begin: datetime, end: datetime | None, given: Iterable[Consent]) -> list[Period]:
    """The parts of a period that no consent covers, in order."""
    gaps: list[Period] = []
    at: datetime | None = begin
    # One that ended before it began, as a correction may leave it, covers nothing.
    lasting = [c for c in given if c.end is None or c.end > c.begin]
    for consent in sorted(lasting, key=lambda c: c.begin):
        if at is None or (end and consent.begin >= end):
            break
        if consent.begin > at:
            gaps.append((at, consent.begin))
        if consent.end is None or consent.end > at:
            at = max(consent.end, at) if consent.end else None
    if at is not None and (end is None or at < end):
        gaps.append((at, end))
    return gaps
