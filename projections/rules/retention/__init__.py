"""Keeping, returning and erasing data when all is over (3.2, 4.3, 10; GDPR art. 28(3)(g)).

Data are kept for the retention after the last licence, no longer and no shorter: it is the time in
which the controller can have them back. A statutory duty to keep data that runs at the end of it
postpones what it covers to its lapse; what that is cannot be known from the facts, so the rest is
due so many days after the lapse, whether or not anything was erased before. Only a recorded choice
counts as an instruction to erase. `tests/rules/test_retention.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from projections.agreement import AMENDED, CONCLUDED, ENDED, ends
from projections.facts import Fact
from projections.retention import (
    ACKNOWLEDGED,
    CHOSEN,
    COPIES_ERASED,
    DISENGAGED,
    ENGAGED,
    ERASED,
    GRANTED,
    IMPOSED,
    LAPSED,
    LICENCE_ENDED,
    RETURNED,
    after_licences,
    holds,
)
from projections.rules.chapter import Chapter, Judged
from projections.rules.retention.keeping import after_retention, ended
from projections.rules.retention.returning import after_erasure, confirmed, secured
from projections.rules.retention.rules import CHOICE, COMPLETE, EARLY, END, KEEP, SECURED

BY_TYPE = {
    **dict.fromkeys(
        (
            CONCLUDED,
            AMENDED,
            ENDED,
            GRANTED,
            LICENCE_ENDED,
            IMPOSED,
            LAPSED,
            CHOSEN,
            RETURNED,
            ACKNOWLEDGED,
            ERASED,
            COPIES_ERASED,
        ),
        ("controller:controller_id",),
    ),
    **dict.fromkeys((ENGAGED, DISENGAGED), ("controller:controller_ids",)),
}


def judge(case: str, facts: Sequence[Fact]) -> Judged:
    """The clocks of one controller after its licences, and what was found."""
    controller = case.partition(":")[2]
    imposed = holds(facts)
    for time in after_licences(facts):
        yield from after_retention(controller, time, facts, imposed)
        yield from after_erasure(controller, time, facts)
    for end in ends(facts):
        yield from ended(controller, end, facts)
    yield from secured(controller, facts)
    yield from confirmed(controller, facts)


CHAPTER = Chapter(
    name="retention",
    rules=(END, KEEP, EARLY, CHOICE, COMPLETE, SECURED),
    by_type=BY_TYPE,
    judge=judge,
)
