"""Clauses 4.3 and 10: retention, return and erasure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from tests.naive.agreements import Afterwards, afterwards, terms, turns
from tests.naive.civil import after_days, close, day, instant, is_date, period_later, start
from tests.naive.found import Found
from tests.naive.story import Fact, Story


def erasures(story: Story, time: Afterwards) -> list[tuple[datetime, bool]]:
    """When data were erased after a licence, and whether some were left."""
    return [
        (moment, fact.data["partial"])
        for moment, _, fact in turns(story, time.controller, "PersonalDataErased")
        if time.has(moment)
    ]


def all_erased(story: Story, time: Afterwards) -> list[datetime]:
    """When all was erased that could be: what a statute makes the processor keep stays."""
    return [
        moment
        for moment, partial in erasures(story, time)
        if not partial or holds(story, time.controller, moment)
    ]


def holds(story: Story, controller: str, at: datetime) -> list[tuple[date, datetime]]:
    """The statutory retentions that were imposed before a moment and run up to it: the last day,
    and the end, of each."""
    found = []
    for imposed in story.all("StatutoryRetentionImposed"):
        if imposed.controller != controller or imposed.occurred >= at:
            continue
        last, end = hold_end(story, imposed)
        if end >= at:
            found.append((last, end))
    return found


def hold_end(story: Story, imposed: Fact) -> tuple[date, datetime]:
    """The last day of a statutory retention and the moment it ends: as it was to, or when it was
    said to have lapsed."""
    until = imposed.data["until"]
    if is_date(until):
        last = date.fromisoformat(until)
        end = close(last)
    else:
        end = instant(until)
        last = day(end)
    for lapsed in story.all("StatutoryRetentionLapsed"):
        moment = lapsed.when("at")
        same = (
            lapsed.data["hold_id"] == imposed.data["hold_id"]
            and lapsed.controller == imposed.controller
        )
        if same and imposed.occurred <= moment:
            last, end = day(moment), moment
            break
    return last, end


def r_4_3(story: Story) -> Iterator[Found]:
    """Data were kept longer than the agreement or a statute asks."""
    for time in afterwards(story):
        at = kept_too_long(story, time)
        if at is not None and at <= story.now:
            yield Found("R-4.3", "major", (time.controller,), at)


def kept_too_long(story: Story, time: Afterwards) -> datetime | None:
    """When data that had to be gone were erased, or should have been; None when all is well."""
    period = terms(story, time.controller, time.licence_end).retention_after_licence
    due = close(period_later(day(time.licence_end), period))
    if time.next_start is not None and time.next_start < due:
        return None
    complete = [at for at, partial in erasures(story, time) if not partial]
    if any(at < due for at in complete):
        return None
    running = holds(story, time.controller, due)
    if not running:
        return min(complete, default=due)
    # A statute obliges to keep what it covers, and what that is the facts do not say.
    lapse = last_lapse(story, time.controller, running)
    days = terms(story, time.controller, start(lapse)).copies_days
    rest_due = close(lapse + timedelta(days=days))
    resumed = time.next_start is not None and time.next_start < rest_due
    if any(at < rest_due for at in complete) or (resumed and not complete):
        return None
    return min(complete, default=rest_due)


def last_lapse(story: Story, controller: str, running: list[tuple[date, datetime]]) -> date:
    """The last day on which some retention runs, when one that runs leads to the next."""
    last, end = max(running, key=lambda hold: hold[1])
    following = [hold for hold in holds(story, controller, end) if hold[1] > end]
    return last_lapse(story, controller, following) if following else last


def o_4_3(story: Story) -> Iterator[Found]:
    """All was erased on a day before the last of the retention, and nobody had asked for it."""
    for time in afterwards(story):
        period = terms(story, time.controller, time.licence_end).retention_after_licence
        last_day = period_later(day(time.licence_end), period)
        whole = all_erased(story, time)
        if not whole or day(whole[0]) >= last_day:
            continue
        if not chosen(story, time.controller, whole[0]):
            yield Found("O-4.3", "observation", (time.controller,), whole[0])


def chosen(story: Story, controller: str, at: datetime) -> list[str]:
    """The choices of a controller between return and erasure, up to a moment, in order."""
    choices = [
        (fact.when("chosen_at"), fact.number, fact.data["choice"])
        for fact in story.all("ReturnOrErasureChosen")
        if fact.controller == controller and fact.when("chosen_at") <= at
    ]
    return [choice for _, _, choice in sorted(choices)]


def r_10_1(story: Story) -> Iterator[Found]:
    """Data were erased after the licence, and no choice was recorded."""
    for time in afterwards(story):
        for at, _ in erasures(story, time):
            if not chosen(story, time.controller, at):
                yield Found("R-10.1", "minor", (time.controller,), at)


def o_10_1(story: Story) -> Iterator[Found]:
    """Erased before a return was acknowledged; copies kept; subprocessors that did not confirm."""
    for time in afterwards(story):
        yield from erased_before_acknowledged(story, time)
        yield from copies_kept(story, time)
    for copies in story.all("CopiesErased"):
        at = copies.when("erased_at")
        confirmed = copies.data.get("subprocessors_confirmed")
        if confirmed is not None and engaged_for(story, copies.controller, at) - set(confirmed):
            yield Found("O-10.1", "observation", (copies.controller,), at)


def erased_before_acknowledged(story: Story, time: Afterwards) -> Iterator[Found]:
    """(a) All was erased while a return was asked for, or made, and not acknowledged."""
    for at in all_erased(story, time)[:1]:
        asked = any("return" in choice for choice in chosen(story, time.controller, at)[-1:])
        returned = any(
            fact.controller == time.controller and fact.when("sent_at") <= at
            for fact in story.all("DataReturned")
        )
        acknowledged = any(
            fact.controller == time.controller and fact.when("at") <= at
            for fact in story.all("DataReturnAcknowledged")
        )
        if (asked or returned) and not acknowledged:
            yield Found("O-10.1", "observation", (time.controller,), at)


def copies_kept(story: Story, time: Afterwards) -> Iterator[Found]:
    """(b) The copies were not erased within the term after the first erasure."""
    done = erasures(story, time)
    if not done:
        return
    first = done[0][0]
    due = after_days(first, terms(story, time.controller, first).copies_days)
    in_time = any(
        fact.controller == time.controller
        and time.has(fact.when("erased_at"))
        and fact.when("erased_at") < due
        for fact in story.all("CopiesErased")
    )
    resumed = time.next_start is not None and time.next_start < due
    if not in_time and not resumed and due <= story.now:
        yield Found("O-10.1", "observation", (time.controller,), due)


def engaged_for(story: Story, controller: str, at: datetime) -> set[str]:
    """The subprocessors that are engaged for a controller at a moment."""
    changes = [
        (fact.when("started_at" if fact.type == "SubprocessorEngaged" else "at"), fact.number, fact)
        for fact in story.all("SubprocessorEngaged", "SubprocessorDisengaged")
        if controller in fact.data["controller_ids"]
    ]
    found: set[str] = set()
    for moment, _, fact in sorted(changes, key=lambda change: change[:2]):
        if moment > at:
            continue
        if fact.type == "SubprocessorEngaged":
            found.add(fact.data["subprocessor_id"])
        else:
            found.discard(fact.data["subprocessor_id"])
    return found


def r_10_2(story: Story) -> Iterator[Found]:
    """Data were returned without encryption."""
    for returned in story.all("DataReturned"):
        if not returned.data["encrypted"]:
            yield Found("R-10.2", "major", (returned.controller,), returned.when("sent_at"))
