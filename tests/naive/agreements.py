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
    """The agreements of a controller. An end that names no agreement ends all that are in force."""
    found = []
    for fact in story.all("ProcessingAgreementConcluded"):
        if fact.controller != controller:
            continue
        start = fact.when("effective_from")
        end = None
        for ended in story.all("ProcessingAgreementEnded"):
            named, own = ended.data.get("agreement_id"), fact.data.get("agreement_id")
            about_it = named is None or own is None or named == own
            moment = ended.when("ended_at")
            if ended.controller == controller and about_it and moment >= start:
                end = moment if end is None else min(end, moment)
        found.append(Agreement(fact, start, end))
    return found


def in_force(story: Story, controller: str, at: datetime) -> list[Agreement]:
    """The agreements of a controller that are in force at a moment."""
    return [
        agreement
        for agreement in agreements(story, controller)
        if agreement.start <= at and (agreement.end is None or at < agreement.end)
    ]


def over(story: Story, controller: str, at: datetime) -> bool:
    """Whether all agreements of a controller had ended by a moment; False when it had none."""
    ended = any(a.end is not None and a.end <= at for a in agreements(story, controller))
    return ended and not in_force(story, controller, at)


@dataclass
class Licensed:
    """A stretch in which a controller has at least one licence; `end` is None while it lasts."""

    start: datetime
    end: datetime | None


def licensed(story: Story, controller: str) -> list[Licensed]:
    """The stretches with a licence, in order; licences that touch or overlap make one."""
    licences = []
    for fact in story.all("LicenceGranted"):
        if fact.controller != controller:
            continue
        start = fact.when("starts_at")
        end = None
        for ended in story.all("LicenceEnded"):
            moment = ended.when("ended_at")
            same = (
                ended.controller == controller
                and ended.data["licence_id"] == fact.data["licence_id"]
            )
            if same and moment >= start:
                end = moment if end is None else min(end, moment)
        licences.append(Licensed(start, end))
    stretches: list[Licensed] = []
    for licence in sorted(licences, key=lambda one: one.start):
        last = stretches[-1] if stretches else None
        if last is None or (last.end is not None and last.end < licence.start):
            stretches.append(Licensed(licence.start, licence.end))
        elif last.end is not None:
            last.end = None if licence.end is None else max(last.end, licence.end)
    return stretches


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
    """Every such time, of every controller."""
    found = []
    for controller in story.controllers():
        stretches = licensed(story, controller)
        for number, stretch in enumerate(stretches):
            following = stretches[number + 1].start if number + 1 < len(stretches) else None
            if stretch.end is not None:
                found.append(Afterwards(controller, stretch.end, following))
    return found
