"""Reading the log: entries, tiles, checkpoints and proofs, all from rows that never change.

Positions count from 1 and are those of the library; indexes count from 0 and are those of the tree
(`index = position - 1`). No tree is computed per request: a proof reads the tiles it needs, and
full tiles are kept in memory. `tests/test_reader.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

import psycopg
from psycopg_pool import ConnectionPool

from ledger import note as notes
from ledger import receipt as receipts
from ledger import tokens
from ledger.head import read_hashes
from ledger.merkle import HashReader, prove_consistency, prove_inclusion
from ledger.tiles import WIDTH, Tile, format_bundle, hash_reader, width_at

CACHED_TILES = 4096
"""Full hash tiles kept in memory: 8 KiB each, 32 MiB together."""


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
    """Reads one log through a pool of connections.

    `before_showing` is told the size of each stored checkpoint before it is given out.
    """

    def __init__(
        self, pool: ConnectionPool, before_showing: Callable[[int], None] = lambda size: None
    ) -> None:
        self._pool = pool
        self._before_showing = before_showing
        self._full_tile = lru_cache(maxsize=CACHED_TILES)(self._read_full_tile)
        self._seen = 0  # a size the log has had; it only grows

    def size(self) -> int:
        """The number of entries."""
        with self._pool.connection() as conn:
            return _size(conn)

    def checkpoint(self) -> StoredCheckpoint:
        """The latest checkpoint."""
        return self._checkpoint("ORDER BY size DESC LIMIT 1")

    def checkpoint_covering(self, index: int) -> StoredCheckpoint:
        """The first checkpoint that covers a leaf: the one its receipt was made with.

        Raises LookupError when there is none yet.
        """
        return self._checkpoint("WHERE size > %s ORDER BY size LIMIT 1", index)

    def checkpoint_upto(self, size: int) -> StoredCheckpoint:
        """The last checkpoint of at most so many entries. Raises LookupError when there is none."""
        return self._checkpoint("WHERE size <= %s ORDER BY size DESC LIMIT 1", size)

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
        try:
            return self.published()
        except LookupError:
            return self.cosigned(self.checkpoint())

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
        if width == WIDTH:
            return self._full_tile(level, index)
        start = index * WIDTH
        with self._pool.connection() as conn:
            hashes = read_hashes(conn, level, start, start + width)
        if len(hashes) != width:
            raise LookupError((level, index, width))
        return b"".join(hashes)

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
        return hash_reader(self.tile, size)

    def receipt(self, index: int, checkpoint: StoredCheckpoint | None = None) -> str:
        """The receipt of an entry: the one it was answered with, or one under another checkpoint.

        Raises LookupError when the log, or that checkpoint, does not have the entry.
        """
        entry = self.entry(index)
        under = checkpoint or self.checkpoint_covering(index)
        if index >= under.size:
            raise LookupError(index)
        proof = self.prove_inclusion(index, under.size)
        return receipts.format(index, proof, under.note, entry.leaf)

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

    def _holds(self, tile: Tile) -> bool:
        if width_at(tile.level or 0, tile.index, self._seen) < tile.width:
            self._seen = max(self._seen, self.size())
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

    def _read_full_tile(self, level: int, index: int) -> bytes:
        with self._pool.connection() as conn:
            row = conn.execute(
                "SELECT hashes FROM tiles WHERE level = %s AND index = %s", (level, index)
            ).fetchone()
        if row is None:
            raise LookupError((level, index))
        return bytes(row[0])


ALL = f"SELECT {COLUMNS} FROM entries WHERE position > %s ORDER BY position LIMIT %s"  # noqa: S608
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
