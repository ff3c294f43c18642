"""Clause 4.2: the closed list of categories of data."""

from __future__ import annotations

from collections.abc import Iterator

from tests.naive.agreements import closings, names, terms
from tests.naive.found import Found
from tests.naive.story import Fact, Story

REGISTERED = "ProcessingActivityRegistered"
AMENDED = "ProcessingActivityAmended"
DISCONTINUED = "ProcessingActivityDiscontinued"


def r_4_2(story: Story) -> Iterator[Found]:
    """An activity gets a category of data outside the closed list, for these controllers.

    An amendment that names one controller is for that one; else what it adds is for all who have
    the activity from then on.
    """
    for_all: dict[str, set[str]] = {}
    told: dict[tuple[str, str], set[str]] = {}
    for fact in story.all(REGISTERED, AMENDED):
        activity = fact.data["activity_id"]
        common = for_all.setdefault(activity, set())
        if fact.type == REGISTERED:
            common.clear()
            common |= names(fact.data["data_categories"])
            concerned = dict.fromkeys(fact.data["controller_ids"], common)
        else:
            added = names(fact.data.get("added_data_categories", []))
            joining = fact.data.get("added_controller_ids", [])
            alone = [fact.data["controller_id"]] if "controller_id" in fact.data else []
            if not alone:
                common |= added
            others = alone or ([] if joining else who_has(story, activity, fact))
            concerned = dict.fromkeys(others, added)
            concerned |= dict.fromkeys(joining, common | added)
        found = []
        for controller, categories in concerned.items():
            before = told.setdefault((activity, controller), set())
            agreed = terms(story, controller, fact.occurred).data_categories
            if categories - agreed - before:
                found.append(controller)
            before |= categories - agreed
        if found:
            yield Found("R-4.2", "minor", tuple(sorted(found)), fact.occurred)


def who_has(story: Story, activity: str, until: Fact | None = None) -> list[str]:
    """The controllers that have an activity now, or when a fact occurred: they got it, and it was
    not discontinued since, nor did their last agreement end."""
    has: dict[str, Fact] = {}
    for fact in story.all(REGISTERED, AMENDED, DISCONTINUED):
        if fact.data["activity_id"] != activity:
            continue
        if until is not None and (fact.occurred, fact.number) >= (until.occurred, until.number):
            break
        if fact.type == DISCONTINUED:
            for controller in fact.data["controller_ids"]:
                has.pop(controller, None)
        else:
            field = "controller_ids" if fact.type == REGISTERED else "added_controller_ids"
            has |= dict.fromkeys(fact.data.get(field, []), fact)
    now = story.now if until is None else until.occurred
    return sorted(
        controller
        for controller, got in has.items()
        if not any(
            got.occurred <= closing.when("ended_at") <= now
            for closing in closings(story, controller)
        )
    )
