"""Rows of what one controller was told of a breach and did, with its clocks (clause 9; art. 33)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from projections.breach_course import (
    AUTHORITY_WITHIN,
    TOLD,
    Concern,
    Course,
    number_of,
    shown_to_all,
    still_missing,
)
from projections.facts import Fact
from projections.reading import first_at, first_when, hours, members, stamp, text, texts, whole
from projections.register import Row
from projections.registers.breaches.columns import COLUMNS
from projections.rows import row, row_key

Reached = Sequence[tuple[Fact, frozenset[str]]]
"""The updates of a breach in order, each with the controllers it reached."""


def notice_row(
    breach_id: str, controller: str, history: Course, concern: Concern | None, reached: Reached
) -> Row:
    """What one controller was told of a breach, and did; nothing of any other controller."""
    notices = history.notices.get(controller, ())
    authority = history.authority.get(controller, ())
    data_subjects = history.data_subjects.get(controller, ())
    received = [update for update, to in reached if controller in to]
    missed = [u for u, to in reached if controller not in to and concern and concern.awaits(u)]
    values = {
        "kind": "notice",
        "breach_id": breach_id,
        "controller": controller,
        "became_aware_at": stamp(concern.aware_at) if concern else None,
        **_told(notices, received, concern),
        "updates_received": [number_of(update) for update in received],
        "updates_missed": [number_of(update) for update in missed],
        **_authority(notices, authority),
        **_data_subjects(data_subjects),
    }
    first = [concern.fact] if concern else []
    rests_on = [*first, *notices, *received, *missed, *authority, *data_subjects]
    key = row_key("notice", breach_id, controller)

    def shown(fact: Fact, field: str) -> bool:
        unread = field.startswith("changed_facts") and fact in missed
        return not unread and shown_to_all(fact, field)

    return row(COLUMNS, key, (controller,), values, rests_on, shown=shown)


def _told(
    notices: Sequence[Fact], received: Sequence[Fact], concern: Concern | None
) -> dict[str, Any]:
    """What a controller knows by its notices and the updates that reached it."""
    said: dict[str, Any] = {}
    for notice in notices:
        said.update({k: notice.data[k] for k in TOLD if k in notice.data})
    for update in received:
        changed = members(update.data, "changed_facts")
        said.update({k: changed[k] for k in TOLD if k in changed})
    first = notices[0].data if notices else {}
    aware_at = concern.aware_at if concern else None
    return {
        **said,
        "notified_at": first_when(notices, "notified_at"),
        "hours_to_notice": hours(aware_at, first_at(notices, "notified_at")),
        "channel": text(first, "channel"),
        "missing_at_notice": texts(first, "missing_items"),
        "still_missing": still_missing(notices, received),
    }


def _authority(notices: Sequence[Fact], reports: Sequence[Fact]) -> dict[str, Any]:
    """The controller's own clock of art. 33(1): it starts when we told it."""
    told_at = first_at(notices, "notified_at")
    due_at = told_at + AUTHORITY_WITHIN if told_at else None
    reported_at = first_at(reports, "notified_at")
    return {
        "authority_due_at": stamp(due_at),
        "authority_notified_at": stamp(reported_at),
        "authority_hours": hours(told_at, reported_at),
        "authority_in_time": reported_at <= due_at if due_at and reported_at else None,
        "authority_reference": text(reports[0].data, "reference") if reports else None,
        "reasons_for_delay": text(reports[0].data, "reasons_for_delay") if reports else None,
    }


def _data_subjects(reports: Sequence[Fact]) -> dict[str, Any]:
    numbers = [whole(report.data, "number") for report in reports]
    return {
        "data_subjects_notified_at": first_when(reports, "at"),
        "data_subjects_notified": sum(n for n in numbers if n) if reports else None,
    }
