"""Every rule by its id, and what all of them find."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.naive import (
    of_activities,
    of_agreements,
    of_assurance,
    of_breaches,
    of_instructions,
    of_requests,
    of_retention,
    of_security,
    of_sharing,
    of_subprocessors,
    of_transfers,
)
from tests.naive.found import Found
from tests.naive.story import Story

EVALUATIONS: Mapping[str, Callable[[Story], Iterator[Found]]] = {
    "R-2.3": of_agreements.r_2_3,
    "R-3.2": of_agreements.r_3_2,
    "R-4.1w": of_instructions.r_4_1w,
    "R-4.1s": of_instructions.r_4_1s,
    "R-4.2": of_activities.r_4_2,
    "R-4.3": of_retention.r_4_3,
    "O-4.3": of_retention.o_4_3,
    "R-4.4": of_instructions.r_4_4,
    "R-4.5": of_sharing.r_4_5,
    "R-4.6": of_instructions.r_4_6,
    "O-4.6": of_instructions.o_4_6,
    "R-4.7": of_sharing.r_4_7,
    "R-5.3": of_transfers.r_5_3,
    "R-44": of_transfers.r_44,
    "O-5.2": of_security.o_5_2,
    "O-5.5": of_security.o_5_5,
    "R-6.2": of_security.r_6_2,
    "R-7.1": of_subprocessors.r_7_1,
    "O-7.1": of_subprocessors.o_7_1,
    "R-7.2a": of_subprocessors.r_7_2a,
    "R-7.2b": of_subprocessors.r_7_2b,
    "R-7.2c": of_subprocessors.r_7_2c,
    "R-8.1": of_requests.r_8_1,
    "R-9.1": of_breaches.r_9_1,
    "O-9.1": of_breaches.o_9_1,
    "R-9.2": of_breaches.r_9_2,
    "O-33.1": of_breaches.o_33_1,
    "R-10.1": of_retention.r_10_1,
    "O-10.1": of_retention.o_10_1,
    "R-10.2": of_retention.r_10_2,
    "R-11.2": of_assurance.r_11_2,
    "O-11.2": of_assurance.o_11_2,
    "R-11.3": of_assurance.r_11_3,
    "O-11.3": of_assurance.o_11_3,
    "NOTE-11.3": of_assurance.note_11_3,
    "R-LATE": of_requests.r_late,
}


def findings(
    events: Sequence[Mapping[str, Any]],
    as_of: datetime | None = None,
    known_at: datetime | None = None,
) -> list[Found]:
    """What all rules find as of a moment, as known at another; by default at the end."""
    story = Story(events, as_of, known_at)
    found = [
        one for evaluate in EVALUATIONS.values() for one in evaluate(story) if one.at <= story.now
    ]
    return sorted(found, key=lambda one: (one.at, one.rule, one.controllers))
