"""The breach register, also of what was no breach (clause 9; GDPR art. 33(5)).

Rows by kind: `breach`, which names no controller; `notice`, one for each controller a breach
concerns, with its own clocks; `update` and `security_event`, for the processor alone, since they
name whom they reached or who reported. `tests/registers/test_breaches.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from projections.breach_course import (
    Concern,
    Course,
    added_by,
    course,
    delivered_to,
    number_of,
    shown_to_all,
)
from projections.facts import Fact
from projections.reading import first_when, members, text, texts, when
from projections.register import Label, Register, Row
from projections.registers.breaches.columns import COLUMNS
from projections.registers.breaches.notices import notice_row
from projections.rows import (
    PROCESSOR_ONLY,
    PROCESSOR_WIDE,
    cases_by,
    leading_to,
    of_type,
    row,
    row_key,
)

BY_TYPE = {
    "SecurityEventReported": ("security-event:event_ref",),
    "SecurityEventDismissed": ("security-event:event_ref",),
    "BreachConfirmed": ("breach:breach_id", "security-event:event_ref"),
    "BreachNotified": ("breach:breach_id",),
    "BreachUpdateIssued": ("breach:breach_id",),
    "BreachContained": ("breach:breach_id",),
    "SupervisoryAuthorityNotified": ("breach:breach_id",),
    "DataSubjectsNotified": ("breach:breach_id",),
    "BreachClosed": ("breach:breach_id",),
}

CONCLUDED = ("root_cause", "effects", "remedial_actions", "lessons", "report_sha256")
"""What the closing of a breach says: facts, effects and remedial action (art. 33(5))."""


def fold(case: str, facts: Sequence[Fact]) -> Sequence[Row]:
    """The rows of one security event, or of one breach with its notices and updates."""
    tag, _, id_ = case.partition(":")
    if tag == "security-event":
        return [_security_event(id_, facts)]
    history = course(facts)
    reached = [(update, delivered_to(update)) for update in history.updates]
    concerned = history.concerned()
    notices = [notice_row(id_, c, history, concerned.get(c), reached) for c in history.told()]
    return [
        _breach(id_, history, facts, notices),
        *notices,
        *(_update(id_, update, reach, concerned) for update, reach in reached),
    ]


def _breach(breach_id: str, history: Course, facts: Sequence[Fact], notices: Sequence[Row]) -> Row:
    closed = history.closed[-1].data if history.closed else {}
    values = {
        "kind": "breach",
        "breach_id": breach_id,
        "event_ref": text(history.confirmed[-1].data, "event_ref") if history.confirmed else None,
        "state": _state(history),
        "became_aware_at": first_when(history.confirmed, "became_aware_at"),
        **history.described(),
        "controllers_concerned": len(history.concerned()),
        "updates": len(history.updates),
        "still_missing": sorted({item for n in notices for item in n.values["still_missing"]}),
        "contained_at": first_when(history.contained, "at"),
        "measures": history.contained[-1].data.get("measures") if history.contained else None,
        "closed_at": first_when(history.closed, "at"),
        **{key: closed.get(key) for key in CONCLUDED},
    }
    key = row_key("breach", breach_id)
    return row(COLUMNS, key, PROCESSOR_WIDE, values, facts, shown=_concerns_all)


def _state(history: Course) -> str:
    if history.closed:
        return "closed"
    return "contained" if history.contained else "open"


def _update(
    breach_id: str, update: Fact, reached: frozenset[str], concerned: Mapping[str, Concern]
) -> Row:
    number = number_of(update)
    due = {controller for controller, concern in concerned.items() if concern.awaits(update)}
    values = {
        "kind": "update",
        "breach_id": breach_id,
        "update_no": number,
        "issued_at": when(update, "issued_at"),
        "changed_facts": members(update.data, "changed_facts"),
        "delivered_to": sorted(reached),
        "not_delivered_to": sorted(due - reached),
        "controllers_added": added_by(update),
    }
    key = row_key("update", breach_id, str(number), str(update.position))
    return row(COLUMNS, key, PROCESSOR_ONLY, values, [update])


def _security_event(event_ref: str, facts: Sequence[Fact]) -> Row:
    """A report and what became of it: dismissed with a reason, confirmed as breach, or open."""
    reported = of_type(facts, "SecurityEventReported")
    dismissed = of_type(facts, "SecurityEventDismissed")
    confirmed = of_type(facts, "BreachConfirmed")
    report = reported[0].data if reported else {}
    dismissal = dismissed[-1].data if dismissed else {}
    values = {
        "kind": "security_event",
        "event_ref": event_ref,
        "state": "confirmed" if confirmed else "dismissed" if dismissed else "reported",
        "reporter": text(report, "reporter"),
        "channel": text(report, "channel"),
        "reported_at": first_when(reported, "reported_at"),
        "summary": text(report, "summary"),
        "dismissed_at": first_when(dismissed[-1:], "at"),
        "reason": text(dismissal, "reason"),
        "assessed_by": text(dismissal, "assessed_by"),
        "became_aware_at": first_when(confirmed, "became_aware_at"),
        "breach_ids": sorted({b for fact in confirmed for b in texts(fact.data, "breach_id")}),
    }
    return row(COLUMNS, row_key("security_event", event_ref), PROCESSOR_ONLY, values, facts)


def _concerns_all(fact: Fact, field: str) -> bool:
    """Whether a correction may be shown with a breach: not what one controller alone was told."""
    return "controller_id" not in fact.data and shown_to_all(fact, field)


REGISTER = Register(
    name="breaches",
    title=Label("Register van Inbreuken", "Register of personal data breaches"),
    source="9.1-9.4; art. 33(5)",
    columns=COLUMNS,
    types=frozenset(BY_TYPE),
    cases=cases_by(BY_TYPE),
    fold=fold,
    wide=leading_to(BY_TYPE, "breach"),
)
