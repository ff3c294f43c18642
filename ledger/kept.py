"""The last checkpoint this log signed, kept outside its database.

    DIR/last.checkpoint       and a file for each path in VERANTWOORD_KEEP, all the same signed note

A database can be set back: by a restore, a failover to a standby that was behind, or on purpose. It
then looks like a younger log, and whoever signed on would sign a second tree over sizes that others
hold receipts for. So every process that signs for a log does this, in this order:

    1  take the lock of every file
    2  lock the head, and check that it goes on from the files
    3  sign, and commit
    4  see that the standby holds it, if this log needs one
    5  write the new checkpoint to every file, durably
    6  let go of the files, and answer

`transaction` is all of it.

Why after the commit: a file written before it is ahead of the database when the process dies in
between. An honest ledger would refuse for ever, and nothing could tell it from one that was set
back. Written after it, the file is never ahead of an honest database, and at most one checkpoint
behind: whoever comes next proves that the database goes on from the file, and writes it, before
anything more is signed (`follow`).

Why before the answer: what a producer was told is in the files. Nothing else that is signed leaves
such a process before it is kept: whoever reads a stored checkpoint or receipt goes through `cover`.
So a database set back to before anything that was told is behind the files, and is refused; one
that lost what nobody was told may go on.

Why after the standby: a file that is ahead of it would make the standby, once it is the primary,
look like a database that was set back, although it has all that anybody was told. So the files are
never ahead of the standby (`ledger/standby.py`), nor the standby of the primary; what only the old
primary had was told to nobody, and is overtaken. Before anything is written the standby is looked
for as well (in 2), so that a log without one does not grow.

Why one lock over check and commit: in between nobody else may sign over the same files, not even on
another copy of the database. The lock lies around that of the head, always in this order, and ends
with its process. `tests/test_kept.py` kills a ledger at every step and sets its database back.

A file is as safe as its disk. Witnesses are asked as well when a service starts (`learn`); whoever
can change the database and every file meanwhile is found by those who keep checkpoints elsewhere.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from errno import ENOENT
from pathlib import Path

import psycopg

from ledger import checkpoint as checkpoints
from ledger import durable_file, head, note
from ledger.checkpoint import Checkpoint
from ledger.database import acknowledged
from ledger.errors import SigningRefused, Unavailable, VerificationFailed
from ledger.merkle import Frontier, check_consistency, prove_consistency
from ledger.note import Verifier
from ledger.standby import Standby
from ledger.tiles import WIDTH, hash_reader

Verifiers = Callable[[], Sequence[Verifier]]
"""The public halves of the log's keys that are on this machine, looked up at every call."""

Connect = Callable[[], AbstractContextManager[psycopg.Connection]]

SOON = 0.5
"""Seconds that a reader waits for the standby, or for whoever is about to keep."""


class Turn:
    """A turn to sign: the head as it is under the lock, and what was signed over it."""

    def __init__(self, locked: head.Head, sign: head.Sign) -> None:
        self.head = locked
        self.signed: str | None = None
        self._sign = sign

    def sign(
        self, conn: psycopg.Connection, checkpoint: Checkpoint, entries: Sequence[head.NewEntry]
    ) -> str:
        """Sign a checkpoint, to be kept when it is committed."""
        self.signed = self._sign(conn, checkpoint, entries)
        return self.signed


class Kept:
    """The files of one log.

    What a file holds is believed only when a key that is on this machine signed it. The database is
    not asked which keys the log has: it may be the one that was set back. With `standby`, a
    checkpoint is kept only when a standby holds it.
    """

    def __init__(
        self, files: Sequence[Path], verifiers: Verifiers, standby: Standby | None = None
    ) -> None:
        self.files = tuple(dict.fromkeys(files))
        self.verifiers = verifiers
        self.standby = standby
        self._opened: tuple[bytes, Checkpoint] | None = None
        self._size = -1

    @property
    def size(self) -> int:
        """The largest tree that this process knows to be in every file; -1 before the first."""
        return self._size

    def last(self) -> Checkpoint:
        """What is kept now: whatever any process told anybody lies under it. Raises SigningRefused
        and Unavailable."""
        found = self.read(self.files[0])
        if found is None:
            raise SigningRefused(f"there is no {self.files[0].name}")
        return found

    @contextmanager
    def transaction(self, conn: psycopg.Connection, sign: head.Sign) -> Iterator[Turn]:
        """The one transaction that may sign: what is signed in it is committed and then kept.

        Raises SigningRefused before the block, Unavailable before or after it, and what
        `acknowledged` raises.
        """
        with self.held():
            with acknowledged(conn):
                turn = Turn(head.lock(conn), sign)
                if self.standby is not None:
                    self.standby.begin(conn)
                self.follow(conn, turn.head.frontier)
                yield turn
            if turn.signed is not None:
                self.await_standby(conn)
                self.keep(turn.signed)

    def await_standby(self, conn: psycopg.Connection, within: float | None = None) -> None:
        """Raises NotReplicated when this log needs a standby, and none holds what is committed."""
        if self.standby is not None:
            self.standby.await_held(conn, within)

    @contextmanager
    def held(self, *, wait: bool = True) -> Iterator[None]:
        """Nobody else signs over these files until the block ends. Raises Unavailable; without
        `wait`, BlockingIOError when somebody holds them."""
        with ExitStack() as stack:
            for file in sorted(self.files):  # one order for all, so nobody waits in a circle
                try:
                    stack.enter_context(durable_file.locked(file, wait=wait))
                except BlockingIOError:
                    raise
                except OSError as error:
                    raise _cannot("lock", file, error) from None
            yield

    def read(self, file: Path) -> Checkpoint | None:
        """What a file holds; None when it is not there. Raises SigningRefused and Unavailable."""
        try:
            raw = file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _cannot("read", file, error) from None
        if self._opened is None or self._opened[0] != raw:
            self._opened = raw, self.open(raw, file.name)
        return self._opened[1]

    def follow(self, conn: psycopg.Connection, frontier: Frontier) -> None:
        """Check that the tree of a database goes on from every file, and bring the files up to it.

        Call it with the files held, before anything is signed or shown. Raises SigningRefused, and
        Unavailable when a file cannot be read or written.
        """
        if self.require(conn, frontier) < frontier.size:
            self.await_standby(conn)
            self.keep(self.stored(conn, frontier))
        self._size = frontier.size

    def require(self, conn: psycopg.Connection, frontier: Frontier) -> int:
        """See that the tree of a database goes on from what every file holds; the size of the
        smallest tree that one holds, -1 when one is not there.

        Raises SigningRefused, and Unavailable when a file cannot be read.
        """
        return self._require([self.read(file) for file in self.files], conn, frontier)

    def _require(
        self, found: Sequence[Checkpoint | None], conn: psycopg.Connection, frontier: Frontier
    ) -> int:
        kept = {checkpoint for checkpoint in found if checkpoint is not None}
        if not kept:
            raise SigningRefused(
                f"there is no {self.files[0].name}: nothing says what this log signed last"
            )
        for checkpoint in kept:
            _check_goes_on(conn, checkpoint, frontier)
        return min(-1 if checkpoint is None else checkpoint.size for checkpoint in found)

    def require_now(self, conn: psycopg.Connection) -> None:
        """Raises SigningRefused or Unavailable when `transaction` would, without waiting for a
        turn: the files are looked at before the head, which is never behind them."""
        for file in self.files:
            if not file.parent.is_dir():
                raise _cannot("lock", file, FileNotFoundError(ENOENT, os.strerror(ENOENT)))
        kept = [self.read(file) for file in self.files]
        self._require(kept, conn, head.read(conn).frontier)

    def largest(self) -> int:
        """The largest tree that is kept, as this process or a file says; -1 when neither does."""
        sizes = [self._size]
        for file in self.files:
            with suppress(SigningRefused, Unavailable):
                found = self.read(file)
                sizes.append(-1 if found is None else found.size)
        return max(sizes)

    def keep(self, signed: str) -> None:
        """Write a committed checkpoint to every file. Call it with the files held.

        Raises Unavailable: what it covers is recorded, and nobody may be told yet.
        """
        raw = signed.encode()
        for file in self.files:
            try:
                durable_file.write(file, raw)
            except OSError as error:
                raise _cannot("write", file, error) from None
        self._opened = raw, checkpoints.parse(note.parse(signed).text)
        self._size = self._opened[1].size

    def cover(self, connect: Connect, size: int) -> None:
        """See to it that a stored checkpoint is kept before it is shown to anyone.

        Raises SigningRefused and Unavailable.
        """
        if size <= self._size:
            return
        # The connection first, as in an append: whoever holds the files never waits for one.
        with connect() as conn:
            if self._is_kept(conn, size):
                return
            self.await_standby(conn, SOON)
            deadline = time.monotonic() + SOON
            while not self._is_kept(conn, size):
                # Whoever holds the files is about to keep it, or waits for the standby.
                with suppress(BlockingIOError), self.held(wait=False):
                    self.follow(conn, head.read(conn).frontier)
                    return
                if time.monotonic() > deadline:
                    raise Unavailable("what was just appended is not kept yet")
                time.sleep(0.01)

    def _is_kept(self, conn: psycopg.Connection, size: int) -> bool:
        """Whether every file has a tree of that size already."""
        found = [self.read(file) for file in self.files]  # before the head: they are not ahead
        self._size = self._require(found, conn, head.read(conn).frontier)
        return size <= self._size

    def check(self, conn: psycopg.Connection) -> None:
        """`follow`, on the head as it is now, with the files held."""
        with self.held():
            self.follow(conn, head.read(conn).frontier)

    def learn(self, conn: psycopg.Connection, signed: str) -> None:
        """Take notice of a checkpoint of this log that somebody else keeps, such as a witness.

        When the database does not go on from it, the files hold it from now on, so that no process
        signs until the operator acts. Raises SigningRefused then, and Unavailable.
        """
        with self.held():
            frontier = head.read(conn).frontier
            self.follow(conn, frontier)
            checkpoint = self.open(signed.encode(), "what somebody else keeps")
            try:
                _check_goes_on(conn, checkpoint, frontier)
            except SigningRefused:
                self.keep(signed)
                raise

    def stored(self, conn: psycopg.Connection, frontier: Frontier) -> str:
        """The checkpoint of the head, as the database has it. Raises SigningRefused."""
        row = conn.execute(
            "SELECT note FROM checkpoints WHERE size = %s", (frontier.size,)
        ).fetchone()
        signed = row[0] if row else ""
        checkpoint = self.open(signed.encode(), "the checkpoint of the head")
        if (checkpoint.size, checkpoint.root) != (frontier.size, frontier.root()):
            raise SigningRefused("the database has another head than its last checkpoint")
        return str(signed)

    def open(self, raw: bytes, name: str) -> Checkpoint:
        """A checkpoint that this log signed, from what has this name. Raises SigningRefused."""
        verifiers = self.verifiers()
        try:
            checkpoint = checkpoints.parse(note.open(note.decode(raw), verifiers).text)
        except VerificationFailed as error:
            raise SigningRefused(f"{name} is none that this log signed: {error}") from None
        if checkpoint.origin != verifiers[0].name:
            raise SigningRefused(f"{name} is a checkpoint of {checkpoint.origin}")
        return checkpoint


def _check_goes_on(conn: psycopg.Connection, kept: Checkpoint, frontier: Frontier) -> None:
    if kept.size > frontier.size:
        raise SigningRefused(
            f"the database has {frontier.size} entries and this log signed a tree of {kept.size}:"
            " it was set back"
        )
    tiles = hash_reader(
        lambda level, index, width: b"".join(
            head.read_hashes(conn, level, index * WIDTH, index * WIDTH + width)
        ),
        frontier.size,
    )
    try:
        proof = prove_consistency(kept.size, frontier.size, tiles)
        check_consistency(kept.size, frontier.size, kept.root, frontier.root(), proof)
    except VerificationFailed:
        raise SigningRefused(
            f"the first {kept.size} of the {frontier.size} entries in the database are not those"
            " that this log signed: it holds another history"
        ) from None


def _cannot(do: str, file: Path, error: OSError) -> Unavailable:
    return Unavailable(
        f"cannot {do} {file.name}, which keeps the last checkpoint: {error.strerror}", retry_after=5
    )
