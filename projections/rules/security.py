"""Measures are looked at every year, and controllers hear of a change (5.2, 5.5; GDPR art. 32).

The text says that measures may have to be extended continuously and that controllers are told when
there is occasion to; a year and thirty days are policy. A review is a risk assessment or any change
of measures; registering the processor starts the first year. `tests/rules/test_security.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from projections.civil import add_period, civil_date, days_after, end_of
from projections.facts import Fact
from projections.reading import Act, in_order, text, texts
from projections.register import Label
from projections.rows import of_type
from projections.rules.chapter import Chapter, Judged
from projections.rules.recurring import stretches
from projections.rules.rule import Clock, Finding, Rule
from projections.rules.wording import number_of_days

REGISTERED = "ProcessorRegistered"
ASSESSED = "RiskAssessmentCompleted"
ADOPTED = "SecurityMeasureAdopted"
AMENDED = "SecurityMeasureAmended"
RETIRED = "SecurityMeasureRetired"
COMMUNICATED = "SecurityMeasuresCommunicated"

REVIEW_WITHIN = "P12M"
TELL_WITHIN = 30
"""Days."""

REVIEWS = "+".join((REGISTERED, ASSESSED, ADOPTED, AMENDED, RETIRED))
"""The one case of all reviews: each is due so long after the one before."""

CHANGES = "+".join((AMENDED, COMMUNICATED))
"""The one case of changes of measures and of what was told of them."""

BY_TYPE = {
    REGISTERED: (REVIEWS,),
    ASSESSED: (REVIEWS,),
    ADOPTED: (REVIEWS,),
    AMENDED: (REVIEWS, CHANGES),
    RETIRED: (REVIEWS,),
    COMMUNICATED: (CHANGES,),
}

REVIEW = Rule(
    id="O-5.2",
    version=1,
    severity="observation",
    clause="5.1, 5.2",
    gdpr="32(1)(d)",
    title=Label(
        "Geen risicobeoordeling of herziening van maatregelen binnen een jaar",
        "No risk assessment or review of measures within a year",
    ),
    duty=Label("Risico's beoordelen of maatregelen herzien", "Assess risks, or review measures"),
)

TELL = Rule(
    id="O-5.5",
    version=1,
    severity="observation",
    clause="5.5",
    gdpr="28(3)(f), 32",
    title=Label(
        "Klanten hebben niets gehoord van een gewijzigde maatregel",
        "Controllers were not told of a measure that changed",
    ),
    duty=Label(
        "Klanten informeren over de gewijzigde maatregel",
        "Tell the controllers of the changed measure",
    ),
)


def judge(case: str, facts: Sequence[Fact]) -> Judged:
    """The clocks of reviews, or of changes, and what was found."""
    if case == REVIEWS:
        yield from _reviews(facts)
    else:
        yield from _changes(facts)


def _reviews(facts: Sequence[Fact]) -> Judged:
    for stretch in stretches(_days_of_review(facts), _review_due):
        (since, last), (until, after) = stretch.last, stretch.next or (None, None)
        clock = Clock(
            REVIEW,
            started_at=since,
            due_at=stretch.due_at,
            stopped_at=until,
            owner=None,
            subject=_reference(last),
            start=last,
            stop=after,
            open_end=True,
        )
        yield clock
        if clock.overdue_from:
            on = civil_date(since)
            before = civil_date(until) if until else None
            said = Label(
                f"geen risicobeoordeling of herziening van maatregelen binnen 12 maanden na {on}"
                + (f" (pas {before})" if before else ""),
                f"no risk assessment or review of measures within 12 months after {on}"
                + (f" (only {before})" if before else ""),
            )
            rests_on = [last, *([after] if after else [])]
            yield Finding(
                REVIEW,
                stretch.due_at,
                said,
                rests_on,
                None,
                clock.subject,
                holds_from=clock.overdue_from,
            )


def _days_of_review(facts: Sequence[Fact]) -> Iterable[Act]:
    """The last review of each day, from when the processor was first registered."""
    registered = in_order(of_type(facts, REGISTERED))[:1]
    reviews = in_order(of_type(facts, ASSESSED, ADOPTED, AMENDED, RETIRED), "at")
    since = [act for act in reviews if not registered or act[0] >= registered[0][0]]
    return {civil_date(act[0]): act for act in (*registered, *since)}.values()


def _reference(review: Fact) -> str:
    """What was looked at: the assessment or the measure; at first the processor itself."""
    named = texts(review.data, "assessment_id", "measure_id", "processor_id")
    return next(iter(named), review.id)


def _review_due(reviewed_at: datetime) -> datetime:
    return end_of(add_period(civil_date(reviewed_at), REVIEW_WITHIN))


def _changes(facts: Sequence[Fact]) -> Judged:
    told = in_order(of_type(facts, COMMUNICATED), "at")
    for changed_at, amended in in_order(of_type(facts, AMENDED)):
        measure = text(amended.data, "measure_id") or amended.id
        due_at = days_after(changed_at, TELL_WITHIN)
        first = (act for act in told if act[0] >= changed_at and _tells_of(act[1], measure))
        told_at, stop = next(first, (None, None))
        clock = Clock(
            TELL,
            started_at=changed_at,
            due_at=due_at,
            stopped_at=told_at,
            owner=None,
            subject=measure,
            start=amended,
            stop=stop,
            open_end=True,
        )
        yield clock
        if clock.overdue_from:
            yield _untold(clock, civil_date(changed_at))


def _tells_of(communicated: Fact, measure: str) -> bool:
    """Whether a communication was about a measure: it names it, or none at all."""
    named = texts(communicated.data, "measure_ids")
    return not named or measure in named


def _untold(clock: Clock, changed_on: date) -> Finding:
    told_on = civil_date(clock.stopped_at) if clock.stopped_at else None
    within = number_of_days(TELL_WITHIN)
    said = Label(
        f"{clock.subject} gewijzigd {changed_on}, aan Klanten"
        f" {f'pas {told_on}' if told_on else 'niet'} meegedeeld (beleid {within.nl})",
        f"{clock.subject} changed {changed_on},"
        f" {f'told to controllers only {told_on}' if told_on else 'not told to controllers'}"
        f" (policy {within.en})",
    )
    return Finding(
        TELL,
        clock.due_at,
        said,
        [clock.start, *([clock.stop] if clock.stop else [])],
        None,
        clock.subject,
        holds_from=clock.overdue_from,
    )


CHAPTER = Chapter(
    name="security",
    rules=(REVIEW, TELL),
    by_type=BY_TYPE,
    judge=judge,
    wide=frozenset(BY_TYPE),
)
