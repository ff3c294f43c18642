"""Agreements (2.3, 4.2; GDPR art. 28(3)): there before any processing, and kept to its categories.

A licence starts processing, so an agreement must be in force when it starts. Which categories of
personal data may be processed is a closed list; what is outside it is found once, at the event that
brings it to a controller: the registration, the amendment that adds the category, or the one that
adds the controller. `tests/rules/test_agreements.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from projections.agreement import CONCLUDED, ENDED, ends, in_force
from projections.facts import Fact
from projections.reading import ids, members, moment
from projections.register import Label
from projections.rows import by_id, of_type
from projections.rules.chapter import Chapter, Judged
from projections.rules.rule import Finding, Rule
from projections.rules.wording import elapsed, listed, moment_text
from projections.terms import (
    TERMS_EVENTS,
    Versions,
    category_names,
    effective_from,
    versions,
)
from projections.terms import in_force as terms_in_force

GRANTED = "LicenceGranted"
REGISTERED = "ProcessingActivityRegistered"
AMENDED = "ProcessingActivityAmended"
DISCONTINUED = "ProcessingActivityDiscontinued"

BY_TYPE = {
    GRANTED: ("licence:licence_id",),
    **dict.fromkeys((REGISTERED, AMENDED, DISCONTINUED), ("activity:activity_id",)),
}

AGREED_FIRST = Rule(
    id="R-2.3",
    version=1,
    severity="major",
    clause="2.3",
    gdpr="28(3)",
    title=Label(
        "Verwerking voordat de verwerkersovereenkomst geldt",
        "Processing before the agreement is in force",
    ),
)

CATEGORIES = Rule(
    id="R-4.2",
    version=1,
    severity="minor",
    clause="4.2",
    gdpr="28(3)",
    title=Label(
        "Categorie Persoonsgegevens buiten de overeengekomen lijst",
        "Category of personal data outside the agreed list",
    ),
    parameters=("data_categories",),
)


def judge(case: str, facts: Sequence[Fact]) -> Judged:
    """What was found about one licence or one processing activity."""
    tag, _, id_ = case.partition(":")
    about = by_id(of_type(facts, *TERMS_EVENTS, ENDED), "controller_id")
    if tag == "licence":
        for controller, granted in by_id(of_type(facts, GRANTED), "controller_id").items():
            for fact in granted:
                yield from _licence(id_, controller, fact, about.get(controller, []))
    else:
        yield from _Activity(id_, about).judge(facts)


def _licence(licence: str, controller: str, granted: Fact, about: Sequence[Fact]) -> Judged:
    start = moment(granted, "starts_at")
    if in_force(about, start):
        return
    agreed = _first_after(about, start)
    begin = moment_text(start)
    if agreed:
        end = effective_from(agreed)
        took = elapsed(start, end)
        text = Label(
            f"{licence}: Verwerking vanaf {begin}, verwerkersovereenkomst pas van kracht op "
            f"{moment_text(end)} ({took.nl})",
            f"{licence}: processing from {begin}, agreement in force only on "
            f"{moment_text(end)} ({took.en})",
        )
    else:
        text = Label(
            f"{licence}: Verwerking vanaf {begin} zonder verwerkersovereenkomst die van kracht is",
            f"{licence}: processing from {begin} without an agreement in force",
        )
    ended = [end for end in of_type(about, ENDED) if moment(end, "ended_at") <= start]
    rests_on = [granted, *ended, *([agreed] if agreed else [])]
    yield Finding(AGREED_FIRST, start, text, rests_on, controller, licence)


def _first_after(about: Sequence[Fact], start: datetime) -> Fact | None:
    """The first agreement that is in force when it takes effect, of those that do so later."""
    later = [fact for fact in of_type(about, CONCLUDED) if effective_from(fact) > start]
    held = [fact for fact in later if fact in in_force(about, effective_from(fact))]
    return min(held, key=lambda fact: (effective_from(fact), fact.position), default=None)


class _Activity:
    """One processing activity: for whom it is done, and which categories it has, as they come."""

    def __init__(self, activity: str, about: Mapping[str, Sequence[Fact]]) -> None:
        self._id = activity
        self._terms: dict[str, Versions] = {c: versions(facts) for c, facts in about.items()}
        self._closing = {end.position for facts in about.values() for end in ends(facts)}
        self._done_for: dict[str, Fact] = {}
        self._brought: dict[str, Fact] = {}
        """The categories it has for all, and the fact that brought each."""
        self._outside: dict[str, set[str]] = defaultdict(set)
        """What was found for each controller."""

    def judge(self, facts: Iterable[Fact]) -> Judged:
        """What was found, in the order of the facts."""
        for fact in facts:
            if fact.type in (REGISTERED, AMENDED):
                yield from self._changed(fact)
            elif fact.type == DISCONTINUED or fact.position in self._closing:
                for controller in ids(fact.data, "controller_id", "controller_ids"):
                    self._done_for.pop(controller, None)

    def _changed(self, fact: Fact) -> Judged:
        """A registration says anew what the activity is like; an amendment adds to it, for one
        controller when it names that, else for all."""
        alone = ids(fact.data, "controller_id") if fact.type == AMENDED else []
        joining = ids(fact.data, "controller_ids", "added_controller_ids")
        found = dict.fromkeys(_categories(fact), fact)
        if fact.type == REGISTERED:
            self._brought = found
        elif not alone:
            self._brought = {**found, **self._brought}
        self._done_for.update(dict.fromkeys(joining, fact))
        for controller in joining:
            yield from self._found(fact, controller, {**found, **self._brought})
        for controller in alone or ([] if joining else [*self._done_for]):
            yield from self._found(fact, controller, found)

    def _found(self, fact: Fact, controller: str, categories: Mapping[str, Fact]) -> Judged:
        terms = terms_in_force(self._terms.get(controller, ()), fact.occurred_at)
        outside = {*categories} - terms.data_categories - self._outside[controller]
        if not outside:
            return
        self._outside[controller] |= outside
        names = listed(sorted(outside))
        text = Label(
            f"{self._id}: niet onder 4.2 overeengekomen categorie: {names.nl}",
            f"{self._id}: category outside 4.2: {names.en}",
        )
        # The event may name no controller: then it is the one by which it is done for this one.
        done_for = self._done_for.get(controller, fact)
        yield Finding(
            CATEGORIES,
            fact.occurred_at,
            text,
            [fact, done_for, *(categories[name] for name in outside)],
            controller,
            self._id,
            group=f"{fact.position}",
            parameters={"data_categories": sorted(terms.data_categories)},
        )


def _categories(fact: Fact) -> list[str]:
    said = (fact.data, members(fact.data, "changes"))
    fields = ("data_categories", "added_data_categories")
    return [name for data in said for field in fields for name in category_names(data, field)]


CHAPTER = Chapter(
    name="agreements",
    rules=(AGREED_FIRST, CATEGORIES),
    by_type=BY_TYPE,
    judge=judge,
    context=TERMS_EVENTS | {ENDED},
)
