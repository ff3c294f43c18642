"""From licence to erasure, one row a controller (3.1, 3.2, 4.3, 10; GDPR 28(3)(g)).

Retention begins when the last running licence has ended and lasts the term of the agreement
version in force then; a statutory duty to keep data longer goes before it (4.3). What is still held
is told as data, never judged. `tests/registers/test_lifecycle.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from projections.agreement import AMENDED, CONCLUDED, ENDED, ends
from projections.civil import end_of
from projections.facts import Fact
from projections.reading import (
    after,
    day_of,
    first_when,
    given,
    moment,
    stamp,
    text,
    texts,
    truth,
    when,
)
from projections.register import Column, Label, Register, Row
from projections.rows import by_id, cases_by, of_type, row, row_key
from projections.terms import terms_at

BY_TYPE = dict.fromkeys(
    (
        CONCLUDED,
        AMENDED,
        ENDED,
        "LicenceGranted",
        "LicenceEnded",
        "ReturnOrErasureChosen",
        "DataReturned",
        "DataReturnAcknowledged",
        "StatutoryRetentionImposed",
        "StatutoryRetentionLapsed",
        "PersonalDataErased",
        "CopiesErased",
        "ErasureCertified",
    ),
    ("controller:controller_id",),
)

COLUMNS = (
    Column("controller", Label("Klant", "Controller"), "2.1"),
    Column("state", Label("Toestand", "State"), "3.1, 3.2"),
    Column("data_held", Label("Nog gehouden gegevens", "Data still held"), "3.2"),
    Column("licences", Label("Licenties", "Licences"), "3.1, 4.3"),
    Column("licence_ended_at", Label("Laatste Licentie geëindigd", "Last licence ended"), "4.3"),
    Column("retention_term", Label("Bewaartermijn", "Retention term"), "4.3"),
    Column("retention_until", Label("Bewaren tot en met", "Retained until"), "4.3"),
    Column(
        "retention_ends_at", Label("Gewist voor (tijdstip)", "To be erased by (instant)"), "4.3"
    ),
    Column("holds", Label("Wettelijke bewaarplichten", "Statutory retention"), "4.3, 10.1"),
    Column("held_until", Label("Bewaarplicht tot", "Statutory retention until"), "4.3"),
    Column("choice", Label("Keuze van Klant", "Choice of the controller"), "10.1; art. 28(3)(g)"),
    Column("chosen_at", Label("Gekozen op", "Chosen at"), "10.1"),
    Column("returns", Label("Teruggaven", "Returns of data"), "10.1, 10.2"),
    Column("return_acknowledged_at", Label("Ontvangst bevestigd", "Return acknowledged"), "10.2"),
    Column("erasures", Label("Wissingen", "Erasures"), "4.3, 10.1; art. 28(3)(g)"),
    Column("partly_erased_at", Label("Deels gewist op", "Partly erased at"), "4.3, 10.1"),
    Column("erased_at", Label("Geheel gewist op", "Wholly erased at"), "4.3, 10.1"),
    Column("copies_due_on", Label("Kopieën te wissen voor", "Copies to be erased by"), "10.1"),
    Column("copies_erased_at", Label("Kopieën gewist op", "Copies erased at"), "10.1"),
    Column(
        "subprocessors_confirmed",
        Label("Bevestigd door Subverwerkers", "Confirmed by subprocessors"),
        "7.1, 10.1",
    ),
    Column("certified_at", Label("Wissing verklaard op", "Erasure certified at"), "10.1, 11.1"),
    Column(
        "certificate_sha256", Label("Hash van de verklaring", "Hash of the certificate"), "11.1"
    ),
    Column("agreement_ended_at", Label("Overeenkomst geëindigd", "Agreement ended"), "3.2, 10.1"),
)


def fold(case: str, facts: Sequence[Fact]) -> Sequence[Row]:
    """The row of one controller."""
    controller = case.partition(":")[2]
    values = {
        "controller": controller,
        "state": _state(facts),
        "data_held": data_held(facts),
        "licences": _licences(facts),
        **_retention(facts),
        **_holds(facts),
        **_choice(facts),
        **_returns(facts),
        **_erasures(facts),
        "agreement_ended_at": first_when(_agreement_end(facts), "ended_at"),
    }
    return [row(COLUMNS, row_key("controller", controller), (controller,), values, facts)]


def data_held(facts: Sequence[Fact]) -> str:
    """What the processor still holds of a controller: `all`, `part`, `copies` or `none`."""
    held, copies_erased = "", False
    for fact in facts:
        if fact.type == "LicenceGranted" or (fact.type == "LicenceEnded" and not held):
            held, copies_erased = "all", False
        elif fact.type == "PersonalDataErased":
            held = "copies" if truth(fact.data, "partial") is False else "part"
        elif fact.type == "CopiesErased":
            copies_erased = True
    # Copies erased once stay erased: what is kept under a statutory duty is not copied again.
    return "none" if not held or (held == "copies" and copies_erased) else held


def _state(facts: Sequence[Fact]) -> str:
    if _agreement_end(facts):
        return "agreement_ended"
    licences = _by_licence(facts)
    ended = licences and all(f[-1].type == "LicenceEnded" for f in licences.values())
    return "licence_ended" if ended else "in_use" if licences else "agreed"


def _agreement_end(facts: Sequence[Fact]) -> list[Fact]:
    """The end of the last agreement, unless another was concluded or a licence granted since."""
    closing = {fact.position for fact in ends(facts)}
    turns = [f for f in facts if f.position in closing or f.type in (CONCLUDED, "LicenceGranted")]
    return [fact for fact in turns[-1:] if fact.position in closing]


def _by_licence(facts: Sequence[Fact]) -> dict[str, list[Fact]]:
    return by_id(of_type(facts, "LicenceGranted", "LicenceEnded"), "licence_id")


def _licences(facts: Sequence[Fact]) -> list[dict[str, Any]]:
    """Each licence: granted when, and ended when unless it was granted again since."""
    return [
        {
            "licence_id": licence,
            "product": text(turns[0].data, "product"),
            "granted_at": first_when(of_type(turns, "LicenceGranted"), "starts_at"),
            "ended_at": when(turns[-1], "ended_at") if turns[-1].type == "LicenceEnded" else None,
        }
        for licence, turns in sorted(_by_licence(facts).items())
    ]


def last_licence_end(facts: Sequence[Fact]) -> Fact | None:
    """The end of the licence that ended last; None while any licence runs, or there was none."""
    turns = [licence[-1] for licence in _by_licence(facts).values()]
    if any(turn.type == "LicenceGranted" for turn in turns):
        return None
    return max(turns, key=lambda turn: day_of(turn, "ended_at"), default=None)


def _retention(facts: Sequence[Fact]) -> dict[str, Any]:
    """The month after the last licence: until the end of that day, in Dutch civil time (4.3)."""
    end = last_licence_end(facts)
    if end is None:
        return {}
    terms = terms_at(facts, moment(end, "ended_at"))
    until = after(day_of(end, "ended_at"), terms.retention_after_licence)
    return {
        "licence_ended_at": when(end, "ended_at"),
        "retention_term": terms.retention_after_licence,
        "retention_until": stamp(until),
        "retention_ends_at": stamp(end_of(until)) if until else None,
    }


def _holds(facts: Sequence[Fact]) -> dict[str, Any]:
    """Every statutory duty to keep data longer; `held_until` is the last day of those that run."""
    turns = of_type(facts, "StatutoryRetentionImposed", "StatutoryRetentionLapsed")
    holds = by_id(turns, "hold_id")
    found = [_hold(hold, own) for hold, own in sorted(holds.items())]
    running = [h["until"] for h in found if h["lapsed_at"] is None and h["until"]]
    return {"holds": found, "held_until": max(running, default=None)}


def _hold(hold_id: str, turns: Sequence[Fact]) -> dict[str, Any]:
    imposed = of_type(turns, "StatutoryRetentionImposed")
    content = imposed[-1].data if imposed else {}
    return {
        "hold_id": hold_id,
        "legal_basis": text(content, "legal_basis"),
        "imposed_at": first_when(imposed),
        "until": given(content, "until"),
        "lapsed_at": first_when(of_type(turns, "StatutoryRetentionLapsed")[-1:], "at"),
    }


def _choice(facts: Sequence[Fact]) -> dict[str, Any]:
    chosen = of_type(facts, "ReturnOrErasureChosen")[-1:]
    return {
        "choice": text(chosen[0].data, "choice") if chosen else None,
        "chosen_at": first_when(chosen, "chosen_at"),
    }


def _returns(facts: Sequence[Fact]) -> dict[str, Any]:
    """Every return of data, how it was secured (10.2), and whether it was received."""
    returns = by_id(of_type(facts, "DataReturned", "DataReturnAcknowledged"), "return_id")
    found = [_return(return_id, turns) for return_id, turns in sorted(returns.items())]
    acknowledged = [r["acknowledged_at"] for r in found if r["acknowledged_at"]]
    return {"returns": found, "return_acknowledged_at": max(acknowledged, default=None)}


def _return(return_id: str, turns: Sequence[Fact]) -> dict[str, Any]:
    sent = of_type(turns, "DataReturned")
    received = of_type(turns, "DataReturnAcknowledged")
    content = sent[-1].data if sent else {}
    return {
        "return_id": return_id,
        "method": text(content, "method"),
        "format": text(content, "format"),
        "encrypted": truth(content, "encrypted"),
        "encryption": text(content, "encryption"),
        "file_sha256": text(content, "file_sha256"),
        "sent_at": first_when(sent[-1:], "sent_at"),
        "link_expires_at": given(content, "link_expires_at"),
        "acknowledged_at": first_when(received, "at"),
        "checksum_verified": truth(received[-1].data, "checksum_verified") if received else None,
    }


def _erasures(facts: Sequence[Fact]) -> dict[str, Any]:
    erased = of_type(facts, "PersonalDataErased")
    whole = [f for f in erased if truth(f.data, "partial") is False]
    copies = of_type(facts, "CopiesErased")
    certified = of_type(facts, "ErasureCertified")[-1:]
    return {
        "erasures": [_erasure(fact) for fact in erased],
        "partly_erased_at": first_when([f for f in erased if f not in whole], "erased_at"),
        "erased_at": first_when(whole[-1:], "erased_at"),
        "copies_due_on": _copies_due(facts, erased),
        "copies_erased_at": first_when(copies[-1:], "erased_at"),
        "subprocessors_confirmed": sorted(
            {s for f in copies for s in texts(f.data, "subprocessors_confirmed")}
        ),
        "certified_at": first_when(certified, "at"),
        "certificate_sha256": text(certified[0].data, "certificate_sha256") if certified else None,
    }


def _erasure(fact: Fact) -> dict[str, Any]:
    return {
        "erased_at": when(fact, "erased_at"),
        "scope": text(fact.data, "scope"),
        "partial": truth(fact.data, "partial"),
        "method": text(fact.data, "method"),
        "systems": texts(fact.data, "systems"),
        "exceptions": texts(fact.data, "exceptions"),
    }


def _copies_due(facts: Sequence[Fact], erased: Sequence[Fact]) -> str | None:
    """The last day on which copies may remain: so many days after the first erasure (policy)."""
    if not erased:
        return None
    terms = terms_at(facts, moment(erased[0], "erased_at"))
    return stamp(after(day_of(erased[0], "erased_at"), f"P{terms.copies_days}D"))


REGISTER = Register(
    name="lifecycle",
    title=Label("Register van bewaren, teruggeven en wissen", "Register of retention and erasure"),
    source="3.1, 3.2, 4.3, 10; art. 28(3)(g)",
    columns=COLUMNS,
    types=frozenset(BY_TYPE),
    cases=cases_by(BY_TYPE),
    fold=fold,
)
