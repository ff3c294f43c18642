"""Events recorded long after they happened (11.1; GDPR art. 5(2)): legal, and visible.

An event of a demand that its controller may not know of is shown to the processor alone (4.7).
`tests/rules/test_lateness.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from ledger.events import EVENT_TYPES
from ledger.tags import CONTROLLERS
from projections import demands
from projections.facts import Fact, Recorded
from projections.reading import ids
from projections.register import Label
from projections.rows import ITSELF, cases_by
from projections.rules.chapter import Chapter, Judged
from projections.rules.rule import Finding, Rule
from projections.rules.wording import elapsed

WITHIN = timedelta(hours=48)

LATE = Rule(
    id="R-LATE",
    version=1,
    severity="observation",
    clause="11.1",
    gdpr="5(2)",
    title=Label("Laat vastgelegd", "Recorded late"),
)

BY_TYPE = dict.fromkeys(sorted({t.name for t in EVENT_TYPES.values()}), (ITSELF,))


def cases(event: Recorded) -> Sequence[str]:
    """The event itself when it was recorded late: the others are no cases at all."""
    return CASES(event) if event.recorded_at - event.occurred_at > WITHIN else ()


CASES = cases_by(BY_TYPE)


def judge(case: str, facts: Sequence[Fact]) -> Judged:
    """One finding for each controller that the event concerns, or for the processor alone."""
    secret = {c for c, demand in demands.demands(facts).items() if demand.is_secret}
    for fact in facts:
        if case != f"source-id:{fact.source} {fact.id}":
            continue  # another event of the same demand
        took = elapsed(fact.occurred_at, fact.recorded_at)
        text = Label(
            f"{fact.type} vastgelegd {took.nl} nadat het gebeurde",
            f"{fact.type} recorded {took.en} after it happened",
        )
        for owner in ids(fact.data, *CONTROLLERS) or [""]:
            yield Finding(
                LATE,
                at=fact.occurred_at,
                text=text,
                rests_on=[fact],
                owner=owner,
                subject=f"{fact.source} {fact.id}",
                group=f"{fact.position}",
                secret="demand_id" in fact.data and owner in secret,
            )


CHAPTER = Chapter(
    name="lateness",
    rules=(LATE,),
    by_type=BY_TYPE,
    judge=judge,
    context=frozenset({demands.RECEIVED, demands.NOTIFIED}),
    context_by="demand",
    cases=cases,
)
