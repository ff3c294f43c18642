"""Clause 11: certificates and audits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from tests.naive.agreements import Terms, terms
from tests.naive.civil import after_days, day, minute_before_midnight, months_later, start
from tests.naive.found import Found
from tests.naive.story import Fact, Story

STANDARDS = ("27001", "7510")
"""How a standard is recognised in the name on a certificate: ISO 27001 and NEN 7510."""

EXEMPT = ("authority", "breach")
"""Grounds of an audit that no yearly limit stops (1.7 number 18)."""


def r_11_2(story: Story) -> Iterator[Found]:
    """Days without a valid certificate, day by day."""
    registered = [day(fact.occurred) for fact in story.all("ProcessorRegistered")]
    if not registered:
        return
    for standard in STANDARDS:
        certified = valid_days(story, standard)
        today = min(registered)
        last_with = max((end for _, end in certified if end < today), default=None)
        covered = True
        while today <= day(story.now):
            has = any(begin <= today <= end for begin, end in certified)
            if covered and not has:
                from_day = last_with or today
                if start(from_day + timedelta(days=1)) <= story.now:
                    yield Found("R-11.2", "major", (), minute_before_midnight(from_day))
            last_with = today if has else last_with
            covered = has
            today += timedelta(days=1)


def valid_days(story: Story, standard: str) -> list[tuple[date, date]]:
    """The first and last day of each certificate of a standard. A day on which a certificate was
    valid for some time is a day with one."""
    found = []
    for issued in story.all("CertificateIssued"):
        if standard not in issued.data["standard"]:
            continue
        begin, end = day_in(issued, "valid_from"), day_in(issued, "valid_until")
        for withdrawn in story.all("CertificateWithdrawn"):
            if withdrawn.data["certificate_id"] == issued.data["certificate_id"]:
                end = min(end, day(withdrawn.when("at")))
        if begin <= end:
            found.append((begin, end))
    return found


def day_in(fact: Fact, field: str) -> date:
    """The civil day that a field names."""
    return day(fact.when(field))


def o_11_2(story: Story) -> Iterator[Found]:
    """Information or results were provided more than 30 days after they were asked for."""
    for provided in story.all("AuditResultsProvided", "ComplianceInformationProvided"):
        at = provided.when("provided_at")
        if "requested_at" in provided.data and at >= after_days(provided.when("requested_at"), 30):
            yield Found("O-11.2", "observation", (provided.controller,), at)


def requested(story: Story, answer: Fact) -> Iterator[Fact]:
    """The request that an answer belongs to."""
    for fact in story.all("ControllerAuditRequested"):
        same = fact.data["audit_id"] == answer.data["audit_id"]
        if same and fact.controller == answer.controller:
            yield fact


def held_before(story: Story, request: Fact, answer: Fact) -> list[date]:
    """On which days the other audits of this controller lie, of those that were asked for earlier
    and had been accepted, or carried out, when this one was answered: the day they were carried
    out, else are planned or were accepted for."""
    found = []
    for other in story.all("ControllerAuditRequested"):
        earlier = (other.occurred, other.number) < (request.occurred, request.number)
        if other.controller == request.controller and earlier:
            lies = None
            for fact in story.all(
                "ControllerAuditAccepted", "ControllerAuditRefused", "ControllerAuditCompleted"
            ):
                mine = (
                    fact.data["audit_id"] == other.data["audit_id"]
                    and fact.controller == other.controller
                )
                done = (fact.occurred, fact.number) < (answer.occurred, answer.number)
                if mine and done and fact.type == "ControllerAuditAccepted":
                    lies = day(fact.when("planned_from" if "planned_from" in fact.data else "at"))
                elif mine and done and fact.type == "ControllerAuditRefused":
                    lies = None
                elif mine and done:
                    lies = day(fact.when("until" if "until" in fact.data else "from"))
                    break
            if lies is not None:
                found.append(lies)
    return found


def in_same_year(days: list[date], of: date, agreed: Terms) -> int:
    """How many lie in the same year as a day, by the year that was agreed on."""
    if agreed.audit_year_basis == "rolling":
        return in_rolling_year(days, of)
    if agreed.audit_year_basis == "contract" and agreed.contract_day is not None:
        begin = year_begin(of, agreed.contract_day)
        return sum(begin <= one < months_later(begin, 12) for one in days)
    return sum(one.year == of.year for one in days)


def year_begin(of: date, first: date) -> date:
    """The first day of the contract year that a day lies in."""
    years = 0
    while months_later(first, 12 * (years + 1)) <= of:
        years += 1
    return months_later(first, 12 * years)


def in_rolling_year(days: list[date], of: date) -> int:
    """How many lie less than twelve months from a day, before or after it."""
    return sum(max(of, one) < months_later(min(of, one), 12) for one in days)


def r_11_3(story: Story) -> Iterator[Found]:
    """Refused on a ground that the facts contradict."""
    for refused in story.all("ControllerAuditRefused"):
        at = refused.when("at")
        for request in requested(story, refused):
            asked = request.when("requested_at")
            agreed = terms(story, refused.controller, asked)
            others = in_same_year(held_before(story, request, refused), day(asked), agreed)
            exempt = request.data.get("grounds") in EXEMPT
            contradicted = {
                "annual_limit": others < agreed.audit_limit or exempt,
                "not_independent": request.data["auditor_independent"],
                "not_expert": request.data.get("auditor_expert") is True,
                "other": False,
            }
            if contradicted[refused.data["ground"]]:
                yield Found("R-11.3", "major", (refused.controller,), at)


def o_11_3(story: Story) -> Iterator[Found]:
    """Accepted although the auditor is not independent."""
    for accepted in story.all("ControllerAuditAccepted"):
        for request in requested(story, accepted):
            if not request.data["auditor_independent"]:
                at = accepted.when("at")
                yield Found("O-11.3", "observation", (accepted.controller,), at)


def note_11_3(story: Story) -> Iterator[Found]:
    """Accepted as the calendar year allows, but twelve months would not."""
    for accepted in story.all("ControllerAuditAccepted"):
        for request in requested(story, accepted):
            asked = request.when("requested_at")
            agreed = terms(story, accepted.controller, asked)
            others = held_before(story, request, accepted)
            allowed = in_same_year(others, day(asked), agreed) < agreed.audit_limit
            rolling = in_rolling_year(others, day(asked)) < agreed.audit_limit
            exempt = request.data.get("grounds") in EXEMPT
            by_calendar = agreed.audit_year_basis == "calendar"
            if by_calendar and allowed and not rolling and not exempt:
                yield Found("NOTE-11.3", "policy", (accepted.controller,), asked)
