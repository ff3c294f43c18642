"""Asking a register: now from the stored rows, or as of any moment, as known at any moment.

`as_of` is about the world (`occurred_at`), `known_at` about the ledger (`recorded_at`); either may
be left out. `known_at` is an instant or a log size; both lead to one checkpoint, and the answer
rests on the entries under it and names it. `tests/test_follow.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import psycopg
from psycopg_pool import ConnectionPool

from projections.needed import facts_for
from projections.register import Register, Row


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


def ask(
    pool: ConnectionPool,
    register: Register,
    moment: Moment = Moment(),
    *,
    controller: str | None = None,
) -> Answer:
    """The rows of a register; with `controller` its own rows and the processor-wide ones.

    Raises LookupError when nothing had been recorded yet at `known_at`.
    """
    basis, rows = ask_all(pool, [register], moment, controller=controller)
    return Answer(register, moment, basis, register.present(rows))


def ask_all(
    pool: ConnectionPool,
    registers: Sequence[Register],
    moment: Moment = Moment(),
    *,
    controller: str | None = None,
) -> tuple[Basis, list[Row]]:
    """The rows of several registers by their keys, all resting on the same entries.

    Raises LookupError when nothing had been recorded yet at `known_at`.
    """
    with pool.connection() as conn, conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        if moment == Moment():
            basis, rows = _stored(conn, registers, controller)
        else:
            basis = basis_at(conn, moment.known_at)
            rows = [
                row
                for register in registers
                for row in _folded(conn, register, basis.size, moment.as_of, controller)
            ]
    return basis, sorted(rows, key=lambda row: row.key)


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
    conn: psycopg.Connection, registers: Sequence[Register], controller: str | None
) -> tuple[Basis, list[Row]]:
    rows = conn.execute(
        "SELECT key, controller, body FROM register_rows"
        " WHERE generation = (SELECT generation FROM followed) AND register = ANY(%(registers)s)"
        " AND (%(controller)s::text IS NULL OR controller IS NULL OR controller = %(controller)s)",
        {"registers": [register.name for register in registers], "controller": controller},
    )
    found = [_row(*row) for row in rows]
    followed = conn.execute("SELECT position FROM followed").fetchone()
    return basis_at(conn, followed[0] if followed else 0), found


def _row(key: str, controller: str | None, body: str) -> Row:
    content = orjson.loads(body)
    return Row(
        key,
        () if controller is None else (controller,),
        content["values"],
        tuple(content["positions"]),
        tuple(content["corrected"]),
    )


def _folded(
    conn: psycopg.Connection,
    register: Register,
    size: int,
    as_of: datetime | None,
    controller: str | None,
) -> list[Row]:
    facts = facts_for(conn, register, controller, upto=size, as_of=as_of)
    rows = [row for case in facts for row in register.fold(case, facts[case])]
    return [row for row in rows if controller is None or row.controllers in ((), (controller,))]
