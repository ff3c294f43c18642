"""Clause 5.3 and GDPR chapter V: processing outside the Union; two tests that do not know of each
other."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache

from tests.naive.agreements import closings, terms
from tests.naive.civil import close, day, instant, is_date
from tests.naive.found import Found
from tests.naive.story import Fact, Story
from tests.vectors import shared


@cache
def area(name: str) -> frozenset[str]:
    """The countries of the EU or the EEA."""
    column = {"EU": "eu27", "EEA": "eea30"}[name]
    with (shared("domain") / "countries_eu_eea.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    return frozenset(row["iso3166_1_alpha2"] for row in rows if row[column] == "yes")


@cache
def adequacy() -> dict[str, tuple[date, date]]:
    """The first and last day of the adequacy decision of a country."""
    with (shared("domain") / "eu_adequacy_decisions.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    return {
        row["code"]: (
            date.fromisoformat((row["date_in_dpv"] or row["adopted"])[:10]),
            date.fromisoformat(row["valid_until"] or "9999-12-31"),
        )
        for row in rows
    }


@dataclass
class Stay:
    """Data of a controller that are in a country, with a subprocessor, from `begin` to `end`."""

    controller: str
    country: str
    subprocessor: str
    begin: datetime
    end: datetime | None


def r_5_3(story: Story) -> Iterator[Found]:
    """Data are outside the agreed area without the controller's consent."""
    for stay in [*transfers(story), *engagements(story)]:
        if stay.country not in area(terms(story, stay.controller, stay.begin).transfer_area):
            for at in stretches(story, stay):
                yield Found("R-5.3", severity(stay.country), (stay.controller,), at)


def transfers(story: Story) -> list[Stay]:
    """Every transfer, for each controller."""
    found = []
    for started in story.all("ThirdCountryTransferStarted"):
        begin = started.when("started_at")
        for controller in started.data["controller_ids"]:
            ends = [
                fact.when("at")
                for fact in story.all("ThirdCountryTransferEnded")
                if fact.data["transfer_id"] == started.data["transfer_id"]
                and controller in fact.data["controller_ids"]
            ]
            ends += [closing.when("ended_at") for closing in closings(story, controller)]
            end = min((moment for moment in ends if moment >= begin), default=None)
            country, subprocessor = started.data["country"], started.data["subprocessor_id"]
            found.append(Stay(controller, country, subprocessor, begin, end))
    return found


def engagements(story: Story) -> list[Stay]:
    """Where a subprocessor is engaged for a controller, in countries of which no transfer was
    recorded: it is taken to process there. Engaged again while it is, it goes on."""
    found: list[Stay] = []
    for engaged in story.all("SubprocessorEngaged"):
        begin, subprocessor = engaged.when("started_at"), engaged.data["subprocessor_id"]
        for controller in engaged.data["controller_ids"]:
            for country in engaged.data["countries"]:
                recorded = any(
                    (fact.data["subprocessor_id"], fact.data["country"]) == (subprocessor, country)
                    and controller in fact.data["controller_ids"]
                    for fact in story.all("ThirdCountryTransferStarted")
                )
                goes_on = any(
                    (stay.controller, stay.country, stay.subprocessor)
                    == (controller, country, subprocessor)
                    and stay.begin <= begin
                    and (stay.end is None or begin < stay.end)
                    for stay in found
                )
                if not recorded and not goes_on:
                    end = engagement_end(story, controller, country, subprocessor, begin)
                    found.append(Stay(controller, country, subprocessor, begin, end))
    return found


def engagement_end(
    story: Story, controller: str, country: str, subprocessor: str, begin: datetime
) -> datetime | None:
    """When a subprocessor left a country: disengaged, engaged elsewhere, or with the agreement."""
    ends = [
        fact.when("at" if fact.type == "SubprocessorDisengaged" else "started_at")
        for fact in story.all("SubprocessorDisengaged", "SubprocessorEngaged")
        if fact.data["subprocessor_id"] == subprocessor
        and controller in fact.data["controller_ids"]
        and country not in fact.data.get("countries", [])
    ]
    ends += [closing.when("ended_at") for closing in closings(story, controller)]
    return min((moment for moment in ends if moment >= begin), default=None)


def severity(country: str) -> str:
    """Outside the EU as agreed, though inside the EEA, is minor."""
    return "minor" if country in area("EEA") else "major"


def stretches(story: Story, stay: Stay) -> Iterator[datetime]:
    """When each stretch without consent begins.

    At its start; at a withdrawal, unless it ends within 24 hours; or when a consent expires. Where
    one consent expires at the moment at which another is withdrawn, the other would have gone on:
    it is the withdrawal that ends them.
    """
    if not consented(story, stay, stay.begin):
        yield stay.begin
    ended: dict[datetime, bool] = {}
    for granted, until, withdrawn in consent_spans(story, stay):
        if until is not None and granted < until <= story.now:
            ended[until] = ended.get(until, False) or withdrawn
    for until, withdrawn in ended.items():
        during = stay.begin < until and (stay.end is None or until < stay.end)
        if not during or consented(story, stay, until):
            continue
        grace = until + timedelta(hours=24)
        if withdrawn and (story.now <= grace or (stay.end is not None and stay.end <= grace)):
            continue
        yield until


def consented(story: Story, stay: Stay, at: datetime) -> bool:
    """Whether a consent of the controller covers a moment."""
    return any(
        granted <= at and (until is None or at < until)
        for granted, until, _ in consent_spans(story, stay)
    )


def consent_spans(story: Story, stay: Stay) -> list[tuple[datetime, datetime | None, bool]]:
    """From when until when each consent holds, and whether a withdrawal ends it. It never holds
    before it was given."""
    found = []
    for fact in story.all("TransferConsentGranted"):
        same = (fact.data["country"], fact.data["subprocessor_id"]) == (
            stay.country,
            stay.subprocessor,
        )
        if fact.controller != stay.controller or not same:
            continue
        end, withdrawn = None, False
        until = fact.data.get("valid_until")
        if until is not None:
            end = close(date.fromisoformat(until)) if is_date(until) else instant(until)
        begin = max(fact.when("valid_from"), fact.occurred)
        for withdrawal in story.all("TransferConsentWithdrawn"):
            moment = withdrawal.when("at")
            mine = (
                withdrawal.data["consent_id"] == fact.data["consent_id"]
                and withdrawal.controller == fact.controller
                and (withdrawal.occurred, withdrawal.number) > (fact.occurred, fact.number)
            )
            if mine and (end is None or moment < end):
                end, withdrawn = moment, True
        found.append((begin, end, withdrawn))
    return found


def r_44(story: Story) -> Iterator[Found]:
    """A transfer to a third country without a basis in chapter V, on its day."""
    for started in story.all("ThirdCountryTransferStarted"):
        at = started.when("started_at")
        if not has_basis(started, day(at)):
            for controller in started.data["controller_ids"]:
                yield Found("R-44", "major", (controller,), at)


def has_basis(started: Fact, on: date) -> bool:
    """Whether chapter V allows it: the EEA is no third country, and nothing but a decision that
    holds on the day makes a country adequate. Where safeguards are documented need not be told."""
    country, mechanism = started.data["country"], started.data["mechanism"]
    if country in area("EEA"):
        return True
    if mechanism == "adequacy":
        first, last = adequacy().get(country, (date.max, date.min))
        return first <= on <= last
    return mechanism in ("SCC", "BCR", "derogation")
