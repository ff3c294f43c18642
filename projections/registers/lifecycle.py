"""From licence to erasure, one row a controller (3.1, 3.2, 4.3, 10; GDPR 28(3)(g)).

Retention begins when the last running licence has ended and lasts the term of the agreement
version in force then; a statutory duty to keep data longer goes before it (4.3). What is still held
is told as data, never judged. `tests/registers/test_lifecycle.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from projections.agreement import AMENDED, CONCLUDED, ENDED, ends
from projections.facts import Fact
from projections.reading import first_when, given, stamp, text, texts, truth, when
from projections.register import Column, Label, Register, Row
from projections.retention import (
    ACKNOWLEDGED,
    CHOSEN,
    COPIES_ERASED,
    ERASED,
    GRANTED,
    IMPOSED,
    LAPSED,
    LICENCE_ENDED,
    RETURNED,
    AfterLicence,
    after_licences,
    copies_due_on,
    data_held,
    is_whole,
    retention,
)
from projections.rows import by_id, cases_by, of_type, row, row_key
from projections.terms import terms_at

BY_TYPE = dict.fromkeys(
    (
        CONCLUDED,
        AMENDED,
        ENDED,
        GRANTED,
        LICENCE_ENDED,
        CHOSEN,
        RETURNED,
        ACKNOWLEDGED,
        IMPOSED,
        LAPSED,
        ERASED,
        COPIES_ERASED,
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


def _state(facts: Sequence[Fact]) -> str:
    if _agreement_end(facts):
        return "agreement_ended"
    if _after_licence(facts):
        return "licence_ended"
    return "in_use" if _by_licence(facts) else "agreed"


def _agreement_end(facts: Sequence[Fact]) -> list[Fact]:
    """The end of the last agreement, unless another was concluded or a licence granted since."""
    closing = {fact.position for fact in ends(facts)}
    turns = [f for f in facts if f.position in closing or f.type in (CONCLUDED, GRANTED)]
    return [fact for fact in turns[-1:] if fact.position in closing]


def _by_licence(facts: Sequence[Fact]) -> dict[str, list[Fact]]:
    return by_id(of_type(facts, GRANTED, LICENCE_ENDED), "licence_id")


def _licences(facts: Sequence[Fact]) -> list[dict[str, Any]]:
    """Each licence: granted when, and ended when unless it was granted again since."""
    return [
        {
            "licence_id": licence,
            "product": text(turns[0].data, "product"),
            "granted_at": first_when(of_type(turns, GRANTED), "starts_at"),
            "ended_at": when(turns[-1], "ended_at") if turns[-1].type == LICENCE_ENDED else None,
        }
        for licence, turns in sorted(_by_licence(facts).items())
    ]


def _after_licence(facts: Sequence[Fact]) -> AfterLicence | None:
    """The time since the last licence ended; None while any runs, or there was none."""
    return next((time for time in after_licences(facts)[-1:] if not time.resumed), None)


def _retention(facts: Sequence[Fact]) -> dict[str, Any]:
    """The month after the last licence: until the end of that day, in Dutch civil time (4.3)."""
    time = _after_licence(facts)
    if time is None:
        return {}
    kept = retention(time, facts)
    return {
        "licence_ended_at": when(time.ended, "ended_at"),
        "retention_term": terms_at(facts, time.begins_at).retention_after_licence,
        "retention_until": stamp(kept.until) if kept else None,
        "retention_ends_at": stamp(kept.due_at) if kept else None,
    }


def _holds(facts: Sequence[Fact]) -> dict[str, Any]:
    """Every statutory duty to keep data longer; `held_until` is the last day of those that run."""
    turns = of_type(facts, IMPOSED, LAPSED)
    holds = by_id(turns, "hold_id")
    found = [_hold(hold, own) for hold, own in sorted(holds.items())]
    running = [h["until"] for h in found if h["lapsed_at"] is None and h["until"]]
    return {"holds": found, "held_until": max(running, default=None)}


def _hold(hold_id: str, turns: Sequence[Fact]) -> dict[str, Any]:
    imposed = of_type(turns, IMPOSED)
    content = imposed[-1].data if imposed else {}
    return {
        "hold_id": hold_id,
        "legal_basis": text(content, "legal_basis"),
        "imposed_at": first_when(imposed),
        "until": given(content, "until"),
        "lapsed_at": first_when(of_type(turns, LAPSED)[-1:], "at"),
    }


def _choice(facts: Sequence[Fact]) -> dict[str, Any]:
    chosen = of_type(facts, CHOSEN)[-1:]
    return {
        "choice": text(chosen[0].data, "choice") if chosen else None,
        "chosen_at": first_when(chosen, "chosen_at"),
    }


def _returns(facts: Sequence[Fact]) -> dict[str, Any]:
    """Every return of data, how it was secured (10.2), and whether it was received."""
    returns = by_id(of_type(facts, RETURNED, ACKNOWLEDGED), "return_id")
    found = [_return(return_id, turns) for return_id, turns in sorted(returns.items())]
    acknowledged = [r["acknowledged_at"] for r in found if r["acknowledged_at"]]
    return {"returns": found, "return_acknowledged_at": max(acknowledged, default=None)}


def _return(return_id: str, turns: Sequence[Fact]) -> dict[str, Any]:
    sent = of_type(turns, RETURNED)
    received = of_type(turns, ACKNOWLEDGED)
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
    erased = of_type(facts, ERASED)
    whole = [f for f in erased if is_whole(f)]
    copies = of_type(facts, COPIES_ERASED)
    certified = of_type(facts, "ErasureCertified")[-1:]
    return {
        "erasures": [_erasure(fact) for fact in erased],
        "partly_erased_at": first_when([f for f in erased if f not in whole], "erased_at"),
        "erased_at": first_when(whole[-1:], "erased_at"),
        "copies_due_on": _copies_due(facts),
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


def _copies_due(facts: Sequence[Fact]) -> str | None:
    """The last day for copies: so many days after the first erasure since the licence ended."""
    time = _after_licence(facts)
    first = time.acts(facts, ERASED)[:1] if time else []
    return stamp(copies_due_on(first[0][0], facts)) if first else None


REGISTER = Register(
    name="lifecycle",
    title=Label("Register van bewaren, teruggeven en wissen", "Register of retention and erasure"),
    source="3.1, 3.2, 4.3, 10; art. 28(3)(g)",
    columns=COLUMNS,
    types=frozenset(BY_TYPE),
    cases=cases_by(BY_TYPE),
    fold=fold,
)
