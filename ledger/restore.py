"""Restoring a backup: into a new directory, to its end or to a moment, checked before it counts.

    1  the base backup is copied beside the new directory, and verified against its manifest
    2  the archived write-ahead log must go on from it without a gap, and each segment unpack whole
    3  PostgreSQL recovers: to the end, or to the checkpoint that was asked for
    4  `fsck` of the whole log; it goes on from the checkpoint that the backup was taken with
    5  the new directory gets its name, and only now it is there

A checkpoint is asked for by its size, or as the last one up to a moment. Each was committed with
its entries in one transaction, so recovery ends exactly behind that transaction: the head of what
is restored is, byte for byte, what the log had signed then.

What is restored may lack what was acknowledged last. Only what is kept elsewhere can tell: files of
the operator, and witnesses. What they know is put in the place of `last.checkpoint`, so a ledger
that is behind them signs nothing (`ledger/kept.py`); where nobody knows, there is no such file, and
it signs nothing either. `tests/test_restore.py`.
"""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import psycopg

from ledger import durable_file, fsck, log_keys, note, rollback, witnesses
from ledger.backup import (
    SEGMENT,
    SEGMENT_BYTES,
    Base,
    Cluster,
    bases,
    lsn,
    read_cluster,
    run,
    segment_name,
    segment_number,
)
from ledger.checkpoint import Checkpoint
from ledger.database import Database
from ledger.deployment import DATABASE, Home, read_vkeys
from ledger.embedded import EmbeddedServer, binaries, guard
from ledger.embedded import cluster as accounts
from ledger.errors import ConfigurationError, VerificationFailed
from ledger.log_keys import LogKeys
from ledger.opening import open_ledger
from ledger.policy import Policy
from ledger.reader import StoredCheckpoint
from ledger.rollback import Standing

ARCHIVE = "restored_wal"
"""Where the archived log lies for the server while it recovers, in its data directory."""


@dataclass(frozen=True, slots=True)
class Goal:
    """How far to restore: to a size, or to the last checkpoint recorded up to a moment; to the end
    when neither is given."""

    size: int | None = None
    at: datetime | None = None

    @property
    def is_end(self) -> bool:
        """Whether everything is wanted."""
        return self.size is None and self.at is None


@dataclass(frozen=True, slots=True)
class Known:
    """A checkpoint that somebody outside keeps of the log, and who."""

    by: str
    signed: str
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, from which base backup, what is known of the log from elsewhere, the
    newest first, and how it stands with the log: whether it signs, and why not."""

    taken_at: datetime
    checkpoint: StoredCheckpoint
    known: tuple[Known, ...]
    standing: Standing


@dataclass(frozen=True, slots=True)
class Request:
    """A restore: from which directory of backups, to which new home, and how far. `kept` are files
    with a checkpoint or receipt that were kept apart from the database, as signed notes."""

    source: Path
    home: Home
    goal: Goal = Goal()
    kept: Sequence[tuple[str, str]] = ()


def restore(request: Request, policy_of: Callable[[Path], Policy | None]) -> Restored:
    """Restore a backup. `policy_of` reads the policy in a file, whose witnesses are asked.

    Raises ConfigurationError when the directory is there already, or the backup cannot be used as
    asked, and VerificationFailed when it is damaged, or is not of the log that it claims; then
    nothing is left behind.
    """
    target, source = request.home.data.absolute(), request.source.absolute()
    if target.exists():
        raise ConfigurationError(f"{target} is there already: restore into a new directory")
    cluster = read_cluster(source)
    if cluster is None or not bases(source):
        raise ConfigurationError(f"{source} holds no base backup that was taken whole")
    target.parent.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=f"{target.name}.restoring-", dir=target.parent))
    try:
        home = replace(request.home, data=stage)
        with _at_goal(source, cluster, home, request.goal) as base:
            known = _known(request, base, policy_of)
            checkpoint, standing = _check(home, base, known, strict=bool(request.kept))
        stage.rename(target)  # an empty directory that was made meanwhile is replaced, no other
    except BaseException:
        shutil.rmtree(stage, ignore_errors=True)
        raise
    durable_file.sync(target.parent)
    return Restored(base.taken_at, checkpoint, tuple(known), standing)


@contextmanager
def _at_goal(source: Path, cluster: Cluster, home: Home, goal: Goal) -> Iterator[Base]:
    """The log recovered to the goal, its server running for the block; the base backup that it is
    from. What the goal is in the write-ahead log, only the whole log can tell: which transaction
    wrote which checkpoint."""
    found = bases(source)
    directory = home.data / "postgres"
    with _recovered(source, cluster, found[-1], directory) as server:
        if goal.is_end:
            yield found[-1]
            return
        size, transaction, is_last = _find(server, home.schema, goal)
        if is_last:
            yield found[-1]
            return
    shutil.rmtree(directory)
    earlier = [each for each in found if each.checkpoint.size < size]
    if not earlier:
        raise ConfigurationError(
            f"the oldest base backup has {found[0].checkpoint.size} entries, and a log of {size}"
            " can only be restored from one with fewer"
        )
    until = f"recovery_target_xid = '{transaction}'"
    with _recovered(source, cluster, earlier[-1], directory, until):
        yield earlier[-1]


def _find(server: EmbeddedServer, schema: str, goal: Goal) -> tuple[int, str, bool]:
    """The size of the checkpoint that is wanted, the transaction that wrote it, and whether it is
    the last one."""
    wanted = {"size": goal.size, "at": goal.at}
    with Database(server.url(dbname=DATABASE), schema).connect_as_owner() as conn:
        row = conn.execute(
            "SELECT size, xmin::text, size = max(size) OVER (), recorded_at FROM checkpoints"
            " ORDER BY (size = %(size)s OR recorded_at <= %(at)s) IS TRUE DESC, size DESC LIMIT 1",
            wanted,
        ).fetchone()
        near = conn.execute(
            "SELECT max(size) FILTER (WHERE size < %(size)s), min(size) FILTER (WHERE size >"
            " %(size)s), min(recorded_at) FROM checkpoints",
            wanted,
        ).fetchone()
    if row is None or near is None:
        raise VerificationFailed("the restored log has no checkpoint")
    size, transaction, is_last, recorded_at = row
    if goal.at is not None and recorded_at > goal.at:
        raise ConfigurationError(f"the log begins at {near[2]}, and that is later")
    if goal.size is not None and size != goal.size:
        beside = " and ".join(str(each) for each in near[:2] if each is not None)
        raise ConfigurationError(
            f"the log signed no tree of {goal.size} entries, as far as the backup goes; the sizes"
            f" next to it are {beside}"
        )
    return size, transaction, is_last


@contextmanager
def _recovered(
    source: Path, cluster: Cluster, base: Base, directory: Path, until: str = ""
) -> Iterator[EmbeddedServer]:
    """A server in a new directory that has recovered, for the block; it is gone afterwards."""
    data, account = directory / guard.DATA, accounts.account()
    _copy(base.data, data)
    try:
        run(binaries.usable_by(binaries.find(), account), "pg_verifybackup", "--quiet", data)
    except ConfigurationError as error:
        raise VerificationFailed(f"the base backup {base.directory} is damaged: {error}") from None
    last = _copy_log(source / "wal", base, cluster.timeline, data / ARCHIVE)
    # What a backup says about archiving and recovery is that of another server.
    (data / "postgresql.auto.conf").write_text(
        f"restore_command = 'gzip -dc {ARCHIVE}/%f.gz > %p'\n"
        f"recovery_target_timeline = '{cluster.timeline}'\n"
        f"recovery_target_action = 'promote'\n{until}\n"
    )
    (data / "recovery.signal").touch()
    accounts.own(data, account)
    server = EmbeddedServer.open(directory)
    try:
        with _patiently(server) as conn:
            if not until:
                _check_reached(conn, last)
            conn.execute("ALTER SYSTEM RESET ALL")
        yield server
    finally:
        server.stop()
    shutil.rmtree(data / ARCHIVE)


def _check_reached(conn: psycopg.Connection, last: str | None) -> None:
    """PostgreSQL takes log that it cannot read for the end of it."""
    row = conn.execute("SELECT pg_last_wal_replay_lsn()::text").fetchone()
    reached = str(row[0]) if row else "0/0"
    if last is not None and lsn(reached) < segment_number(last) * SEGMENT_BYTES:
        raise VerificationFailed(
            f"the archived log could be followed to {reached}, and goes on to segment {last}: one"
            " in between was altered"
        )


@contextmanager
def _patiently(server: EmbeddedServer) -> Iterator[psycopg.Connection]:
    """A connection to a server once it has recovered, which takes as long as there is log."""
    while True:
        server.ensure_running()
        try:
            with psycopg.connect(server.url(), autocommit=True) as conn:
                while conn.execute("SELECT pg_is_in_recovery()").fetchone() == (True,):
                    time.sleep(0.1)
                yield conn
                return
        except psycopg.OperationalError:
            time.sleep(0.1)  # it ended: `ensure_running` says why, when that was not to start again


def _copy(data: Path, to: Path) -> None:
    for folder, folders, files in os.walk(data):
        for name in (*folders, *files):
            if (Path(folder) / name).is_symlink():
                raise VerificationFailed(f"{Path(folder) / name} is a link, and no backup has one")
    to.parent.mkdir(parents=True)
    shutil.copytree(data, to)


def _copy_log(archive: Path, base: Base, timeline: int, to: Path) -> str | None:
    """Copy the segments that go on from a base backup, each found whole and none missing; the last
    one, None when there is none."""
    first = base.ends_in()
    names = sorted(
        match[1]
        for file in (archive.iterdir() if archive.exists() else ())
        if (match := SEGMENT.fullmatch(file.name)) and match[1] >= first
    )
    to.mkdir()
    for number, name in enumerate(names, start=segment_number(first)):
        wanted = segment_name(timeline, number)
        if name != wanted:
            raise VerificationFailed(
                f"{archive / wanted}.gz is missing, and there is log after it, from {name} on."
                " Nothing after a gap can be restored; to restore what is before it, move those"
                " segments elsewhere first"
            )
        file = archive / f"{name}.gz"
        if _length(file) != SEGMENT_BYTES:
            raise VerificationFailed(f"{file} is damaged: it does not unpack to a whole segment")
        shutil.copyfile(file, to / file.name)
    return names[-1] if names else None


def _length(file: Path) -> int:
    """How long a packed file is unpacked; -1 when it is damaged."""
    length = 0
    try:
        with gzip.open(file) as packed:
            while piece := packed.read(1 << 20):
                length += len(piece)
                if length > SEGMENT_BYTES:
                    return -1
    except (OSError, EOFError, zlib.error):
        return -1
    return length


def _known(request: Request, base: Base, policy_of: Callable[[Path], Policy | None]) -> list[Known]:
    """What is known of the log outside the backup, the newest first."""
    keys = _keys(base)
    newest = bases(request.source.absolute())[-1]
    found = [*request.kept, ("the newest base backup", newest.signed)]
    policy = policy_of(base.files / "policy")
    targets = witnesses.targets(policy) if policy is not None else ()
    if targets:
        with witnesses.make_client() as http, ThreadPoolExecutor(len(targets)) as pool:
            shown = pool.map(lambda target: witnesses.shown(http, target.url, keys), targets)
            for target, held in zip(targets, shown, strict=True):
                if held is not None:
                    found.append((f"witness {target.name}", held[0]))
    known = []
    for by, signed in found:
        try:
            known.append(Known(by, signed, keys.open(signed)))
        except VerificationFailed as error:
            raise VerificationFailed(
                f"{by} is no checkpoint of the log in this backup: {error}"
            ) from None
    return sorted(known, key=lambda each: each.checkpoint.size, reverse=True)


def _keys(base: Base) -> LogKeys:
    try:
        return log_keys.parse(note.decode((base.files / "log.vkey").read_bytes()))
    except FileNotFoundError:
        raise VerificationFailed(f"{base.files} has no log.vkey") from None


def _check(
    home: Home, base: Base, known: Sequence[Known], *, strict: bool
) -> tuple[StoredCheckpoint, Standing]:
    """See that the log is sound and goes on from the checkpoint of its base backup, put what is
    known of it in its place, and say how it stands. With `strict` the operator says that nothing
    newer was signed; what backups and witnesses know is less, and only counts against the
    database."""
    shutil.copytree(base.files, home.data, dirs_exist_ok=True)
    home.data.chmod(0o700)  # which is not copied
    with open_ledger(home, signs=False) as ledger, ledger.database.connect() as conn:
        checkpoint = ledger.reader.checkpoint()
        fsck.fsck(
            conn,
            (read_vkeys(home) or ledger.log_keys()).first,
            ledger.identity.administrator_key,
            kept=base.checkpoint if base.checkpoint.size <= checkpoint.size else None,
        )
    durable_file.write(home.kept_files[0], known[0].signed.encode())
    standing = rollback.look(home)
    if not strict and standing.refusal is None:
        home.kept_files[0].unlink()
        standing = rollback.look(home)
    return checkpoint, standing
