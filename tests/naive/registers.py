"""What some registers must say at a point: who is in them, and counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.naive.agreements import in_force, licensed, over
from tests.naive.of_activities import change_activity
from tests.naive.of_breaches import breaches, of, updates
from tests.naive.of_retention import engaged_for
from tests.naive.of_transfers import transfer_end
from tests.naive.story import Story

ENDS = {
    "InstructionExecuted": ("executed", "executed_at"),
    "InstructionRejected": ("rejected", ""),
    "InstructionWithdrawn": ("withdrawn", "at"),
    "ResearchSharingRefused": ("refused", "refused_at"),
}
"""What ends an instruction: its state, and the field that says when."""


def registers(
    events: Sequence[Mapping[str, Any]],
    as_of: datetime | None = None,
    known_at: datetime | None = None,
) -> dict[str, Any]:
    """The lists and counts that `expected_registers.json` of the scenario has."""
    story = Story(events, as_of, known_at)
    everybody = story.controllers()
    return {
        "licences": [c for c in everybody if has_licence(story, c)],
        "agreements": [c for c in everybody if in_force(story, c, story.now)],
        "subprocessors": by_subprocessor(story),
        "transfers": by_transfer(story),
        "activities": by_activity(story),
        "instructions": by_state(story),
        "breach_subject_count": {b: subject_count(story, b) for b in breaches(story)},
    }


def has_licence(story: Story, controller: str) -> bool:
    """Whether a controller has a licence now."""
    return any(
        stretch.start <= story.now and (stretch.end is None or story.now < stretch.end)
        for stretch in licensed(story, controller)
    )


def by_subprocessor(story: Story) -> dict[str, list[str]]:
    """For whom each subprocessor is engaged; not for those whose agreement is over."""
    found: dict[str, list[str]] = {}
    for controller in story.controllers():
        if not over(story, controller, story.now):
            for subprocessor in engaged_for(story, controller, story.now):
                found.setdefault(subprocessor, []).append(controller)
    return found


def by_transfer(story: Story) -> dict[str, list[str]]:
    """For whom data go to a country, through a subprocessor."""
    found: dict[str, set[str]] = {}
    for started in story.all("ThirdCountryTransferStarted"):
        name = f"{started.data['country']} {started.data['subprocessor_id']}"
        for controller in started.data["controller_ids"]:
            end = transfer_end(story, started, controller)
            if started.when("started_at") <= story.now and (end is None or story.now < end):
                found.setdefault(name, set()).add(controller)
    return {name: sorted(controllers) for name, controllers in found.items()}


def by_activity(story: Story) -> dict[str, list[str]]:
    """For whom each processing activity is carried out."""
    has: dict[tuple[str, str], set[str]] = {}
    for fact in story.all(
        "ProcessingActivityRegistered",
        "ProcessingActivityAmended",
        "ProcessingActivityDiscontinued",
    ):
        change_activity(story, has, fact)
    found: dict[str, list[str]] = {}
    for activity, controller in sorted(has):
        if controller and not over(story, controller, story.now):
            found.setdefault(activity, []).append(controller)
    return found


def by_state(story: Story) -> dict[str, int]:
    """How many instructions ended in which way: the last thing that was done with each."""
    found: dict[str, int] = {}
    for received in story.all("InstructionReceived"):
        done = [
            (fact.when(ENDS[fact.type][1]), fact.number, ENDS[fact.type][0])
            for fact in story.all(*ENDS)
            if fact.data["instruction_id"] == received.data["instruction_id"]
        ]
        if done:
            found[max(done)[2]] = found.get(max(done)[2], 0) + 1
    return found


def subject_count(story: Story, breach: str) -> Any:
    """How many data subjects a breach concerns, as last told."""
    (*_, confirmed) = of(story, breach, "BreachConfirmed")
    count = confirmed.data["subject_count"]
    for update in updates(story, breach):
        count = update.data["changed_facts"].get("subject_count", count)
    return count
