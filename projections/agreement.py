"""When an agreement is in force, when it ends, and with it all that is done for the controller.

Clause 3.2 lets an agreement end only when no personal data are held, so activities, engagements and
transfers for a controller end with its last agreement at the latest, told or not. An end that names
an agreement ends that one and those without an id; an end that names none ends all. It ends what
was concluded before it was told, and what was concluded before it takes effect: told beforehand, it
comes when it was told for. What is done counts in the order of its own moments.
`tests/test_agreement.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from projections.civil import end_of
from projections.facts import Fact
from projections.reading import day, moment, text
from projections.terms import Versions, effective_from, versions

CONCLUDED = "ProcessingAgreementConcluded"
AMENDED = "ProcessingAgreementAmended"
ENDED = "ProcessingAgreementEnded"


@dataclass(frozen=True, slots=True)
class Agreed:
    """The agreements of one controller, found once for all that is done for it: their `turns`
    (concluded, amended, ended), the versions of the `terms`, and the `ends`."""

    turns: Sequence[Fact]
    terms: Versions
    ends: Sequence[Fact]


@dataclass(frozen=True, slots=True)
class Spell:
    """Something done from a start to an end.

    `start` is None when only the end is known, `end` is None while it lasts; `latest` is the last
    fact that started it, or started it again, and says what it is like now.
    """

    start: Fact | None
    latest: Fact | None
    end: Fact | None


DONE_AT = ("started_at", "starts_at", "ended_at", "at")
"""The fields that say when something began or ended, should that not be when the event occurred."""


def in_turn(facts: Iterable[Fact], starts: Callable[[Fact], bool]) -> list[Fact]:
    """Facts in the order of their own moments. Where a day alone is told, what ends on it ends
    after all that began on it."""

    def done_at(fact: Fact) -> datetime:
        at = moment(fact, *DONE_AT)
        told = next((last for field in DONE_AT if (last := day(fact.data, field))), None)
        if told is None or at == fact.occurred_at or starts(fact):
            return at
        return end_of(told)

    return sorted(facts, key=lambda fact: (done_at(fact), fact.position))


def ends(facts: Iterable[Fact]) -> list[Fact]:
    """The facts that left a controller without any agreement, from the facts about it."""
    acts = [fact for fact in facts if fact.type in (CONCLUDED, ENDED)]
    return [
        end for end in acts if end.type == ENDED and not in_force(acts, moment(end, "ended_at"))
    ]


def agreed_in(facts: Iterable[Fact]) -> Agreed:
    """The agreements among the facts about one controller."""
    turns = [fact for fact in facts if fact.type in (CONCLUDED, AMENDED, ENDED)]
    return Agreed(turns, versions(turns), ends(turns))


def in_force(facts: Iterable[Fact], at: datetime) -> list[Fact]:
    """The agreements in force at a moment, as they were concluded, from the facts about one
    controller in order."""
    acts = list(facts)
    ended = [
        (number, end)
        for number, end in enumerate(acts)
        if end.type == ENDED and moment(end, "ended_at") <= at
    ]
    return [
        agreed
        for number, agreed in enumerate(acts)
        if agreed.type == CONCLUDED
        and effective_from(agreed) <= at
        and not any(
            _ends(end, agreed) and (told > number or moment(end, "ended_at") > agreed.occurred_at)
            for told, end in ended
        )
    ]


def _ends(end: Fact, agreed: Fact) -> bool:
    named, other = text(end.data, "agreement_id"), text(agreed.data, "agreement_id")
    return named is None or other is None or named == other


def spells(
    turns: Iterable[Fact], closing: Iterable[Fact], *, starts: Callable[[Fact], bool]
) -> list[Spell]:
    """The spells of something done for one controller, in order.

    `turns` are the facts that start or stop it, and `starts` tells which; `closing` are the `ends`
    of its agreements, which stop it as well. Only the first spell may have no start.
    """
    turning = {turn.position: turn for turn in turns}
    acts = {end.position: end for end in closing} | turning
    found: list[Spell] = []
    for fact in in_turn(acts.values(), starts):
        last = found[-1] if found else None
        if fact.position in turning and starts(fact):
            if last and last.start and last.end is None:
                found[-1] = replace(last, latest=fact)
            else:
                found.append(Spell(fact, fact, None))
        elif last and last.end is None:
            found[-1] = replace(last, end=fact)
        elif last is None and fact.position in turning:
            found.append(Spell(None, None, fact))
    return found


def last_spell(
    turns: Iterable[Fact], closing: Iterable[Fact], *, starts: Callable[[Fact], bool]
) -> Spell:
    """The last of the `spells`; an empty one when there is none."""
    found = spells(turns, closing, starts=starts)
    return found[-1] if found else Spell(None, None, None)
