"""Each controller is told of a breach in time, and has its own 72 hours from then (9.1; art. 33).

`tests/rules/test_breaches.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from projections.breach_course import AUTHORITY_WITHIN, Concern, Course
from projections.facts import Fact
from projections.reading import Act, in_order
from projections.register import Label
from projections.rules.breaches.rules import AUTHORITY, TELL
from projections.rules.chapter import Judged
from projections.rules.rule import Clock, Finding
from projections.rules.wording import in_hours, moment_text

HOUR = timedelta(hours=1)


def told(breach: str, controller: str, concern: Concern, hours: int, first: Act | None) -> Judged:
    """The notice to one controller, within so many elapsed hours after we were aware."""
    told_at, notice = first or (None, None)
    clock = Clock(
        TELL,
        started_at=concern.aware_at,
        due_at=concern.aware_at + hours * HOUR,
        stopped_at=told_at,
        owner=controller,
        subject=breach,
        start=concern.fact,
        stop=notice,
        parameters={"breach_hours": hours},
    )
    yield clock
    if clock.overdue_from:
        due = moment_text(clock.due_at)
        said = Label(
            f"{breach} niet gemeld voor {due} (termijn {hours} u)",
            f"{breach} not told by {due} (term {hours} h)",
        )
        if told_at:
            took = in_hours(concern.aware_at, told_at)
            said = Label(
                f"{breach} gemeld na {took.nl} (termijn {hours} u, tot {due})",
                f"{breach} told after {took.en} (term {hours} h, until {due})",
            )
        at = told_at or clock.due_at
        yield Finding(
            TELL,
            at=at,
            text=said,
            rests_on=[concern.fact, *([notice] if notice else [])],
            owner=controller,
            subject=breach,
            holds_from=max(at, clock.overdue_from),
            parameters=clock.parameters,
        )


def authority(
    breach: str, controller: str, told_first: Act, reports: Sequence[Fact], closed: Act | None
) -> Judged:
    """The controller's own term of art. 33(1): 72 elapsed hours after we told it.

    Whether it has to report is for the controller to judge, and it need not tell us: what it told
    nothing about is left at that when the breach is closed.
    """
    told_at, notice = told_first
    reported_at, report = next(iter(in_order(reports, "notified_at")), (None, None))
    unless = Label(
        "de Inbreuk is afgesloten en Klant heeft ons geen melding aan de toezichthouder verteld",
        "the breach was closed and the controller told us of no report to the authority",
    )
    clock = Clock(
        AUTHORITY,
        started_at=told_at,
        due_at=told_at + AUTHORITY_WITHIN,
        stopped_at=reported_at,
        owner=controller,
        subject=breach,
        start=notice,
        stop=report,
        excused=unless if closed and not report else None,
    )
    yield clock
    if reported_at and report and clock.overdue_from:
        took, due = in_hours(told_at, reported_at), moment_text(clock.due_at)
        said = Label(
            f"Klant lichtte de toezichthouder in {took.nl} na onze melding van {breach}"
            f" (72 u, tot {due})",
            f"the controller told the authority {took.en} after our notice of {breach}"
            f" (72 h, until {due})",
        )
        yield Finding(AUTHORITY, reported_at, said, [notice, report], controller, breach)


def first_notice(history: Course, controller: str) -> Act | None:
    """When a controller was first told of a breach, by which notice."""
    notices = history.notices.get(controller, ())
    return next(iter(in_order(notices, "notified_at")), None)
