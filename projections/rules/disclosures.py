"""Compelled disclosures (4.7; GDPR art. 28(3)(a), 48): the controller is told, before if possible.

While the law prohibits to tell a controller the notice is deferred: it has to follow by the end of
the day after the prohibition lapsed. Until it is told, nothing of what may not be told is shown to
that controller, neither the clock nor a finding. `tests/rules/test_disclosures.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from projections.civil import days_after
from projections.demands import DISCLOSED, NOTIFIED, RECEIVED, Demand, demands, lapses_at
from projections.facts import Fact
from projections.reading import moment, text
from projections.register import Label
from projections.rules.chapter import Chapter, Judged
from projections.rules.rule import Clock, Finding, Rule
from projections.rules.wording import moment_text

BY_TYPE = dict.fromkeys((RECEIVED, NOTIFIED, DISCLOSED), ("demand:demand_id",))

TELL = Rule(
    id="R-4.7",
    version=1,
    severity="major",
    clause="4.7",
    gdpr="28(3)(a), 48",
    title=Label(
        "Klant niet of te laat geïnformeerd over een gedwongen verstrekking",
        "Controller not told, or told late, of a compelled disclosure",
    ),
    duty=Label(
        "Klant alsnog informeren over een gedwongen verstrekking",
        "Tell the controller of a compelled disclosure, now that it may be told",
    ),
)

DEFERRED_DAYS = 1
"""Days after the lapse of a prohibition in which the controller is to be told."""


def judge(case: str, facts: Sequence[Fact]) -> Judged:
    """The deferred notice and what was found of one demand, for each controller it concerns."""
    id_ = case.partition(":")[2]
    for controller, demand in demands(facts).items():
        deferred = False
        for fact in demand.disclosed:
            if demand.prohibited_at(moment(fact, "disclosed_at")):
                deferred = True
            else:
                yield from _told_before(id_, controller, demand, fact)
        if deferred:
            yield from _told_after(id_, controller, demand)


def _told_before(id_: str, controller: str, demand: Demand, disclosed: Fact) -> Judged:
    at = moment(disclosed, "disclosed_at")
    if demand.told_at and demand.told_at <= at:
        return
    done, told = moment_text(at), demand.told_at and moment_text(demand.told_at)
    named = text(disclosed.data, "disclosure_id") or id_
    why = Label(
        f"{id_}: verstrekt op {done}, Klant "
        f"{f'pas geïnformeerd op {told}' if told else 'niet geïnformeerd'}, "
        "geen verbod om te informeren van kracht",
        f"{id_}: disclosed on {done}, controller "
        f"{f'told only on {told}' if told else 'not told'}, no prohibition to tell in force",
    )
    rests_on = [disclosed, *demand.received, *_first_notice(demand)]
    yield Finding(TELL, at, why, rests_on, controller, named, secret=demand.is_secret)


def _told_after(id_: str, controller: str, demand: Demand) -> Judged:
    received = demand.received[-1]
    lapse = lapses_at(received)
    if lapse is None:
        return  # it lasts until it is known when it lapses
    notice = _first_notice(demand)
    clock = Clock(
        rule=TELL,
        started_at=lapse,
        due_at=days_after(lapse, DEFERRED_DAYS),
        stopped_at=demand.told_at,
        owner=controller,
        subject=id_,
        start=received,
        stop=notice[0] if notice else None,
        open_end=True,
        secret=demand.is_secret,
    )
    yield clock
    if clock.overdue_from:
        lapsed, due = moment_text(lapse), moment_text(clock.due_at)
        told = demand.told_at and moment_text(demand.told_at)
        why = Label(
            f"{id_}: verbod om te informeren vervallen op {lapsed}, Klant "
            f"{f'pas geïnformeerd op {told}' if told else 'niet geïnformeerd'} (voor {due})",
            f"{id_}: prohibition to tell lapsed on {lapsed}, controller "
            f"{f'told only on {told}' if told else 'not told'} (before {due})",
        )
        under = [f for f in demand.disclosed if demand.prohibited_at(moment(f, "disclosed_at"))]
        yield Finding(
            TELL,
            clock.due_at,
            why,
            [received, *under, *notice],
            controller,
            id_,
            holds_from=clock.overdue_from,
            secret=demand.is_secret,
        )


def _first_notice(demand: Demand) -> list[Fact]:
    told = [fact for fact in demand.notified if moment(fact, "notified_at") == demand.told_at]
    return told[:1]


CHAPTER = Chapter(
    name="disclosures",
    rules=(TELL,),
    by_type=BY_TYPE,
    judge=judge,
)
