"""Clauses 4.1, 4.4 and 4.6: instructions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tests.naive.found import Found
from tests.naive.story import Fact, Story


def about(story: Story, this: Fact, *types: str) -> Iterator[Fact]:
    """The facts of some types about the instruction that a fact is about, of its controller."""
    for fact in story.all(*types):
        same = fact.data["instruction_id"] == this.data["instruction_id"]
        if same and fact.controller == this.controller:
            yield fact


def r_4_1w(story: Story) -> Iterator[Found]:
    """Executed while it was not established who sent it, and that nobody changed it; or while
    nothing was written."""
    for executed in story.all("InstructionExecuted"):
        at = executed.when("executed_at")
        verified = any(
            fact.occurred <= at
            and fact.data.get("sender_identity_established") is not False
            and fact.data.get("integrity_established") is not False
            for fact in about(story, executed, "InstructionVerified")
        )
        by_phone = any(
            fact.data["channel"] == "phone"
            for fact in about(story, executed, "InstructionReceived")
        )
        if not verified or by_phone:
            yield Found("R-4.1w", "major", (executed.controller,), at)


STOPS = {
    "InstructionRejected": "",
    "InstructionWithdrawn": "at",
    "ResearchSharingRefused": "refused_at",
    "InstructionSuspended": "at",
}
"""What stops an instruction, with the field that says when."""


def r_4_1s(story: Story) -> Iterator[Found]:
    """Executed while it was stopped; or an activity changed that the instruction does not name."""
    for executed in story.all("InstructionExecuted"):
        at = executed.when("executed_at")
        if any(
            stop.when(STOPS[stop.type]) <= at and not taken_up_since(story, executed, stop, at)
            for stop in about(story, executed, *STOPS)
        ):
            yield Found("R-4.1s", "major", (executed.controller,), at)
    for amended in story.all("ProcessingActivityAmended"):
        alone = amended.data.get("controller_id")
        concerned = [*([alone] if alone else []), *amended.data.get("added_controller_ids", [])]
        for received in story.all("InstructionReceived"):
            if (
                received.data["instruction_id"] == amended.data.get("instruction_id")
                and received.data.get("activity_ids")
                and amended.data["activity_id"] not in received.data["activity_ids"]
                and (not concerned or received.controller in concerned)
            ):
                yield Found("R-4.1s", "major", (received.controller,), amended.occurred)


def taken_up_since(story: Story, executed: Fact, stop: Fact, at: datetime) -> bool:
    """Whether the controller confirmed an instruction after it was stopped, until a moment, or gave
    it anew, which lifts no suspension."""
    lifts = {"InstructionConfirmed": "at"}
    if stop.type != "InstructionSuspended":
        lifts["InstructionReceived"] = "received_at"
    stopped = stop.when(STOPS[stop.type])
    return any(
        (stopped, stop.number) < (lifted.when(lifts[lifted.type]), lifted.number)
        and lifted.when(lifts[lifted.type]) <= at
        for lifted in about(story, executed, *lifts)
    )


def r_4_4(story: Story) -> Iterator[Found]:
    """The processor changed contact data of a patient."""
    for executed in story.all("InstructionExecuted"):
        for received in about(story, executed, "InstructionReceived"):
            if received.data.get("kind") == "patient_contact_change":
                yield Found("R-4.4", "minor", (executed.controller,), executed.when("executed_at"))


def infringing_and_executed(story: Story) -> Iterator[tuple[Fact, bool]]:
    """Executions of instructions that were found infringing, and whether that was told before."""
    for executed in story.all("InstructionExecuted"):
        at = executed.when("executed_at")
        opinions = [
            fact.data["opinion"]
            for fact in about(story, executed, "InstructionAssessed")
            if fact.occurred <= at
        ]
        told = any(
            fact.when("notified_at") <= at
            for fact in about(story, executed, "InfringementConcernNotified")
        )
        if opinions and opinions[-1] == "infringing":
            yield executed, told


def r_4_6(story: Story) -> Iterator[Found]:
    """An unlawful instruction was executed before the controller was told that it is."""
    for executed, told in infringing_and_executed(story):
        if not told:
            yield Found("R-4.6", "major", (executed.controller,), executed.when("executed_at"))


def o_4_6(story: Story) -> Iterator[Found]:
    """An unlawful instruction was executed after the controller was told."""
    for executed, told in infringing_and_executed(story):
        if told:
            at = executed.when("executed_at")
            yield Found("O-4.6", "observation", (executed.controller,), at)
