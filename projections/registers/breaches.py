"""The breach register, also of what was no breach (clause 9; GDPR art. 33(5)).

Rows by kind: `breach`, which names no controller; `notice`, one for each controller a breach
concerns, with its own clocks; `update` and `security_event`, for the processor alone, since they
name whom they reached or who reported. `tests/registers/test_breaches.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from projections.breach_course import (
    DESCRIBED,
    TOLD,
    Concern,
    Course,
    added_by,
    course,
    delivered_to,
    number_of,
    still_missing,
)
from projections.facts import Fact
from projections.reading import (
    first_at,
    first_when,
    hours,
    members,
    stamp,
    text,
    texts,
    when,
    whole,
)
from projections.register import Column, Label, Register, Row
from projections.rows import PROCESSOR_ONLY, PROCESSOR_WIDE, cases_by, of_type, row, row_key

AUTHORITY_WITHIN = timedelta(hours=72)
"""Art. 33(1): from when the controller is aware, which it is when the processor has told it."""

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

COLUMNS = (
    Column("kind", Label("Soort regel", "Kind of row"), "art. 33(5)"),
    Column("breach_id", Label("Inbreuk", "Personal data breach"), "9.1; art. 4(12)"),
    Column("event_ref", Label("Beveiligingsmelding", "Security event"), "9.3"),
    Column("controller", Label("Klant", "Controller"), "9.1; art. 33(2)"),
    Column("state", Label("Toestand", "State"), "9.2; art. 33(5)"),
    Column("became_aware_at", Label("Kennis genomen op", "Became aware at"), "9.1; art. 33(2)"),
    Column("occurred_from", Label("Begonnen op", "Began at"), "art. 33(5)"),
    Column("occurred_until", Label("Geëindigd op", "Ended at"), "art. 33(5)"),
    Column("nature", Label("Aard van de Inbreuk", "Nature of the breach"), "art. 33(3)(a)"),
    Column("origin", Label("Herkomst", "Origin"), "5.5; art. 33(5)"),
    Column("cause", Label("Oorzaak", "Cause"), "art. 33(5)"),
    Column("subject_count", Label("Aantal Betrokkenen", "Data subjects"), "art. 33(3)(a)"),
    Column(
        "subjects_approx",
        Label("Aantal Betrokkenen bij benadering", "Approximate number of data subjects"),
        "art. 33(3)(a)",
    ),
    Column(
        "records_approx",
        Label("Aantal gegevensregisters bij benadering", "Approximate number of records"),
        "art. 33(3)(a)",
    ),
    Column(
        "data_subject_categories",
        Label("Categorieën Betrokkenen", "Categories of data subjects"),
        "art. 33(3)(a)",
    ),
    Column(
        "data_categories",
        Label("Categorieën Persoonsgegevens", "Categories of personal data"),
        "4.2; art. 33(3)(a)",
    ),
    Column(
        "controllers_concerned",
        Label("Aantal betrokken Klanten", "Number of controllers concerned"),
        "9.1; art. 33(2)",
    ),
    Column("notified_at", Label("Klant geïnformeerd op", "Controller told at"), "9.1; art. 33(2)"),
    Column(
        "hours_to_notice",
        Label("Uren tot melding aan Klant", "Hours until the controller was told"),
        "9.1; art. 33(2)",
    ),
    Column("channel", Label("Weg van de melding", "Channel"), "9.1, 9.3"),
    Column("numbers", Label("Gemelde aantallen", "Numbers told"), "art. 33(3)(a)"),
    Column("contact_point", Label("Contactpunt", "Contact point"), "art. 33(3)(b)"),
    Column(
        "likely_consequences",
        Label("Waarschijnlijke gevolgen", "Likely consequences"),
        "art. 33(3)(c)",
    ),
    Column("measures", Label("Maatregelen", "Measures taken or proposed"), "art. 33(3)(d)"),
    Column(
        "missing_at_notice",
        Label("Ontbrak bij de melding", "Missing at the notice"),
        "9.1; art. 33(3), 33(4)",
    ),
    Column("still_missing", Label("Ontbreekt nog", "Still missing"), "9.2; art. 33(4)"),
    Column("updates", Label("Aantal vervolgberichten", "Number of updates"), "9.2; art. 33(4)"),
    Column("updates_received", Label("Ontvangen vervolgberichten", "Updates received"), "9.2"),
    Column("updates_missed", Label("Gemiste vervolgberichten", "Updates missed"), "9.2"),
    Column(
        "authority_due_at",
        Label("AP in te lichten voor", "Supervisory authority to be told by"),
        "9.4; art. 33(1)",
    ),
    Column(
        "authority_notified_at",
        Label("AP ingelicht op", "Supervisory authority told at"),
        "9.4; art. 33(1)",
    ),
    Column(
        "authority_hours",
        Label("Uren tot melding aan AP", "Hours until the authority was told"),
        "art. 33(1)",
    ),
    Column(
        "authority_in_time", Label("AP tijdig ingelicht", "Authority told in time"), "art. 33(1)"
    ),
    Column("authority_reference", Label("Kenmerk AP", "Reference of the authority"), "art. 33(1)"),
    Column(
        "reasons_for_delay", Label("Redenen voor vertraging", "Reasons for delay"), "art. 33(1)"
    ),
    Column(
        "data_subjects_notified_at",
        Label("Betrokkenen ingelicht op", "Data subjects told at"),
        "9.4; art. 34",
    ),
    Column(
        "data_subjects_notified",
        Label("Aantal ingelichte Betrokkenen", "Number of data subjects told"),
        "9.4; art. 34",
    ),
    Column("contained_at", Label("Ingeperkt op", "Contained at"), "art. 33(3)(d)"),
    Column("closed_at", Label("Gesloten op", "Closed at"), "art. 33(5)"),
    Column("root_cause", Label("Grondoorzaak", "Root cause"), "art. 33(5)"),
    Column("effects", Label("Gevolgen", "Effects"), "art. 33(5)"),
    Column("remedial_actions", Label("Herstelmaatregelen", "Remedial action"), "art. 33(5)"),
    Column("lessons", Label("Lessen", "Lessons"), "art. 33(5)"),
    Column("report_sha256", Label("Hash van het rapport", "Hash of the report"), "art. 33(5)"),
    Column("update_no", Label("Vervolgbericht", "Update"), "9.2; art. 33(4)"),
    Column("issued_at", Label("Verzonden op", "Issued at"), "9.2; art. 33(4)"),
    Column("changed_facts", Label("Gewijzigde feiten", "Changed facts"), "9.2; art. 33(4)"),
    Column("delivered_to", Label("Bereikte Klanten", "Controllers reached"), "9.2"),
    Column("not_delivered_to", Label("Niet bereikte Klanten", "Controllers not reached"), "9.2"),
    Column("controllers_added", Label("Toegevoegde Klanten", "Controllers added"), "9.1, 9.2"),
    Column("reporter", Label("Gemeld door", "Reported by"), "9.3"),
    Column("reported_at", Label("Gemeld op", "Reported at"), "9.3; art. 33(2)"),
    Column("summary", Label("Samenvatting", "Summary"), "9.3"),
    Column("dismissed_at", Label("Afgewezen op", "Dismissed at"), "art. 33(5)"),
    Column("reason", Label("Reden van afwijzing", "Reason for dismissal"), "art. 33(5)"),
    Column("assessed_by", Label("Beoordeeld door", "Assessed by"), "art. 33(5)"),
    Column("breach_ids", Label("Bevestigd als Inbreuk", "Confirmed as breach"), "9.1; art. 33(5)"),
)


CONCLUDED = ("root_cause", "effects", "remedial_actions", "lessons", "report_sha256")
"""What the closing of a breach says: facts, effects and remedial action (art. 33(5))."""

Reached = Sequence[tuple[Fact, frozenset[str]]]
"""The updates of a breach in order, each with the controllers it reached."""


def fold(case: str, facts: Sequence[Fact]) -> Sequence[Row]:
    """The rows of one security event, or of one breach with its notices and updates."""
    tag, _, id_ = case.partition(":")
    if tag == "security-event":
        return [_security_event(id_, facts)]
    history = course(facts)
    reached = [(update, delivered_to(update)) for update in history.updates]
    concerned = history.concerned()
    notices = [_notice(id_, c, history, concerned.get(c), reached) for c in history.told()]
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


def _notice(
    breach_id: str, controller: str, history: Course, concern: Concern | None, reached: Reached
) -> Row:
    """What one controller was told of a breach, and did; nothing of any other controller."""
    notices = history.notices.get(controller, ())
    authority = history.authority.get(controller, ())
    data_subjects = history.data_subjects.get(controller, ())
    since = [(u, to) for u, to in reached if concern is None or number_of(u) > concern.update]
    received = [update for update, to in reached if controller in to]
    missed = [update for update, to in since if concern and controller not in to]
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
        return not unread and _of_the_breach(fact, field)

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


def _update(
    breach_id: str, update: Fact, reached: frozenset[str], concerned: Mapping[str, Concern]
) -> Row:
    number = number_of(update)
    due = {controller for controller, concern in concerned.items() if concern.update < number}
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
    return "controller_id" not in fact.data and _of_the_breach(fact, field)


def _of_the_breach(fact: Fact, field: str) -> bool:
    """Whether a correction may be shown to every controller concerned.

    An update may say more than what the columns hold, and of whom.
    """
    head, _, rest = field.partition(".")
    return head != "changed_facts" or rest.split(".")[0] in (*DESCRIBED, *TOLD)


REGISTER = Register(
    name="breaches",
    title=Label("Register van Inbreuken", "Register of personal data breaches"),
    source="9.1-9.4; art. 33(5)",
    columns=COLUMNS,
    types=frozenset(BY_TYPE),
    cases=cases_by(BY_TYPE),
    fold=fold,
)
