"""Evidence packs that somebody asked for: waiting, being made, ready for a while, and gone.

    waiting ── running ── ready ── (removed after a week)
                  │  └─── failed
                  └────── cancelled

Whoever makes one claims it, and says every second that it goes on; when it stops saying so, for
`SILENT`, another begins anew. So a pack outlives the process that was making it. It is kept in the
database, in pieces, where every process that serves can send it. `tests/test_asked_packs.py`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, BinaryIO

import psycopg
from psycopg.types.json import Jsonb

from ledger import head
from ledger.database import Connections
from ledger.roles import Holder

KEPT = timedelta(days=7)
"""How long a pack can be had once it is finished."""

SILENT = timedelta(seconds=60)
"""After so long without a word, nobody is taken to be making it."""

AT_A_TIME = 3
"""Packs of one holder that wait or are being made."""

PIECE = 1024 * 1024
"""Bytes."""

OPEN = ("waiting", "running")


class TooManyPacks(Exception):
    """A holder has so many packs waiting that no further one is taken."""


class Cancelled(Exception):
    """A pack is not wanted any more, or another process makes it."""


@dataclass(frozen=True, slots=True)
class AskedPack:
    """A pack that was asked for. `asked` is the question, `scope` and what follows it are of a
    ready one."""

    id: str
    role: str
    holder: str
    asked: Mapping[str, Any]
    asked_at: datetime
    state: str
    done: int
    of_all: int
    reason: str | None
    scope: str | None
    size: int | None
    bytes: int | None
    sha256: str | None
    finished_at: datetime | None

    @property
    def controllers(self) -> tuple[str, ...] | None:
        """Those that it is about; None for the whole ledger."""
        named = self.asked["controllers"]
        return None if named is None else tuple(named)


_COLUMNS = (
    "id, role, holder, asked, asked_at, state, done, of_all, reason, scope, size, bytes, sha256,"
    " finished_at"
)


_ASK = f"""
    INSERT INTO packs (id, role, holder, asked, asked_at, state)
    VALUES (%s, %s, %s, %s, %s, 'waiting') RETURNING {_COLUMNS}
""".encode()  # noqa: S608

_CLAIM = f"""
    UPDATE packs SET state = 'running', claim = %(mine)s, alive_at = %(now)s, done = 0, of_all = 0
    WHERE id = (
        SELECT id FROM packs
        WHERE state = 'waiting' OR (state = 'running' AND alive_at < %(silent)s)
        ORDER BY asked_at LIMIT 1 FOR UPDATE SKIP LOCKED
    ) RETURNING {_COLUMNS}
""".encode()  # noqa: S608


def ask(
    conn: psycopg.Connection, holder: Holder, asked: Mapping[str, Any], now: datetime
) -> AskedPack:
    """Ask for a pack. Raises TooManyPacks."""
    with conn.transaction():
        # Two at once of one holder are counted one after the other.
        head.lock(conn)
        row = conn.execute(
            "SELECT count(*) FROM packs WHERE holder = %s AND role = %s AND state = ANY(%s)",
            (holder.name, holder.role, [*OPEN]),
        ).fetchone()
        if row is not None and row[0] >= AT_A_TIME:
            raise TooManyPacks(
                f"{AT_A_TIME} packs of yours are being made: wait for one, or cancel it"
            )
        found = conn.execute(
            _ASK,
            (f"pack-{secrets.token_hex(16)}", holder.role, holder.name, Jsonb(asked), now),
        ).fetchone()
    return AskedPack(*found) if found else _lost()


def find(conn: psycopg.Connection, id: str) -> AskedPack | None:
    """The pack of an id; None when there is none (any more)."""
    row = conn.execute(
        f"SELECT {_COLUMNS} FROM packs WHERE id = %s".encode(),  # noqa: S608
        (id,),
    ).fetchone()
    return None if row is None else AskedPack(*row)


def of(conn: psycopg.Connection, holder: Holder) -> list[AskedPack]:
    """The packs that a holder asked for, the newest first."""
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM packs WHERE holder = %s AND role = %s"  # noqa: S608
        " ORDER BY asked_at DESC, id LIMIT 100".encode(),
        (holder.name, holder.role),
    )
    return [AskedPack(*row) for row in rows]


def count(conn: psycopg.Connection) -> dict[str, int]:
    """How many packs there are in each state that one is in."""
    return dict(conn.execute("SELECT state, count(*) FROM packs GROUP BY state").fetchall())


def give_up(conn: psycopg.Connection, id: str, now: datetime) -> None:
    """Cancel a pack that is not finished, or remove one that is."""
    with conn.transaction():
        conn.execute("DELETE FROM packs WHERE id = %s AND state <> ALL(%s)", (id, [*OPEN]))
        conn.execute(
            "UPDATE packs SET state = 'cancelled', claim = NULL, finished_at = %s"
            " WHERE id = %s AND state = ANY(%s)",
            (now, id, [*OPEN]),
        )


def remove_old(conn: psycopg.Connection, now: datetime) -> None:
    """Remove what was finished long ago."""
    conn.execute("DELETE FROM packs WHERE finished_at < %s", (now - KEPT,))


def claim(conn: psycopg.Connection, now: datetime) -> tuple[AskedPack, str] | None:
    """Take the pack that waits longest, or that nobody is making any more, and say so with a
    claim; None when there is none."""
    mine = secrets.token_hex(16)
    row = conn.execute(
        _CLAIM,
        {"mine": mine, "now": now, "silent": now - SILENT},
    ).fetchone()
    return None if row is None else (AskedPack(*row), mine)


def report(
    conn: psycopg.Connection, id: str, claim: str, now: datetime, done: int, of_all: int
) -> None:
    """Say how far a pack is. Raises Cancelled when it is not to be made any more."""
    found = conn.execute(
        "UPDATE packs SET alive_at = %s, done = %s, of_all = %s"
        " WHERE id = %s AND claim = %s AND state = 'running'",
        (now, done, of_all, id, claim),
    )
    if found.rowcount != 1:
        raise Cancelled


def fail(conn: psycopg.Connection, id: str, claim: str, now: datetime, reason: str) -> None:
    """Say why a pack cannot be made."""
    conn.execute(
        "UPDATE packs SET state = 'failed', reason = %s, finished_at = %s, claim = NULL"
        " WHERE id = %s AND claim = %s AND state = 'running'",
        (reason, now, id, claim),
    )


def store(
    conn: psycopg.Connection,
    id: str,
    claim: str,
    now: datetime,
    file: BinaryIO,
    *,
    scope: str,
    size: int,
    sha256: str,
) -> None:
    """Keep a pack that was made, whole or not at all. Raises Cancelled."""
    length = number = 0
    with conn.transaction():
        while piece := file.read(PIECE):
            conn.execute(
                "INSERT INTO pack_pieces (pack_id, number, content) VALUES (%s, %s, %s)",
                (id, number, piece),
            )
            number += 1
            length += len(piece)
        found = conn.execute(
            "UPDATE packs SET state = 'ready', done = of_all, scope = %s, size = %s, bytes = %s,"
            " sha256 = %s, finished_at = %s, claim = NULL"
            " WHERE id = %s AND claim = %s AND state = 'running'",
            (scope, size, length, sha256, now, id, claim),
        )
        if found.rowcount != 1:
            raise Cancelled


def pieces(connections: Connections, id: str) -> Iterator[bytes]:
    """A ready pack, piece by piece."""
    number = 0
    while True:
        with connections.connection() as conn:
            row = conn.execute(
                "SELECT content FROM pack_pieces WHERE pack_id = %s AND number = %s", (id, number)
            ).fetchone()
        if row is None:
            return
        yield bytes(row[0])
        number += 1


def _lost() -> AskedPack:
    raise AssertionError("an INSERT that returns gives a row")
