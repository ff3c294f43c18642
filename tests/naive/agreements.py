"""Agreements in force, their terms at a moment, and licences (clauses 2.3, 3.1, 3.2; 1.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from tests.naive.civil import day
from tests.naive.story import Fact, Story

CATEGORIES = frozenset(
    {
        "name",
        "address",
        "postcode",
        "phone",
        "birth_date",
        "bsn",
        "email",
        "insurance",
        "religion",
        "race",
        "health",
        "sex_life",
    }
)
"""The closed list of clause 4.2."""


@dataclass
class Terms:
    """The parameters of an agreement, with the policy where the agreement gives none.

    `contract_day` is the day its contract year begins with.
    """

    objection_days: int = 7
    retention_after_licence: str = "P1M"
    transfer_area: str = "EU"
    audit_limit: int = 1
    audit_year_basis: str = "calendar"
    contract_day: date | None = None
    breach_hours: int = 24
    update_silence_days: int = 14
    dsr_forward_days: int = 5
    copies_days: int = 30
    data_categories: frozenset[str] = field(default=CATEGORIES)


VARYING = (
    "objection_days",
    "retention_after_licence",
    "transfer_area",
    "audit_year_basis",
    "breach_hours",
    "update_silence_days",
    "dsr_forward_days",
    "copies_days",
)
"""The fields of an agreement that hold a term as it is."""


def terms(story: Story, controller: str, at: datetime) -> Terms:
    """The terms in force at an act. A new agreement begins anew; an amendment changes terms.

    Terms outlive the end of the agreement: it cannot end while data are held (3.2).
    """
    versions = [
        (fact.when("effective_from"), fact.number, fact)
        for fact in story.all("ProcessingAgreementConcluded", "ProcessingAgreementAmended")
        if fact.controller == controller and fact.when("effective_from") <= at
    ]
    found = Terms()
    for _, _, fact in sorted(versions, key=lambda version: version[:2]):
        if fact.type == "ProcessingAgreementConcluded":
            found = Terms(contract_day=day(fact.when("effective_from")))
        for name in VARYING:
            if name in fact.data:
                setattr(found, name, fact.data[name])
        if "audit_limit" in fact.data:
            found.audit_limit = int(str(fact.data["audit_limit"]).removesuffix("/year"))
        if "data_categories" in fact.data:
            found.data_categories = frozenset(names(fact.data["data_categories"]))
    return found


def names(categories: list[str | dict[str, object]]) -> set[str]:
    """The names of categories of data, marked or not."""
    return {str(c["category"]) if isinstance(c, dict) else c for c in categories}


@dataclass
class Agreement:
    """One agreement: in force from `start` until `end`."""

    fact: Fact
    start: datetime
    end: datetime | None


def agreements(story: Story, controller: str) -> list[Agreement]:
    """The agreements of a controller. An end that names no agreement ends all there are.

    It concerns those concluded before it was told, and those concluded before it takes effect.
    """
    found: list[Agreement] = []
    ends: list[Fact] = []
    for fact in story.all("ProcessingAgreementConcluded", "ProcessingAgreementEnded"):
        if fact.controller != controller:
            continue
        if fact.type == "ProcessingAgreementEnded":
            ends.append(fact)
            for agreement in found:
                _end(agreement, fact)
            continue
        found.append(Agreement(fact, fact.when("effective_from"), None))
        for end in ends:
            if fact.occurred < end.when("ended_at"):
                _end(found[-1], end)
    return found


def _end(agreement: Agreement, end: Fact) -> None:
    moment, named = end.when("ended_at"), end.data.get("agreement_id")
    own = agreement.fact.data.get("agreement_id")
    if named is None or own is None or named == own:
        agreement.end = moment if agreement.end is None else min(agreement.end, moment)


def in_force(story: Story, controller: str, at: datetime) -> list[Agreement]:
    """The agreements of a controller that are in force at a moment."""
    return [
        agreement
        for agreement in agreements(story, controller)
        if agreement.start <= at and (agreement.end is None or at < agreement.end)
    ]


def closings(story: Story, controller: str) -> list[Fact]:
    """The ends that left a controller without any agreement: with the last one, all that is done
    for it ends (3.2)."""
    return [
        fact
        for fact in story.all("ProcessingAgreementEnded")
        if fact.controller == controller and not in_force(story, controller, fact.when("ended_at"))
    ]


def turns(story: Story, controller: str, *types: str) -> list[tuple[datetime, int, Fact]]:
    """When each of some acts about a controller was done, in that order."""
    fields = {
        "LicenceGranted": "starts_at",
        "LicenceEnded": "ended_at",
        "PersonalDataErased": "erased_at",
        "CopiesErased": "erased_at",
    }
    found = [
        (fact.when(fields[fact.type]), fact.number, fact)
        for fact in story.all(*types)
        if fact.controller == controller
    ]
    return sorted(found, key=lambda turn: turn[:2])


def licences(story: Story, controller: str, at: datetime) -> set[str]:
    """The licences that a controller has at a moment."""
    running: set[str] = set()
    for moment, _, fact in turns(story, controller, "LicenceGranted", "LicenceEnded"):
        if moment <= at and fact.type == "LicenceGranted":
            running.add(fact.data["licence_id"])
        elif moment <= at:
            running.discard(fact.data["licence_id"])
    return running


@dataclass
class Afterwards:
    """The time after the last licence of a controller ended, until the next one, if any."""

    controller: str
    licence_end: datetime
    next_start: datetime | None

    def has(self, moment: datetime) -> bool:
        """Whether a moment lies in it."""
        return self.licence_end <= moment and (self.next_start is None or moment < self.next_start)


def afterwards(story: Story) -> list[Afterwards]:
    """Every such time, of every controller. A licence of which only the end is known ran until
    then."""
    found = []
    for controller in story.controllers():
        running: set[str] = set()
        last: Afterwards | None = None
        for moment, _, fact in turns(story, controller, "LicenceGranted", "LicenceEnded"):
            if fact.type == "LicenceGranted":
                running.add(fact.data["licence_id"])
                if last is not None:
                    found.append(Afterwards(controller, last.licence_end, moment))
                    last = None
            else:
                running.discard(fact.data["licence_id"])
                if not running:
                    last = Afterwards(controller, moment, None)
        if last is not None:
            found.append(last)
    return found
