"""The rows that every reader may see: the processor, its measures, the names of subprocessors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from projections.facts import Fact
from projections.reading import members, text, texts, when
from projections.register import Row
from projections.registers.processing.columns import COLUMNS
from projections.rows import PROCESSOR_WIDE, of_type, row, row_key

NAME = "subprocessor_name"
"""A kind of row that is joined to others and never shown."""


def processor_row(processor: str, facts: Sequence[Fact]) -> Row:
    """The row of one processor, as it was registered last."""
    data = facts[-1].data
    values = {
        "kind": "processor",
        "id": processor,
        "name": text(data, "legal_name"),
        "number": text(data, "kvk"),
        "contact": contact(data),
        "dpo": text(data, "dpo"),
        "representative": text(data, "eu_representative"),
        "products": texts(data, "product_scope"),
        "state": "registered",
        "since": when(facts[0]),
    }
    return row(COLUMNS, row_key("processor", processor), PROCESSOR_WIDE, values, facts)


def name_row(subprocessor: str, facts: Sequence[Fact]) -> Row:
    """How a subprocessor is called: by its contract or its announcement, whichever came last."""
    named = [name for fact in facts if (name := text(fact.data, "subprocessor_name"))]
    values = {"kind": NAME, "id": subprocessor, "name": named[-1] if named else None}
    return row(COLUMNS, row_key(NAME, subprocessor), PROCESSOR_WIDE, values, facts)


def measure_row(measure: str, facts: Sequence[Fact]) -> Row:
    """The general description of one security measure, as its last amendment left it."""
    content: dict[str, Any] = {}
    for fact in facts:
        content |= fact.data if fact.type == "SecurityMeasureAdopted" else {}
        content |= members(fact.data, "changes")
    turns = of_type(facts, "SecurityMeasureAdopted", "SecurityMeasureRetired")
    retired = turns[-1] if turns and turns[-1].type == "SecurityMeasureRetired" else None
    values = {
        "kind": "measure",
        "id": measure,
        "name": text(content, "title"),
        "description": text(content, "description"),
        "state": "retired" if retired else "in_force",
        "since": when(facts[0], "in_force_from"),
        "until": when(retired, "at") if retired else None,
    }
    return row(COLUMNS, row_key("measure", measure), PROCESSOR_WIDE, values, facts)


def contact(data: Mapping[str, Any]) -> str | None:
    """Address and contact of a party, as one text."""
    return ", ".join(filter(None, (text(data, "address"), text(data, "contact")))) or None
