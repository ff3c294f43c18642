"""Clause 5.3 and GDPR chapter V: processing outside the Union; two tests that do not know of each
other."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import cache

from tests.naive.agreements import over, terms
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


def r_5_3(story: Story) -> Iterator[Found]:
    """Data are outside the agreed area without the controller's consent."""
    for started in story.all("ThirdCountryTransferStarted"):
        begin = started.when("started_at")
        country = started.data["country"]
        for controller in started.data["controller_ids"]:
            if country in area(terms(story, controller, begin).transfer_area):
                continue
            for at in stretches(story, started, controller):
                yield Found("R-5.3", severity(country), (controller,), at)
    for engaged in story.all("SubprocessorEngaged"):
        at = engaged.when("started_at")
        subprocessor = engaged.data["subprocessor_id"]
        for controller in engaged.data["controller_ids"]:
            for country in engaged.data["countries"]:
                inside = country in area(terms(story, controller, at).transfer_area)
                recorded = any(
                    fact.data["subprocessor_id"] == subprocessor
                    and fact.data["country"] == country
                    and controller in fact.data["controller_ids"]
                    for fact in story.all("ThirdCountryTransferStarted")
                )
                allowed = consented(story, controller, country, subprocessor, at)
                if not inside and not recorded and not allowed:
                    yield Found("R-5.3", severity(country), (controller,), at)


def severity(country: str) -> str:
    """Outside the EU as agreed, though inside the EEA, is minor."""
    return "minor" if country in area("EEA") else "major"


def stretches(story: Story, started: Fact, controller: str) -> Iterator[datetime]:
    """When each stretch of a transfer without consent begins.

    At its start; at a withdrawal, unless the transfer ends within 24 hours; or when a consent
    expires.
    """
    country, subprocessor = started.data["country"], started.data["subprocessor_id"]
    begin, end = started.when("started_at"), transfer_end(story, started, controller)

    def held(moment: datetime) -> bool:
        return consented(story, controller, country, subprocessor, moment)

    if not held(begin):
        yield begin
    for granted, lasts_until, withdrawn in consent_spans(story, controller, country, subprocessor):
        if lasts_until is None or not granted < lasts_until:
            continue
        during = begin < lasts_until and (end is None or lasts_until < end)
        if not during or lasts_until > story.now or held(lasts_until):
            continue
        grace = lasts_until + timedelta(hours=24)
        if withdrawn and (story.now <= grace or (end is not None and end <= grace)):
            continue
        yield lasts_until


def consented(story: Story, controller: str, country: str, subprocessor: str, at: datetime) -> bool:
    """Whether a consent of the controller covers a moment."""
    return any(
        granted <= at and (end is None or at < end)
        for granted, end, _ in consent_spans(story, controller, country, subprocessor)
    )


def consent_spans(
    story: Story, controller: str, country: str, subprocessor: str
) -> list[tuple[datetime, datetime | None, bool]]:
    """From when until when each consent holds, and whether a withdrawal ends it."""
    found = []
    for fact in story.all("TransferConsentGranted"):
        same = (fact.data["country"], fact.data["subprocessor_id"]) == (country, subprocessor)
        if fact.controller != controller or not same:
            continue
        end, withdrawn = None, False
        until = fact.data.get("valid_until")
        if until is not None:
            end = close(date.fromisoformat(until)) if is_date(until) else instant(until)
        for withdrawal in story.all("TransferConsentWithdrawn"):
            moment = withdrawal.when("at")
            mine = (
                withdrawal.data["consent_id"] == fact.data["consent_id"]
                and withdrawal.controller == controller
            )
            if mine and moment >= fact.when("valid_from") and (end is None or moment < end):
                end, withdrawn = moment, True
        found.append((fact.when("valid_from"), end, withdrawn))
    return found


def transfer_end(story: Story, started: Fact, controller: str) -> datetime | None:
    """When a transfer ended for a controller; None while it goes on.

    It ends with the agreement as well: nothing is processed for that controller any more.
    """
    begin = started.when("started_at")
    ends = [
        fact.when("at")
        for fact in story.all("ThirdCountryTransferEnded")
        if fact.data["transfer_id"] == started.data["transfer_id"]
        and controller in fact.data["controller_ids"]
        and fact.when("at") >= begin
    ]
    ends += [
        fact.when("ended_at")
        for fact in story.all("ProcessingAgreementEnded")
        if fact.controller == controller
        and fact.when("ended_at") >= begin
        and over(story, controller, fact.when("ended_at"))
    ]
    return min(ends, default=None)


def r_44(story: Story) -> Iterator[Found]:
    """A transfer to a third country without a basis in chapter V, on its day."""
    for started in story.all("ThirdCountryTransferStarted"):
        at = started.when("started_at")
        how_grave = chapter_v(started, day(at))
        for controller in started.data["controller_ids"]:
            if how_grave is not None:
                yield Found("R-44", how_grave, (controller,), at)


def chapter_v(started: Fact, on: date) -> str | None:
    """How grave the want of a basis is: none at all, or one whose safeguards are not documented."""
    country, mechanism = started.data["country"], started.data["mechanism"]
    if country in area("EEA"):
        return None
    if mechanism == "eea":
        return "major"
    if mechanism == "adequacy":
        first, last = adequacy().get(country, (date.max, date.min))
        return None if first <= on <= last else "major"
    if mechanism in ("SCC", "BCR") and "safeguard_ref" not in started.data:
        return "observation"
    return None
