"""Clause 9 and GDPR art. 33: breaches."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from tests.naive.agreements import terms
from tests.naive.civil import after_days
from tests.naive.found import Found
from tests.naive.story import Fact, Story


def of(story: Story, breach: str, *types: str) -> Iterator[Fact]:
    """The facts of some types about one breach."""
    for fact in story.all(*types):
        if fact.data["breach_id"] == breach:
            yield fact


def aware(story: Story, breach: str) -> dict[str, datetime]:
    """Each controller a breach concerns, and when the processor knew that it does."""
    found: dict[str, datetime] = {}
    for confirmed in of(story, breach, "BreachConfirmed"):
        for controller in confirmed.data["controller_ids"]:
            found.setdefault(controller, confirmed.when("became_aware_at"))
    for update in updates(story, breach):
        knew = update.when("became_aware_at" if "became_aware_at" in update.data else "issued_at")
        for controller in added(update):
            found.setdefault(controller, knew)
    return found


def updates(story: Story, breach: str) -> list[Fact]:
    """The updates of a breach by their number."""
    return sorted(of(story, breach, "BreachUpdateIssued"), key=lambda f: int(f.data["update_no"]))


def added(update: Fact) -> list[str]:
    """The controllers an update adds."""
    return [*update.data.get("added_controller_ids", []), *update.data.get("controllers_added", [])]


def delivered(update: Fact) -> set[str]:
    """The controllers an update reached."""
    return {d if isinstance(d, str) else d["controller"] for d in update.data["delivered_to"]}


def notices(story: Story, breach: str, controller: str) -> list[datetime]:
    """When a controller was told of a breach."""
    return sorted(
        fact.when("notified_at")
        for fact in of(story, breach, "BreachNotified")
        if fact.controller == controller
    )


def breaches(story: Story) -> list[str]:
    """Every breach."""
    return sorted({fact.data["breach_id"] for fact in story.all("BreachConfirmed")})


def r_9_1(story: Story) -> Iterator[Found]:
    """A controller was told later than agreed after the processor knew; or not at all."""
    for breach in breaches(story):
        for controller, knew in aware(story, breach).items():
            due = knew + timedelta(hours=terms(story, controller, knew).breach_hours)
            told = notices(story, breach, controller)
            if told and told[0] > due:
                yield Found("R-9.1", "major", (controller,), told[0])
            if not told and story.now > due:
                yield Found("R-9.1", "major", (controller,), due)


def o_9_1(story: Story) -> Iterator[Found]:
    """Closed while something that the last notice called missing was never supplied."""
    for closed in story.all("BreachClosed"):
        at = closed.when("at")
        breach = closed.data["breach_id"]
        for controller in sorted({f.controller for f in of(story, breach, "BreachNotified")}):
            told = [
                (fact.when("notified_at"), fact.number, fact.data["missing_items"])
                for fact in of(story, breach, "BreachNotified")
                if fact.controller == controller and fact.when("notified_at") <= at
            ]
            supplied = {
                name
                for update in updates(story, breach)
                if controller in delivered(update) and update.when("issued_at") <= at
                for name in update.data["changed_facts"]
            }
            if told and set(max(told)[2]) - supplied:
                yield Found("O-9.1", "observation", (controller,), at)


def r_9_2(story: Story) -> Iterator[Found]:
    """An update missed somebody; or there was silence while the breach was open."""
    for breach in breaches(story):
        yield from missed(story, breach)
        yield from silence(story, breach)


def missed(story: Story, breach: str) -> Iterator[Found]:
    """An update did not reach a controller that was concerned before it."""
    scope = {c for f in of(story, breach, "BreachConfirmed") for c in f.data["controller_ids"]}
    for update in updates(story, breach):
        without = scope - delivered(update)
        if without:
            yield Found("R-9.2", "minor", tuple(sorted(without)), update.when("issued_at"))
        scope |= set(added(update))


def silence(story: Story, breach: str) -> Iterator[Found]:
    """No word for longer than agreed. An update breaks the silence for everybody: that it did not
    reach somebody is found by itself."""
    closed = [fact.when("at") for fact in of(story, breach, "BreachClosed")]
    silent: dict[datetime, set[str]] = {}
    for controller, knew in aware(story, breach).items():
        words = [knew, *notices(story, breach, controller)]
        words += [update.when("issued_at") for update in updates(story, breach)]
        words = sorted(moment for moment in words if moment >= knew)
        for number, word in enumerate(words):
            due = after_days(word, terms(story, controller, word).update_silence_days)
            broken = any(moment < due for moment in [*words[number + 1 :], *closed])
            if not broken and due <= story.now:
                silent.setdefault(due, set()).add(controller)
    for due, controllers in silent.items():
        yield Found("R-9.2", "minor", tuple(sorted(controllers)), due)


def o_33_1(story: Story) -> Iterator[Found]:
    """The controller told the authority more than 72 hours after it was told itself."""
    for reported in story.all("SupervisoryAuthorityNotified"):
        at = reported.when("notified_at")
        told = notices(story, reported.data["breach_id"], reported.controller)
        if told and at - told[0] > timedelta(hours=72):
            yield Found("O-33.1", "observation", (reported.controller,), at)
