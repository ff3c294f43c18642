"""Asking a register: now from the stored rows, or as of any moment, as known at any moment.

`as_of` is about the world (`occurred_at`), `known_at` about the ledger (`recorded_at`); either may
be left out. `known_at` is an instant or a log size; both lead to one checkpoint, and the answer
rests on the entries under it and names it. `tests/test_follow.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from ledger.database import Connections
from ledger.isolation import OneController
from projections import cases, history, spans
from projections.folds import FOLDS
from projections.needed import facts_for
from projections.register import Register, Row
from projections.rows import folded, of_body


@dataclass(frozen=True, slots=True)
class Moment:
    """When a question is about. `known_at` is an instant, or a log size; None is now."""

    as_of: datetime | None = None
    known_at: datetime | int | None = None


@dataclass(frozen=True, slots=True)
class Basis:
    """What an answer rests on: the first `size` entries, under the checkpoint that covers them.

    `recorded_at` is when the last of them was recorded; `checkpoint` is the signed note, None for
    an empty log.
    """

    size: int
    recorded_at: datetime | None
    checkpoint: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of a register for a question, and what they rest on."""

    register: Register
    moment: Moment
    basis: Basis
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Picked:
    """Rows of a kind, '' for any; clocks that may still be open at a moment; what is judged about a
    subject, or rests on an event at one of some positions. It saves reading rows that whoever asks
    would leave out."""

    kind: str = ""
    open_at: datetime | None = None
    subject: str | None = None
    positions: Collection[int] = ()


def ask(
    connections: Connections,
    register: Register,
    moment: Moment = Moment(),
    *,
    controller: str | None = None,
) -> Answer:
    """The rows of a register; with `controller` its own rows and the processor-wide ones.

    Connections that see one controller ask about that one. Raises LookupError when nothing had been
    recorded yet at `known_at`.
    """
    basis, rows = ask_all(connections, [register], moment, controller=controller)
    return Answer(register, moment, basis, register.present(rows))


def ask_all(
    connections: Connections,
    registers: Sequence[Register],
    moment: Moment = Moment(),
    *,
    controller: str | None = None,
    picked: Picked = Picked(),
) -> tuple[Basis, list[Row]]:
    """The rows of several registers by their keys, all resting on the same entries; of those that
    are `picked` at least, and maybe others.

    Connections that see one controller ask about that one. Raises LookupError when nothing had been
    recorded yet at `known_at`.
    """
    basis, by_register = ask_each(
        connections, registers, moment, controller=controller, picked=picked
    )
    return basis, _sorted(row for rows in by_register.values() for row in rows)


def ask_each(
    connections: Connections,
    registers: Sequence[Register],
    moment: Moment = Moment(),
    *,
    controller: str | None = None,
    picked: Picked = Picked(),
) -> tuple[Basis, dict[str, list[Row]]]:
    """As `ask_all`, with the rows of each register by its name."""
    everything = connections
    if isinstance(connections, OneController):
        # A row of one controller may rest on what others were told: it is folded from everything.
        controller, everything = connections.controller, connections.pool
    if moment == Moment():
        with reading(connections) as conn:
            upto = followed(conn)
            if upto is not None:
                rows = _stored(conn, registers, controller, picked)
                return basis_at(conn, upto), {n: _sorted(found) for n, found in rows.items()}
    with reading(everything) as conn:
        basis = basis_at(conn, moment.known_at)
        return basis, {
            register.name: _sorted(_past(conn, register, basis.size, moment.as_of, controller))
            for register in registers
        }


@contextmanager
def reading(connections: Connections) -> Iterator[psycopg.Connection]:
    """One view of the log and its registers, in which nothing can be written."""
    with connections.connection() as conn, conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield conn


def _sorted(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row.key)


def followed(conn: psycopg.Connection) -> int | None:
    """How many entries the stored rows have followed; None when other folds than ours made them."""
    row = conn.execute("SELECT position FROM followed WHERE folds = %s", (FOLDS,)).fetchone()
    return None if row is None else int(row[0])


def basis_at(conn: psycopg.Connection, known_at: datetime | int | None) -> Basis:
    """What was known at an instant, or in the first so many entries; None is everything.

    Raises LookupError when nothing was known, or the log is not that long.
    """
    if isinstance(known_at, datetime):
        condition, args = "recorded_at <= %s ORDER BY size DESC", (known_at,)
        row = _checkpoint(conn, condition, *args)
        return Basis(row[0], row[1], row[2])
    if known_at is None:
        return Basis(*_checkpoint(conn, "true ORDER BY size DESC"))
    _, recorded_at, note = _checkpoint(conn, "size >= %s ORDER BY size", known_at)
    return Basis(known_at, recorded_at, note)


def _checkpoint(conn: psycopg.Connection, condition: str, *args: object) -> tuple[Any, ...]:
    row = conn.execute(
        f"SELECT size, recorded_at, note FROM checkpoints WHERE {condition} LIMIT 1".encode(),  # noqa: S608
        args,
    ).fetchone()
    if row is None:
        raise LookupError("nothing was recorded then")
    return row


def _stored(
    conn: psycopg.Connection,
    registers: Sequence[Register],
    controller: str | None,
    picked: Picked,
) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {register.name: [] for register in registers}
    values = {
        "registers": [*found],
        "kind": picked.kind and f"{picked.kind}:",
        "open_at": picked.open_at,
        "subject": picked.subject,
        "positions": [*picked.positions],
    }
    condition = "register = ANY(%(registers)s) AND starts_with(key, %(kind)s)"
    if picked.open_at is not None:
        condition += " AND open_until >= %(open_at)s"
    if picked.subject is not None or picked.positions:
        condition += " AND (subject = %(subject)s OR rests_on && %(positions)s::bigint[])"
    for name, row in rows_where(conn, condition, controller, values):
        found[name].append(row)
    return found


SEEN = "(%(controller)s::text IS NULL OR controller IS NULL OR controller = %(controller)s)"
"""Of one controller its own rows and those of every reader; of None all."""


def rows_where(
    conn: psycopg.Connection, condition: str, controller: str | None, values: Mapping[str, object]
) -> list[tuple[str, Row]]:
    """The stored rows of a condition, each with its register; with `controller` its own and those
    of every reader."""
    rows = conn.execute(
        "SELECT register, key, controller, body FROM register_rows"  # noqa: S608
        f" WHERE generation = (SELECT generation FROM followed) AND {condition}"
        f" AND {SEEN}".encode(),
        {**values, "controller": controller},
    )
    return [(register, stored_row(*row)) for register, *row in rows]


def stored_row(key: str, controller: str | None, text: str) -> Row:
    """A row from its columns: its key, whose it is, and its body."""
    return of_body(key, () if controller is None else (controller,), text)


FAR_BEHIND = 5_000
"""Entries: when the stored rows follow at this distance, a question reads the log itself."""


def _past(
    conn: psycopg.Connection,
    register: Register,
    size: int,
    as_of: datetime | None,
    controller: str | None,
) -> list[Row]:
    """The rows at a moment: stored ones where the case had settled, the others folded anew."""
    upto = followed(conn)
    if upto is None or size - upto > FAR_BEHIND:
        return from_log(conn, register, size, as_of, controller)
    past = spans.past(conn, register, controller, upto=size, as_of=as_of)
    fresh = _fresh(conn, register, upto, size, controller, past)
    settled = [case for case in past.settled if case not in fresh]
    moving = past.moving | fresh
    facts = cases.facts_of(conn, register, moving, upto=size, as_of=as_of, controller=controller)
    stored = rows_where(
        conn,
        "register = %(register)s AND case_key = ANY(%(cases)s)",
        controller,
        {"register": register.name, "cases": settled},
    )
    return [*(row for _, row in stored), *folded(register, facts, controller)]


def from_log(
    conn: psycopg.Connection,
    register: Register,
    size: int,
    as_of: datetime | None = None,
    controller: str | None = None,
) -> list[Row]:
    """The rows at a moment, folded from the log alone: nothing that is stored is read."""
    facts = facts_for(conn, register, controller, upto=size, as_of=as_of)
    return folded(register, facts, controller)


def _fresh(
    conn: psycopg.Connection,
    register: Register,
    followed: int,
    size: int,
    controller: str | None,
    past: spans.Past,
) -> frozenset[str]:
    """The cases that events touch which the stored rows do not follow yet."""
    events = history.after(conn, followed, size - followed) if size > followed else []
    if not events:
        return frozenset()
    touched = cases.touched(conn, {register.name: register}, events, upto=size)
    known = {*past.settled, *past.moving}
    return frozenset(
        case
        for case, touch in touched.get(register.name, {}).items()
        if case in known
        or (touch.own and (controller is None or touch.controllers & {controller, cases.EVERYONE}))
    )
