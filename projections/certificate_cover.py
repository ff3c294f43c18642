"""On which days a valid certificate of a standard was held (11.2).

A certificate counts on every day from `valid_from` to `valid_until`, and until the day it was
withdrawn on. `tests/test_certificate_cover.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from projections.facts import Fact
from projections.reading import civil_day, day_of, text
from projections.rows import by_id, of_type

ISSUED = "CertificateIssued"
WITHDRAWN = "CertificateWithdrawn"

STANDARDS = {"27001": "ISO/IEC 27001", "7510": "NEN 7510"}
"""What 11.2 asks for, by the number that names the standard in any of its editions."""

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Days:
    """The days from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def number(self) -> int:
        """How many days there are."""
        return (self.last - self.first).days + 1


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate; `valid` is None when it holds no days, or was withdrawn before the first."""

    certificate_id: str
    issued: Fact
    withdrawn: Fact | None
    valid: Days | None

    @property
    def standards(self) -> list[str]:
        """The standards it is for."""
        return standards_in(text(self.issued.data, "standard") or "")


def standards_in(name: str) -> list[str]:
    """The standards of 11.2 that a text names, in whatever edition; else the text itself."""
    return [known for number, known in STANDARDS.items() if number in name] or [name]


def certificates(facts: Sequence[Fact]) -> list[Certificate]:
    """Every certificate issued, with the withdrawal that followed it."""
    found = []
    for certificate_id, turns in sorted(by_id(facts, "certificate_id").items()):
        withdrawals = of_type(turns, WITHDRAWN)
        for issued in of_type(turns, ISSUED):
            after = (w for w in withdrawals if w.occurred_at >= issued.occurred_at)
            withdrawn = next(after, None)
            found.append(Certificate(certificate_id, issued, withdrawn, _valid(issued, withdrawn)))
    return found


def _valid(issued: Fact, withdrawn: Fact | None) -> Days | None:
    first = civil_day(issued.data, "valid_from")
    last = civil_day(issued.data, "valid_until")
    if first is None or last is None:
        return None
    if withdrawn:
        last = min(last, day_of(withdrawn, "at"))
    return Days(first, last) if first <= last else None


@dataclass(frozen=True, slots=True)
class Bare:
    """A stretch of days without a valid certificate: `last` is None when no later day has one.

    `before` is the last day before the stretch that had one; None when there was none.
    """

    first: date
    last: date | None
    before: date | None


def bare(covered: Iterable[Days], since: date) -> list[Bare]:
    """Every stretch of days from `since` on without cover; the last of them has no end."""
    found: list[Bare] = []
    before: date | None = None
    for days in sorted(covered, key=lambda d: d.first):
        first = max(before + ONE_DAY, since) if before else since
        if days.first > first:
            found.append(Bare(first, days.first - ONE_DAY, before))
        before = max(before, days.last) if before else days.last
    return [*found, Bare(max(before + ONE_DAY, since) if before else since, None, before)]


def gaps(covered: Iterable[Days]) -> list[Days]:
    """The days without cover between the first and the last day that have it."""
    held = list(covered)
    since = min((days.first for days in held), default=None)
    stretches = bare(held, since) if since else []
    return [Days(stretch.first, stretch.last) for stretch in stretches if stretch.last]
