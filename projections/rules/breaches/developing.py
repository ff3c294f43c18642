"""Each controller hears of developments until the breach is closed, and misses nothing then (9.2).

What an update that missed a controller leaves unsaid is found by that; it breaks the silence of the
processor all the same. `tests/rules/test_breaches.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial

from projections.breach_course import (
    Concern,
    Course,
    delivered_to,
    number_of,
    still_missing,
)
from projections.civil import days_after
from projections.facts import Fact
from projections.reading import Act, in_order, moment
from projections.register import Label
from projections.rules.breaches.rules import COMPLETE, UPDATE
from projections.rules.chapter import Judged
from projections.rules.recurring import Stretch, stretches
from projections.rules.rule import Clock, Finding
from projections.rules.wording import moment_text
from projections.terms import Versions, in_force


def missed(breach: str, update: Fact, concerned: Mapping[str, Concern]) -> Judged:
    """An update reaches every controller that was in scope before it."""
    reached = delivered_to(update)
    at = moment(update, "issued_at")
    said = Label(
        f"voortgangsmelding {number_of(update)} van {breach} bereikte niet elke Klant die het"
        " toen al aanging",
        f"update {number_of(update)} of {breach} did not reach every controller that was in scope"
        " by then",
    )
    for controller, concern in concerned.items():
        if controller not in reached and concern.awaits(update):
            yield Finding(
                UPDATE,
                at,
                said,
                [concern.fact, update],
                controller,
                f"{breach} {number_of(update)}",
                group=f"update {update.position}",
            )


Silence = tuple[str, Concern, int, Stretch]
"""A controller that waits for news of a breach: which, why, the days of its term, since when."""


def silences(
    history: Course, agreed: Mapping[str, Versions], closed: Act | None
) -> Iterator[Silence]:
    """Every time between two pieces of news, for each controller since it was concerned."""
    updates = in_order(history.updates, "issued_at")
    for controller, concern in history.concerned().items():
        known = agreed.get(controller, ())
        notices = in_order(history.notices.get(controller, ()), "notified_at")
        news = [act for act in (*notices, *updates) if act[0] >= concern.aware_at]
        begin = (concern.aware_at, concern.fact)
        for stretch in stretches([begin, *news], partial(_due, known), closed):
            days = in_force(known, stretch.last[0]).update_silence_days
            yield controller, concern, days, stretch


def _due(known: Versions, heard_at: datetime) -> datetime:
    return days_after(heard_at, in_force(known, heard_at).update_silence_days)


def silent(breach: str, found: Iterable[Silence]) -> Judged:
    """No silence is longer than the term while the breach is open (policy).

    The clocks are the processor's: one for all controllers that are to be told before one moment.
    """
    by_due: dict[datetime, list[Silence]] = {}
    for silence in found:
        by_due.setdefault(silence[3].due_at, []).append(silence)
    for due_at, waiting in sorted(by_due.items()):
        yield _clock(breach, due_at, waiting)
        for controller, concern, days, stretch in waiting:
            if stretch.is_late:
                yield _too_long(breach, controller, concern, days, stretch)


def _clock(breach: str, due_at: datetime, waiting: Sequence[Silence]) -> Clock:
    started_at, start = min((s.last for *_, s in waiting), key=_order)
    ends = [stretch.next for *_, stretch in waiting if stretch.next]
    # Whoever hears last stops it.
    stopped_at, stop = max(ends, key=_order) if len(ends) == len(waiting) else (None, None)
    return Clock(
        UPDATE,
        started_at=started_at,
        due_at=due_at,
        stopped_at=stopped_at,
        owner="",
        subject=breach,
        start=start,
        stop=stop,
        open_end=True,
        parameters={"update_silence_days": min(days for _, _, days, _ in waiting)},
    )


def _order(act: Act) -> tuple[datetime, int]:
    return act[0], act[1].position


def _too_long(
    breach: str, controller: str, concern: Concern, days: int, stretch: Stretch
) -> Finding:
    # The text is the same for all that were to hear by one moment, whatever their terms.
    due = moment_text(stretch.due_at)
    said = Label(
        f"niets meegedeeld over {breach} tot {due}, het einde van de termijn sinds het laatste"
        " bericht, terwijl de Inbreuk nog niet was afgesloten",
        f"nothing told about {breach} until {due}, the end of the term since the last news, while"
        " the breach was not closed yet",
    )
    facts = {fact.position: fact for fact in (concern.fact, stretch.last[1])}
    return Finding(
        UPDATE,
        stretch.due_at,
        said,
        [*facts.values(), *([stretch.next[1]] if stretch.next else [])],
        controller,
        breach,
        group=f"silence {breach}",
        parameters={"update_silence_days": days},
    )


def incomplete(breach: str, history: Course, closed: Act) -> Judged:
    """What a controller still lacked of art. 33(3) was supplied before the breach was closed."""
    closed_at, closing = closed
    reached = [
        (update, delivered_to(update))
        for at, update in in_order(history.updates, "issued_at")
        if at <= closed_at
    ]
    for controller, notices in sorted(history.notices.items()):
        before = [f for f in notices if moment(f, "notified_at") <= closed_at]
        missing = ", ".join(still_missing(before, (u for u, to in reached if controller in to)))
        if missing:
            said = Label(
                f"{breach} afgesloten terwijl nog ontbrak: {missing}",
                f"{breach} closed while still missing: {missing}",
            )
            rests_on = [before[-1], closing]
            yield Finding(COMPLETE, closed_at, said, rests_on, controller, breach)
