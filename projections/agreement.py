"""When an agreement ends, and with it all that is done for the controller.

Clause 3.2 lets an agreement end only when no personal data are held, so activities, engagements and
transfers for a controller end with its last agreement at the latest, told or not. An end that names
an agreement ends that one and those without an id; an end that names none ends all.
`tests/test_agreement.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from projections.facts import Fact
from projections.reading import text

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


def last_spell(
    turns: Iterable[Fact], facts: Iterable[Fact], *, starts: Callable[[Fact], bool]
) -> Spell:
    """The last spell of something done for one controller.

    `turns` are the facts that start or stop it, and `starts` tells which; `facts` are all facts
    about the controller, of which the end of its last agreement stops it as well.
    """
    turning = {turn.position for turn in turns}
    facts = list(facts)
    closing = {fact.position for fact in ends(facts)}
    spell = Spell(None, None, None)
    for fact in facts:
        if fact.position in turning and starts(fact):
            goes_on = spell.start is not None and spell.end is None
            spell = Spell(spell.start if goes_on else fact, fact, None)
        elif spell.end is None and (
            fact.position in turning or (spell.start and fact.position in closing)
        ):
            spell = Spell(spell.start, spell.latest, fact)
    return spell
