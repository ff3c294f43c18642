"""The row of a controller: who it is, whether its agreement is in force, who processes for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from projections.agreement import CONCLUDED, ends, last_spell
from projections.facts import Fact
from projections.reading import text, texts, when
from projections.register import Row
from projections.registers.processing.columns import COLUMNS
from projections.registers.processing.for_all import contact
from projections.rows import by_id, of_type, row, row_key

ENGAGED = "SubprocessorEngaged"
DISENGAGED = "SubprocessorDisengaged"
STARTED = "ThirdCountryTransferStarted"
STOPPED = "ThirdCountryTransferEnded"


def controller_row(controller: str, facts: Sequence[Fact]) -> Row:
    """The row of one controller, with the subprocessors and transfers that go on."""
    registered = of_type(facts, "ControllerRegistered")
    data = registered[-1].data if registered else {}
    closing = ends(facts)
    values = {
        "kind": "controller",
        "id": controller,
        "controller": controller,
        "name": text(data, "legal_name"),
        "number": text(data, "agb_code") or text(data, "kvk"),
        "contact": contact(data),
        "dpo": text(data, "dpo"),
        **_agreement(facts, closing, known=bool(registered)),
        "subprocessors": _subprocessors(facts, closing),
        "transfers": _transfers(facts, closing),
    }
    return row(COLUMNS, row_key("controller", controller), (controller,), values, facts)


def _agreement(facts: Sequence[Fact], closing: Sequence[Fact], *, known: bool) -> dict[str, Any]:
    spell = last_spell(of_type(facts, CONCLUDED), closing, starts=lambda fact: True)
    if spell.start is None:
        return {"state": "registered" if known else "not_registered"}
    return {
        "state": "ended" if spell.end else "in_force",
        "since": when(spell.start, "effective_from"),
        "until": when(spell.end, "ended_at") if spell.end else None,
    }


def _subprocessors(facts: Sequence[Fact], closing: Sequence[Fact]) -> list[dict[str, Any]]:
    turns = by_id(of_type(facts, ENGAGED, DISENGAGED), "subprocessor_id")
    return [
        {
            "id": subprocessor,
            "countries": texts(latest.data, "countries"),
            "since": when(start, "started_at"),
        }
        for subprocessor, start, latest in _running(turns, ENGAGED, closing)
    ]


def _transfers(facts: Sequence[Fact], closing: Sequence[Fact]) -> list[dict[str, Any]]:
    turns = by_id(of_type(facts, STARTED, STOPPED), "transfer_id")
    return [
        {
            "id": transfer,
            "country": text(latest.data, "country"),
            "subprocessor": text(latest.data, "subprocessor_id"),
            "mechanism": text(latest.data, "mechanism"),
            "since": when(start, "started_at"),
        }
        for transfer, start, latest in _running(turns, STARTED, closing)
    ]


def _running(
    turns: Mapping[str, Sequence[Fact]], started: str, closing: Sequence[Fact]
) -> Iterator[tuple[str, Fact, Fact]]:
    """What goes on for a controller: its id, the fact that started it, and the latest one."""
    for id_, own in sorted(turns.items()):
        spell = last_spell(own, closing, starts=lambda fact: fact.type == started)
        if spell.start and spell.latest and not spell.end:
            yield id_, spell.start, spell.latest
