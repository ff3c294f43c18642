"""The transfer register: processing outside the agreed area (5.3; GDPR art. 30(2)(c), 44-49).

Rows by kind, each of one controller: `transfer`, `consent`, and `engagement` for a subprocessor in
a country outside the agreed area of which no transfer was recorded. A transfer is put to two tests
that know nothing of each other: whether the controller consented in writing (5.3), and on what it
rests under chapter V on the day it started. Consent may end on a day still to come, so the parts of
a transfer without it are told as periods. A transfer ends with the agreement (3.2).
`tests/registers/test_transfers.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from projections.agreement import AMENDED, CONCLUDED, ENDED, Agreed, Spell, agreed_in, last_spell
from projections.chapter_v import basis
from projections.countries import area, within
from projections.facts import Fact
from projections.presenting import in_order
from projections.reading import moment, stamp, text, texts, when
from projections.register import Column, Label, Register, Row
from projections.rows import by_id, cases_by, of_type, row, row_key
from projections.terms import Versions, in_force
from projections.transfer_consent import (
    GRANTED,
    WITHDRAWN,
    Consent,
    Period,
    Where,
    by_place,
    consents,
    counted_in,
    uncovered,
)

STARTED = "ThirdCountryTransferStarted"
STOPPED = "ThirdCountryTransferEnded"
ENGAGED = "SubprocessorEngaged"
DISENGAGED = "SubprocessorDisengaged"

BY_TYPE = {
    CONCLUDED: ("controller:controller_id",),
    AMENDED: ("controller:controller_id",),
    ENDED: ("controller:controller_id",),
    GRANTED: ("controller:controller_id",),
    WITHDRAWN: ("controller:controller_id",),
    STARTED: ("controller:controller_ids",),
    STOPPED: ("controller:controller_ids",),
    ENGAGED: ("controller:controller_ids",),
    DISENGAGED: ("controller:controller_ids",),
}

COLUMNS = (
    Column("kind", Label("Soort regel", "Kind of row"), "5.3"),
    Column("id", Label("Kenmerk", "Reference"), "5.3"),
    Column("controller", Label("Klant", "Controller"), "5.3; art. 30(2)(c)"),
    Column("subprocessor", Label("Subverwerker", "Subprocessor"), "5.3, 7; art. 30(2)(c)"),
    Column("country", Label("Land", "Country"), "5.3; art. 30(2)(c)"),
    Column("area", Label("Ligging", "Area"), "5.3; art. 44"),
    Column("state", Label("Toestand", "State"), "5.3"),
    Column("since", Label("Sinds", "Since"), "5.3; art. 30(2)(c)"),
    Column("until", Label("Tot", "Until"), "5.3, 3.2"),
    Column("agreed_area", Label("Overeengekomen gebied", "Agreed area"), "5.3"),
    Column("consent_needed", Label("Toestemming nodig", "Consent needed"), "5.3"),
    Column("consents", Label("Toestemmingen", "Consents"), "5.3; art. 28(3)(a)"),
    Column("consent_at_start", Label("Toestemming bij aanvang", "Consent at the start"), "5.3"),
    Column(
        "without_consent", Label("Perioden zonder toestemming", "Periods without consent"), "5.3"
    ),
    Column("mechanism", Label("Opgegeven grondslag", "Mechanism given"), "art. 44-49"),
    Column("chapter_v", Label("Grondslag hoofdstuk V", "Basis under chapter V"), "art. 44-49"),
    Column("decision", Label("Adequaatheidsbesluit", "Adequacy decision"), "art. 45"),
    Column("decision_until", Label("Besluit geldt tot en met", "Decision valid until"), "art. 45"),
    Column("decision_scope", Label("Reikwijdte van het besluit", "Scope of decision"), "art. 45"),
    Column("safeguard", Label("Passende waarborgen", "Appropriate safeguards"), "art. 46"),
    Column("tia", Label("Beoordeling van de doorgifte", "Transfer impact assessment"), "art. 46"),
    Column("recipient", Label("Ontvanger", "Recipient"), "5.3"),
    Column("scope", Label("Reikwijdte van de toestemming", "Scope of the consent"), "5.3"),
    Column(
        "evidence_sha256",
        Label("Hash van de Schriftelijke toestemming", "Hash of the written consent"),
        "5.3, 1 (Schriftelijk)",
    ),
)


STATES = {STOPPED: "ended", DISENGAGED: "ended", ENDED: "agreement_ended"}


def fold(case: str, facts: Sequence[Fact]) -> Sequence[Row]:
    """The rows of one controller."""
    controller = case.partition(":")[2]
    agreed, given = agreed_in(facts), consents(facts)
    places = by_place(given)
    transfers = by_id(of_type(facts, STARTED, STOPPED), "transfer_id")
    return [
        *(_transfer(controller, id_, own, agreed, places) for id_, own in transfers.items()),
        *(_consent(controller, consent) for consent in given),
        *_unrecorded(controller, facts, agreed, places),
    ]


Places = Mapping[Where, Sequence[Consent]]


def _transfer(
    controller: str, transfer: str, own: Sequence[Fact], agreed: Agreed, places: Places
) -> Row:
    spell = last_spell(own, agreed.ends, starts=lambda fact: fact.type == STARTED)
    latest = spell.latest or own[-1]
    country, subprocessor = text(latest.data, "country"), text(latest.data, "subprocessor_id")
    given = _given(spell, places.get((country, subprocessor), ()))
    values = {
        "kind": "transfer",
        "id": transfer,
        "controller": controller,
        **_course(spell, subprocessor, country, agreed.terms, given),
        **(_chapter_v(spell.start, latest, country) if spell.start else {}),
    }
    key = row_key("transfer", transfer, controller)
    rests_on = [*own, *_grounds(agreed, given)]
    return row(COLUMNS, key, (controller,), values, rests_on)


def _given(spell: Spell, given: Sequence[Consent]) -> list[Consent]:
    """Those of the consents for a place that counted at any time of a spell."""
    return counted_in(given, *_period(spell, spell.start)) if spell.start else []


def _grounds(agreed: Agreed, given: Sequence[Consent]) -> list[Fact]:
    """The turns of the agreement, and of some consents."""
    taken = [consent.withdrawn for consent in given if consent.withdrawn]
    return [*agreed.turns, *(consent.granted for consent in given), *taken]


def _period(spell: Spell, start: Fact) -> Period:
    end = moment(spell.end, "at", "ended_at") if spell.end else None
    return moment(start, "started_at"), end


def _course(
    spell: Spell,
    subprocessor: str | None,
    country: str | None,
    terms: Versions,
    given: Sequence[Consent],
) -> dict[str, Any]:
    """From when until when, and whether the controller consented all the while."""
    values: dict[str, Any] = {
        "subprocessor": subprocessor,
        "country": country,
        "state": STATES[spell.end.type] if spell.end else "running",
        "until": when(spell.end, "at", "ended_at") if spell.end else None,
    }
    if spell.start is None or country is None:
        return values
    begin, end = _period(spell, spell.start)
    agreed_area = in_force(terms, begin).transfer_area
    needed = not within(agreed_area, country, begin)
    gaps = uncovered(begin, end, given) if needed else []
    return values | {
        "since": when(spell.start, "started_at"),
        "area": area(country, begin),
        "agreed_area": agreed_area,
        "consent_needed": needed,
        "consents": sorted({c.consent_id for c in given if c.consent_id}),
        "consent_at_start": any(c.covers(begin) for c in given) if needed else None,
        "without_consent": [{"from": stamp(first), "until": stamp(last)} for first, last in gaps],
    }


def _chapter_v(start: Fact, latest: Fact, country: str | None) -> dict[str, Any]:
    mechanism, safeguard = text(latest.data, "mechanism"), text(latest.data, "safeguard_ref")
    found = basis(country, mechanism, moment(start, "started_at"), documented=bool(safeguard))
    return {
        "mechanism": mechanism,
        "chapter_v": found.ground,
        "decision": found.decision.decision if found.decision else None,
        "decision_until": stamp(found.decision.valid_until) if found.decision else None,
        "decision_scope": found.decision.scope if found.decision else None,
        "safeguard": safeguard,
        "tia": text(latest.data, "tia_ref"),
    }


def _consent(controller: str, consent: Consent) -> Row:
    data = consent.granted.data
    values = {
        "kind": "consent",
        "id": consent.consent_id,
        "controller": controller,
        "subprocessor": consent.subprocessor,
        "country": consent.country,
        "area": area(consent.country, consent.begin) if consent.country else None,
        "state": "withdrawn" if consent.withdrawn else "granted",
        "since": stamp(consent.begin),
        "until": stamp(consent.end),
        "recipient": text(data, "recipient"),
        "scope": text(data, "scope"),
        "evidence_sha256": text(data, "written_evidence_sha256"),
    }
    rests_on = [consent.granted, *([consent.withdrawn] if consent.withdrawn else [])]
    key = row_key("consent", str(consent.granted.position), controller)
    return row(COLUMNS, key, (controller,), values, rests_on)


def _unrecorded(
    controller: str, facts: Sequence[Fact], agreed: Agreed, places: Places
) -> Iterator[Row]:
    """Subprocessors engaged outside the agreed area of which no transfer was ever recorded."""
    recorded = {
        (text(f.data, "subprocessor_id"), text(f.data, "country")) for f in of_type(facts, STARTED)
    }
    turns = by_id(of_type(facts, ENGAGED, DISENGAGED), "subprocessor_id")
    for subprocessor, own in turns.items():
        spell = last_spell(own, agreed.ends, starts=lambda fact: fact.type == ENGAGED)
        for country in texts(spell.latest.data, "countries") if spell.latest else []:
            given = _given(spell, places.get((country, subprocessor), ()))
            course = _course(spell, subprocessor, country, agreed.terms, given)
            if course.get("consent_needed") and (subprocessor, country) not in recorded:
                values = {"kind": "engagement", "controller": controller, **course}
                key = row_key("engagement", subprocessor, country, controller)
                rests_on = [*own, *_grounds(agreed, given)]
                yield row(COLUMNS, key, (controller,), values, rests_on)


REGISTER = Register(
    name="transfers",
    title=Label("Register van doorgiften", "Register of transfers"),
    source="5.3; art. 28(3)(a), 30(2)(c), 44-49",
    columns=COLUMNS,
    types=frozenset(BY_TYPE),
    cases=cases_by(BY_TYPE),
    fold=fold,
    present=in_order("transfer", "consent", "engagement"),
)
