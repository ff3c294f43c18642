"""What the acceptance scenario counts in the registers, from their rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from projections.register import Row

ENDED = ("executed", "rejected", "withdrawn", "refused")


def counts(rows: Callable[[str], Iterable[Row]]) -> dict[str, Any]:
    """The lists and counts of `expected_registers.json`; `rows` gives those of a register by its
    name."""

    def values(register: str, kind: str, state: str | None = None) -> list[Mapping[str, Any]]:
        found = [row.values for row in rows(register)]
        return [v for v in found if v["kind"] == kind and state in (None, v["state"])]

    def for_whom(found: list[Mapping[str, Any]], *by: str) -> dict[str, list[str]]:
        whom = defaultdict(set)
        for row in found:
            whom[" ".join(row[key] for key in by)].add(row["controller"])
        return {name: sorted(controllers) for name, controllers in whom.items()}

    states = Counter(row.values["state"] for row in rows("instructions"))
    engagements = values("subprocessors", "engagement", "engaged")
    transfers = values("transfers", "transfer", "running")
    return {
        "licences": sorted({v["controller"] for v in values("agreements", "licence", "granted")}),
        "agreements": sorted(
            {v["controller"] for v in values("agreements", "agreement", "in_force")}
        ),
        "subprocessors": for_whom(engagements, "subprocessor"),
        "transfers": for_whom(transfers, "country", "subprocessor"),
        "activities": for_whom(values("processing", "activity", "in_force"), "id"),
        "instructions": {state: states[state] for state in ENDED if states[state]},
        "breach_subject_count": {
            v["breach_id"]: v["subject_count"] for v in values("breaches", "breach")
        },
    }
