"""The whole log, derived again from its stored bytes and compared with what is stored beside them.

    1  positions are dense, from 1 to the size of the head
    2  every leaf is the one spelling of its entry, and recorded_at never runs backwards
    3  type, tags and leaf hash are those of the leaf
    4  the table of tags holds the tags of the entries, no more and no less
    5  every key was enrolled by the administrator, in force, and every signature verifies
    6  every checkpoint is signed by every key that the log has at its size, over the root of the
       entries it covers
    7  tiles and head are those of the entries
    8  the log begins with a checkpoint somebody kept, if one is given
    9  every cosignature kept is by its witness, over the checkpoint it is kept with
    10 every timestamp is over the checkpoint it is kept with
    11 every number of a controller is dense and in the table, and entries commit to their numbers

The first entry that differs is named. What nobody outside kept cannot be missed here: a database
set back as a whole, with its keys, looks like a younger log (check 8 finds it). The commitments of
check 11 are made again when their secret is given. `tests/test_tamper.py` plays the attacker.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import psycopg

from ledger import cloudevent, cosignature, entry, envelope, log_keys, loss, rfc3161
from ledger.checkpoint import Checkpoint
from ledger.errors import LedgerError, VerificationFailed
from ledger.fsck_numbers import StoredNumbers
from ledger.keyring import ADMINISTRATOR, KEY_EVENTS, KeyRing
from ledger.log_keys import LogKeys
from ledger.loss import Loss
from ledger.merkle import Frontier, leaf_hash, perfect_root
from ledger.note import Verifier
from ledger.numbers import ControllerKeys
from ledger.tiles import WIDTH
from ledger.timestamps import message

BATCH = 1000
"""Entries read at once."""

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Sound:
    """What a sound log was found to be."""

    size: int
    root: bytes
    checkpoints: int
    tiles: int
    cosignatures: int
    suspect: tuple[int, ...]
    """Indexes of entries signed by a key while it may have been in other hands."""
    lost: tuple[Loss, ...]
    """What the log says of entries that it lost."""


def fsck(
    conn: psycopg.Connection,
    verifier: Verifier,
    administrator_key: bytes,
    *,
    keys: ControllerKeys | None = None,
    kept: Checkpoint | None = None,
    progress: Progress = lambda size: None,
) -> Sound:
    """Check the log of a connection's schema; `verifier` is the key it was made with.

    Raises VerificationFailed at the first difference.
    """
    with conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return check(conn, verifier, administrator_key, keys=keys, kept=kept, progress=progress)


def check(
    conn: psycopg.Connection,
    verifier: Verifier,
    administrator_key: bytes,
    *,
    keys: ControllerKeys | None = None,
    kept: Checkpoint | None = None,
    progress: Progress = lambda size: None,
) -> Sound:
    """`fsck` within a transaction, of what that sees, also of what it wrote itself."""
    walk = _Walk(conn, verifier, administrator_key, keys, kept)
    for row in _entries(conn):
        walk.take(*row)
        if walk.size % BATCH == 0:
            progress(walk.size)
    walk.finish()
    _check_timestamps(conn, walk.log_keys)
    return Sound(
        walk.size,
        walk.frontier.root(),
        walk.checkpoints,
        walk.tiles,
        _check_cosignatures(conn),
        tuple(_suspect(conn, walk.ring)),
        tuple(walk.lost),
    )


class _Walk:
    """What is known of the log up to an entry."""

    def __init__(
        self,
        conn: psycopg.Connection,
        verifier: Verifier,
        administrator_key: bytes,
        keys: ControllerKeys | None,
        kept: Checkpoint | None,
    ) -> None:
        self.conn = conn
        self.log_keys = LogKeys.of(verifier)
        self.administrator_key = administrator_key
        self.kept = kept
        self.frontier = Frontier()
        self.ring = KeyRing()
        self.recorded_at: datetime | None = None
        self.checkpoints = 0
        self.last_checkpoint = -1
        self.tiles = 0
        self.lost: list[Loss] = []
        self.edge: dict[int, list[bytes]] = defaultdict(list)
        self.notes = _notes(conn)
        self.next_note = next(self.notes, None)
        self.tags = _tags(conn)
        self.next_tag = next(self.tags, None)
        self.numbers = StoredNumbers(conn, keys)
        self._check_checkpoints()

    @property
    def size(self) -> int:
        return self.frontier.size

    def take(
        self,
        position: int,
        topic: str,
        recorded_at: datetime,
        tags: list[str],
        leaf: bytes,
        hashed: bytes,
        controllers: list[str],
    ) -> None:
        index = position - 1
        if index != self.size:
            raise VerificationFailed(f"entry {self.size} is missing", self.size)
        event, stored = self._read(index, leaf)
        if stored.recorded_at != recorded_at or (self.recorded_at or recorded_at) > recorded_at:
            raise VerificationFailed(f"entry {index}: its moment differs or runs backwards", index)
        if (event.type.topic, list(event.tags())) != (topic, tags):
            raise VerificationFailed(f"entry {index}: type or tags are not those it gives", index)
        if leaf_hash(leaf) != hashed:
            raise VerificationFailed(f"entry {index}: the leaf hash is not that of its leaf", index)
        self._check_signatures(index, event, stored)
        self._check_tags(position, topic, tags)
        self.numbers.take(position, event, stored, hashed, controllers)
        if (lost := loss.read(index, event.type.name, event.raw["data"])) is not None:
            self.lost.append(lost)
        self.recorded_at = recorded_at
        self.frontier = self.frontier.append([hashed])
        self._add_hash(0, hashed)
        self._check_checkpoints()
        self._check_kept()

    def finish(self) -> None:
        row = self.conn.execute("SELECT size, recorded_at, frontier FROM head").fetchone()
        if row is None or row[0] != self.size:
            size = row[0] if row else None
            raise VerificationFailed(
                f"the head says {size} entries and there are {self.size}", self.size
            )
        if tuple(row[2]) != self.frontier.hashes or row[1] < (self.recorded_at or row[1]):
            raise VerificationFailed("the head is not that of the entries", self.size)
        if self.next_note is not None:
            raise VerificationFailed("there is a checkpoint of more entries than there are")
        if self.next_tag is not None:
            raise VerificationFailed("there is a tag of an entry that is not there")
        self.numbers.finish()
        (tiles,) = self.conn.execute("SELECT count(*) FROM tiles").fetchone() or (0,)
        if tiles != self.tiles:
            raise VerificationFailed(f"there are {tiles} full tiles instead of {self.tiles}")
        if self.checkpoints == 0 or self.last_checkpoint != self.size:
            raise VerificationFailed("the last entries are under no checkpoint", self.size - 1)
        if self.kept is not None and self.kept.size > self.size:
            raise VerificationFailed(
                f"the kept checkpoint covers {self.kept.size} entries and there are {self.size}:"
                " the end of the log was cut off, or an older copy was put in its place",
                self.size,
            )

    def _read(self, index: int, leaf: bytes) -> tuple[cloudevent.CloudEvent, entry.Entry]:
        try:
            stored = entry.parse(leaf)
            return cloudevent.parse(stored.payload), stored
        except LedgerError as error:
            raise VerificationFailed(f"entry {index}: {error}", index) from None

    def _check_signatures(
        self, index: int, event: cloudevent.CloudEvent, stored: entry.Entry
    ) -> None:
        name, data = event.type.name, event.raw["data"]
        try:
            if name in KEY_EVENTS and index == 0:
                self.ring.apply(name, data, stored.recorded_at)  # enrols itself
                self._check_administrator()
            for signature in stored.signatures:
                key = self.ring.find(signature.keyid)
                if key is None:
                    raise VerificationFailed(f"key {signature.keyid} was never enrolled", index)
                key.check_in_force(stored.recorded_at)
                envelope.check_signature(stored.payload, signature, key.verifier())
            if name in KEY_EVENTS and index > 0:
                if ADMINISTRATOR not in {signature.keyid for signature in stored.signatures}:
                    raise VerificationFailed("not signed by the administrator", index)
                self.ring.apply(name, data, stored.recorded_at)
                self.log_keys = self.log_keys.apply(index + 1, name, data)
        except LedgerError as error:
            raise VerificationFailed(f"entry {index}: {error}", index) from None

    def _check_administrator(self) -> None:
        key = self.ring.find(ADMINISTRATOR)
        if key is None or key.public_key != self.administrator_key:
            raise VerificationFailed("the administrator key is another than at the start", 0)

    def _check_tags(self, position: int, topic: str, tags: list[str]) -> None:
        found = []
        while self.next_tag is not None and self.next_tag[0] == position:
            found.append(self.next_tag)
            self.next_tag = next(self.tags, None)
        if found != sorted((position, tag, topic) for tag in tags):
            index = position - 1
            raise VerificationFailed(f"entry {index}: the table of tags differs from it", index)

    def _add_hash(self, level: int, hashed: bytes) -> None:
        self.edge[level].append(hashed)
        if len(self.edge[level]) < WIDTH:
            return
        tile, self.edge[level] = self.edge[level], []
        span = WIDTH ** (level + 1)
        index = self.size // span - 1
        root = perfect_root(tile)
        stored = self.conn.execute(
            "SELECT hashes, root FROM tiles WHERE level = %s AND index = %s", (level, index)
        ).fetchone()
        if stored is None or (stored[0], stored[1]) != (b"".join(tile), root):
            raise VerificationFailed(
                f"tile {index} of level {level} is not that of the entries", index * span
            )
        self.tiles += 1
        self._add_hash(level + 1, root)

    def _check_checkpoints(self) -> None:
        while self.next_note is not None and self.next_note[0] <= self.size:
            size, root, note = self.next_note
            self._check_checkpoint(size, root, note)
            self.last_checkpoint = size
            self.checkpoints += 1
            self.next_note = next(self.notes, None)

    def _check_checkpoint(self, size: int, root: bytes, note: str) -> None:
        last = max(size - 1, 0)
        try:
            said = {log_keys.open(note, LogKeys((key,))) for key in self.log_keys.at(self.size)}
        except VerificationFailed as error:
            raise VerificationFailed(f"checkpoint {size}: {error}", last) from None
        actual = Checkpoint(self.log_keys.name, self.size, self.frontier.root())
        if said != {actual} or (size, root) != (actual.size, actual.root):
            raise VerificationFailed(f"checkpoint {size} is not that of the entries", last)

    def _check_kept(self) -> None:
        kept = self.kept
        if kept is not None and kept.size == self.size and kept.root != self.frontier.root():
            raise VerificationFailed(
                f"the first {kept.size} entries are not those of the kept checkpoint", kept.size - 1
            )


def _check_timestamps(conn: psycopg.Connection, log_keys: LogKeys) -> None:
    rows = conn.execute(
        "SELECT t.size, t.authority, t.answer, c.note FROM timestamps t LEFT JOIN checkpoints c"
        " USING (size) ORDER BY t.size, t.authority"
    )
    for size, authority, answer, note in rows:
        if note is None or not rfc3161.covers(answer, message(note, log_keys)):
            raise VerificationFailed(
                f"the timestamp of {authority} is not over checkpoint {size}", max(size - 1, 0)
            )


def _suspect(conn: psycopg.Connection, ring: KeyRing) -> Iterator[int]:
    """Indexes of entries recorded while one of their keys may have been in other hands."""
    since = [key.suspect_since for key in ring if key.suspect_since is not None]
    if not since:
        return
    rows = conn.execute(
        "SELECT position, recorded_at, leaf FROM entries WHERE recorded_at >= %s ORDER BY position",
        (min(since),),
    )
    for position, recorded_at, leaf in rows:
        signers = (ring.find(signature.keyid) for signature in entry.parse(leaf).signatures)
        if any(key is not None and key.suspect(recorded_at) for key in signers):
            yield position - 1


def _check_cosignatures(conn: psycopg.Connection) -> int:
    """How many there are; each verified with the key it is kept under."""
    count = 0
    with conn.cursor("fsck_cosignatures") as cursor:
        cursor.itersize = BATCH
        cursor.execute(
            "SELECT s.size, c.note, w.id, w.vkey, s.line, s.cosigned_at FROM cosignatures s"
            " LEFT JOIN checkpoints c ON c.size = s.size"
            " LEFT JOIN witness_keys w ON w.id = s.witness_key ORDER BY s.size, w.id"
        )
        for size, note, key, vkey, line, at in cursor:
            if note is None or vkey is None or sha256(vkey.encode()).digest() != key:
                raise VerificationFailed(f"a cosignature of checkpoint {size} has no such owner")
            try:
                (made,) = cosignature.read(note + line, [cosignature.parse_vkey(vkey)])
            except VerificationFailed as error:
                raise VerificationFailed(f"a cosignature of checkpoint {size}: {error}") from None
            if (made.line, made.time) != (line, int(at.timestamp())):
                raise VerificationFailed(f"a cosignature of checkpoint {size} is kept otherwise")
            count += 1
    published = "SELECT size FROM publications EXCEPT SELECT size FROM checkpoints LIMIT 1"
    row = conn.execute(published).fetchone()
    if row is not None:
        raise VerificationFailed(f"checkpoint {row[0]} was published and is not there")
    return count


def _entries(conn: psycopg.Connection) -> Iterator[tuple[Any, ...]]:
    with conn.cursor("fsck_entries") as cursor:
        cursor.itersize = BATCH
        cursor.execute(
            "SELECT position, type, recorded_at, tags, leaf, leaf_hash, controllers FROM entries"
            " ORDER BY position"
        )
        yield from cursor


def _notes(conn: psycopg.Connection) -> Iterator[tuple[int, bytes, str]]:
    with conn.cursor("fsck_checkpoints") as cursor:
        cursor.itersize = BATCH
        cursor.execute("SELECT size, root, note FROM checkpoints ORDER BY size")
        yield from cursor


def _tags(conn: psycopg.Connection) -> Iterator[tuple[int, str, str]]:
    with conn.cursor("fsck_tags") as cursor:
        cursor.itersize = BATCH * 4
        cursor.execute('SELECT position, tag, type FROM tags ORDER BY position, tag COLLATE "C"')
        yield from cursor
