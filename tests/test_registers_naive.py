"""The registers agree with a second evaluation of them, over feeds that neither has seen.

Compared is what `expected_registers.json` of the acceptance scenario compares: who has a licence
and an agreement, for whom subprocessors, transfers and activities are, how instructions ended, and
how many data subjects a breach concerns. The second evaluation is `tests/naive`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime
from random import Random
from typing import Any

from projections.registers import REGISTERS
from tests.feeds import Feed, moment_of, seeded_feed
from tests.naive import registers
from tests.recording import of_feed, rows_of

ENDED = ("executed", "rejected", "withdrawn", "refused")


def shown(feed: Feed, as_of: datetime | None, known_at: datetime | None) -> dict[str, Any]:
    """What the registers say, in the form of the naive evaluation."""
    recorded = of_feed(feed)
    moments = [moment.isoformat() if moment else None for moment in (as_of, known_at)]

    def values(register: str, kind: str | None = None, state: str | None = None) -> list[Any]:
        rows = rows_of(REGISTERS[register], recorded, *moments).values()
        return [
            row.values
            for row in rows
            if kind in (None, row.values["kind"]) and state in (None, row.values["state"])
        ]

    def for_whom(found: list[Any], *by: str) -> dict[str, list[str]]:
        whom = defaultdict(set)
        for row in found:
            whom[" ".join(row[key] for key in by)].add(row["controller"])
        return {name: sorted(controllers) for name, controllers in whom.items()}

    states = Counter(row["state"] for row in values("instructions"))
    licences = {row["controller"] for row in values("agreements", "licence", "granted")}
    agreements = {row["controller"] for row in values("agreements", "agreement", "in_force")}
    return {
        "licences": sorted(licences),
        "agreements": sorted(agreements),
        "subprocessors": for_whom(values("subprocessors", "engagement", "engaged"), "subprocessor"),
        "transfers": for_whom(
            values("transfers", "transfer", "running"), "country", "subprocessor"
        ),
        "activities": for_whom(values("processing", "activity", "in_force"), "id"),
        "instructions": {state: states[state] for state in ENDED if states[state]},
        "breach_subject_count": {
            row["breach_id"]: row["subject_count"] for row in values("breaches", "breach")
        },
    }


def test_the_registers_agree() -> None:
    """At the end, and as of and as known at moments near those at which they turn."""
    for seed in range(40):
        feed = seeded_feed(seed, foretells=False)
        choose = Random(seed).randrange  # noqa: S311 - not for secrets
        one, other = moment_of(choose, feed), moment_of(choose, feed)
        for as_of, known_at in ((None, None), (one, None), (None, other), (one, other)):
            assert shown(feed, as_of, known_at) == registers(feed, as_of, known_at), (
                seed,
                as_of,
                known_at,
            )
