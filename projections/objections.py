"""Objections to an announced subprocessor: the window, and whether an objection counts (7.2).

The window is so many days after the announcement by the terms in force *then*, and closes at 24:00
in Dutch civil time. An objection must be Schriftelijk and gemotiveerd, and come before the window
closes. For a controller that the announcement never reached no window runs, so nothing it says
comes too late. `facts` are always those that concern one controller: of the announcements, the
ones that reached it; `terms` are the versions of its terms. `tests/test_objections.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Literal

from projections.civil import days_after
from projections.facts import Fact
from projections.reading import given, moment, objects, text, truth
from projections.rows import of_type
from projections.terms import Versions, in_force

ANNOUNCED = "SubprocessorChangeAnnounced"
RAISED = "SubprocessorObjectionRaised"
RESOLVED = "SubprocessorObjectionResolved"

Validity = Literal["valid", "form_not_met", "out_of_time"]


def announcements(facts: Iterable[Fact]) -> Mapping[str, Fact]:
    """The last announcement of each change that reached the controller, by its id."""
    reached = of_type(facts, ANNOUNCED)
    return {change: fact for fact in reached if (change := text(fact.data, "change_id"))}


def reached_at(announced: Fact, controller: str) -> datetime:
    """When an announcement reached a controller: when it was delivered, where that is told, else
    when it was made."""
    delivered = announced.data["delivered_to"]
    if controller not in delivered:  # no bare id; and the list may be long
        for delivery in objects(announced.data, "delivered_to"):
            if delivery.get("controller") == controller and given(delivery, "at"):
                return moment(replace(announced, data=delivery), "at")
    return moment(announced, "announced_at")


def window_closes(announced: Fact, terms: Versions) -> datetime:
    """The first moment that is too late."""
    at = moment(announced, "announced_at")
    return days_after(at, in_force(terms, at).objection_days)


def validity(raised: Fact, announced: Fact | None, terms: Versions) -> Validity:
    """Whether an objection counts, whatever its outcome."""
    if not (truth(raised.data, "written") and truth(raised.data, "reasoned")):
        return "form_not_met"
    if announced and moment(raised, "received_at") >= window_closes(announced, terms):
        return "out_of_time"
    return "valid"
