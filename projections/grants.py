"""What an auditor was granted: read access to a scope, for a purpose and a period (11.1, 11.3).

A grant for several controllers is an event for each of them, so that none is told of another. The
last extension counts, and one revocation ends all of it. `tests/test_auditor_grants.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from projections.facts import Fact
from projections.reading import ids, moment, text, texts
from projections.rows import of_type

GRANTED = "AuditorAccessGranted"
EXTENDED = "AuditorAccessExtended"
REVOKED = "AuditorAccessRevoked"
GRANT_EVENTS = (GRANTED, EXTENDED, REVOKED)


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant; None in `controllers` or `registers` means all, `revoked_at` None that it was not
    revoked. `facts` are what it rests on."""

    id: str
    reader: str
    purpose: str
    audit_id: str | None
    controllers: tuple[str, ...] | None
    registers: tuple[str, ...] | None
    frameworks: tuple[str, ...]
    since: datetime
    until: datetime
    revoked_at: datetime | None
    facts: tuple[Fact, ...]

    def state(self, now: datetime) -> str:
        """revoked, to begin, in force or ended."""
        if self.revoked_at is not None:
            return "revoked"
        if now < self.since:
            return "to begin"
        return "in force" if now < self.until else "ended"


def grant_of(grant_id: str, facts: Sequence[Fact]) -> Grant | None:
    """The grant of an id, from the facts of its case; None when it was never granted."""
    granted = of_type(facts, GRANTED)
    if not granted:
        return None
    first = granted[0]
    named = [ids(fact.data, "controller_id") for fact in granted]
    controllers = sorted({each for ids_ in named for each in ids_}) if all(named) else None
    extended = sorted(of_type(facts, EXTENDED), key=lambda fact: fact.position)
    revoked = of_type(facts, REVOKED)
    registers = [texts(fact.data, "registers") for fact in granted]
    return Grant(
        grant_id,
        text(first.data, "reader") or "",
        text(first.data, "purpose") or "",
        text(first.data, "audit_id"),
        None if controllers is None else tuple(controllers),
        tuple(sorted(set.intersection(*map(set, registers)))) if all(registers) else None,
        tuple(texts(first.data, "frameworks")),
        max(moment(fact, "valid_from") for fact in granted),
        moment((extended or granted)[-1], "valid_until"),
        min((fact.occurred_at for fact in revoked), default=None),
        tuple(facts),
    )
