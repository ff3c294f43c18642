"""Clauses 2.3 and 3.2: processing, and the agreement it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tests.naive.agreements import in_force, licensed
from tests.naive.found import Found
from tests.naive.story import Story


def r_2_3(story: Story) -> Iterator[Found]:
    """A licence starts while no agreement is in force."""
    for licence in story.all("LicenceGranted"):
        at = licence.when("starts_at")
        if not in_force(story, licence.controller, at):
            yield Found("R-2.3", "major", (licence.controller,), at)


def r_3_2(story: Story) -> Iterator[Found]:
    """The agreement ends while data are held."""
    for ended in story.all("ProcessingAgreementEnded"):
        at = ended.when("ended_at")
        if data_held(story, ended.controller, at):
            yield Found("R-3.2", "minor", (ended.controller,), at)


def data_held(story: Story, controller: str, at: datetime) -> bool:
    """Data come with the first licence and go when, after the last, all of them were erased, as the
    last erasure says, and the copies as well (1.7 number 13)."""
    begun = [stretch for stretch in licensed(story, controller) if stretch.start <= at]
    if not begun:
        return False
    end = begun[-1].end
    if end is None or at < end:
        return True
    erasures = [
        (fact.when("erased_at"), fact.number, fact.data["partial"])
        for fact in story.all("PersonalDataErased")
        if fact.controller == controller and end <= fact.when("erased_at") <= at
    ]
    remains = not erasures or max(erasures)[2]
    copies = any(
        fact.controller == controller and end <= fact.when("erased_at") <= at
        for fact in story.all("CopiesErased")
    )
    return remains or not copies
