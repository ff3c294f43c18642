"""When an agreement is in force, when it ends, and with it all that is done for the controller.

Clause 3.2 lets an agreement end only when no personal data are held, so activities, engagements and
transfers for a controller end with its last agreement at the latest, told or not. An end that names
an agreement ends that one and those without an id; an end that names none ends all.
`tests/test_agreement.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from projections.facts import Fact
from projections.reading import moment, text
from projections.terms import effective_from

CONCLUDED = "ProcessingAgreementConcluded"
AMENDED = "ProcessingAgreementAmended"
ENDED = "ProcessingAgreementEnded"


@dataclass(frozen=True, slots=True)
class Spell:
    """Something done from a start to an end.

    `start` is None when only the end is known, `end` is None while it lasts; `latest` is the last
    fact that started it, or started it again, and says what it is like now.
    """

    start: Fact | None
    latest: Fact | None
    end: Fact | None


def ends(facts: Iterable[Fact]) -> list[Fact]:
    """The facts that left a controller without any agreement, from the facts about it."""
    running: set[str | None] = set()
    found = []
    for fact in facts:
        named = text(fact.data, "agreement_id")
        if fact.type == CONCLUDED:
            running.add(named)
        elif fact.type == ENDED:
            running = {other for other in running if named and other and other != named}
            if not running:
                found.append(fact)
    return found


def in_force(facts: Iterable[Fact], at: datetime) -> list[Fact]:
    """The agreements in force at a moment, as they were concluded, from the facts about one
    controller."""
    running: list[Fact] = []
    for fact in facts:
        if fact.type == CONCLUDED and effective_from(fact) <= at:
            running.append(fact)
        elif fact.type == ENDED and moment(fact, "ended_at") <= at:
            running = [agreed for agreed in running if not _ends(fact, agreed)]
    return running


def _ends(end: Fact, agreed: Fact) -> bool:
    named, other = text(end.data, "agreement_id"), text(agreed.data, "agreement_id")
    return named is None or other is None or named == other


def spells(
    turns: Iterable[Fact], facts: Iterable[Fact], *, starts: Callable[[Fact], bool]
) -> list[Spell]:
    """The spells of something done for one controller, in order.

    `turns` are the facts that start or stop it, and `starts` tells which; `facts` are all facts
    about the controller, of which the end of its last agreement stops it as well. Only the first
    spell may have no start.
    """
    turning = {turn.position for turn in turns}
    facts = list(facts)
    closing = {fact.position for fact in ends(facts)}
    found: list[Spell] = []
    for fact in facts:
        last = found[-1] if found else None
        if fact.position in turning and starts(fact):
            if last and last.start and last.end is None:
                found[-1] = replace(last, latest=fact)
            else:
                found.append(Spell(fact, fact, None))
        elif fact.position in turning or fact.position in closing:
            if last and last.end is None:
                found[-1] = replace(last, end=fact)
            elif last is None and fact.position in turning:
                found.append(Spell(None, None, fact))
    return found


def last_spell(
    turns: Iterable[Fact], facts: Iterable[Fact], *, starts: Callable[[Fact], bool]
) -> Spell:
    """The last of the `spells`; an empty one when there is none."""
    found = spells(turns, facts, starts=starts)
    return found[-1] if found else Spell(None, None, None)
