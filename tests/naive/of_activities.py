"""Clause 4.2: the closed list of categories of data."""

from __future__ import annotations

from collections.abc import Iterator

from tests.naive.agreements import names, over, terms
from tests.naive.found import Found
from tests.naive.story import Fact, Story


def r_4_2(story: Story) -> Iterator[Found]:
    """An activity gets a category of data outside the closed list, for these controllers."""
    outside: dict[tuple[str, str], set[str]] = {}
    for fact in story.all(
        "ProcessingActivityRegistered",
        "ProcessingActivityAmended",
        "ProcessingActivityDiscontinued",
    ):
        before = {key: set(categories) for key, categories in outside.items()}
        change_activity(story, outside, fact)
        found = [
            controller
            for (activity, controller), categories in outside.items()
            if controller
            and activity == fact.data["activity_id"]
            and (categories - before.get((activity, controller), set()))
            - terms(story, controller, fact.occurred).data_categories
        ]
        if found:
            yield Found("R-4.2", "minor", tuple(sorted(found)), fact.occurred)


def change_activity(story: Story, has: dict[tuple[str, str], set[str]], fact: Fact) -> None:
    """Apply one fact to the categories of every activity, by activity and controller.

    An amendment that names controllers changes the activity for these; else for all that have it.
    The categories that all have are kept under the controller "".
    """
    activity = fact.data["activity_id"]
    if fact.type == "ProcessingActivityRegistered":
        has[activity, ""] = names(fact.data["data_categories"])
        for controller in fact.data["controller_ids"]:
            has[activity, controller] = set(has[activity, ""])
    elif fact.type == "ProcessingActivityDiscontinued":
        for controller in fact.data["controller_ids"]:
            has.pop((activity, controller), None)
    else:
        joining = fact.data.get("added_controller_ids", [])
        for controller in joining:
            has.setdefault((activity, controller), set(has.get((activity, ""), set())))
        one = [fact.data["controller_id"]] if "controller_id" in fact.data else []
        added = names(fact.data.get("added_data_categories", []))
        concerned = [*joining, *one] or [
            controller
            for each, controller in has
            if controller and each == activity and not over(story, controller, fact.occurred)
        ]
        if not joining and not one:
            has.setdefault((activity, ""), set()).update(added)
        for controller in concerned:
            has.setdefault((activity, controller), set(has.get((activity, ""), set())))
            has[activity, controller] |= added
