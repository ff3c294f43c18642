"""Requests of data subjects, and assistance to controllers (8, 5.4, 11.4; GDPR 28(3)(e), (f)).

Rows by kind: `request`, `assistance` and `dpia_support`; each belongs to its controller. A request
is answered when the data subject was referred to the controller or the request was forwarded,
whichever came first (8.1). `tests/registers/test_data_subject_requests.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from projections.facts import Fact
from projections.reading import (
    after,
    day_of,
    first_at,
    first_when,
    hours,
    stamp,
    text,
    texts,
    when,
    whole,
)
from projections.register import Column, Label, Register, Row
from projections.rows import by_id, cases_by, of_type, row, row_key

BY_TYPE = {
    "DataSubjectRequestReceived": ("request:request_id",),
    "DataSubjectRequestForwarded": ("request:request_id",),
    "DataSubjectReferred": ("request:request_id",),
    "AssistanceRequested": ("assistance:assistance_id",),
    "AssistanceProvided": ("assistance:assistance_id",),
    "DpiaSupportRequested": ("dpia:dpia_id",),
    "DpiaSupportProvided": ("dpia:dpia_id",),
}

COLUMNS = (
    Column("kind", Label("Soort regel", "Kind of row"), "8"),
    Column("id", Label("Kenmerk", "Reference"), "8"),
    Column("controller", Label("Klant", "Controller"), "8.1"),
    Column("state", Label("Toestand", "State"), "8.1, 8.2"),
    Column("right", Label("Recht van Betrokkene", "Right of the data subject"), "8.2; art. 15-22"),
    Column("subject_token", Label("Betrokkene (token)", "Data subject (token)"), "8.1"),
    Column("request_text", Label("Verzoek (verzegeld)", "Request (sealed)"), "8.1; art. 15-22"),
    Column(
        "subject_contact",
        Label("Bereikbaar via (verzegeld)", "Can be reached (sealed)"),
        "8.1",
    ),
    Column("channel", Label("Binnengekomen via", "Channel"), "8.1"),
    Column("received_at", Label("Ontvangen op", "Received at"), "8.1"),
    Column("referred_at", Label("Doorverwezen op", "Referred at"), "8.1"),
    Column("contact_given", Label("Opgegeven contact", "Contact given"), "8.1"),
    Column("forwarded_at", Label("Doorgestuurd op", "Forwarded at"), "8.1"),
    Column(
        "hours_to_referral", Label("Uren tot doorverwijzing", "Hours until the referral"), "8.1"
    ),
    Column("hours_to_forwarding", Label("Uren tot doorsturen", "Hours until forwarded"), "8.1"),
    Column("answered_at", Label("Afgehandeld op", "Referred or forwarded at"), "8.1"),
    Column(
        "hours_to_answer",
        Label("Uren tot doorverwijzing of doorsturen", "Hours until referred or forwarded"),
        "8.1",
    ),
    Column(
        "controller_due_on",
        Label("Antwoord van Klant uiterlijk", "Controller to answer by"),
        "art. 12(3)",
    ),
    Column(
        "shredded_at",
        Label("Persoonsgegevens vernietigd op", "Personal data shredded at"),
        "6.1; art. 5(1)(c)",
    ),
    Column("subject", Label("Bijstand bij", "Assistance with"), "5.4, 8.2; art. 28(3)(e)-(f)"),
    Column("request_ref", Label("Bij verzoek", "About request"), "8.2"),
    Column("scope", Label("Reikwijdte", "Scope"), "11.4; art. 35"),
    Column("requested_at", Label("Gevraagd op", "Requested at"), "5.4, 8.2, 11.4"),
    Column("provided_at", Label("Verleend op", "Provided at"), "5.4, 8.2, 11.4"),
    Column("hours_to_provision", Label("Uren tot verlening", "Hours until provided"), "8.2, 11.4"),
    Column("what", Label("Verleende bijstand", "What was provided"), "8.2"),
    Column("outcome", Label("Uitkomst", "Outcome"), "8.2"),
    Column("parts", Label("Onderdelen", "Parts"), "11.4; art. 35(7)"),
    Column("ledger_position", Label("Omvang van het log", "Size of the log it rests on"), "11.4"),
    Column("artefact_sha256", Label("Hash van het stuk", "Hash of what was provided"), "11.4"),
)


def fold(case: str, facts: Sequence[Fact]) -> Sequence[Row]:
    """The row of one request or one assistance; one for each controller, if it names several."""
    tag, _, id_ = case.partition(":")
    make = {"request": _request, "assistance": _assistance, "dpia": _dpia_support}[tag]
    return [make(id_, c, own) for c, own in by_id(facts, "controller_id").items()]


def _request(request_id: str, controller: str, facts: Sequence[Fact]) -> Row:
    received = of_type(facts, "DataSubjectRequestReceived")
    referred_at = first_at(of_type(facts, "DataSubjectReferred"), "referred_at")
    forwarded_at = first_at(of_type(facts, "DataSubjectRequestForwarded"), "forwarded_at")
    received_at = first_at(received, "received_at")
    answered_at = min((at for at in (referred_at, forwarded_at) if at), default=None)
    content = received[0].data if received else {}
    values = {
        "kind": "request",
        "id": request_id,
        "controller": controller,
        "state": "answered" if answered_at else "open",
        "right": text(content, "right"),
        "subject_token": text(content, "subject_token"),
        "request_text": text(content, "request_text"),
        "subject_contact": text(content, "subject_contact"),
        "channel": text(content, "channel"),
        "received_at": first_when(received, "received_at"),
        "referred_at": stamp(referred_at),
        "contact_given": _last(facts, "contact_given"),
        "forwarded_at": stamp(forwarded_at),
        "hours_to_referral": hours(received_at, referred_at),
        "hours_to_forwarding": hours(received_at, forwarded_at),
        "answered_at": stamp(answered_at),
        "hours_to_answer": hours(received_at, answered_at),
        "controller_due_on": _due_on(received),
        "shredded_at": _shredded_at(facts),
    }
    return row(COLUMNS, row_key("request", request_id, controller), (controller,), values, facts)


def _due_on(received: Sequence[Fact]) -> str | None:
    """The controller's month (art. 12(3)), counted from when the processor had the request."""
    return stamp(after(day_of(received[0], "received_at"), "P1M")) if received else None


def _shredded_at(facts: Sequence[Fact]) -> str | None:
    """When personal data in what was recorded about a request was last destroyed (6.1)."""
    shredded = sorted((s for f in facts for s in f.shredded), key=lambda s: s.position)
    return when(shredded[-1], "key_destroyed_at") if shredded else None


def _assistance(assistance_id: str, controller: str, facts: Sequence[Fact]) -> Row:
    requested = of_type(facts, "AssistanceRequested")
    provided = of_type(facts, "AssistanceProvided")
    content = requested[0].data if requested else {}
    values = {
        "kind": "assistance",
        "id": assistance_id,
        "controller": controller,
        "subject": text(content, "subject"),
        "request_ref": text(content, "request_ref"),
        **_provision(requested, provided),
        "what": _last(provided, "what"),
        "outcome": _last(provided, "outcome"),
    }
    key = row_key("assistance", assistance_id, controller)
    return row(COLUMNS, key, (controller,), values, facts)


def _dpia_support(dpia_id: str, controller: str, facts: Sequence[Fact]) -> Row:
    requested = of_type(facts, "DpiaSupportRequested")
    provided = of_type(facts, "DpiaSupportProvided")
    values = {
        "kind": "dpia_support",
        "id": dpia_id,
        "controller": controller,
        "scope": _last(requested, "scope"),
        **_provision(requested, provided),
        "parts": sorted({part for fact in provided for part in texts(fact.data, "parts")}),
        "ledger_position": whole(provided[-1].data, "ledger_position") if provided else None,
    }
    return row(COLUMNS, row_key("dpia_support", dpia_id, controller), (controller,), values, facts)


def _provision(requested: Sequence[Fact], provided: Sequence[Fact]) -> dict[str, Any]:
    """When support was asked for and when it was first given."""
    requested_at = first_at(requested, "requested_at")
    provided_at = first_at(provided, "at")
    return {
        "state": "provided" if provided else "open",
        "requested_at": stamp(requested_at),
        "provided_at": stamp(provided_at),
        "hours_to_provision": hours(requested_at, provided_at),
        "artefact_sha256": _last(provided, "artefact_sha256"),
    }


def _last(facts: Sequence[Fact], field: str) -> str | None:
    """What the last of some facts that says anything in a field says in it."""
    return next((said for f in reversed(facts) if (said := text(f.data, field))), None)


REGISTER = Register(
    name="data-subject-requests",
    title=Label(
        "Register van verzoeken van Betrokkenen en bijstand",
        "Register of data subject requests and assistance",
    ),
    source="5.4, 8.1, 8.2, 11.4; art. 28(3)(e)-(f)",
    columns=COLUMNS,
    types=frozenset(BY_TYPE),
    cases=cases_by(BY_TYPE),
    fold=fold,
)
