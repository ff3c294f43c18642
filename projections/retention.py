"""From the last licence to the last copy: what is held, how long, what postpones it (4.3, 10.1).

Retention begins when the last running licence has ended and lasts the term of the agreement version
in force then; a statutory duty to keep data longer goes before it (4.3). A licence that is granted
again ends it, and another retention begins when that one has ended. Acts count in the order of
their own moments: an end told beforehand comes when it was told for. The register of lifecycles and
the rules of retention both rest on this. `tests/test_retention.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from projections.civil import civil_date, end_of
from projections.facts import Fact
from projections.reading import Act, after, day, day_of, instant, moment, text, truth
from projections.rows import by_id
from projections.terms import terms_at

GRANTED = "LicenceGranted"
LICENCE_ENDED = "LicenceEnded"
IMPOSED = "StatutoryRetentionImposed"
LAPSED = "StatutoryRetentionLapsed"
CHOSEN = "ReturnOrErasureChosen"
RETURNED = "DataReturned"
ACKNOWLEDGED = "DataReturnAcknowledged"
ERASED = "PersonalDataErased"
COPIES_ERASED = "CopiesErased"
ENGAGED = "SubprocessorEngaged"
DISENGAGED = "SubprocessorDisengaged"

MOMENTS = {
    GRANTED: "starts_at",
    LICENCE_ENDED: "ended_at",
    LAPSED: "at",
    CHOSEN: "chosen_at",
    RETURNED: "sent_at",
    ACKNOWLEDGED: "at",
    ERASED: "erased_at",
    COPIES_ERASED: "erased_at",
    ENGAGED: "started_at",
    DISENGAGED: "at",
}
"""The field that says when an act was done, should that not be when the event occurred."""


def acts(facts: Iterable[Fact], *types: str) -> list[Act]:
    """The facts of some types with their moments, in the order of these."""
    found = [(act_at(fact), fact) for fact in facts if fact.type in types]
    return sorted(found, key=lambda act: (act[0], act[1].position))


def act_at(fact: Fact) -> datetime:
    """When what a fact tells was done."""
    field = MOMENTS.get(fact.type)
    return moment(fact, field) if field else fact.occurred_at


def until(at: datetime, facts: Iterable[Fact], *types: str) -> list[Fact]:
    """What was done of some types at or before a moment, in order."""
    return [fact for done_at, fact in acts(facts, *types) if done_at <= at]


@dataclass(frozen=True, slots=True)
class AfterLicence:
    """The time after the last licence of a controller, until one was granted again (`resumed`)."""

    ended: Fact
    resumed: Fact | None = None

    @property
    def begins_at(self) -> datetime:
        """When the last licence ended."""
        return act_at(self.ended)

    @property
    def ends_at(self) -> datetime | None:
        """When a licence began again; None while none did."""
        return act_at(self.resumed) if self.resumed else None

    def acts(self, facts: Iterable[Fact], *types: str) -> list[Act]:
        """The acts in this time."""
        end = self.ends_at
        return [
            act
            for act in acts(facts, *types)
            if self.begins_at <= act[0] and (end is None or act[0] < end)
        ]


def after_licences(facts: Iterable[Fact]) -> list[AfterLicence]:
    """Each time in which no licence of a controller ran, the earliest first."""
    running: set[str | None] = set()
    found: list[AfterLicence] = []
    for _, fact in acts(facts, GRANTED, LICENCE_ENDED):
        licence = text(fact.data, "licence_id")
        resting = found.pop() if found and not found[-1].resumed else None
        if fact.type == GRANTED:
            running.add(licence)
            if resting:
                found.append(replace(resting, resumed=fact))
        else:
            running.discard(licence)
            # A licence that ends while none is known to run did run until then.
            if not running:
                found.append(AfterLicence(fact))
    return found


@dataclass(frozen=True, slots=True)
class Retention:
    """How long data may be kept after the last licence: until 24:00 of the day `until`."""

    term: str
    until: date

    @property
    def due_at(self) -> datetime:
        """The first moment at which nothing may be left."""
        return end_of(self.until)


def retention(time: AfterLicence, facts: Iterable[Fact]) -> Retention | None:
    """The retention after the last licence; None when the term in force then is no period."""
    term = terms_at(facts, time.begins_at).retention_after_licence
    until = after(day_of(time.ended, "ended_at"), term)
    return Retention(term, until) if until else None


@dataclass(frozen=True, slots=True)
class Lapse:
    """The end of a statutory duty: at a moment, which may be 24:00 of the day `on`, by a fact."""

    at: datetime
    on: date
    told_by: Fact


@dataclass(frozen=True, slots=True)
class Hold:
    """A statutory duty to keep data, since it was imposed.

    It lapses when that was told, and else at the end of what was imposed; None when that cannot be
    read.
    """

    hold_id: str
    since: datetime
    lapse: Lapse | None

    def covers(self, at: datetime) -> bool:
        """Whether it was imposed before a moment and runs up to it."""
        return self.since < at and (self.lapse is None or at <= self.lapse.at)

    @property
    def has_lapsed(self) -> bool:
        """Whether it was told to have lapsed."""
        return self.lapse is not None and self.lapse.told_by.type == LAPSED


def holds(facts: Iterable[Fact]) -> list[Hold]:
    """Every statutory duty to keep data; one imposed again while it runs goes on."""
    turns = by_id((fact for _, fact in acts(facts, IMPOSED, LAPSED)), "hold_id")
    return [hold for hold_id, own in sorted(turns.items()) for hold in _holds(hold_id, own)]


def _holds(hold_id: str, turns: Iterable[Fact]) -> list[Hold]:
    found: list[Hold] = []
    for fact in turns:
        last = found[-1] if found and not found[-1].has_lapsed else None
        if fact.type == LAPSED:
            if last:
                found[-1] = replace(last, lapse=Lapse(act_at(fact), day_of(fact, "at"), fact))
        elif last and last.covers(fact.occurred_at):
            found[-1] = replace(last, lapse=_end_of_imposed(fact))
        else:
            found.append(Hold(hold_id, fact.occurred_at, _end_of_imposed(fact)))
    return found


def _end_of_imposed(imposed: Fact) -> Lapse | None:
    if last := day(imposed.data, "until"):
        return Lapse(end_of(last), last, imposed)
    at = instant(imposed.data, "until")
    return Lapse(at, civil_date(at), imposed) if at else None


def postponing(due_at: datetime, imposed: Sequence[Hold]) -> Hold | None:
    """The duty to keep data that postpones a term to its lapse.

    That is the last to lapse of those that run at the end of the term, or run on from there.
    """
    found: Hold | None = None
    at = due_at
    while hold := max((h for h in imposed if h.covers(at)), key=_lapse, default=None):
        if hold.lapse is None:
            return hold
        if found and hold.lapse.at == at:
            break
        found, at = hold, hold.lapse.at
    return found


def _lapse(hold: Hold) -> tuple[bool, datetime]:
    return hold.lapse is None, hold.lapse.at if hold.lapse else hold.since


def is_whole(erased: Fact) -> bool:
    """Whether nothing but copies was left by an erasure."""
    return truth(erased.data, "partial") is False


def copies_due_on(erased_at: datetime, facts: Iterable[Fact]) -> date:
    """The last day on which copies may be left of data erased at a moment (10.1; policy)."""
    return civil_date(erased_at) + timedelta(days=terms_at(facts, erased_at).copies_days)


def data_held(facts: Iterable[Fact], at: datetime | None = None) -> str:
    """What is held of a controller at a moment, or now: `all`, `part`, `copies` or `none`."""
    held, copies_erased = "", False
    for done_at, fact in acts(facts, GRANTED, LICENCE_ENDED, ERASED, COPIES_ERASED):
        if at is not None and done_at > at:
            break
        if fact.type == GRANTED or (fact.type == LICENCE_ENDED and not held):
            held, copies_erased = "all", False
        elif fact.type == ERASED:
            held = "copies" if is_whole(fact) else "part"
        elif fact.type == COPIES_ERASED:
            copies_erased = True
    # Copies erased once stay erased: what is kept under a statutory duty is not copied again.
    return "none" if not held or (held == "copies" and copies_erased) else held


def subprocessors_at(facts: Iterable[Fact], at: datetime) -> set[str]:
    """The subprocessors engaged for a controller at a moment, from the facts about it.

    The end of the agreement ends no engagement here: what they hold is still to be erased.
    """
    engaged: set[str] = set()
    for fact in until(at, facts, ENGAGED, DISENGAGED):
        if subprocessor := text(fact.data, "subprocessor_id"):
            turn = engaged.add if fact.type == ENGAGED else engaged.discard
            turn(subprocessor)
    return engaged
