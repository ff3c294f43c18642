"""The head of the log: locked by every append, extended in the same transaction.

The lock makes the order of positions the order of commits, so a reader that has seen position n
never meets a smaller one later. Taking the lock and reading entries under it are separate
statements: a statement that waited for the lock would still see the entries from before it waited.
Each table is written with one statement, whatever the size of a batch (`ledger/citus.py` says why
it is not one for all of them). Hashes are those of RFC 6962, tiles those of C2SP tlog-tiles.
`tests/test_append.py` interleaves writers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import LiteralString

import orjson
import psycopg

from ledger.checkpoint import Checkpoint
from ledger.errors import ConfigurationError, Unavailable
from ledger.merkle import Frontier, leaf_hash, perfect_root, prove_new_leaves
from ledger.numbers import State
from ledger.tiles import WIDTH

ENTRIES = """
    INSERT INTO entries (position, type, recorded_at, tags, leaf, leaf_hash, controllers)
    SELECT %(size)s + number, type, coalesce(moment, %(recorded_at)s),
           ARRAY(SELECT json_array_elements_text(tags::json)), leaf, leaf_hash,
           ARRAY(SELECT json_array_elements_text(concerned::json))
    FROM unnest(%(types)b::text[], %(tags)b::text[], %(leaves)b::bytea[], %(hashes)b::bytea[],
                %(concerned)b::text[], %(moments)b::timestamptz[])
         WITH ORDINALITY AS new (type, tags, leaf, leaf_hash, concerned, moment, number)
    RETURNING position
"""
"""`moments` are those of entries that are put back; those of an append are recorded together."""

TAGS = """
    INSERT INTO tags (tag, position, type)
    SELECT tag, position, type FROM entries, unnest(entries.tags) AS tag WHERE position > %s
"""

NUMBERS = """
    INSERT INTO numbers (controller, number, position, chain)
    SELECT * FROM unnest(%b::text[], %b::bigint[], %b::bigint[], %b::bytea[])
    RETURNING position
"""

TILES = """
    INSERT INTO tiles (level, index, hashes, root)
    SELECT * FROM unnest(%b::smallint[], %b::bigint[], %b::bytea[], %b::bytea[])
"""

CHECKPOINT = "INSERT INTO checkpoints (size, root, recorded_at, note) VALUES (%s, %s, %s, %s)"

MOVE = "UPDATE head SET size = %s, recorded_at = %s, frontier = %b WHERE size = %s"

TELL = "SELECT pg_notify(current_schema() || '_head', %s)"

Sign = Callable[[psycopg.Connection, Checkpoint, Sequence["NewEntry"]], str]
"""Signs a checkpoint over what is committed and new entries; gives a C2SP signed note.

Called under the lock of the head, before the entries are written.
"""


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
    """Lock the head until the transaction ends, and read it.

    Of the row that it waited for, a statement sees what it became; of others it does not.
    """
    return _read(conn, "SELECT size, recorded_at, frontier FROM head FOR UPDATE")


def read(conn: psycopg.Connection) -> Head:
    """Read the head as it is now."""
    return _read(conn, "SELECT size, recorded_at, frontier FROM head")


def _read(conn: psycopg.Connection, statement: LiteralString) -> Head:
    row = conn.execute(statement).fetchone()
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
    leaf_hashes = [leaf_hash(entry.leaf) for entry in entries]
    grown = head.frontier.append(leaf_hashes)
    note = sign(conn, Checkpoint(origin, grown.size, grown.root()), entries)
    _write(conn, head.frontier, grown, recorded_at, entries, leaf_hashes, note)
    return Extension(head.frontier.size, note, prove_new_leaves(head.frontier, leaf_hashes))


def put_back(
    conn: psycopg.Connection,
    frontier: Frontier,
    moments: Sequence[datetime],
    entries: Sequence[NewEntry],
    note: str | None,
) -> Frontier:
    """As `extend`, for entries that were in the log before, each with its own moment, and the
    checkpoint that was signed over them then, if there is one of that size (`ledger/reconcile.py`).
    """
    leaf_hashes = [leaf_hash(entry.leaf) for entry in entries]
    grown = frontier.append(leaf_hashes)
    _write(conn, frontier, grown, moments[-1], entries, leaf_hashes, note, moments)
    return grown


def _write(
    conn: psycopg.Connection,
    frontier: Frontier,
    grown: Frontier,
    recorded_at: datetime,
    entries: Sequence[NewEntry],
    leaf_hashes: Sequence[bytes],
    note: str | None,
    moments: Sequence[datetime] = (),
) -> None:
    first = frontier.size
    numbers = [
        (controller, state.number, position, state.chain)
        for position, entry in enumerate(entries, start=first + 1)
        for controller, state in entry.numbers.items()
    ]
    conn.execute(
        ENTRIES,
        {
            "size": first,
            "recorded_at": recorded_at,
            "types": [entry.type for entry in entries],
            "tags": [_json(entry.tags) for entry in entries],
            "leaves": [entry.leaf for entry in entries],
            "hashes": leaf_hashes,
            "concerned": [_json(sorted(entry.numbers)) for entry in entries],
            "moments": list(moments),
        },
    )
    conn.execute(TAGS, (first,))
    if numbers:
        conn.execute(NUMBERS, _columns(numbers))
    if tiles := _full_tiles(conn, first, leaf_hashes):
        conn.execute(TILES, _columns(tiles))
    if note is not None:
        conn.execute(CHECKPOINT, (grown.size, grown.root(), recorded_at, note))
    moved = conn.execute(MOVE, (grown.size, recorded_at, list(grown.hashes), first))
    if moved.rowcount != 1:  # compare and swap: nobody may ever sign two trees
        raise Unavailable("the head of the log moved under its lock")
    conn.execute(TELL, (str(grown.size),))


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


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    """Rows as an array for each column, which is how one statement takes any number of them."""
    return [list(column) for column in zip(*rows, strict=True)]


def _json(texts: Sequence[str]) -> str:
    return orjson.dumps(texts).decode()


def _full_tiles(
    conn: psycopg.Connection, old_size: int, leaf_hashes: Sequence[bytes]
) -> list[tuple[int, int, bytes, bytes]]:
    """Level, index, hashes and root of the tiles that become full, and of those above that become
    full by them."""
    found = []
    level, first, new = 0, old_size, list(leaf_hashes)
    # `new` are hashes number `first` and on of this level; those before them are in the tables.
    while first % WIDTH + len(new) >= WIDTH:
        start = first - first % WIDTH
        hashes = [*read_hashes(conn, level, start, first), *new]
        full = [hashes[i : i + WIDTH] for i in range(0, len(hashes) - WIDTH + 1, WIDTH)]
        first, new = start // WIDTH, [perfect_root(tile) for tile in full]
        found += [
            (level, index, b"".join(tile), root)
            for index, (tile, root) in enumerate(zip(full, new, strict=True), start=first)
        ]
        level += 1
    return found
