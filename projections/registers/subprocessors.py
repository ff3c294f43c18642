"""The subprocessor register: clause 7, GDPR art. 28(2) and (4).

Rows by kind: `subprocessor` for all; `engagement`, `announcement` and `objection` for each
controller. Whether an objection is in time depends on the terms of that controller's agreement at
the announcement, which are facts of another case: the two are joined when the register is read, and
so is the end of the agreement, with which every engagement ends (3.2).
`tests/registers/test_subprocessors.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from projections.civil import days_after
from projections.facts import Fact
from projections.reading import moment, stamp, text, texts, truth, when
from projections.register import Column, Label, Register, Row
from projections.rows import PROCESSOR_WIDE, by_id, cases_by, of_type, row, row_key
from projections.terms import POLICY, TERMS_EVENTS, effective_from, terms_at

BY_TYPE = {
    "ProcessingAgreementConcluded": ("controller:controller_id",),
    "ProcessingAgreementAmended": ("controller:controller_id",),
    "ProcessingAgreementEnded": ("controller:controller_id",),
    "SubprocessingContractConcluded": ("subprocessor:subprocessor_id",),
    "SubprocessorChangeAnnounced": ("subprocessor:subprocessor_id", "change:change_id"),
    "SubprocessorEngaged": ("subprocessor:subprocessor_id",),
    "SubprocessorDisengaged": ("subprocessor:subprocessor_id",),
    "SubprocessorObjectionRaised": ("change:change_id",),
    "SubprocessorObjectionResolved": ("change:change_id",),
}

COLUMNS = (
    Column("kind", Label("Soort regel", "Kind of row"), "7"),
    Column("subprocessor", Label("Subverwerker", "Subprocessor"), "7.1; art. 28(4)"),
    Column("name", Label("Naam", "Name"), "7.2; art. 28(2)"),
    Column("controller", Label("Klant", "Controller"), "7.2; art. 28(2)"),
    Column("state", Label("Toestand", "State"), "7.1, 7.2"),
    Column("since", Label("Sinds", "Since"), "7.1"),
    Column("until", Label("Tot", "Until"), "7.1; art. 28(3)(g)"),
    Column("countries", Label("Landen", "Countries"), "5.3; art. 28(3)(a)"),
    Column("services", Label("Diensten", "Services"), "7.1"),
    Column("contract_signed_at", Label("Subcontract gesloten op", "Contract signed at"), "7.1"),
    Column("contract_sha256", Label("Hash van het subcontract", "Hash of the contract"), "7.1"),
    Column("gaps", Label("Niet doorgelegde bepalingen", "Clauses not passed on"), "7.1; 28(4)"),
    Column("change", Label("Aangekondigde wijziging", "Announced change"), "7.2; art. 28(2)"),
    Column("change_kind", Label("Soort wijziging", "Kind of change"), "7.2; art. 28(2)"),
    Column("announced_at", Label("Bekendgemaakt op", "Announced at"), "7.2"),
    Column("announced_via", Label("Bekendgemaakt via", "Announced through"), "7.2"),
    Column("intended_start", Label("Beoogde ingangsdatum", "Intended start"), "7.2"),
    Column("window_closes", Label("Bezwaar mogelijk tot", "Objection window closes"), "7.2"),
    Column("objection", Label("Bezwaar", "Objection"), "7.2"),
    Column("received_at", Label("Bezwaar ontvangen op", "Objection received at"), "7.2"),
    Column("outcome", Label("Uitkomst", "Outcome"), "7.2"),
)

TERMS = "terms"
"""A row with the versions of a controller's terms; joined, never shown."""


def fold(case: str, facts: Sequence[Fact]) -> Sequence[Row]:
    """The rows of one subprocessor, of one announced change, or the terms of one controller."""
    tag, _, id_ = case.partition(":")
    if tag == "controller":
        return [_terms(id_, facts)]
    if tag == "change":
        return [*_announcements(id_, facts), *_objections(id_, facts)]
    return [_subprocessor(id_, facts), *_engagements(id_, facts)]


def present(rows: Sequence[Row]) -> Sequence[Row]:
    """Join the terms of each controller to the announcements, objections and engagements."""
    terms = {r.controllers[0]: r.values for r in rows if r.values["kind"] == TERMS}
    announced = {
        (r.values["change"], r.values["controller"]): r
        for r in rows
        if r.values["kind"] == "announcement"
    }
    return [
        _joined(r, terms, announced.get((r.values["change"], r.values["controller"])))
        for r in rows
        if r.values["kind"] != TERMS
    ]


def _joined(r: Row, terms: Mapping[str, Mapping[str, Any]], announcement: Row | None) -> Row:
    if not r.controllers:
        return r
    mine = terms.get(r.controllers[0], {})
    values = dict(r.values)
    if values["kind"] == "engagement" and mine.get("until") and values["state"] == "engaged":
        values |= {"state": "agreement_ended", "until": mine["until"]}
    if values["kind"] in ("announcement", "objection"):
        at = values["announced_at"] or (announcement and announcement.values["announced_at"])
        if at:
            closes = days_after(datetime.fromisoformat(at), _days(mine.get("versions"), at))
            values["window_closes"] = stamp(closes)
    if values["kind"] == "objection" and values["state"] == "raised" and values["window_closes"]:
        in_time = str(values["received_at"]) < str(values["window_closes"])
        values["state"] = "valid" if in_time else "out_of_time"
    return replace(r, values=values)


def _days(versions: Any, at: str) -> int:
    """The days to object by the version of the terms in force at a moment."""
    days = POLICY.objection_days
    for since, found in versions or ():
        if since <= at:
            days = found
    return days


def _terms(controller: str, facts: Sequence[Fact]) -> Row:
    starts = sorted({effective_from(f) for f in of_type(facts, *TERMS_EVENTS)})
    turns = of_type(facts, "ProcessingAgreementConcluded", "ProcessingAgreementEnded")
    ended = turns and turns[-1].type == "ProcessingAgreementEnded"
    values = {
        "kind": TERMS,
        "controller": controller,
        "until": when(turns[-1], "ended_at") if ended else None,
        "versions": [[stamp(s), terms_at(facts, s).objection_days] for s in starts],
    }
    return row(COLUMNS, row_key(TERMS, controller), (controller,), values, facts)


def _subprocessor(subprocessor: str, facts: Sequence[Fact]) -> Row:
    contracts = of_type(facts, "SubprocessingContractConcluded")
    contract = contracts[-1] if contracts else None
    named = [f for f in facts if text(f.data, "subprocessor_name")]
    engaged = {c for c, theirs in _by_controller(facts) if _is_engaged(theirs)}
    values = {
        "kind": "subprocessor",
        "subprocessor": subprocessor,
        "name": text(named[-1].data, "subprocessor_name") if named else None,
        "state": "engaged" if engaged else ("contracted" if contract else "announced"),
        "countries": sorted({c for f in facts for c in texts(f.data, "countries")}),
        "contract_signed_at": when(contract, "signed_at") if contract else None,
        "contract_sha256": text(contract.data, "contract_sha256") if contract else None,
        "gaps": texts(contract.data, "gaps") if contract else [],
    }
    # A correction of an engagement would name other controllers than the reader's.
    return row(
        COLUMNS,
        row_key("subprocessor", subprocessor),
        PROCESSOR_WIDE,
        values,
        facts,
        shown=lambda fact, field: not field.startswith("controller"),
    )


def _engagements(subprocessor: str, facts: Sequence[Fact]) -> list[Row]:
    return [
        _engagement(subprocessor, controller, theirs)
        for controller, theirs in _by_controller(facts)
    ]


def _engagement(subprocessor: str, controller: str, theirs: Sequence[Fact]) -> Row:
    started = of_type(theirs, "SubprocessorEngaged")
    last = theirs[-1]
    engaged = _is_engaged(theirs)
    values = {
        "kind": "engagement",
        "subprocessor": subprocessor,
        "controller": controller,
        "state": "engaged" if engaged else "disengaged",
        "since": when(started[-1], "started_at") if started else None,
        "until": None if engaged else when(last, "at"),
        "countries": texts(started[-1].data, "countries") if started else [],
        "services": texts(started[-1].data, "services") if started else [],
        "change": text(started[-1].data, "change_id") if started else None,
    }
    key = row_key("engagement", subprocessor, controller)
    return row(COLUMNS, key, (controller,), values, theirs)


def _announcements(change: str, facts: Sequence[Fact]) -> list[Row]:
    """One row for each controller that was reached."""
    announced = of_type(facts, "SubprocessorChangeAnnounced")
    if not announced:
        return []
    fact = announced[-1]
    return [
        row(
            COLUMNS,
            row_key("announcement", change, controller),
            (controller,),
            {
                "kind": "announcement",
                "subprocessor": text(fact.data, "subprocessor_id"),
                "name": text(fact.data, "subprocessor_name"),
                "controller": controller,
                "state": "announced",
                "countries": texts(fact.data, "countries"),
                "services": texts(fact.data, "services"),
                "change": change,
                "change_kind": text(fact.data, "kind"),
                "announced_at": stamp(moment(fact, "announced_at")),
                "announced_via": text(fact.data, "announced_via"),
                "intended_start": text(fact.data, "intended_start"),
            },
            [fact],
        )
        for controller in _reached(fact)
    ]


def _reached(announced: Fact) -> list[str]:
    delivered = announced.data.get("delivered_to")
    items = delivered if isinstance(delivered, list) else []
    ids = [i.get("controller") if isinstance(i, Mapping) else i for i in items]
    return sorted({i for i in ids if isinstance(i, str)})


def _objections(change: str, facts: Sequence[Fact]) -> list[Row]:
    announced = of_type(facts, "SubprocessorChangeAnnounced")
    found = []
    for objection, theirs in by_id(facts, "objection_id").items():
        raised = of_type(theirs, "SubprocessorObjectionRaised")
        resolved = of_type(theirs, "SubprocessorObjectionResolved")
        if not raised or (controller := text(raised[0].data, "controller_id")) is None:
            continue
        proper = truth(raised[0].data, "written") and truth(raised[0].data, "reasoned")
        values = {
            "kind": "objection",
            "subprocessor": text(announced[-1].data, "subprocessor_id") if announced else None,
            "controller": controller,
            "state": "raised" if proper else "form_not_met",
            "change": change,
            "announced_at": stamp(moment(announced[-1], "announced_at")) if announced else None,
            "objection": objection,
            "received_at": stamp(moment(raised[0], "received_at")),
            "outcome": text(resolved[-1].data, "outcome") if resolved else None,
        }
        key = row_key("objection", objection)
        found.append(row(COLUMNS, key, (controller,), values, theirs))
    return found


def _by_controller(facts: Sequence[Fact]) -> list[tuple[str, list[Fact]]]:
    turns = of_type(facts, "SubprocessorEngaged", "SubprocessorDisengaged")
    return sorted(by_id(turns, "controller_ids").items())


def _is_engaged(theirs: Sequence[Fact]) -> bool:
    return theirs[-1].type == "SubprocessorEngaged"


REGISTER = Register(
    name="subprocessors",
    title=Label("Register van subverwerkers", "Subprocessor register"),
    source="7; art. 28(2), 28(4)",
    columns=COLUMNS,
    types=frozenset(BY_TYPE),
    cases=cases_by(BY_TYPE),
    fold=fold,
    present=present,
)
