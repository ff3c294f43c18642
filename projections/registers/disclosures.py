"""The disclosure register: demands of authorities, and what was disclosed to whom (4.5, 4.7).

Rows by kind, each of one controller: `demand`, `disclosure` and `share` (with researchers). While
the law prohibits to tell a controller, its rows of that demand are the processor's alone: a reader
of the register must not learn from it what a notice may not say. A disclosure that concerned
several controllers has one number of data subjects for all; it is in a row of the processor alone,
`joint_disclosure`. GDPR art. 28(3)(a), 30(1)(d), 48.
`tests/registers/test_disclosures.py`.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from datetime import datetime
from typing import Any

from projections.countries import area
from projections.demands import (
    CLOSED,
    CONTESTED,
    DISCLOSED,
    NOTIFIED,
    RECEIVED,
    Demand,
    demands,
    lapses_at,
)
from projections.facts import Fact, Recorded
from projections.presenting import in_order
from projections.reading import (
    first_when,
    given,
    hours,
    ids,
    moment,
    stamp,
    text,
    texts,
    truth,
    when,
    whole,
)
from projections.register import Column, Label, Register, Row
from projections.research_consent import SHARED, subject_count
from projections.rows import PROCESSOR_ONLY, by_id, cases_by, of_type, row, row_key

BY_TYPE = {
    RECEIVED: ("demand:demand_id",),
    NOTIFIED: ("demand:demand_id",),
    CONTESTED: ("demand:demand_id",),
    CLOSED: ("demand:demand_id",),
    DISCLOSED: ("demand:demand_id",),
    SHARED: ("share:share_id",),
}

COLUMNS = (
    Column("kind", Label("Soort regel", "Kind of row"), "4.5, 4.7"),
    Column("id", Label("Kenmerk", "Reference"), "4.5, 4.7"),
    Column("controller", Label("Klant", "Controller"), "4.7; art. 28(3)(a)"),
    Column("demand", Label("Vordering", "Demand"), "4.7; art. 48"),
    Column("instruction", Label("Instructie", "Instruction"), "4.1, 4.5"),
    Column("authority", Label("Autoriteit", "Authority"), "4.7; art. 48"),
    Column("recipient", Label("Ontvanger", "Recipient"), "4.5, 4.7; art. 30(1)(d)"),
    Column(
        "recipient_category",
        Label("Soort ontvanger", "Category of recipient"),
        "art. 30(1)(d)",
    ),
    Column("country", Label("Land", "Country"), "5.3; art. 48"),
    Column("area", Label("Gebied", "Area"), "5.3; art. 44"),
    Column("legal_basis", Label("Wettelijke grondslag", "Legal basis"), "4.7; art. 28(3)(a)"),
    Column("data_categories", Label("Categorieën Persoonsgegevens", "Categories of data"), "4.2"),
    Column("received_at", Label("Ontvangen op", "Received at"), "4.7"),
    Column(
        "notification_prohibited",
        Label("Informeren wettelijk verboden", "Telling prohibited by law"),
        "art. 28(3)(a)",
    ),
    Column("prohibition_basis", Label("Grond van het verbod", "Basis of the prohibition"), "4.7"),
    Column("prohibition_until", Label("Verbod tot", "Prohibited until"), "4.7"),
    Column("notified_at", Label("Klant geïnformeerd op", "Controller told at"), "4.7"),
    Column("hours_to_notice", Label("Uren tot informeren", "Hours until told"), "4.7"),
    Column("notice", Label("Informeren van Klant", "Notice to the controller"), "4.7"),
    Column("contested_at", Label("Betwist op", "Contested at"), "4.7"),
    Column("contested_by", Label("Betwist door", "Contested by"), "4.7"),
    Column("contest_grounds", Label("Gronden van betwisting", "Grounds of contest"), "4.7"),
    Column("disclosed_at", Label("Verstrekt op", "Disclosed at"), "4.5, 4.7"),
    Column("subject_count", Label("Aantal Betrokkenen", "Data subjects"), "4.5, 4.7"),
    Column("method", Label("Wijze van verstrekking", "Method"), "4.5, 4.7"),
    Column("file_sha256", Label("Hash van het bestand", "Hash of the file"), "art. 5(2)"),
    Column("closed_at", Label("Gesloten op", "Closed at"), "4.7"),
    Column("outcome", Label("Uitkomst", "Outcome"), "4.7"),
)


def cases(event: Recorded) -> Sequence[str]:
    """The case of an event: its demand, or itself when nobody demanded it."""
    found = CASES(event)
    id_ = text(event.data, "disclosure_id")
    if event.type == DISCLOSED and not found and id_:
        return [f"disclosure:{id_}"]
    return found


CASES = cases_by(BY_TYPE)


def fold(case: str, facts: Sequence[Fact]) -> Sequence[Row]:
    """The rows of one demand, of one disclosure on instruction, or of one share."""
    tag, _, id_ = case.partition(":")
    if tag == "share":
        return list(_shares(id_, facts))
    joint = {f.position for f in facts if len(ids(f.data, "controller_ids")) > 1}
    rows: list[Row] = []
    for controller, demand in demands(facts).items():
        if tag == "demand":
            rows.append(_demand(id_, controller, demand))
        rows += _disclosures(id_ if tag == "demand" else None, controller, demand, joint)
    return [*rows, *_joint_disclosures(case, facts, joint)]


def _demand(demand_id: str, controller: str, demand: Demand) -> Row:
    last = demand.received[-1] if demand.received else None
    values = {
        "kind": "demand",
        "id": demand_id,
        "controller": controller,
        "demand": demand_id,
        **(_demanded(last) if last else {}),
        "notified_at": stamp(demand.told_at),
        "hours_to_notice": hours(demand.received_at, demand.told_at),
        "notice": demand.notice(demand.disclosed_at),
        **_contested(demand),
        "disclosed_at": stamp(demand.disclosed_at),
        "closed_at": first_when(demand.closed[-1:], "at"),
        "outcome": text(demand.closed[-1].data, "outcome") if demand.closed else None,
    }
    key = row_key("demand", demand_id, controller)
    return row(COLUMNS, key, _owner(controller, demand), values, _all(demand))


def _owner(controller: str, demand: Demand) -> tuple[str, ...]:
    return PROCESSOR_ONLY if demand.is_secret else (controller,)


def _all(demand: Demand) -> list[Fact]:
    told = [*demand.received, *demand.notified, *demand.contested]
    return [*told, *demand.disclosed, *demand.closed]


def _demanded(fact: Fact) -> dict[str, Any]:
    lapse = lapses_at(fact)
    return {
        "authority": text(fact.data, "authority"),
        **_where(fact, moment(fact, "received_at")),
        "legal_basis": text(fact.data, "legal_basis"),
        "data_categories": texts(fact.data, "categories"),
        "received_at": when(fact, "received_at"),
        "notification_prohibited": truth(fact.data, "notification_prohibited"),
        "prohibition_basis": text(fact.data, "prohibition_basis"),
        "prohibition_until": given(fact.data, "prohibition_until") if lapse else None,
    }


def _where(fact: Fact, at: datetime) -> dict[str, Any]:
    country = text(fact.data, "country")
    return {"country": country, "area": area(country, at) if country else None}


def _contested(demand: Demand) -> dict[str, Any]:
    if not demand.contested:
        return {}
    first = demand.contested[0]
    return {
        "contested_at": when(first, "at"),
        "contested_by": text(first.data, "by"),
        "contest_grounds": text(first.data, "grounds"),
    }


def _disclosures(
    demand_id: str | None, controller: str, demand: Demand, joint: Container[int]
) -> Iterator[Row]:
    """Each disclosure for one controller; on instruction when there is no demand."""

    def shown(fact: Fact, field: str) -> bool:
        return field != "subject_count" or fact.position not in joint

    for disclosure, turns in by_id(demand.disclosed, "disclosure_id").items():
        fact = turns[-1]
        at = moment(fact, "disclosed_at")
        owner = _owner(controller, demand) if demand_id else (controller,)
        values = {
            "kind": "disclosure",
            "id": disclosure,
            "controller": controller,
            "demand": demand_id,
            "instruction": text(fact.data, "instruction_id"),
            "authority": text(demand.received[-1].data, "authority") if demand.received else None,
            "recipient": text(fact.data, "recipient"),
            "recipient_category": text(fact.data, "recipient_category"),
            **_where(fact, at),
            "legal_basis": text(fact.data, "legal_ground"),
            "data_categories": texts(fact.data, "categories"),
            "notified_at": stamp(demand.told_at),
            "notice": demand.notice(at) if demand_id else None,
            "disclosed_at": when(fact, "disclosed_at"),
            "subject_count": (
                None if fact.position in joint else whole(fact.data, "subject_count")
            ),
            "method": text(fact.data, "method"),
            "file_sha256": text(fact.data, "file_sha256"),
        }
        key = row_key("disclosure", demand_id or "", disclosure, controller)
        told = [*demand.received, *demand.notified]
        yield row(COLUMNS, key, owner, values, [*turns, *told], shown=shown)


def _joint_disclosures(case: str, facts: Sequence[Fact], joint: Container[int]) -> Iterator[Row]:
    for disclosure, turns in by_id(of_type(facts, DISCLOSED), "disclosure_id").items():
        fact = turns[-1]
        if fact.position in joint:
            values = {
                "kind": "joint_disclosure",
                "id": disclosure,
                "controller": ids(fact.data, "controller_ids"),
                "demand": text(fact.data, "demand_id"),
                "disclosed_at": when(fact, "disclosed_at"),
                "subject_count": whole(fact.data, "subject_count"),
            }
            key = row_key("joint_disclosure", case, disclosure)
            yield row(COLUMNS, key, PROCESSOR_ONLY, values, turns)


def _shares(share: str, facts: Sequence[Fact]) -> Iterator[Row]:
    for controller, turns in sorted(by_id(facts, "controller_id").items()):
        fact = turns[-1]
        values = {
            "kind": "share",
            "id": share,
            "controller": controller,
            "instruction": text(fact.data, "instruction_id"),
            "recipient": text(fact.data, "recipient"),
            **_where(fact, moment(fact, "shared_at")),
            "disclosed_at": when(fact, "shared_at"),
            "subject_count": subject_count(fact),
            "method": text(fact.data, "method"),
            "file_sha256": text(fact.data, "file_sha256"),
        }
        yield row(COLUMNS, row_key("share", share, controller), (controller,), values, turns)


REGISTER = Register(
    name="disclosures",
    title=Label("Register van verstrekkingen", "Register of disclosures"),
    source="4.5, 4.7; art. 28(3)(a), 30(1)(d), 48",
    columns=COLUMNS,
    types=frozenset(BY_TYPE),
    cases=cases,
    fold=fold,
    present=in_order("demand", "disclosure", "joint_disclosure", "share"),
)
