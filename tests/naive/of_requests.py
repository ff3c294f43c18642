"""Clause 8.1: data subjects are referred to their controller; and what is recorded late (1.6)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from tests.naive.agreements import terms
from tests.naive.civil import after_days
from tests.naive.found import Found
from tests.naive.story import Story

PARTIES = (
    "controller_id",
    "controller_ids",
    "added_controller_ids",
    "controllers_added",
    "delivered_to",
)


def r_8_1(story: Story) -> Iterator[Found]:
    """Neither referred nor forwarded in time."""
    for received in story.all("DataSubjectRequestReceived"):
        at = received.when("received_at")
        due = after_days(at, terms(story, received.controller, at).dsr_forward_days)
        answers = [
            fact.when(
                "forwarded_at" if fact.type == "DataSubjectRequestForwarded" else "referred_at"
            )
            for fact in story.all("DataSubjectRequestForwarded", "DataSubjectReferred")
            if fact.data["request_id"] == received.data["request_id"]
            and fact.controller == received.controller
        ]
        if due <= story.now and not any(moment < due for moment in answers):
            yield Found("R-8.1", "minor", (received.controller,), at)


def r_late(story: Story) -> Iterator[Found]:
    """Recorded more than 48 hours after it happened."""
    for fact in story.facts:
        if fact.recorded - fact.occurred > timedelta(hours=48):
            yield Found("R-LATE", "observation", parties(fact.data), fact.occurred)


def parties(data: dict[str, Any]) -> tuple[str, ...]:
    """The controllers an event concerns."""
    found: set[str] = set()
    for name in PARTIES:
        value = data.get(name, [])
        for item in [value] if isinstance(value, str) else value:
            found.add(item if isinstance(item, str) else item["controller"])
    return tuple(sorted(found))
