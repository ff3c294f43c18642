"""Personal data breaches: told in time, kept informed, closed when all was said (9; art. 33).

The text gives no hours and no days: `breach_hours` and `update_silence_days` are policy unless the
agreement says otherwise. Each controller has its own terms and its own clocks, and a breach may
concern ten thousand of them: everything is looked at once for each. `tests/rules/test_breaches.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from projections.breach_course import course
from projections.facts import Fact
from projections.reading import in_order
from projections.rows import by_id, of_type
from projections.rules.breaches.developing import incomplete, missed, silences, silent
from projections.rules.breaches.rules import AUTHORITY, COMPLETE, TELL, UPDATE
from projections.rules.breaches.telling import authority, first_notice, told
from projections.rules.chapter import Chapter, Judged
from projections.terms import TERMS_EVENTS, in_force, versions

BY_TYPE = dict.fromkeys(
    (
        "BreachConfirmed",
        "BreachNotified",
        "BreachUpdateIssued",
        "SupervisoryAuthorityNotified",
        "BreachClosed",
    ),
    ("breach:breach_id",),
)


def judge(case: str, facts: Sequence[Fact]) -> Judged:
    """The clocks of one breach for each controller it concerns, and what was found."""
    breach = case.partition(":")[2]
    history = course(of_type(facts, *BY_TYPE))
    by_controller = by_id(of_type(facts, *TERMS_EVENTS), "controller_id")
    agreed = {controller: versions(own) for controller, own in by_controller.items()}
    concerned = history.concerned()
    closed = next(iter(in_order(history.closed, "at")), None)
    for controller, concern in concerned.items():
        hours = in_force(agreed.get(controller, ()), concern.aware_at).breach_hours
        yield from told(breach, controller, concern, hours, first_notice(history, controller))
    for controller in history.notices:
        if first := first_notice(history, controller):
            reports = history.authority.get(controller, ())
            yield from authority(breach, controller, first, reports, closed)
    for update in history.updates:
        yield from missed(breach, update, concerned)
    yield from silent(breach, silences(history, agreed, closed))
    if closed:
        yield from incomplete(breach, history, closed)


CHAPTER = Chapter(
    name="breaches",
    rules=(TELL, COMPLETE, UPDATE, AUTHORITY),
    by_type=BY_TYPE,
    judge=judge,
    context=TERMS_EVENTS,
)
