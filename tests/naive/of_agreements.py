"""Clauses 2.3 and 3.2: processing, and the agreement it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tests.naive.agreements import closings, in_force, turns
from tests.naive.found import Found
from tests.naive.story import Story


def r_2_3(story: Story) -> Iterator[Found]:
    """A licence starts while no agreement is in force."""
    for licence in story.all("LicenceGranted"):
        at = licence.when("starts_at")
        if not in_force(story, licence.controller, at):
            yield Found("R-2.3", "major", (licence.controller,), at)


def r_3_2(story: Story) -> Iterator[Found]:
    """The last agreement ends while data are held."""
    for controller in story.controllers():
        for ended in closings(story, controller):
            at = ended.when("ended_at")
            if data_held(story, controller, at):
                yield Found("R-3.2", "minor", (controller,), at)


def data_held(story: Story, controller: str, at: datetime) -> bool:
    """Data come with a licence, or were there before the first thing that is known, and go when all
    of them were erased, as the last erasure says, and copies were as well (1.7 number 13)."""
    known = held = copies = False
    for moment, _, fact in turns(
        story, controller, "LicenceGranted", "LicenceEnded", "PersonalDataErased", "CopiesErased"
    ):
        if moment > at:
            break
        if fact.type == "LicenceGranted" or not known:
            held = copies = True
        known = True
        if fact.type == "PersonalDataErased":
            held = fact.data["partial"]
        elif fact.type == "CopiesErased":
            copies = False
    return held or copies
