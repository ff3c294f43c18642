"""The agreement register: terms by version, licences, requests to end (clauses 2, 3; GDPR 28(3)).

Rows by kind, all of one controller: `agreement`, `version` (the terms, and from when until when
they hold), `licence` and `termination_request`. Which version holds today is for the reader to see
from its dates: a version may be agreed before it takes effect.
`tests/registers/test_agreements.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from projections.agreement import AMENDED, CONCLUDED, ENDED, last_spell
from projections.facts import Fact
from projections.presenting import in_order
from projections.reading import given, text, texts, when
from projections.register import Column, Label, Register, Row
from projections.rows import by_id, cases_by, of_type, row, row_key
from projections.terms import effective_from, terms_at

GRANTED = "LicenceGranted"
LICENCE_ENDED = "LicenceEnded"
REQUESTED = "AgreementTerminationRequested"

BY_TYPE = dict.fromkeys(
    (CONCLUDED, AMENDED, ENDED, GRANTED, LICENCE_ENDED, REQUESTED), ("controller:controller_id",)
)

TERMS = (
    Column(
        "authorisation",
        Label("Toestemming voor Subverwerkers", "Authorisation of subprocessors"),
        "7; art. 28(2)",
    ),
    Column("objection_days", Label("Dagen voor bezwaar", "Days to object"), "7.2"),
    Column("transfer_area", Label("Gebied van Verwerking", "Area of processing"), "5.3"),
    Column(
        "retention_after_licence",
        Label("Bewaren na einde Licentie", "Retention after the licence"),
        "4.3",
    ),
    Column("breach_hours", Label("Uren voor melding Inbreuk", "Hours to notify a breach"), "9.1"),
    Column("audit_limit", Label("Audits door Klant", "Audits by the controller"), "11.3"),
    Column("audit_year_basis", Label("Auditjaar", "Year of the audit limit"), "11.3"),
)
"""The terms that an agreement can set; what it leaves open is policy (`projections/terms`)."""

COLUMNS = (
    Column("kind", Label("Soort regel", "Kind of row"), "2.3"),
    Column("id", Label("Kenmerk", "Reference"), "2.3, 3.1"),
    Column("controller", Label("Klant", "Controller"), "2.1"),
    Column("state", Label("Toestand", "State"), "3.1, 3.2"),
    Column("since", Label("Vanaf", "From"), "2.3, 3.1; art. 28(3)"),
    Column("until", Label("Tot", "Until"), "3.2"),
    Column("version", Label("Versie", "Version"), "2.3; art. 28(9)"),
    *TERMS,
    Column("named", Label("Overeengekomen bepalingen", "Terms that were agreed"), "2.3"),
    Column(
        "initial_subprocessors",
        Label("Subverwerkers bij ondertekening", "Subprocessors at signing"),
        "7; art. 28(2)",
    ),
    Column("signed_at", Label("Ondertekend op", "Signed at"), "2.3; art. 28(9)"),
    Column("accepted_by", Label("Aanvaard door", "Accepted by"), "2.3; art. 28(9)"),
    Column("text_sha256", Label("Hash van de tekst", "Hash of the text"), "2.3; art. 28(9)"),
    Column("service_agreement", Label("Gebruiksovereenkomst", "Service agreement"), "3.1"),
    Column("data_held", Label("Bij einde gehouden gegevens", "Data held at the end"), "3.2"),
    Column("product", Label("Product", "Product"), "1 (Licentie)"),
    Column("account_type", Label("Soort Account", "Kind of account"), "1 (Account)"),
    Column("granted_by", Label("Toegekend door", "Granted by"), "1 (Schriftelijk)"),
    Column("requested_by", Label("Gevraagd door", "Requested by"), "3.3"),
    Column("reason", Label("Reden", "Reason"), "3.1, 3.3"),
    Column("outcome", Label("Uitkomst", "Outcome"), "3.3"),
)


def fold(case: str, facts: Sequence[Fact]) -> Sequence[Row]:
    """The rows of one controller."""
    controller = case.partition(":")[2]
    return [
        *_agreements(controller, facts),
        *_versions(controller, facts),
        *_licences(controller, facts),
        *(_request(controller, fact) for fact in of_type(facts, REQUESTED)),
    ]


def _agreements(controller: str, facts: Sequence[Fact]) -> Iterator[Row]:
    """One row for each agreement by its id, and one for those without."""
    steps = of_type(facts, CONCLUDED, AMENDED, ENDED)
    for agreement in dict.fromkeys(text(f.data, "agreement_id") for f in of_type(steps, CONCLUDED)):
        own = [f for f in steps if _concerns(f, agreement)]
        yield _agreement(controller, agreement, own)


def _concerns(fact: Fact, agreement: str | None) -> bool:
    """An end without an id ends all agreements, one with an id those without as well."""
    named = text(fact.data, "agreement_id")
    return named == agreement or (fact.type == ENDED and None in (named, agreement))


def _agreement(controller: str, agreement: str | None, own: Sequence[Fact]) -> Row:
    spell = last_spell(of_type(own, CONCLUDED, ENDED), (), starts=lambda f: f.type == CONCLUDED)
    concluded = spell.latest.data if spell.latest else {}
    values = {
        "kind": "agreement",
        "id": agreement,
        "controller": controller,
        "state": "ended" if spell.end else "in_force",
        "since": when(spell.start, "effective_from") if spell.start else None,
        "until": when(spell.end, "ended_at") if spell.end else None,
        "version": _last_version(own),
        "initial_subprocessors": texts(concluded, "initial_subprocessors"),
        "signed_at": given(concluded, "signed_at"),
        "text_sha256": text(concluded, "text_sha256"),
        "service_agreement": text(concluded, "service_agreement_ref"),
        "data_held": text(spell.end.data, "data_held") if spell.end else None,
    }
    key = row_key("agreement", controller, agreement or "")
    return row(COLUMNS, key, (controller,), values, own)


def _last_version(own: Sequence[Fact]) -> str | None:
    """The last version that was agreed, in force or not yet."""
    return next((v for f in reversed(own) if (v := text(f.data, "version"))), None)


def _versions(controller: str, facts: Sequence[Fact]) -> Iterator[Row]:
    """The terms by version, in the order in which they take effect."""
    agreed = of_type(facts, CONCLUDED, AMENDED)
    turns = sorted(agreed, key=lambda fact: (effective_from(fact), fact.position))
    for number, turn in enumerate(turns, start=1):
        following = turns[number] if number < len(turns) else None
        terms = terms_at(turns[:number], effective_from(turn))
        values = {
            "kind": "version",
            "id": text(turn.data, "agreement_id"),
            "controller": controller,
            "since": when(turn, "effective_from"),
            "until": when(following, "effective_from") if following else None,
            "version": text(turn.data, "version"),
            **{column.key: getattr(terms, column.key) for column in TERMS},
            "named": sorted(column.key for column in TERMS if column.key in turn.data),
            "initial_subprocessors": texts(turn.data, "initial_subprocessors"),
            "signed_at": given(turn.data, "signed_at"),
            "accepted_by": text(turn.data, "accepted_by"),
            "text_sha256": text(turn.data, "text_sha256"),
            "service_agreement": text(turn.data, "service_agreement_ref"),
        }
        key = row_key("version", controller, str(turn.position))
        yield row(COLUMNS, key, (controller,), values, turns[: number + 1])


def _licences(controller: str, facts: Sequence[Fact]) -> Iterator[Row]:
    for licence, own in by_id(of_type(facts, GRANTED, LICENCE_ENDED), "licence_id").items():
        yield _licence(controller, licence, own)


def _licence(controller: str, licence: str, own: Sequence[Fact]) -> Row:
    spell = last_spell(own, (), starts=lambda fact: fact.type == GRANTED)
    granted: Any = spell.latest.data if spell.latest else {}
    values = {
        "kind": "licence",
        "id": licence,
        "controller": controller,
        "state": "ended" if spell.end else "granted",
        "since": when(spell.start, "starts_at") if spell.start else None,
        "until": when(spell.end, "ended_at") if spell.end else None,
        "product": text(granted, "product"),
        "account_type": text(granted, "account_type"),
        "granted_by": text(granted, "granted_by"),
        "reason": text(spell.end.data, "reason") if spell.end else None,
    }
    return row(COLUMNS, row_key("licence", controller, licence), (controller,), values, own)


def _request(controller: str, fact: Fact) -> Row:
    values = {
        "kind": "termination_request",
        "id": text(fact.data, "agreement_id"),
        "controller": controller,
        "since": when(fact),
        "requested_by": text(fact.data, "by"),
        "reason": text(fact.data, "reason"),
        "outcome": text(fact.data, "outcome"),
    }
    key = row_key("termination_request", controller, str(fact.position))
    return row(COLUMNS, key, (controller,), values, [fact])


REGISTER = Register(
    name="agreements",
    title=Label("Register van verwerkersovereenkomsten", "Register of processing agreements"),
    source="2, 3; art. 28(3), 28(9)",
    columns=COLUMNS,
    types=frozenset(BY_TYPE),
    cases=cases_by(BY_TYPE),
    fold=fold,
    present=in_order("agreement", "version", "licence", "termination_request"),
)
