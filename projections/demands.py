"""Whether a controller was told of a compelled disclosure in time (4.7; GDPR art. 28(3)(a), 48).

The controller is told at once, and if possible before the disclosure; unless the law prohibits it,
then when the prohibition lapses. Until it is told, whatever is prohibited to tell must not show in
anything that the controller can read. `tests/test_demands.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from projections.civil import begin_of
from projections.facts import Fact
from projections.reading import day, instant, moment, truth
from projections.rows import by_id, of_type

RECEIVED = "DisclosureDemandReceived"
NOTIFIED = "DisclosureDemandNotified"
CONTESTED = "DisclosureDemandContested"
DISCLOSED = "PersonalDataDisclosed"
CLOSED = "DisclosureDemandClosed"

Notice = Literal["before", "late", "deferred", "prohibited", "none"]
"""`before` the disclosure or with nothing disclosed yet; `late`: after it; `deferred`: after it, a
prohibition being in force at the disclosure; `prohibited`: not told, one was in force; `none`: not
told."""


@dataclass(frozen=True, slots=True)
class Demand:
    """The facts of one demand that concern one controller."""

    received: Sequence[Fact]
    notified: Sequence[Fact]
    contested: Sequence[Fact]
    disclosed: Sequence[Fact]
    closed: Sequence[Fact]

    @property
    def received_at(self) -> datetime | None:
        """When the demand came in."""
        return moment(self.received[0], "received_at") if self.received else None

    @property
    def told_at(self) -> datetime | None:
        """When the controller was told first."""
        return min((moment(fact, "notified_at") for fact in self.notified), default=None)

    @property
    def disclosed_at(self) -> datetime | None:
        """When data were first disclosed."""
        return min((moment(fact, "disclosed_at") for fact in self.disclosed), default=None)

    @property
    def is_secret(self) -> bool:
        """Whether the controller may not, or may not for certain, know of it yet.

        A prohibition without an end lasts until the controller is told; so it is while the demand
        itself is unknown, for it may hold one.
        """
        prohibited = any(truth(f.data, "notification_prohibited") for f in self.received[-1:])
        return not self.notified and (prohibited or not self.received)

    def prohibited_at(self, at: datetime) -> bool:
        """Whether telling the controller was prohibited at a moment."""
        return bool(self.received) and _prohibits(self.received[-1], at)

    def notice(self, disclosed_at: datetime | None) -> Notice:
        """How the controller was told of a disclosure, or of a demand before any."""
        at = disclosed_at or self.received_at
        prohibited = at is not None and self.prohibited_at(at)
        if self.told_at is None:
            return "prohibited" if prohibited else "none"
        if disclosed_at is None or self.told_at <= disclosed_at:
            return "before"
        return "deferred" if prohibited else "late"


def demands(facts: Sequence[Fact]) -> dict[str, Demand]:
    """One demand, from all facts of it, as it concerns each controller that is named with it."""
    closed = of_type(facts, CLOSED)
    named = by_id(facts, "controller_id", "controller_ids")
    return {controller: _demand([*own, *closed]) for controller, own in sorted(named.items())}


def _demand(facts: Sequence[Fact]) -> Demand:
    parts = (RECEIVED, NOTIFIED, CONTESTED, DISCLOSED, CLOSED)
    return Demand(*(of_type(facts, part) for part in parts))


def lapses_at(received: Fact) -> datetime | None:
    """When a prohibition to tell lapses: the beginning of that day; None when it has no end."""
    last = day(received.data, "prohibition_until")
    return begin_of(last) if last else instant(received.data, "prohibition_until")


def _prohibits(received: Fact, at: datetime) -> bool:
    end = lapses_at(received)
    return truth(received.data, "notification_prohibited") is True and (end is None or at < end)
