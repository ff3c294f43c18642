"""Clause 7: subprocessors."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tests.naive.agreements import in_force, terms
from tests.naive.civil import after_days
from tests.naive.found import Found
from tests.naive.story import Fact, Story

PASSED_ON = ("2.4", "4.1", "5.3", "6.2", "7", "8", "9", "10", "11")
"""The clauses that the contract with a subprocessor must pass on."""


def r_7_1(story: Story) -> Iterator[Found]:
    """A subprocessor is engaged before there is a contract."""
    for engaged in story.all("SubprocessorEngaged"):
        at = engaged.when("started_at")
        signed = any(
            fact.data["subprocessor_id"] == engaged.data["subprocessor_id"]
            and fact.when("signed_at") <= at
            for fact in story.all("SubprocessingContractConcluded")
        )
        if not signed:
            yield Found("R-7.1", "major", tuple(sorted(engaged.data["controller_ids"])), at)


def o_7_1(story: Story) -> Iterator[Found]:
    """The contract does not pass on all that it must."""
    for contract in story.all("SubprocessingContractConcluded"):
        passed_on = contract.data.get("clause_map")
        missing = passed_on is not None and any(clause not in passed_on for clause in PASSED_ON)
        if missing or contract.data.get("gaps"):
            yield Found("O-7.1", "observation", (), contract.when("signed_at"))


def r_7_2a(story: Story) -> Iterator[Found]:
    """Engaged for a controller that no announcement had reached."""
    for engaged, controller, at in engagements(story):
        announced = reached(story, engaged, controller, at)
        if announced is None and not in_annex(story, engaged, controller, at):
            yield Found("R-7.2a", "major", (controller,), at)


def r_7_2b(story: Story) -> Iterator[Found]:
    """Engaged before the controller's time to object was over."""
    for engaged, controller, at in engagements(story):
        announced = reached(story, engaged, controller, at)
        if announced is not None and at < window_closes(story, announced, controller):
            yield Found("R-7.2b", "major", (controller,), at)


def r_7_2c(story: Story) -> Iterator[Found]:
    """Engaged against a valid objection that was upheld, or not answered."""
    for engaged, controller, at in engagements(story):
        announced = reached(story, engaged, controller, at)
        change = engaged.data.get("change_id", announced and announced.data["change_id"])
        for objection in story.all("SubprocessorObjectionRaised"):
            if (
                objection.controller == controller
                and objection.data["change_id"] == change
                and objection.when("received_at") <= at
                and valid(story, objection, announced)
                and stands(story, objection, at)
            ):
                yield Found("R-7.2c", "major", (controller,), at)


def engagements(story: Story) -> Iterator[tuple[Fact, str, datetime]]:
    """Every engagement, for each of its controllers, with its moment; unless the subprocessor was
    agreed on when the agreement was signed, and nothing was announced about it."""
    for engaged in story.all("SubprocessorEngaged"):
        at = engaged.when("started_at")
        for controller in engaged.data["controller_ids"]:
            if "change_id" in engaged.data or not in_annex(story, engaged, controller, at):
                yield engaged, controller, at


def in_annex(story: Story, engaged: Fact, controller: str, at: datetime) -> bool:
    """Whether the subprocessor was agreed on when the agreement was signed."""
    return any(
        engaged.data["subprocessor_id"] in agreement.fact.data["initial_subprocessors"]
        for agreement in in_force(story, controller, at)
    )


def announcements(story: Story, engaged: Fact) -> list[Fact]:
    """What announced an engagement, in order: the change it names, else any of that subprocessor.
    That it will go is no announcement that it comes."""
    found = [
        fact
        for fact in story.all("SubprocessorChangeAnnounced")
        if fact.data["subprocessor_id"] == engaged.data["subprocessor_id"]
        and engaged.data.get("change_id", fact.data["change_id"]) == fact.data["change_id"]
        and fact.data["kind"] != "remove"
    ]
    return sorted(found, key=lambda fact: (fact.when("announced_at"), fact.number))


def reached(story: Story, engaged: Fact, controller: str, at: datetime) -> Fact | None:
    """The last announcement that had reached a controller by a moment."""
    found = None
    for fact in announcements(story, engaged):
        for delivery in fact.data["delivered_to"]:
            to = delivery if isinstance(delivery, str) else delivery["controller"]
            when = fact.when("announced_at")
            if isinstance(delivery, dict) and "at" in delivery:
                when = fact.read(delivery["at"])
            if to == controller and when <= at:
                found = fact
    return found


def window_closes(story: Story, announced: Fact, controller: str) -> datetime:
    """When the time to object is over, by the terms in force at the announcement."""
    moment = announced.when("announced_at")
    return after_days(moment, terms(story, controller, moment).objection_days)


def valid(story: Story, objection: Fact, announced: Fact | None) -> bool:
    """Written, with reasons, and in time: for whom no announcement reached, that never passes."""
    if not objection.data["written"] or not objection.data["reasoned"]:
        return False
    return announced is None or objection.when("received_at") < window_closes(
        story, announced, objection.controller
    )


def stands(story: Story, objection: Fact, at: datetime) -> bool:
    """Whether an objection was upheld, or not answered, by a moment."""
    outcomes = [
        (fact.when("at"), fact.number, fact.data["outcome"])
        for fact in story.all("SubprocessorObjectionResolved")
        if fact.data["objection_id"] == objection.data["objection_id"]
        and fact.controller == objection.controller
        and fact.when("at") <= at
    ]
    return not outcomes or max(outcomes)[2] == "upheld"
