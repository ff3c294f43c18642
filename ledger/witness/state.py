"""What a witness must never forget: for each log, the largest tree it cosigned.

One SQLite file. Checking what is held and writing what follows are one transaction, which is on
disk before anybody is answered (`synchronous = EXTRA` and a rollback journal: after a commit the
file alone is the whole state). Triggers refuse to make a tree smaller or other. A state that was
damaged, or is not that of these keys, is refused when it is opened. An old copy put in its place
cannot be told from the state: so it is never restored from a backup (docs/how-to/witness.md).
`tests/test_witness_state.py` damages it in every way it knows.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ledger import checkpoint as checkpoints
from ledger import note
from ledger import sql as sql_files
from ledger.cosignature import CosignatureVerifier
from ledger.errors import ConfigurationError, LedgerError, Unavailable

APPLICATION = 0x56455257
"""In the header of the file, so that no other database is taken for a state."""

VERSION = 1

CONFLICTS = 100
"""Kept for a log. One is proof enough."""

HELD = "origin, size, root, time, note"

BUSY = 5.0
"""Seconds to wait for another process that has the file open."""


@dataclass(frozen=True, slots=True)
class Held:
    """The largest tree that was cosigned of a log; `time` in seconds since 1970."""

    origin: str
    size: int
    root: bytes
    time: int
    note: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two notes that the log `origin` signed for one size; seen at `seen_at` (seconds)."""

    origin: str
    size: int
    note: str
    held: str
    seen_at: int


class WitnessState:
    """An open state, shared by the threads of one process; other processes may have it open."""

    def __init__(self, file: Path) -> None:
        """Open a state. Raises ConfigurationError when it is damaged, with the way out."""
        self._file = file
        self._lock = threading.Lock()
        self._failed = False
        try:
            self._db = sqlite3.connect(
                file, timeout=BUSY, isolation_level=None, check_same_thread=False
            )
            self._check_file()
            self._db.execute("PRAGMA synchronous = EXTRA")
        except sqlite3.DatabaseError as error:
            raise self._damaged(str(error)) from None

    @staticmethod
    def create(file: Path) -> None:
        """Make an empty state: beside its place first, so that there is never half of one."""
        beside = file.with_name(f"{file.name}.new")
        beside.unlink(missing_ok=True)
        db = sqlite3.connect(beside, isolation_level=None)
        db.executescript(sql_files.text("witness.sql"))
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        db.execute(f"PRAGMA user_version = {VERSION}")
        db.close()
        beside.chmod(0o600)
        _sync(beside)
        beside.rename(file)
        _sync(file.parent)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @property
    def failed(self) -> bool:
        """Whether a write failed: nothing is cosigned then until the state is opened again."""
        return self._failed

    def vkeys(self) -> list[str]:
        """The keys whose state this is."""
        with self._lock:
            (text,) = self._db.execute("SELECT vkeys FROM witness").fetchone()
        return str(text).split()

    def bind(self, vkeys: Sequence[str]) -> None:
        """Say whose state this is, before it holds anything."""
        with self.transaction():
            self._db.execute("UPDATE witness SET vkeys = ?", ("\n".join(vkeys),))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Nobody else reads or writes within the block; at its end all is on disk, or nothing is.

        Raises Unavailable when another process holds the file, or a write failed.
        """
        with self._lock:
            if self._failed:
                raise Unavailable("this witness could not write its state and must be restarted")
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                # After a failed write to disk nobody knows what is there: trying again could
                # succeed without it. Only another process in the way is nothing to fear.
                self._failed = error.sqlite_errorcode != sqlite3.SQLITE_BUSY
                raise Unavailable(f"the state of this witness cannot be written: {error}") from None
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    def held(self, origin: str) -> Held | None:
        """The largest tree cosigned of a log; within a transaction."""
        query = f"SELECT {HELD} FROM cosigned WHERE origin = ?"  # noqa: S608
        row = self._db.execute(query, (origin,)).fetchone()
        return Held(*row) if row else None

    def hold(self, held: Held) -> None:
        """Put a tree in the place of the one before; within a transaction."""
        self._db.execute(
            "INSERT INTO cosigned (origin, size, root, time, note) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root,"
            " time = excluded.time, note = excluded.note",
            (held.origin, held.size, held.root, held.time, held.note),
        )

    def all_held(self) -> list[Held]:
        """Every log's."""
        with self._lock:
            rows = self._db.execute(
                "SELECT origin, size, root, time, note FROM cosigned ORDER BY 1"
            )
            return [Held(*row) for row in rows]

    def forget_times(self, now: int) -> None:
        """Take back times after `now`: for when the clock had run ahead."""
        with self.transaction():
            self._db.execute("UPDATE cosigned SET time = ?1 WHERE time > ?1", (now,))

    def keep_conflict(self, held: Held, note: str, root: bytes, now: int) -> None:
        """Keep what shows two histories; within a transaction."""
        self._db.execute(
            "INSERT OR IGNORE INTO conflicts SELECT ?1, ?2, ?3, ?4, ?5, ?6"
            " WHERE (SELECT count(*) FROM conflicts WHERE origin = ?1) < ?7",
            (held.origin, held.size, root, note, held.note, now, CONFLICTS),
        )

    def conflicts(self) -> list[Conflict]:
        """What was kept, oldest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT origin, size, note, held, seen_at FROM conflicts ORDER BY seen_at, origin"
            )
            return [Conflict(*row) for row in rows]

    def check(self, verifiers: Sequence[CosignatureVerifier]) -> None:
        """Check that every tree held was cosigned with these keys. Raises ConfigurationError."""
        for held in self.all_held():
            try:
                opened = note.open(held.note, verifiers)
                said = checkpoints.parse_any(opened.text)
            except LedgerError as error:
                raise self._damaged(f"{held.origin}: {error}") from None
            if len(opened.verified) != len(verifiers) or said != checkpoints.Checkpoint(
                held.origin, held.size, held.root
            ):
                raise self._damaged(f"{held.origin}: what is held is not what was cosigned")

    def _check_file(self) -> None:
        (application,) = self._db.execute("PRAGMA application_id").fetchone()
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION:
            raise self._damaged("it is not the state of a witness")
        if version != VERSION:
            raise ConfigurationError(
                f"{self._file} has version {version} and this program knows {VERSION};"
                " use the program of that version"
            )
        (found,) = self._db.execute("PRAGMA integrity_check").fetchone()
        if found != "ok":
            raise self._damaged(found)

    def _damaged(self, what: str) -> ConfigurationError:
        return ConfigurationError(
            f"the state of this witness is damaged ({self._file}: {what}). It says which trees were"
            " cosigned, and without it the witness could be led to cosign a second history; so it"
            " does not start, and an older copy must not be put in its place. Move the whole"
            " directory aside, start a witness with a new name and new keys, and tell the logs and"
            " verifiers to replace the old keys (docs/how-to/witness.md)."
        )


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
