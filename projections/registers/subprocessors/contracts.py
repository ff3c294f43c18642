"""The row of a subprocessor: who it is, and whether its contract passes the duties on (7.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from projections.facts import Fact
from projections.objections import ANNOUNCED
from projections.reading import first_when, members, text, texts, when
from projections.register import Row
from projections.registers.subprocessors.announcements import categories, last_text
from projections.registers.subprocessors.columns import COLUMNS
from projections.rows import PROCESSOR_WIDE, of_type, row, row_key

CONTRACTED = "SubprocessingContractConcluded"

PASSED_ON = ("2.4", "4.1", "5.3", "6.2", "7", "8", "9", "10", "11")
"""The clauses that bind a subprocessor as they bind the processor."""


def subprocessor_row(subprocessor: str, facts: Sequence[Fact]) -> Row:
    """The row of one subprocessor, for every reader."""
    contracts = of_type(facts, CONTRACTED)
    contract = contracts[-1] if contracts else None
    announced = of_type(facts, ANNOUNCED)
    values = {
        "kind": "subprocessor",
        "subprocessor": subprocessor,
        "name": last_text(facts, "subprocessor_name"),
        "state": "contracted" if contract else "announced",
        "since": first_when(contracts or announced, "signed_at", "announced_at"),
        "countries": texts(announced[-1].data, "countries") if announced else [],
        "services": texts(announced[-1].data, "services") if announced else [],
        "data_categories": categories(announced[-1]) if announced else [],
        **(_contract(contract) if contract else {}),
    }
    key = row_key("subprocessor", subprocessor)
    # Whom an announcement reached is no business of the others.
    return row(COLUMNS, key, PROCESSOR_WIDE, values, facts, shown=_names_nobody)


def _names_nobody(fact: Fact, field: str) -> bool:
    return not field.startswith("delivered_to")


def _contract(contract: Fact) -> dict[str, Any]:
    return {
        "contract_signed_at": when(contract, "signed_at"),
        "contract_sha256": text(contract.data, "contract_sha256"),
        "clause_map": dict(members(contract.data, "clause_map")),
        "gaps": gaps(contract),
    }


def gaps(contract: Fact) -> list[str]:
    """The clauses that a contract does not pass on: those it says itself, and those that its map,
    when it has one, leaves out."""
    mapped = contract.data.get("clause_map")
    unmapped: set[str] = set()
    if isinstance(mapped, Mapping):
        unmapped = {c for c in PASSED_ON if not any(_covers(m, c) for m in mapped)}
    return sorted({*texts(contract.data, "gaps"), *unmapped}, key=_numbers)


def _numbers(clause: str) -> tuple[bool, list[int], str]:
    """Clauses in the order of the agreement, other texts after them."""
    numbered = re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3})*", clause)
    return not numbered, [int(n) for n in clause.split(".")] if numbered else [], clause


def _covers(mapped: str, clause: str) -> bool:
    return mapped == clause or mapped.startswith(f"{clause}.")
