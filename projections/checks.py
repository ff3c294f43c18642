"""May this act happen now? Which rules it would break, before it is done or signed.

The event is folded as if it were the next one of the log, in the cases it touches, beside the same
cases without it: what only the first gives is what it would bring. Nothing is written
(clauses.md 1.6, number 3). `tests/test_checks.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg_pool import ConnectionPool

from ledger import candidate
from ledger.cloudevent import CloudEvent
from ledger.errors import Refused
from projections import cases, history
from projections.clocks import SeenClock, clocks_at
from projections.facts import Recorded
from projections.findings import HeldFinding, held_at
from projections.question import Basis, basis_at
from projections.register import Register, Row
from projections.rules import JUDGED


@dataclass(frozen=True, slots=True)
class Check:
    """What an event would bring at `at`, and what that rests on.

    `refusal` is the form rule that would refuse it, None when it would be recorded; `findings` and
    `clocks` are those that are not there without it.
    """

    at: datetime
    basis: Basis
    refusal: Refused | None
    findings: Sequence[HeldFinding]
    clocks: Sequence[SeenClock]

    @property
    def allowed(self) -> bool:
        """Whether it would be recorded, and no rule would find anything but another reading."""
        return self.refusal is None and all(f.severity == "policy" for f in self.findings)


def check(pool: ConnectionPool, event: CloudEvent, now: datetime) -> Check:
    """What an event that is not signed yet would bring, if it were recorded now.

    An event of a moment to come is judged as of that moment.
    """
    at = max(now, event.occurred_at)
    with pool.connection() as conn, conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        basis = basis_at(conn, None)
        refused = candidate.refusal(conn, event, at)
        before, after = _rows(conn, _next(event, basis.size, at), basis.size, at)
    known = {row.key: row for row in before}
    new = [row for row in after if row.key not in known or _differs(row, known[row.key])]
    return Check(at, basis, refused, held_at(new, at), clocks_at(new, at))


def _next(event: CloudEvent, size: int, at: datetime) -> Recorded:
    return Recorded(
        size + 1,
        event.type.name,
        event.source,
        event.id,
        event.occurred_at,
        at,
        event.raw["data"],
    )


def _differs(row: Row, known: Row) -> bool:
    """Whether a row says another thing, and does not merely rest on one event more."""
    return row.values != known.values


def _rows(
    conn: psycopg.Connection, event: Recorded, size: int, at: datetime
) -> tuple[list[Row], list[Row]]:
    """The rows of the chapters that the event touches, without it and with it."""
    extra = history.with_amendments(conn, [event], upto=size)
    before: list[Row] = []
    after: list[Row] = []
    for name, touched in cases.touched(conn, JUDGED, [event], upto=size).items():
        before += _folded(conn, JUDGED[name], touched.keys(), size, at, [])
        after += _folded(conn, JUDGED[name], touched.keys(), size, at, extra)
    return before, after


def _folded(
    conn: psycopg.Connection,
    register: Register,
    touched: AbstractSet[str],
    size: int,
    at: datetime,
    extra: Sequence[Recorded],
) -> Iterator[Row]:
    facts = cases.facts_of(conn, register, touched, upto=size, extra=extra, as_of=at)
    for case in sorted(facts):
        yield from register.fold(case, facts[case])
