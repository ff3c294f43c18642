"""Reading the log: entries, tiles, checkpoints and proofs, all from rows that never change.

Positions count from 1 and are those of the library; indexes count from 0 and are those of the tree
(`index = position - 1`). No tree is computed per request: a proof reads the tiles it needs, and
tiles are kept in memory. `tests/test_reader.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

import psycopg

from ledger import note as notes
from ledger import receipt as receipts
from ledger import tokens
from ledger.database import Connections
from ledger.head import read_hashes
from ledger.merkle import HASH, HashReader, prove_consistency, prove_inclusion
from ledger.shared_types import SHARED_TOPICS
from ledger.tiles import WIDTH, OpenTile, Tile, format_bundle, node_reader, width_at

CACHED_TILES = 2048
"""Full hash tiles kept in memory: 16 KiB each with the roots within, 32 MiB together."""

EDGE = 64
"""Partial hash tiles kept in memory: a log has one for each level, as it is now."""


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """One row of the log. `leaf` is the entry as the tree commits to it."""

    position: int
    type: str
    recorded_at: datetime
    tags: tuple[str, ...]
    leaf: bytes


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """One signed checkpoint and when it was made."""

    size: int
    recorded_at: datetime
    note: str


COLUMNS = "position, type, recorded_at, tags, leaf"


class Reader:
    """Reads one log, or as much of it as its connections see.

    `before_showing` is told the size of each stored checkpoint before it is given out.
    """

    def __init__(
        self, pool: Connections, before_showing: Callable[[int], None] = lambda size: None
    ) -> None:
        self._pool = pool
        self._before_showing = before_showing
        self._full_tile = lru_cache(maxsize=CACHED_TILES)(self._read_full_tile)
        self._edge: dict[tuple[int, int], OpenTile] = {}  # as much of a tile as was asked for
        self._seen = 0  # the last size of the log that was met

    def size(self) -> int:
        """The number of entries."""
        with self._pool.connection() as conn:
            size = _size(conn)
        self._saw(size)
        return size

    def checkpoint(self) -> StoredCheckpoint:
        """The latest checkpoint."""
        return self._checkpoint("ORDER BY size DESC LIMIT 1")

    def checkpoint_upto(self, size: int) -> StoredCheckpoint:
        """The last checkpoint of at most so many entries. Raises LookupError when there is none."""
        return self._checkpoint("WHERE size <= %s ORDER BY size DESC LIMIT 1", size)

    def checkpoint_covering(self, size: int) -> StoredCheckpoint:
        """The first checkpoint of at least so many entries. Raises LookupError when there is
        none."""
        return self._checkpoint("WHERE size >= %s ORDER BY size LIMIT 1", size)

    def published(self, covering: int = -1) -> StoredCheckpoint:
        """The latest checkpoint whose cosignatures met the quorum, with them under its note.

        With `covering`, the first such checkpoint that covers that leaf. Raises LookupError when
        there is none (yet).
        """
        which = "max(size)" if covering < 0 else "min(size)"
        query = f"SELECT {which} FROM publications WHERE size > %s"  # noqa: S608
        return self.cosigned(self._checkpoint(f"WHERE size = ({query})", covering))

    def published_or_latest(self) -> StoredCheckpoint:
        """The published checkpoint; the latest as long as nothing was published."""
        return self.cosigned(self._checkpoint(PUBLISHED_OR_LATEST))

    def cosigned(self, checkpoint: StoredCheckpoint) -> StoredCheckpoint:
        """A checkpoint with the cosignatures that were kept of it under its note."""
        with self._pool.connection() as conn:
            rows = conn.execute(
                "SELECT line FROM cosignatures WHERE size = %s ORDER BY cosigned_at, witness_key",
                (checkpoint.size,),
            )
            lines = "".join(line for (line,) in rows)
        return StoredCheckpoint(checkpoint.size, checkpoint.recorded_at, checkpoint.note + lines)

    def checkpoint_at(self, moment: datetime) -> StoredCheckpoint:
        """The last checkpoint made at or before a moment. Raises LookupError when there is none."""
        return self._checkpoint("WHERE recorded_at <= %s ORDER BY size DESC LIMIT 1", moment)

    def entry(self, index: int) -> StoredEntry:
        """One entry. Raises LookupError when the log is not that long."""
        with self._pool.connection() as conn:
            row = conn.execute(
                f"SELECT {COLUMNS} FROM entries WHERE position = %s",  # noqa: S608
                (index + 1,),
            ).fetchone()
        if row is None:
            raise LookupError(index)
        return _entry(row)

    def leaf(self, index: int) -> bytes:
        """The bytes of one entry. Raises LookupError when the log is not that long."""
        return self.entry(index).leaf

    def events(
        self,
        *,
        after: int = 0,
        types: Sequence[str] = (),
        tag: str | None = None,
        limit: int = 100,
    ) -> list[StoredEntry]:
        """Up to `limit` entries after a position, in order, of given types and with a given tag."""
        with self._pool.connection() as conn:
            if tag is not None:
                rows = conn.execute(TAGGED, (tag, after, list(types), list(types), limit))
            elif types:
                rows = conn.execute(TYPED, (after, list(types), limit))
            else:
                rows = conn.execute(ALL, (after, limit))
            return [_entry(row) for row in rows]

    def tagged(self, tags: Sequence[str]) -> dict[str, StoredEntry]:
        """The first entry with each of these tags, by tag; those that no entry has are left out."""
        with self._pool.connection() as conn:
            rows = conn.execute(FIRST_TAGGED, (list(tags),)).fetchall()
        return {tag: _entry(row) for tag, *row in rows}

    def last(self, types: Sequence[str]) -> StoredEntry | None:
        """The last entry of given types; None when there is none."""
        with self._pool.connection() as conn:
            row = conn.execute(LAST, (list(types),)).fetchone()
        return None if row is None else _entry(row)

    def sequence(
        self, controller: str, *, after: int = 0, types: Sequence[str] = (), limit: int = 100
    ) -> list[tuple[int, StoredEntry]]:
        """Up to `limit` entries after a position that concern a controller, each with its number
        for it, in order, of given types."""
        with self._pool.connection() as conn:
            rows = conn.execute(SEQUENCE, (controller, after, list(types), list(types), limit))
            return [(number, _entry(row)) for number, *row in rows]

    def visible(
        self, controller: str, *, after: int = 0, types: Sequence[str] = (), limit: int = 100
    ) -> list[StoredEntry]:
        """Up to `limit` entries after a position that a controller may read: those that concern it,
        and those that every controller may read, in order, of given types."""
        shared = [topic for topic in SHARED_TOPICS if not types or topic in types]
        asked = {
            "controller": controller,
            "after": after,
            "types": list(types),
            "shared": shared,
            "limit": limit,
        }
        with self._pool.connection() as conn:
            return [_entry(row) for row in conn.execute(VISIBLE, asked)]

    def latest(self, controller: str | None, limit: int) -> list[StoredEntry]:
        """The last `limit` entries, or of those that concern a controller; in order."""
        asked = (limit,) if controller is None else (controller, limit)
        with self._pool.connection() as conn:
            rows = conn.execute(NEWEST if controller is None else NEWEST_OF, asked)
            return [_entry(row) for row in rows]

    def scan(
        self, *, after: int = 0, upto: int | None = None, batch: int = 1000
    ) -> Iterator[StoredEntry]:
        """Every entry after a position, in order, read in batches; up to the size at the start."""
        last = self.size() if upto is None else upto
        while after < last:
            rows = self.events(after=after, limit=min(batch, last - after))
            if not rows:
                return
            yield from rows
            after = rows[-1].position

    def read(self, tile: Tile) -> bytes:
        """A hash tile or an entry bundle, also one of an earlier size. Raises LookupError.

        Numbers of any size are looked up: those beyond the log do not reach the database.
        """
        if not self._holds(tile):
            raise LookupError(tile)
        if tile.level is None:
            return self.entry_bundle(tile.index, tile.width)
        return self.tile(tile.level, tile.index, tile.width)

    def tile(self, level: int, index: int, width: int = WIDTH) -> bytes:
        """One hash tile, 32 bytes a hash. Raises LookupError when the log does not have it."""
        if width == WIDTH or width_at(level, index, self._seen) == WIDTH:
            return self._full_tile(level, index).hashes[: width * HASH]
        return self._partial_tile(level, index, width).hashes[: width * HASH]

    def entry_bundle(self, index: int, width: int = WIDTH) -> bytes:
        """One entry bundle (tlog-tiles). Raises LookupError when the log does not have it."""
        with self._pool.connection() as conn:
            rows = conn.execute(LEAVES, (index * WIDTH, width)).fetchall()
        if len(rows) != width:
            raise LookupError((index, width))
        return format_bundle([leaf for (leaf,) in rows])

    def prove_inclusion(self, index: int, size: int) -> list[bytes]:
        """The inclusion proof of a leaf in the tree of a size."""
        return prove_inclusion(index, size, self.hash_reader(size))

    def prove_consistency(self, old: int, new: int) -> list[bytes]:
        """The consistency proof between the trees of two sizes."""
        return prove_consistency(old, new, self.hash_reader(new))

    def hash_reader(self, size: int) -> HashReader:
        """Reads hashes of the tree of a size, through its tiles."""

        def open_tile(level: int, index: int, width: int) -> OpenTile:
            if width_at(level, index, self._seen) == WIDTH:  # also a partial one of an earlier tree
                return self._full_tile(level, index)
            return self._partial_tile(level, index, width)

        return node_reader(open_tile, size)

    def receipt(self, index: int, checkpoint: StoredCheckpoint | None = None) -> str:
        """The receipt of an entry: the one it was answered with, or one under another checkpoint.

        Raises LookupError when the log, or that checkpoint, does not have the entry.
        """
        if checkpoint is None:
            leaf, size, note = self._recorded(index)
        else:
            leaf, size, note = self.entry(index).leaf, checkpoint.size, checkpoint.note
        if index >= size:
            raise LookupError(index)
        return receipts.format(index, self.prove_inclusion(index, size), note, leaf)

    def refreshed_receipt(self, index: int) -> str:
        """The receipt of an entry with what others have said since. Raises LookupError.

        It is under the first checkpoint after the entry that is published and timestamped; failing
        that published, failing that timestamped, or else the latest. The first and not the latest,
        since an earlier time says more about the entry.
        """
        under = self._checkpoint(f"WHERE size = ({MOST_ATTESTED})", index, index, index)
        return self.receipt(index, self.stamped(self.cosigned(under)))

    def timestamped(self) -> StoredCheckpoint:
        """The latest checkpoint that was timestamped, if possible a published one, with what others
        said of it. Raises LookupError when none was timestamped."""
        return self.stamped(self.cosigned(self._checkpoint(f"WHERE size = ({TIMESTAMPED})")))

    def stamped(self, checkpoint: StoredCheckpoint) -> StoredCheckpoint:
        """A checkpoint with the timestamps that were kept of it under its note."""
        with self._pool.connection() as conn:
            rows = conn.execute(
                "SELECT authority, answer FROM timestamps WHERE size = %s ORDER BY authority",
                (checkpoint.size,),
            ).fetchall()
        lines = [notes.format_line(tokens.token_line(name, answer)) for name, answer in rows]
        return replace(checkpoint, note=checkpoint.note + "".join(lines))

    def _recorded(self, index: int) -> tuple[bytes, int, str]:
        """An entry, and size and note of the first checkpoint that covers it: what its receipt was
        made with. Raises LookupError."""
        with self._pool.connection() as conn:
            row = conn.execute(RECORDED, (index + 1,)).fetchone()
        if row is None:
            raise LookupError(index)
        leaf, size, note, now = row
        self._saw(now)
        self._before_showing(size)
        return leaf, size, note

    def _saw(self, size: int) -> None:
        """Take notice of the size of the log. It only grows; a database that was set back has it
        smaller, and may have other rows than those that were read before."""
        if size < self._seen:
            self._full_tile.cache_clear()
            self._edge.clear()
        self._seen = size

    def _holds(self, tile: Tile) -> bool:
        if width_at(tile.level or 0, tile.index, self._seen) < tile.width:
            self.size()
        return width_at(tile.level or 0, tile.index, self._seen) >= tile.width

    def _checkpoint(self, condition: str, *args: object) -> StoredCheckpoint:
        with self._pool.connection() as conn:
            row = conn.execute(
                f"SELECT size, recorded_at, note FROM checkpoints {condition}",  # noqa: S608
                args,
            ).fetchone()
        if row is None:
            raise LookupError(args)
        self._before_showing(row[0])
        return StoredCheckpoint(*row)

    def _partial_tile(self, level: int, index: int, width: int) -> OpenTile:
        known = self._edge.get((level, index))
        if known is None or len(known.hashes) < width * HASH:
            known = self._read_partial_tile(level, index, width)
            if len(self._edge) >= EDGE:
                self._edge.clear()
            self._edge[level, index] = known
        return known

    def _read_partial_tile(self, level: int, index: int, width: int) -> OpenTile:
        start = index * WIDTH
        with self._pool.connection() as conn:
            hashes = read_hashes(conn, level, start, start + width)
        if len(hashes) != width:
            raise LookupError((level, index, width))
        return OpenTile(b"".join(hashes), width)

    def _read_full_tile(self, level: int, index: int) -> OpenTile:
        with self._pool.connection() as conn:
            row = conn.execute(
                "SELECT hashes FROM tiles WHERE level = %s AND index = %s", (level, index)
            ).fetchone()
        if row is None:
            raise LookupError((level, index))
        return OpenTile(row[0], WIDTH)


ALL = f"SELECT {COLUMNS} FROM entries WHERE position > %s ORDER BY position LIMIT %s"  # noqa: S608
RECORDED = """
    SELECT e.leaf, c.size, c.note, head.size FROM head, entries e CROSS JOIN LATERAL (
        SELECT size, note FROM checkpoints WHERE size >= e.position ORDER BY size LIMIT 1) AS c
    WHERE e.position = %s
"""
LEAVES = "SELECT leaf FROM entries WHERE position > %s ORDER BY position LIMIT %s"
TYPED = f"""
    SELECT {COLUMNS} FROM entries WHERE position > %s AND type = ANY(%s)
    ORDER BY position LIMIT %s
"""  # noqa: S608
LAST = f"""
    SELECT {COLUMNS} FROM entries WHERE position = (
        SELECT max(position) FROM entries WHERE type = ANY(%s))
"""  # noqa: S608
SEQUENCE = """
    SELECT n.number, e.position, e.type, e.recorded_at, e.tags, e.leaf
    FROM numbers n JOIN entries e ON e.position = n.position
    WHERE n.controller = %s AND n.position > %s
    AND (%s::text[] = '{}' OR e.type = ANY(%s::text[]))
    ORDER BY n.number LIMIT %s
"""
# What concerns nobody has no number: that of another controller is of none of these types, or has a
# tag that names one.
NEWEST = f"""
    SELECT * FROM (SELECT {COLUMNS} FROM entries ORDER BY position DESC LIMIT %s) newest
    ORDER BY position
"""  # noqa: S608
NEWEST_OF = f"""
    SELECT {COLUMNS} FROM entries WHERE position IN (
        SELECT position FROM numbers WHERE controller = %s ORDER BY number DESC LIMIT %s)
    ORDER BY position
"""  # noqa: S608
VISIBLE = f"""
    SELECT {COLUMNS} FROM entries WHERE position IN (
        (SELECT n.position FROM numbers n JOIN entries e ON e.position = n.position
         WHERE n.controller = %(controller)s AND n.position > %(after)s
         AND (%(types)s::text[] = '{{}}' OR e.type = ANY(%(types)s::text[]))
         ORDER BY n.number LIMIT %(limit)s)
        UNION
        (SELECT position FROM entries WHERE type = ANY(%(shared)s) AND position > %(after)s
         AND array_to_string(tags, chr(10)) NOT LIKE '%%controller:%%'
         ORDER BY position LIMIT %(limit)s)
    ) ORDER BY position LIMIT %(limit)s
"""  # noqa: S608
PUBLISHED_OR_LATEST = """
    WHERE size = coalesce((SELECT max(size) FROM publications), (SELECT max(size) FROM checkpoints))
"""
TIMESTAMPED = """
    SELECT coalesce(
        (SELECT max(size) FROM publications JOIN timestamps USING (size)),
        (SELECT max(size) FROM timestamps)
    )
"""
MOST_ATTESTED = """
    SELECT coalesce(
        (SELECT min(size) FROM publications JOIN timestamps USING (size) WHERE size > %s),
        (SELECT min(size) FROM publications WHERE size > %s),
        (SELECT min(size) FROM timestamps WHERE size > %s),
        (SELECT max(size) FROM checkpoints)
    )
"""
FIRST_TAGGED = """
    SELECT DISTINCT ON (t.tag) t.tag, e.position, e.type, e.recorded_at, e.tags, e.leaf
    FROM tags t JOIN entries e ON e.position = t.position
    WHERE t.tag = ANY(%s) ORDER BY t.tag, t.position
"""
TAGGED = """
    SELECT e.position, e.type, e.recorded_at, e.tags, e.leaf
    FROM tags t JOIN entries e ON e.position = t.position
    WHERE t.tag = %s AND t.position > %s AND (%s::text[] = '{}' OR t.type = ANY(%s::text[]))
    ORDER BY t.position LIMIT %s
"""


def _size(conn: psycopg.Connection) -> int:
    row = conn.execute("SELECT size FROM head").fetchone()
    return int(row[0]) if row else 0


def _entry(row: Sequence[object]) -> StoredEntry:
    position, type_, recorded_at, tags, leaf = row
    return StoredEntry(position, type_, recorded_at, tuple(tags), leaf)  # type: ignore[arg-type]
