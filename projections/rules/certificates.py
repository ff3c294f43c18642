"""A valid certificate of each standard on every day (11.2; GDPR art. 28(5)).

Both standards of 11.2 are asked for from the day on which the processor is registered. Days without
are found when they begin, at the end of the last day that had one. Each certificate is a clock as
well: another one must go on where it ends. `tests/rules/test_certificates.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time

from projections.certificate_cover import (
    ISSUED,
    ONE_DAY,
    STANDARDS,
    WITHDRAWN,
    Bare,
    Certificate,
    Days,
    bare,
    certificates,
)
from projections.civil import AMSTERDAM, begin_of, civil_date, end_of
from projections.facts import Fact
from projections.reading import in_order
from projections.register import Label
from projections.rows import of_type
from projections.rules.chapter import Chapter, Judged
from projections.rules.rule import INSTANT, Clock, Finding, Rule
from projections.rules.wording import number_of_days

REGISTERED = "ProcessorRegistered"

CERTIFICATES = "+".join((ISSUED, WITHDRAWN, REGISTERED))
"""The one case of all certificates: a gap depends on every one of them."""

BY_TYPE = dict.fromkeys((ISSUED, WITHDRAWN, REGISTERED), (CERTIFICATES,))

COVERED = Rule(
    id="R-11.2",
    version=1,
    severity="major",
    clause="11.2",
    gdpr="28(5), 32(3)",
    title=Label(
        "Geen geldig certificaat van ISO 27001 of NEN 7510",
        "No valid certificate of ISO 27001 or NEN 7510",
    ),
    duty=Label(
        "Het certificaat geldt; op tijd vernieuwen", "The certificate is valid; renew it in time"
    ),
)


def judge(case: str, facts: Sequence[Fact]) -> Judged:
    """The clock of each certificate, and the days without one."""
    held = [(c, c.valid) for c in certificates(of_type(facts, ISSUED, WITHDRAWN)) if c.valid]
    registered = next(iter(in_order(of_type(facts, REGISTERED))), None)
    for standard in STANDARDS.values():
        own = [(c, days) for c, days in held if standard in c.standards]
        for certificate, days in own:
            yield _renewal(standard, certificate, days, own)
        if registered:
            first_day = civil_date(registered[0])
            for stretch in bare([days for _, days in own], first_day):
                yield _without(standard, stretch, registered[1], own)


Held = tuple[Certificate, Days]
"""A certificate and the days on which it counts."""


def _renewal(standard: str, certificate: Certificate, days: Days, own: Sequence[Held]) -> Clock:
    """Another certificate by the end of this one."""
    due_at = end_of(days.last)
    stopped_at, stop = _successor(days, own) or (None, None)
    return Clock(
        COVERED,
        started_at=begin_of(days.first),
        due_at=due_at,
        stopped_at=stopped_at,
        owner=None,
        subject=f"{standard} {certificate.certificate_id}",
        start=certificate.issued,
        stop=stop,
        open_end=True,
    )


def _successor(days: Days, own: Iterable[Held]) -> tuple[datetime, Fact] | None:
    """The certificate that goes on where another ends, or else the next; and since when it does.

    One that goes on was there in time, also when it was issued only after that.
    """
    later = [(c.issued, other) for c, other in own if other.last > days.last]
    last = end_of(days.last) - INSTANT
    goes_on = [issued for issued, other in later if other.first <= days.last + ONE_DAY]
    if goes_on:
        first = min(goes_on, key=lambda issued: (issued.occurred_at, issued.position))
        return min(first.occurred_at, last), first
    afterwards = min(later, key=lambda each: (each[1].first, each[0].position), default=None)
    return (begin_of(afterwards[1].first), afterwards[0]) if afterwards else None


def _without(standard: str, stretch: Bare, registered: Fact, own: Sequence[Held]) -> Finding:
    before = [c for c, days in own if days.last == stretch.before]
    after = [c for c, days in own if stretch.last and days.first == stretch.last + ONE_DAY]
    facts = [fact for c in (*before, *after) for fact in (c.issued, c.withdrawn) if fact]
    at = _end_of_day(stretch.before or stretch.first)
    if stretch.last:
        number = number_of_days((stretch.last - stretch.first).days + 1)
        said = Label(
            f"{standard}: {number.nl} geen geldig certificaat"
            f" ({stretch.first} tot en met {stretch.last})",
            f"{standard}: no valid certificate for {number.en} ({stretch.first} to {stretch.last})",
        )
    else:
        said = Label(
            f"{standard}: geen geldig certificaat sinds {stretch.first}",
            f"{standard}: no valid certificate since {stretch.first}",
        )
    # The day of the registration is without one only when it has passed.
    told_from = max(at, begin_of(stretch.first))
    return Finding(COVERED, at, said, [registered, *facts], None, standard, holds_from=told_from)


def _end_of_day(day: date) -> datetime:
    """The last minute of a day."""
    return datetime.combine(day, time(23, 59), AMSTERDAM).astimezone(UTC)


CHAPTER = Chapter(
    name="certificates",
    rules=(COVERED,),
    by_type=BY_TYPE,
    judge=judge,
    wide=frozenset(BY_TYPE),
)
