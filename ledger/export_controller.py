"""Writing the export for one controller: its entries, and the proofs that none of them lacks.

The log is read up to a checkpoint, and completeness is shown up to the last entry in which
the ledger committed to the numbers (`ledger/noting.py`). Entries are read in batches, whatever
their number. `tests/test_export_controller.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import psycopg
from psycopg_pool import ConnectionPool

from ledger import controller_export as exports
from ledger import numbers
from ledger.controller_export import Head, Line
from ledger.database import Connections
from ledger.errors import ConfigurationError
from ledger.merkle import prove_inclusion
from ledger.noting import NOTES
from ledger.numbering import latest_of_all
from ledger.numbers import EMPTY, ControllerKeys, State
from ledger.reader import Reader, StoredCheckpoint
from ledger.tiles import hash_reader

BATCH = 100
"""Entries read at once."""

TILES = 64
"""Tiles kept while an export is written; proofs of entries that follow each other share most."""


@dataclass(frozen=True, slots=True)
class Export:
    """An export that can be written: `lines` are made as they are read.

    `latest` numbers of the controller are among the first `covered` entries of the log.
    """

    controller: str
    latest: int
    covered: int
    lines: Iterator[bytes]


def export_controller(
    reader: Reader,
    pool: ConnectionPool,
    shown: Connections,
    keys: ControllerKeys,
    vkey: str,
    checkpoint: StoredCheckpoint,
    controller: str,
    *,
    before: int | None = None,
) -> Export:
    """The export for a controller under a checkpoint of the log with this verifier key.

    What it shows is read through `shown`, which sees that controller alone; the proofs need the
    numbers of others as well.
    With `before` it ends with the last commitment among the first so many entries of the log, and
    has no later ones. Raises ConfigurationError when no commitment has a number of the controller.
    """
    with pool.connection() as conn:
        upto = checkpoint.size if before is None else min(before, checkpoint.size)
        noted = _last_noted(conn, upto)
        states = {} if noted is None else latest_of_all(conn, noted)
    if noted is None or controller not in states:
        raise ConfigurationError(
            f"the ledger has not committed to a number of {controller!r}: run"
            " `verantwoord note-checkpoint` once something that concerns it was recorded"
        )
    size = checkpoint.size if before is None else noted
    hashes = hash_reader(lru_cache(TILES)(reader.tile), checkpoint.size)
    opening = numbers.prove(keys, numbers.latest_at(noted), states, controller)

    def lines() -> Iterator[bytes]:
        yield exports.format(Head(controller, keys.of(controller), vkey, checkpoint.note))
        proof = prove_inclusion(noted, checkpoint.size, hashes)
        leaf = reader.entry(noted).leaf
        yield exports.format(
            Line(states[controller].number, noted, leaf, tuple(proof), tuple(opening), latest=True)
        )
        for number, index, leaf, entry_states in _entries(pool, shown, controller, size):
            path = numbers.prove(keys, numbers.at_entry(index), entry_states, controller)
            proof = prove_inclusion(index, checkpoint.size, hashes)
            yield exports.format(Line(number, index, leaf, tuple(proof), tuple(path)))

    return Export(controller, states[controller].number, noted, lines())


def _last_noted(conn: psycopg.Connection, size: int) -> int | None:
    """The index of the last entry among the first `size` in which the ledger commits."""
    row = conn.execute(
        "SELECT position FROM entries WHERE type = ANY(%s) AND position <= %s"
        " ORDER BY position DESC LIMIT 1",
        (NOTES, size),
    ).fetchone()
    return None if row is None else int(row[0]) - 1


def _entries(
    pool: ConnectionPool, shown: Connections, controller: str, size: int
) -> Iterator[tuple[int, int, bytes, dict[str, State]]]:
    """Number, index and leaf of each entry of a controller among the first `size` of the log, with
    what the entry commits to for everybody whom it concerns."""
    after = 0
    while rows := _batch(shown, controller, after, size):
        for number, position, leaf in rows:
            yield number, position - 1, leaf, _committed(pool, position)
        after = rows[-1][0]


def _batch(
    shown: Connections, controller: str, after: int, size: int
) -> list[tuple[int, int, bytes]]:
    with shown.connection() as conn:
        return conn.execute(
            "SELECT n.number, n.position, e.leaf FROM numbers n"
            " JOIN entries e ON e.position = n.position"
            " WHERE n.controller = %s AND n.number > %s AND n.position <= %s"
            " ORDER BY n.number LIMIT %s",
            (controller, after, size, BATCH),
        ).fetchall()


def _committed(pool: ConnectionPool, position: int) -> dict[str, State]:
    """What an entry commits to: each number, with the chain up to the entry before it there."""
    with pool.connection() as conn:
        rows = conn.execute(
            "SELECT n.controller, n.number, before.chain FROM numbers n"
            " LEFT JOIN numbers before"
            "  ON before.controller = n.controller AND before.number = n.number - 1"
            " WHERE n.position = %s",
            (position,),
        )
        return {c: State(number, chain if number > 1 else EMPTY) for c, number, chain in rows}
