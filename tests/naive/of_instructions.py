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


def r_4_1s(story: Story) -> Iterator[Found]:
    """Executed while it could not be; or an activity changed that the instruction does not name."""
    for executed in story.all("InstructionExecuted"):
        at = executed.when("executed_at")
        rejected = any(f.occurred <= at for f in about(story, executed, "InstructionRejected"))
        withdrawn = any(f.when("at") <= at for f in about(story, executed, "InstructionWithdrawn"))
        refused = any(
            f.when("refused_at") <= at for f in about(story, executed, "ResearchSharingRefused")
        )
        suspended = any(
            f.when("at") <= at and not confirmed_since(story, executed, f.when("at"), at)
            for f in about(story, executed, "InstructionSuspended")
        )
        if rejected or withdrawn or refused or suspended:
            yield Found("R-4.1s", "major", (executed.controller,), at)
    for amended in story.all("ProcessingActivityAmended"):
        for received in story.all("InstructionReceived"):
            if (
                received.data["instruction_id"] == amended.data.get("instruction_id")
                and received.data.get("activity_ids")
                and amended.data["activity_id"] not in received.data["activity_ids"]
            ):
                yield Found("R-4.1s", "major", (received.controller,), amended.occurred)


def confirmed_since(story: Story, executed: Fact, suspended: datetime, at: datetime) -> bool:
    """Whether an instruction was confirmed between a suspension and a moment."""
    return any(
        suspended <= f.when("at") <= at for f in about(story, executed, "InstructionConfirmed")
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
