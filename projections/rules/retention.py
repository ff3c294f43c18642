"""Keeping, returning and erasing data when all is over (3.2, 4.3, 10; GDPR art. 28(3)(g)).

Data are kept for the retention after the last licence, no longer and no shorter: it is the time in
which the controller can have them back. A statutory duty to keep data that runs at the end of it
postpones what it covers to its lapse; what that is cannot be known from the facts, so the rest is
due so many days after the lapse, whether or not anything was erased before. Only a recorded choice
counts as an instruction to erase. `tests/rules/test_retention.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from projections.agreement import AMENDED, CONCLUDED, ENDED, ends
from projections.civil import civil_date, days_after, end_of
from projections.facts import Fact
from projections.reading import moment, text, texts, truth
from projections.register import Label
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
    Act,
    AfterLicence,
    Hold,
    Retention,
    act_at,
    acts,
    after_licences,
    copies_due_on,
    data_held,
    holds,
    is_whole,
    postponing,
    retention,
    subprocessors_at,
)
from projections.rules.chapter import Chapter, Judged
from projections.rules.rule import Clock, Finding, Rule
from projections.rules.wording import moment_text, number_of_days
from projections.terms import terms_at

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

WITH_RETURN = frozenset({"return", "return_then_erase"})
"""Choices after which the controller waits for its data."""

END = Rule(
    id="R-3.2",
    version=1,
    severity="minor",
    clause="3.2",
    gdpr="28(3)(g)",
    title=Label(
        "De overeenkomst is geëindigd terwijl nog gegevens werden gehouden",
        "The agreement ended while data were still held",
    ),
)

KEEP = Rule(
    id="R-4.3",
    version=1,
    severity="major",
    clause="4.3",
    gdpr="28(3)(g), 5(1)(e)",
    title=Label(
        "Gegevens zijn langer bewaard dan de bewaartermijn",
        "Data were kept longer than the retention term",
    ),
    parameters=("retention_after_licence", "copies_days"),
)

EARLY = Rule(
    id="O-4.3",
    version=1,
    severity="observation",
    clause="4.3",
    gdpr="28(3)(g)",
    title=Label(
        "Gegevens zijn zonder instructie gewist voor het einde van de bewaartermijn",
        "Data were erased before the end of retention without an instruction",
    ),
    parameters=("retention_after_licence",),
)

CHOICE = Rule(
    id="R-10.1",
    version=1,
    severity="minor",
    clause="10.1",
    gdpr="28(3)(g)",
    title=Label(
        "Gegevens zijn gewist zonder keuze van Klant tussen teruggave en wissing",
        "Data were erased without a choice of the controller between return and erasure",
    ),
)

COMPLETE = Rule(
    id="O-10.1",
    version=1,
    severity="observation",
    clause="10.1",
    gdpr="28(3)(g)",
    title=Label(
        "Teruggave niet bevestigd, kopieën te laat gewist, of een Subverwerker niet bevestigd",
        "Return not acknowledged, copies erased too late, or a subprocessor not confirmed",
    ),
    parameters=("copies_days",),
)

SECURED = Rule(
    id="R-10.2",
    version=1,
    severity="major",
    clause="10.2",
    gdpr="32(1)(a)",
    title=Label(
        "Gegevens zijn onversleuteld teruggegeven",
        "Data were returned without encryption",
    ),
)


def judge(case: str, facts: Sequence[Fact]) -> Judged:
    """The clocks of one controller after its licences, and what was found."""
    controller = case.partition(":")[2]
    imposed = holds(facts)
    for time in after_licences(facts):
        yield from _after_licence(controller, time, facts, imposed)
    for end in ends(facts):
        yield from _ended(controller, end, facts)
    for sent_at, sent in acts(facts, RETURNED):
        if truth(sent.data, "encrypted") is False:
            yield _unsecured(controller, sent_at, sent)
    for at, copies in acts(facts, COPIES_ERASED):
        yield from _unconfirmed(controller, at, copies, facts)


def _after_licence(
    controller: str, time: AfterLicence, facts: Sequence[Fact], imposed: Sequence[Hold]
) -> Judged:
    erasures = time.acts(facts, ERASED)
    whole = next((act for act in erasures if is_whole(act[1])), None)
    kept = retention(time, facts)
    for at, erased in erasures:
        yield from _unchosen(controller, at, erased, facts)
    if whole:
        yield from _unreturned(controller, *whole, facts)
    if kept and whole:
        yield from _early(controller, *whole, kept, facts)
    if kept and (hold := postponing(kept.due_at, imposed)):
        yield _postponed(controller, time, kept, hold, erasures)
        if not (whole and hold.lapses_at and whole[0] < hold.lapses_at):
            yield from _rest(controller, time, hold, whole, facts)
    elif kept:
        yield from _kept(controller, time, kept, whole)
    if erasures:
        yield from _copies(controller, time, erasures[0], facts)


def _kept(controller: str, time: AfterLicence, kept: Retention, whole: Act | None) -> Judged:
    """All data gone by the end of retention (4.3)."""
    stopped_at, stop = whole or (None, None)
    clock = Clock(
        KEEP,
        started_at=time.begins_at,
        due_at=kept.due_at,
        stopped_at=stopped_at,
        owner=controller,
        subject=_licence(time),
        start=time.ended,
        stop=stop,
        open_end=True,
        excused=None if whole else _again(time, kept.due_at),
        parameters={"retention_after_licence": kept.term},
    )
    yield clock
    if clock.overdue_from:
        ended = Label(
            f"de bewaartermijn eindigde {kept.until}", f"retention ended {kept.until}"
        )
        yield _kept_too_long(clock, kept.until, ended)


def _postponed(
    controller: str, time: AfterLicence, kept: Retention, hold: Hold, erasures: Sequence[Act]
) -> Clock:
    """What need not be kept gone by the end of retention: as far as the facts tell, which may be
    nothing, so nothing is found about it."""
    in_time = next((act for act in erasures if act[0] < kept.due_at), None)
    stopped_at, stop = in_time or (None, None)
    postponed = Label(
        f"bewaarplicht {hold.hold_id} loopt nog op {kept.until}",
        f"statutory retention {hold.hold_id} still runs on {kept.until}",
    )
    return Clock(
        KEEP,
        started_at=time.begins_at,
        due_at=kept.due_at,
        stopped_at=stopped_at,
        owner=controller,
        subject=_licence(time),
        start=time.ended,
        stop=stop,
        open_end=True,
        excused=None if in_time else postponed,
        parameters={"retention_after_licence": kept.term},
    )


def _rest(
    controller: str, time: AfterLicence, hold: Hold, whole: Act | None, facts: Sequence[Fact]
) -> Judged:
    """What a statutory duty kept gone so many days after it lapsed (4.3; policy)."""
    if hold.lapses_at is None:
        return
    days = terms_at(facts, hold.lapses_at).copies_days
    due_at = days_after(hold.lapses_at, days)
    stopped_at, stop = whole or (None, None)
    clock = Clock(
        KEEP,
        started_at=hold.lapses_at,
        due_at=due_at,
        stopped_at=stopped_at,
        owner=controller,
        subject=hold.hold_id,
        start=hold.lapsed or hold.imposed,
        stop=stop,
        open_end=True,
        excused=None if whole else _again(time, due_at),
        parameters={"copies_days": days},
    )
    yield clock
    if clock.overdue_from:
        last = _last_day(due_at)
        lapsed = moment_text(hold.lapses_at)
        ended = Label(
            f"bewaarplicht {hold.hold_id} verviel {lapsed} en de rest was"
            f" binnen {number_of_days(days).nl} te wissen, tot en met {last}",
            f"statutory retention {hold.hold_id} lapsed {lapsed} and the rest was to be erased"
            f" within {number_of_days(days).en}, until {last}",
        )
        yield _kept_too_long(clock, last, ended)


def _kept_too_long(clock: Clock, last: date, ended: Label) -> Finding:
    if clock.stopped_at:
        erased_on = civil_date(clock.stopped_at)
        over = number_of_days((erased_on - last).days)
        text = Label(
            f"bewaard tot {erased_on}, {ended.nl} ({over.nl} te lang)",
            f"kept until {erased_on}, {ended.en} ({over.en} over)",
        )
    else:
        text = Label(
            f"niet gewist, {ended.nl}",
            f"not erased, {ended.en}",
        )
    return Finding(
        KEEP,
        at=clock.stopped_at or clock.due_at,
        text=text,
        rests_on=[clock.start, *([clock.stop] if clock.stop else [])],
        owner=clock.owner,
        subject=clock.subject,
        holds_from=clock.overdue_from,
        parameters=clock.parameters,
    )


def _early(
    controller: str, at: datetime, erased: Fact, kept: Retention, facts: Sequence[Fact]
) -> Judged:
    """The time in which the controller can have its data back was cut short (4.3)."""
    if civil_date(at) < kept.until and not _until(at, facts, CHOSEN):
        text = Label(
            f"alles gewist op {civil_date(at)}, voor {kept.until}, de laatste dag van de"
            " bewaartermijn, zonder keuze of instructie",
            f"all erased on {civil_date(at)}, before {kept.until}, the last day of retention,"
            " without a choice or instruction",
        )
        parameters = {"retention_after_licence": kept.term}
        yield Finding(
            EARLY, at, text, [erased], controller, erased.id, parameters=parameters
        )


def _unchosen(controller: str, at: datetime, erased: Fact, facts: Sequence[Fact]) -> Judged:
    """Erased before the controller had chosen (10.1)."""
    if not _until(at, facts, CHOSEN):
        text = Label(
            "gewist zonder vastgelegde keuze tussen teruggave en wissing",
            "erased without a recorded choice between return and erasure",
        )
        yield Finding(CHOICE, at, text, [erased], controller, erased.id)


def _unreturned(controller: str, at: datetime, erased: Fact, facts: Sequence[Fact]) -> Judged:
    """All erased while the controller may not have its data yet (10.1)."""
    chosen = _until(at, facts, CHOSEN)[-1:]
    returned = _until(at, facts, RETURNED)
    awaited = any(text(fact.data, "choice") in WITH_RETURN for fact in chosen) or bool(returned)
    if awaited and not _until(at, facts, ACKNOWLEDGED):
        said = Label(
            f"alles gewist op {moment_text(at)} voordat de ontvangst van een teruggave was"
            " bevestigd",
            f"all erased on {moment_text(at)} before the receipt of any return was acknowledged",
        )
        rests_on = [erased, *chosen, *returned]
        yield Finding(COMPLETE, at, said, rests_on, controller, erased.id)


def _copies(controller: str, time: AfterLicence, first: Act, facts: Sequence[Fact]) -> Judged:
    """Copies gone so many days after the first erasure (10.1; policy)."""
    started_at, erased = first
    last = copies_due_on(started_at, facts)
    due_at = end_of(last)
    done = time.acts(facts, COPIES_ERASED)[:1]
    stopped_at, stop = done[0] if done else (None, None)
    days = (last - civil_date(started_at)).days
    clock = Clock(
        COMPLETE,
        started_at=started_at,
        due_at=due_at,
        stopped_at=stopped_at,
        owner=controller,
        subject=_licence(time),
        start=erased,
        stop=stop,
        open_end=True,
        excused=None if done else _again(time, due_at),
        parameters={"copies_days": days},
    )
    yield clock
    if clock.overdue_from:
        within = number_of_days(days)
        gone = f"{civil_date(stopped_at)}" if stopped_at else None
        said = Label(
            f"kopieën {f'pas gewist op {gone}' if gone else 'niet gewist'}; gegevens gewist op"
            f" {civil_date(started_at)}, kopieën binnen {within.nl}, tot en met {last}",
            f"copies {f'erased only on {gone}' if gone else 'not erased'}; data erased on"
            f" {civil_date(started_at)}, copies within {within.en}, until {last}",
        )
        rests_on = [erased, *([stop] if stop else [])]
        yield Finding(
            COMPLETE,
            due_at,
            said,
            rests_on,
            controller,
            _licence(time),
            parameters=clock.parameters,
        )


def _unconfirmed(controller: str, at: datetime, copies: Fact, facts: Sequence[Fact]) -> Judged:
    """A subprocessor that did not confirm, when it was recorded which of them did (7.1, 10.1)."""
    if isinstance(copies.data.get("subprocessors_confirmed"), list):
        confirmed = set(texts(copies.data, "subprocessors_confirmed"))
        if missing := sorted(subprocessors_at(facts, at) - confirmed):
            names = ", ".join(missing)
            said = Label(
                f"kopieën gewist op {civil_date(at)}, niet bevestigd door {names}",
                f"copies erased on {civil_date(at)}, not confirmed by {names}",
            )
            yield Finding(COMPLETE, at, said, [copies], controller, copies.id)


def _ended(controller: str, end: Fact, facts: Sequence[Fact]) -> Judged:
    """The last agreement ended before everything was gone (3.2)."""
    at = moment(end, "ended_at")
    held = data_held(facts, at)
    if held != "none":
        since = [
            (done_at, fact)
            for done_at, fact in acts(facts, COPIES_ERASED if held == "copies" else ERASED)
            if done_at > at and (held == "copies" or is_whole(fact))
        ][:1]
        until = Label(
            f"tot {civil_date(since[0][0])}" if since else "en sindsdien nog",
            f"until {civil_date(since[0][0])}" if since else "and since",
        )
        what = HELD[held]
        said = Label(
            f"overeenkomst geëindigd op {moment_text(at)} terwijl {what.nl} werden gehouden,"
            f" {until.nl}",
            f"agreement ended on {moment_text(at)} while {what.en} were held, {until.en}",
        )
        agreement = text(end.data, "agreement_id") or controller
        rests_on = [end, *(fact for _, fact in since)]
        yield Finding(END, at, said, rests_on, controller, agreement)


HELD = {
    "all": Label("gegevens", "data"),
    "part": Label("een deel van de gegevens", "some data"),
    "copies": Label("kopieën", "copies"),
}


def _unsecured(controller: str, at: datetime, sent: Fact) -> Finding:
    returned = text(sent.data, "return_id") or sent.id
    said = Label(
        f"teruggave {returned} onversleuteld verzonden op {moment_text(at)}",
        f"return {returned} sent without encryption on {moment_text(at)}",
    )
    return Finding(SECURED, at, said, [sent], controller, returned)


def _until(at: datetime, facts: Sequence[Fact], type_: str) -> list[Fact]:
    """What was done of a kind at or before a moment, in order."""
    return [fact for done_at, fact in acts(facts, type_) if done_at <= at]


def _again(time: AfterLicence, due_at: datetime) -> Label | None:
    """Why a term does not apply: a licence was granted again before its end; None: it was not."""
    if time.ends_at is None or time.ends_at >= due_at:
        return None
    return Label(
        f"opnieuw een Licentie vanaf {moment_text(time.ends_at)}",
        f"a licence again from {moment_text(time.ends_at)}",
    )


def _licence(time: AfterLicence) -> str:
    return text(time.ended.data, "licence_id") or time.ended.id


def _last_day(due_at: datetime) -> date:
    """The day that ends at a moment."""
    return civil_date(due_at - timedelta(seconds=1))


CHAPTER = Chapter(
    name="retention",
    rules=(END, KEEP, EARLY, CHOICE, COMPLETE, SECURED),
    by_type=BY_TYPE,
    judge=judge,
)
