"""Data are kept as long as agreed, and the agreement as long as data are (3.2, 4.3).

`tests/rules/test_retention.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from projections.civil import civil_date, end_of
from projections.facts import Fact
from projections.reading import Act, moment, text
from projections.register import Label
from projections.retention import (
    CHOSEN,
    COPIES_ERASED,
    ERASED,
    AfterLicence,
    Hold,
    Lapse,
    Retention,
    acts,
    data_held,
    is_whole,
    postponing,
    retention,
    until,
)
from projections.rules.chapter import Judged
from projections.rules.retention.rules import EARLY, END, KEEP
from projections.rules.rule import Clock, Finding
from projections.rules.wording import moment_text, number_of_days
from projections.terms import terms_at

HELD = {
    "all": Label("gegevens", "data"),
    "part": Label("een deel van de gegevens", "part of the data"),
    "copies": Label("kopieën", "copies"),
}


def after_retention(
    controller: str, time: AfterLicence, facts: Sequence[Fact], imposed: Sequence[Hold]
) -> Judged:
    """Data gone by the end of retention and not sooner, or once a statutory duty lapsed (4.3)."""
    kept = retention(time, facts)
    if kept is None:
        return
    erasures = time.acts(facts, ERASED)
    whole = next((act for act in erasures if is_whole(act[1])), None)
    if whole:
        yield from _early(controller, *whole, kept, facts)
    hold = postponing(kept.due_at, imposed)
    if hold is None:
        yield from _kept(controller, time, kept, whole)
        return
    yield _postponed(controller, time, kept, hold, erasures)
    if hold.lapse and not (whole and whole[0] < hold.lapse.at):
        yield from _rest(controller, time, hold.hold_id, hold.lapse, whole, facts)


def _kept(controller: str, time: AfterLicence, kept: Retention, whole: Act | None) -> Judged:
    """All data gone by the end of retention."""
    clock = _term(controller, time, kept, whole, again(time, kept.due_at))
    yield clock
    ended = Label(f"de bewaartermijn eindigde {kept.until}", f"retention ended {kept.until}")
    yield from _kept_too_long(clock, kept.until, ended)


def _postponed(
    controller: str, time: AfterLicence, kept: Retention, hold: Hold, erasures: Sequence[Act]
) -> Clock:
    """The same term when it is postponed: nothing that may be covered is late."""
    in_time = next((act for act in erasures if act[0] < kept.due_at), None)
    runs = Label(
        f"bewaarplicht {hold.hold_id} loopt door na {kept.until}",
        f"statutory retention {hold.hold_id} runs on after {kept.until}",
    )
    return _term(controller, time, kept, in_time, runs)


def _term(
    controller: str,
    time: AfterLicence,
    kept: Retention,
    stopped: Act | None,
    unless: Label | None,
) -> Clock:
    stopped_at, stop = stopped or (None, None)
    return Clock(
        KEEP,
        started_at=time.begins_at,
        due_at=kept.due_at,
        stopped_at=stopped_at,
        owner=controller,
        subject=licence(time),
        start=time.ended,
        stop=stop,
        open_end=True,
        excused=None if stopped else unless,
        parameters={"retention_after_licence": kept.term},
    )


def _rest(
    controller: str,
    time: AfterLicence,
    hold_id: str,
    lapse: Lapse,
    whole: Act | None,
    facts: Sequence[Fact],
) -> Judged:
    """What a statutory duty kept gone so many days after it lapsed (policy)."""
    days = terms_at(facts, lapse.at).copies_days
    last = lapse.on + timedelta(days=days)
    stopped_at, stop = whole or (None, None)
    clock = Clock(
        KEEP,
        started_at=lapse.at,
        due_at=end_of(last),
        stopped_at=stopped_at,
        owner=controller,
        subject=hold_id,
        start=lapse.told_by,
        stop=stop,
        open_end=True,
        excused=None if whole else again(time, end_of(last)),
        parameters={"copies_days": days},
    )
    yield clock
    within = number_of_days(days)
    ended = Label(
        f"bewaarplicht {hold_id} verviel {lapse.on}, rest te wissen binnen {within.nl},"
        f" uiterlijk {last}",
        f"statutory retention {hold_id} lapsed {lapse.on}, rest to be erased within"
        f" {within.en}, by {last}",
    )
    yield from _kept_too_long(clock, last, ended)


def _kept_too_long(clock: Clock, last: date, ended: Label) -> Judged:
    if clock.overdue_from is None:
        return
    said = Label(f"niet gewist, {ended.nl}", f"not erased, {ended.en}")
    if clock.stopped_at:
        erased_on = civil_date(clock.stopped_at)
        over = number_of_days((erased_on - last).days)
        said = Label(
            f"bewaard tot {erased_on}, {ended.nl} ({over.nl} te lang)",
            f"kept until {erased_on}, {ended.en} ({over.en} over)",
        )
    at = clock.stopped_at or clock.due_at
    yield Finding(
        KEEP,
        at=at,
        text=said,
        rests_on=[clock.start, *([clock.stop] if clock.stop else [])],
        owner=clock.owner,
        subject=clock.subject,
        holds_from=max(at, clock.overdue_from),
        parameters=clock.parameters,
    )


def _early(
    controller: str, at: datetime, erased: Fact, kept: Retention, facts: Sequence[Fact]
) -> Judged:
    """The time in which the controller can have its data back was cut short."""
    erased_on = civil_date(at)
    if erased_on < kept.until and not until(at, facts, CHOSEN):
        said = Label(
            f"alles gewist op {erased_on}, voor {kept.until}, de laatste dag van de"
            " bewaartermijn, zonder vastgelegde keuze",
            f"all erased on {erased_on}, before {kept.until}, the last day of retention,"
            " without a recorded choice",
        )
        parameters = {"retention_after_licence": kept.term}
        yield Finding(EARLY, at, said, [erased], controller, erased.id, parameters=parameters)


def ended(controller: str, end: Fact, facts: Sequence[Fact]) -> Judged:
    """The last agreement ended before everything was gone (3.2)."""
    at = moment(end, "ended_at")
    held = data_held(facts, at)
    if held != "none":
        gone_at, gone = _gone(at, facts, held) or (None, None)
        what = HELD[held]
        since = Label(
            f"tot {civil_date(gone_at)}" if gone_at else "nog niet gewist",
            f"until {civil_date(gone_at)}" if gone_at else "not erased yet",
        )
        said = Label(
            f"overeenkomst geëindigd {moment_text(at)} terwijl {what.nl} werden gehouden"
            f" ({since.nl})",
            f"agreement ended {moment_text(at)} while {what.en} were held ({since.en})",
        )
        agreement = text(end.data, "agreement_id") or controller
        rests_on = [end, *([gone] if gone else [])]
        yield Finding(END, at, said, rests_on, controller, agreement)


def _gone(at: datetime, facts: Sequence[Fact], held: str) -> Act | None:
    """The first erasure after a moment of what was held then."""
    wanted = COPIES_ERASED if held == "copies" else ERASED
    later = (act for act in acts(facts, wanted) if act[0] > at)
    return next((act for act in later if wanted == COPIES_ERASED or is_whole(act[1])), None)


def again(time: AfterLicence, due_at: datetime) -> Label | None:
    """Why a term does not apply: a licence was granted again before its end; None: it was not."""
    if time.ends_at is None or time.ends_at >= due_at:
        return None
    return Label(
        f"opnieuw een Licentie vanaf {moment_text(time.ends_at)}",
        f"a licence again from {moment_text(time.ends_at)}",
    )


def licence(time: AfterLicence) -> str:
    """The licence that ended last."""
    return text(time.ended.data, "licence_id") or time.ended.id
