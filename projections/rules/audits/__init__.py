"""Audits, what their results were, and what was asked for (5.4, 8.2, 11; GDPR art. 28(3)(h)).

An answer to a request for an audit is judged by what had been done when it was given, by the terms
in force when the audit was asked for. `tests/rules/test_audits.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from projections.audit_year import ACCEPTED, COMPLETED, REFUSED, REQUESTED
from projections.facts import Fact
from projections.rows import ITSELF
from projections.rules.audits.answers import judged
from projections.rules.audits.requests import (
    ASKED,
    CLOSED,
    GIVEN,
    INFORMATION,
    PLANNED,
    RESULTS,
    assistance,
    corrected,
    provided,
)
from projections.rules.audits.rules import (
    ASSISTANCE,
    CORRECTION,
    INDEPENDENCE,
    OTHER_YEAR,
    PROVISION,
    REFUSAL,
)
from projections.rules.chapter import Chapter, Judged
from projections.terms import TERMS_EVENTS

BY_TYPE = {
    **dict.fromkeys(
        (REQUESTED, ACCEPTED, REFUSED, COMPLETED, *sorted(TERMS_EVENTS)),
        ("controller:controller_id",),
    ),
    **dict.fromkeys((RESULTS, INFORMATION), (ITSELF,)),
    **dict.fromkeys((ASKED, GIVEN), ("assistance:assistance_id",)),
    **dict.fromkeys((PLANNED, CLOSED), ("finding:finding_id",)),
}


def judge(case: str, facts: Sequence[Fact]) -> Judged:
    """The clocks and findings of one controller's audits, of one request, or of one finding."""
    tag, _, id_ = case.partition(":")
    if tag == "controller":
        yield from judged(id_, facts)
    elif tag == "assistance":
        yield from assistance(id_, facts)
    elif tag == "finding":
        yield from corrected(id_, facts)
    else:
        for fact in facts:
            yield from provided(fact)


CHAPTER = Chapter(
    name="audits",
    rules=(REFUSAL, INDEPENDENCE, OTHER_YEAR, PROVISION, ASSISTANCE, CORRECTION),
    by_type=BY_TYPE,
    judge=judge,
)
