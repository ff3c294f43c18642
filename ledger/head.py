"""The head of the log: locked by every append, extended in the same transaction.

The lock makes the order of positions the order of commits, so a reader that has seen position n
never meets a smaller one later. Taking the lock and reading under it are separate statements: a
statement that waited for the lock would still see the snapshot from before it waited. Hashes are
those of RFC 6962, tiles those of C2SP tlog-tiles. `tests/test_append.py` interleaves writers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import psycopg

from ledger.checkpoint import Checkpoint
from ledger.errors import ConfigurationError, Unavailable
from ledger.merkle import Frontier, leaf_hash, perfect_root, prove_new_leaves
from ledger.numbers import State
from ledger.tiles import WIDTH

Sign = Callable[[psycopg.Connection, Checkpoint], str]
"""Signs a checkpoint, in the transaction that wrote its entries; gives a C2SP signed note."""


@dataclass(frozen=True, slots=True)
class Head:
    """The tree as it stands under the lock."""

    frontier: Frontier
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry about to be committed: its event type, its tags and the exact leaf bytes.

    `numbers` says how far the sequence of each controller that it concerns is with this entry.
    """

    type: str
    tags: tuple[str, ...]
    leaf: bytes
    numbers: Mapping[str, State] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Extension:
    """What an append added: the new checkpoint and, for each leaf, its inclusion proof."""

    first_index: int
    note: str
    proofs: Sequence[Sequence[bytes]]


def lock(conn: psycopg.Connection) -> Head:
    """Lock the head until the transaction ends, and read it."""
    conn.execute("SELECT FROM head FOR UPDATE")
    return read(conn)


def read(conn: psycopg.Connection) -> Head:
    """Read the head as it is now."""
    row = conn.execute("SELECT size, recorded_at, frontier FROM head").fetchone()
    if row is None:
        raise ConfigurationError("this schema holds no log; run `verantwoord init`")
    size, recorded_at, hashes = row
    return Head(Frontier(size, tuple(hashes)), recorded_at)


def extend(
    conn: psycopg.Connection,
    head: Head,
    recorded_at: datetime,
    entries: Sequence[NewEntry],
    *,
    origin: str,
    sign: Sign,
) -> Extension:
    """Write entries, tags, numbers, full tiles, the signed checkpoint and the new head."""
    first = head.frontier.size
    leaf_hashes = [leaf_hash(entry.leaf) for entry in entries]
    grown = head.frontier.append(leaf_hashes)
    _insert_entries(conn, first + 1, recorded_at, entries, leaf_hashes)
    _insert_numbers(conn, first + 1, entries)
    _insert_tiles(conn, first, leaf_hashes)
    note = sign(conn, Checkpoint(origin, grown.size, grown.root()))
    conn.execute(
        "INSERT INTO checkpoints (size, root, recorded_at, note) VALUES (%s, %s, %s, %s)",
        (grown.size, grown.root(), recorded_at, note),
    )
    moved = conn.execute(
        "UPDATE head SET size = %s, recorded_at = %s, frontier = %s WHERE size = %s",
        (grown.size, recorded_at, list(grown.hashes), first),
    )
    if moved.rowcount != 1:  # compare and swap: nobody may ever sign two trees
        raise Unavailable("the head of the log moved under its lock")
    conn.execute("SELECT pg_notify(current_schema() || '_head', %s)", (str(grown.size),))
    return Extension(first, note, prove_new_leaves(head.frontier, leaf_hashes))


def read_hashes(conn: psycopg.Connection, level: int, start: int, end: int) -> list[bytes]:
    """Hashes `start` up to `end` of one tile level: leaf hashes, or roots of the tiles below."""
    if level == 0:
        rows = conn.execute(
            "SELECT leaf_hash FROM entries WHERE position > %s AND position <= %s"
            " ORDER BY position",
            (start, end),
        )
    else:
        rows = conn.execute(
            "SELECT root FROM tiles WHERE level = %s AND index >= %s AND index < %s ORDER BY index",
            (level - 1, start, end),
        )
    return [row[0] for row in rows]


def _insert_entries(
    conn: psycopg.Connection,
    first_position: int,
    recorded_at: datetime,
    entries: Sequence[NewEntry],
    leaf_hashes: Sequence[bytes],
) -> None:
    with conn.cursor().copy(
        "COPY entries (position, type, recorded_at, tags, leaf, leaf_hash) FROM STDIN"
        " WITH (FORMAT binary)"
    ) as copy:
        copy.set_types(["int8", "text", "timestamptz", "text[]", "bytea", "bytea"])
        for position, (entry, hashed) in enumerate(
            zip(entries, leaf_hashes, strict=True), start=first_position
        ):
            copy.write_row(
                (position, entry.type, recorded_at, list(entry.tags), entry.leaf, hashed)
            )
    rows = [
        (tag, position, entry.type)
        for position, entry in enumerate(entries, start=first_position)
        for tag in entry.tags
    ]
    conn.execute(
        "INSERT INTO tags (tag, position, type)"
        " SELECT * FROM unnest(%s::text[], %s::bigint[], %s::text[])",
        [list(column) for column in zip(*rows, strict=True)] if rows else ([], [], []),
    )


def _insert_numbers(
    conn: psycopg.Connection, first_position: int, entries: Sequence[NewEntry]
) -> None:
    rows = [
        (controller, state.number, position, state.chain)
        for position, entry in enumerate(entries, start=first_position)
        for controller, state in entry.numbers.items()
    ]
    if rows:
        conn.execute(
            "INSERT INTO numbers (controller, number, position, chain)"
            " SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bytea[])",
            [list(column) for column in zip(*rows, strict=True)],
        )


def _insert_tiles(conn: psycopg.Connection, old_size: int, leaf_hashes: Sequence[bytes]) -> None:
    """Store the tiles that became full, and the tiles above that became full by them."""
    level, first, new = 0, old_size, list(leaf_hashes)
    # `new` are hashes number `first` and on of this level; those before them are in the tables.
    while first % WIDTH + len(new) >= WIDTH:
        start = first - first % WIDTH
        hashes = [*read_hashes(conn, level, start, first), *new]
        full = [hashes[i : i + WIDTH] for i in range(0, len(hashes) - WIDTH + 1, WIDTH)]
        first, new = start // WIDTH, [perfect_root(tile) for tile in full]
        with conn.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO tiles (level, index, hashes, root) VALUES (%s, %s, %s, %s)",
                [
                    (level, index, b"".join(tile), root)
                    for index, (tile, root) in enumerate(zip(full, new, strict=True), start=first)
                ],
            )
        level += 1
