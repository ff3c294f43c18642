"""What some registers must say at a point: who is in them, and counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.naive.agreements import closings, in_force, licences
from tests.naive.of_activities import who_has
from tests.naive.of_breaches import breaches, of, updates
from tests.naive.of_retention import engaged_for
from tests.naive.of_transfers import transfers
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
        "licences": [c for c in everybody if licences(story, c, story.now)],
        "agreements": [c for c in everybody if in_force(story, c, story.now)],
        "subprocessors": by_subprocessor(story),
        "transfers": by_transfer(story),
        "activities": by_activity(story),
        "instructions": by_state(story),
        "breach_subject_count": {b: subject_count(story, b) for b in breaches(story)},
    }


def by_subprocessor(story: Story) -> dict[str, list[str]]:
    """For whom each subprocessor is engaged: not disengaged, nor the last agreement ended since."""
    found: dict[str, list[str]] = {}
    for controller in story.controllers():
        for subprocessor in engaged_for(story, controller, story.now):
            since = max(
                fact.when("started_at")
                for fact in story.all("SubprocessorEngaged")
                if fact.data["subprocessor_id"] == subprocessor
                and controller in fact.data["controller_ids"]
                and fact.when("started_at") <= story.now
            )
            if not any(
                since <= closing.when("ended_at") <= story.now
                for closing in closings(story, controller)
            ):
                found.setdefault(subprocessor, []).append(controller)
    return found


def by_transfer(story: Story) -> dict[str, list[str]]:
    """For whom data go to a country, through a subprocessor."""
    found: dict[str, set[str]] = {}
    for stay in transfers(story):
        if stay.begin <= story.now and (stay.end is None or story.now < stay.end):
            found.setdefault(f"{stay.country} {stay.subprocessor}", set()).add(stay.controller)
    return {name: sorted(controllers) for name, controllers in found.items()}


def by_activity(story: Story) -> dict[str, list[str]]:
    """For whom each processing activity is carried out."""
    activities = {f.data["activity_id"] for f in story.all("ProcessingActivityRegistered")}
    found = {activity: who_has(story, activity) for activity in sorted(activities)}
    return {activity: controllers for activity, controllers in found.items() if controllers}


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
