"""The course of one personal data breach: whom it concerns since when, and who was told what.

Clause 9 and GDPR art. 33: a controller that an update adds is concerned from when the processor
became aware of that, and is told by a notice of its own; every later update must reach it. The
numbers that hold are those confirmed, overlaid by the updates in the order of their numbers.
`tests/registers/test_breaches.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from projections.facts import Fact
from projections.reading import given, ids, members, moment, text, texts, whole

DESCRIBED = (
    "nature",
    "cause",
    "origin",
    "subject_count",
    "subjects_approx",
    "records_approx",
    "data_subject_categories",
    "data_categories",
    "occurred_from",
    "occurred_until",
)
"""What is said of the breach as a whole, in the confirmation or by an update."""

TOLD = ("nature", "numbers", "contact_point", "likely_consequences", "measures")
"""What a notice says to one controller: art. 33(3)(a) to (d), in order."""

AUTHORITY_WITHIN = timedelta(hours=72)
"""Art. 33(1): from when the controller is aware, which it is when the processor has told it."""

SUPPLIES = {"subject_count": "numbers", "subjects_approx": "numbers", "records_approx": "numbers"}
"""Changed facts that fill a missing item of another name."""


@dataclass(frozen=True, slots=True)
class Concern:
    """A controller that the breach concerns: since the processor was aware, by which fact.

    `update` is the number of the update that added it, 0 for the confirmation.
    """

    aware_at: datetime
    update: int
    fact: Fact

    def awaits(self, update: Fact) -> bool:
        """Whether an update must reach the controller: it came after the controller was added."""
        return number_of(update) > self.update


@dataclass(frozen=True, slots=True)
class Course:
    """The facts of one breach, each kind in order."""

    confirmed: Sequence[Fact]
    updates: Sequence[Fact]
    notices: Mapping[str, Sequence[Fact]]
    authority: Mapping[str, Sequence[Fact]]
    data_subjects: Mapping[str, Sequence[Fact]]
    contained: Sequence[Fact]
    closed: Sequence[Fact]

    def concerned(self) -> dict[str, Concern]:
        """Every controller in scope, by id, with the first fact that says so."""
        found: dict[str, Concern] = {}
        for fact in self.confirmed:
            for controller in texts(fact.data, "controller_ids"):
                found.setdefault(controller, Concern(moment(fact, "became_aware_at"), 0, fact))
        for fact in self.updates:
            for controller in added_by(fact):
                aware_at = moment(fact, "became_aware_at", "issued_at")
                found.setdefault(controller, Concern(aware_at, number_of(fact), fact))
        return found

    def described(self) -> dict[str, Any]:
        """What holds of the breach as a whole; None for what nothing was said about."""
        said: dict[str, Any] = dict.fromkeys(DESCRIBED)
        for fact in self.confirmed:
            said.update({k: fact.data[k] for k in DESCRIBED if k in fact.data})
        for fact in self.updates:
            changed = members(fact.data, "changed_facts")
            said.update({k: changed[k] for k in DESCRIBED if k in changed})
        return {**said, **{k: given(said, k) for k in ("occurred_from", "occurred_until")}}

    def told(self) -> list[str]:
        """Every controller that the breach concerns or that something was said to."""
        return sorted({*self.concerned(), *self.notices, *self.authority, *self.data_subjects})


def course(facts: Sequence[Fact]) -> Course:
    """The course of a breach from its facts, which come sorted by (occurred_at, position)."""
    by_type: dict[str, list[Fact]] = {}
    for fact in facts:
        by_type.setdefault(fact.type, []).append(fact)
    updates = by_type.get("BreachUpdateIssued", [])
    return Course(
        confirmed=by_type.get("BreachConfirmed", []),
        updates=sorted(updates, key=number_of),
        notices=_by_controller(by_type.get("BreachNotified", [])),
        authority=_by_controller(by_type.get("SupervisoryAuthorityNotified", [])),
        data_subjects=_by_controller(by_type.get("DataSubjectsNotified", [])),
        contained=by_type.get("BreachContained", []),
        closed=by_type.get("BreachClosed", []),
    )


def number_of(update: Fact) -> int:
    """The number of an update; 0 when it has none."""
    return whole(update.data, "update_no") or 0


def added_by(update: Fact) -> list[str]:
    """The controllers that an update adds."""
    return texts(update.data, "controllers_added", "added_controller_ids")


def delivered_to(update: Fact) -> frozenset[str]:
    """The controllers that an update reached."""
    return frozenset(ids(update.data, "delivered_to"))


def still_missing(notices: Sequence[Fact], received: Iterable[Fact]) -> list[str]:
    """The items of art. 33(3) that the last notice left open and no received update supplied."""
    missing = set(texts(notices[-1].data, "missing_items")) if notices else set()
    for update in received:
        for key in members(update.data, "changed_facts"):
            missing -= {key, SUPPLIES.get(key, key)}
    return sorted(missing)


def shown_to_all(fact: Fact, field: str) -> bool:
    """Whether a correction may be shown to every controller concerned.

    An update may say more than what the registers show, and of whom.
    """
    head, _, rest = field.partition(".")
    return head != "changed_facts" or rest.split(".")[0] in (*DESCRIBED, *TOLD)


def _by_controller(facts: Iterable[Fact]) -> dict[str, list[Fact]]:
    found: dict[str, list[Fact]] = {}
    for fact in facts:
        if controller := text(fact.data, "controller_id"):
            found.setdefault(controller, []).append(fact)
    return found
