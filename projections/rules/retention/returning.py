"""Data are returned or erased as the controller chooses, securely, and all copies too (10).

`tests/rules/test_retention.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from projections.civil import civil_date, end_of
from projections.facts import Fact
from projections.reading import Act, text, texts, truth
from projections.register import Label
from projections.retention import (
    ACKNOWLEDGED,
    CHOSEN,
    COPIES_ERASED,
    ERASED,
    RETURNED,
    AfterLicence,
    acts,
    copies_due_on,
    is_whole,
    subprocessors_at,
    until,
)
from projections.rules.chapter import Judged
from projections.rules.retention.keeping import again, licence
from projections.rules.retention.rules import CHOICE, COMPLETE, SECURED
from projections.rules.rule import Clock, Finding
from projections.rules.wording import moment_text, number_of_days

WITH_RETURN = frozenset({"return", "return_then_erase"})
"""Choices after which the controller waits for its data."""


def after_erasure(controller: str, time: AfterLicence, facts: Sequence[Fact]) -> Judged:
    """What each erasure after the last licence rested on, and what had to follow it (10.1)."""
    erasures = time.acts(facts, ERASED)
    for at, erased in erasures:
        yield from _unchosen(controller, at, erased, facts)
    for at, erased in [act for act in erasures if is_whole(act[1])][:1]:
        yield from _unreturned(controller, at, erased, facts)
    for first in erasures[:1]:
        yield from _copies(controller, time, first, facts)


def _unchosen(controller: str, at: datetime, erased: Fact, facts: Sequence[Fact]) -> Judged:
    """Erased before the controller had chosen."""
    if not until(at, facts, CHOSEN):
        said = Label(
            "gewist zonder vastgelegde keuze tussen teruggave en wissing",
            "erased without a recorded choice between return and erasure",
        )
        yield Finding(CHOICE, at, said, [erased], controller, erased.id)


def _unreturned(controller: str, at: datetime, erased: Fact, facts: Sequence[Fact]) -> Judged:
    """All erased while the controller may not have its data yet."""
    chosen = until(at, facts, CHOSEN)[-1:]
    returned = until(at, facts, RETURNED)
    awaited = any(text(fact.data, "choice") in WITH_RETURN for fact in chosen)
    if (awaited or returned) and not until(at, facts, ACKNOWLEDGED):
        said = Label(
            f"alles gewist {moment_text(at)}, voordat ontvangst van de teruggave was bevestigd",
            f"all erased {moment_text(at)}, before the receipt of the return was acknowledged",
        )
        rests_on = [erased, *chosen, *returned]
        yield Finding(COMPLETE, at, said, rests_on, controller, erased.id)


def _copies(controller: str, time: AfterLicence, first: Act, facts: Sequence[Fact]) -> Judged:
    """Copies gone so many days after the first erasure (policy)."""
    started_at, erased = first
    last = copies_due_on(started_at, facts)
    done = next(iter(time.acts(facts, COPIES_ERASED)), None)
    stopped_at, stop = done or (None, None)
    days = (last - civil_date(started_at)).days
    clock = Clock(
        COMPLETE,
        started_at=started_at,
        due_at=end_of(last),
        stopped_at=stopped_at,
        owner=controller,
        subject=licence(time),
        start=erased,
        stop=stop,
        open_end=True,
        excused=None if done else again(time, end_of(last)),
        parameters={"copies_days": days},
    )
    yield clock
    if clock.overdue_from:
        within = number_of_days(days)
        since = civil_date(started_at)
        gone = civil_date(stopped_at) if stopped_at else None
        late = Label(f"pas {gone} gewist", f"erased only {gone}")
        what = late if gone else Label("niet gewist", "not erased")
        said = Label(
            f"kopieën {what.nl}: gegevens gewist {since}, kopieën binnen {within.nl},"
            f" uiterlijk {last}",
            f"copies {what.en}: data erased {since}, copies within {within.en}, by {last}",
        )
        yield Finding(
            COMPLETE,
            clock.due_at,
            said,
            [erased, *([stop] if stop else [])],
            controller,
            clock.subject,
            holds_from=clock.overdue_from,
            parameters=clock.parameters,
        )


def confirmed(controller: str, facts: Sequence[Fact]) -> Judged:
    """Every subprocessor confirmed that copies were erased, where that was recorded (7.1, 10.1)."""
    for at, copies in acts(facts, COPIES_ERASED):
        if isinstance(copies.data.get("subprocessors_confirmed"), list):
            named = set(texts(copies.data, "subprocessors_confirmed"))
            if missing := ", ".join(sorted(subprocessors_at(facts, at) - named)):
                said = Label(
                    f"kopieën gewist {civil_date(at)}, niet bevestigd door {missing}",
                    f"copies erased {civil_date(at)}, not confirmed by {missing}",
                )
                yield Finding(COMPLETE, at, said, [copies], controller, copies.id)


def secured(controller: str, facts: Sequence[Fact]) -> Judged:
    """Data are returned encrypted (10.2)."""
    for at, sent in acts(facts, RETURNED):
        if truth(sent.data, "encrypted") is False:
            returned = text(sent.data, "return_id") or sent.id
            said = Label(
                f"teruggave {returned} onversleuteld verzonden {moment_text(at)}",
                f"return {returned} sent without encryption {moment_text(at)}",
            )
            yield Finding(SECURED, at, said, [sent], controller, returned)
