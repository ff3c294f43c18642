"""Backups of an embedded server: base backups, and the write-ahead log between and after them.

    TO/cluster.json              which cluster this is of: its log, its identifier, its timeline
    TO/base/MOMENT/data/         the files of PostgreSQL, with a manifest of SHA-256 (pg_basebackup)
    TO/base/MOMENT/files/        the settings beside the ledger, and log.vkey; never a private key
    TO/base/MOMENT/checkpoint    the checkpoint of the log when it was taken
    TO/wal/SEGMENT.gz            the write-ahead log (`ledger/embedded/archiving.py`)

A base backup is taken while the ledger is appended to, verified against its manifest, and only then
gets its name. From it and the log after it any moment since can be restored (`ledger/restore.py`).
Private keys, the token that reads and the secret of the identity provider are not in it: whoever
finds a backup shall sign nothing and open nothing that is sealed. `tests/test_backup.py`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from ledger import checkpoint as checkpoints
from ledger import durable_file, note
from ledger.checkpoint import Checkpoint
from ledger.database import Database
from ledger.deployment import DATABASE, Clock, Home, holds_log, now, read_identity
from ledger.embedded import EmbeddedServer, archiving
from ledger.errors import ConfigurationError, VerificationFailed

CLUSTER = "cluster.json"
CHECKPOINT = "checkpoint"
SEGMENT = re.compile(r"([0-9A-F]{24})\.gz")
ARCHIVED = re.compile(r"([0-9A-F]{24})\.")
"""A segment, or the note of a base backup that began in it."""
SEGMENT_BYTES = 16 * 1024 * 1024

FILES = ("log.vkey", "policy", "authorities", "retention", "provider", "frameworks")
"""What of the data directory is copied: nothing in it is a secret."""

_STAMP = "%Y%m%dT%H%M%S.%fZ"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Which cluster a directory holds backups of; a restored one writes another timeline."""

    origin: str
    system_identifier: int
    timeline: int


@dataclass(frozen=True, slots=True)
class Base:
    """A base backup that was taken whole; the name of its directory is when."""

    directory: Path

    @property
    def taken_at(self) -> datetime:
        """When it ended."""
        return datetime.strptime(self.directory.name, _STAMP).replace(tzinfo=UTC)

    @property
    def data(self) -> Path:
        """The files of PostgreSQL."""
        return self.directory / "data"

    @property
    def files(self) -> Path:
        """The settings beside the ledger."""
        return self.directory / "files"

    @property
    def signed(self) -> str:
        """The last checkpoint then, as the log signed it. Raises VerificationFailed."""
        return note.decode((self.directory / CHECKPOINT).read_bytes())

    @property
    def checkpoint(self) -> Checkpoint:
        """What it says. Raises VerificationFailed."""
        return checkpoints.parse(note.parse(self.signed).text)

    def ends_in(self) -> str:
        """The segment in which the backup ends: what comes after it must be in the archive. Raises
        VerificationFailed."""
        try:
            manifest = json.loads((self.data / "backup_manifest").read_bytes())
            (span,) = manifest["WAL-Ranges"]
            return segment_of(int(span["Timeline"]), lsn(str(span["End-LSN"])))
        except (OSError, ValueError, KeyError, TypeError):
            raise VerificationFailed(f"{self.data} has no manifest that can be read") from None


def take(home: Home, to: Path, *, keep: int | None = None, clock: Clock = now) -> Base:
    """Take a base backup, and have the write-ahead log archived from now on.

    With `keep`, older base backups than the newest so many are removed, with the log that only they
    need. Raises ConfigurationError.
    """
    to = to.absolute()
    _require_embedded(home)
    if to.is_relative_to(home.data.absolute()):
        raise ConfigurationError(f"{to} is inside {home.data}: what is lost together is no backup")
    with EmbeddedServer.open(home.data / "postgres") as server, _alone(to):
        database = Database(server.url(dbname=DATABASE), home.schema)
        _check_cluster(to, _cluster(server, database, home))
        archiving.start(server, to / "wal")
        base = _take(home, server, database, to, clock)
        archiving.flush(server, to / "wal")
    if keep is not None:
        _forget(to, keep)
    return base


def stop(home: Home) -> bool:
    """Archive no more; whether it was archived. Raises ConfigurationError."""
    _require_embedded(home)
    with EmbeddedServer.open(home.data / "postgres") as server:
        return archiving.stop(server)


def _require_embedded(home: Home) -> None:
    if home.database_url is not None:
        raise ConfigurationError(
            "this is for the embedded server. Back up a server of your own with what it has, such"
            " as pg_basebackup or pgBackRest (docs/how-to/back-up-and-restore.md)"
        )
    if not (home.data / "postgres").exists():  # it would be made
        raise ConfigurationError(f"there is no embedded server in {home.data}")


def bases(to: Path) -> list[Base]:
    """The base backups of a directory, the oldest first."""
    found = (each.name for each in (to / "base").glob("[0-9]*Z") if each.is_dir())
    return [Base(to / "base" / name) for name in sorted(found)]


def read_cluster(to: Path) -> Cluster | None:
    """Which cluster a directory holds backups of; None when it holds none. Raises
    ConfigurationError."""
    file = to / CLUSTER
    try:
        return Cluster(**json.loads(file.read_bytes()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        raise ConfigurationError(f"{file} cannot be read as what `backup` writes") from None


def lsn(text: str) -> int:
    """A place in the write-ahead log, as PostgreSQL writes it. Raises ValueError."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def segment_of(timeline: int, place: int) -> str:
    """The name of the segment that ends at a place, or has it within."""
    number = max(place - 1, 0) // SEGMENT_BYTES
    return segment_name(timeline, number)


def segment_name(timeline: int, number: int) -> str:
    """The name of a segment."""
    high, low = divmod(number, 2**32 // SEGMENT_BYTES)
    return f"{timeline:08X}{high:08X}{low:08X}"


def segment_number(name: str) -> int:
    """The number of a segment on its timeline."""
    return int(name[8:16], 16) * (2**32 // SEGMENT_BYTES) + int(name[16:24], 16)


def run(programs: Path, program: str, *arguments: object) -> None:
    """Run one of PostgreSQL's programs. Raises ConfigurationError with what it said."""
    done = subprocess.run(  # noqa: S603
        [programs / program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
    )
    if done.returncode != 0:
        raise ConfigurationError(f"{program}: {done.stderr.strip()}")


@contextmanager
def _alone(to: Path) -> Iterator[None]:
    """No other backup writes to the directory until the block ends."""
    (to / "base").mkdir(parents=True, exist_ok=True)
    try:
        with durable_file.locked(to / "backup", wait=False):
            yield
    except BlockingIOError:
        raise ConfigurationError(f"another backup is writing to {to}") from None


def _cluster(server: EmbeddedServer, database: Database, home: Home) -> Cluster:
    with database.connect_as_owner() as conn:
        if not holds_log(conn, home.schema):
            raise ConfigurationError(f"there is no ledger in {home.data}")
        origin = read_identity(conn).origin
    with psycopg.connect(server.url()) as conn:
        row = conn.execute(
            "SELECT system_identifier, timeline_id FROM pg_control_system(),"
            " pg_control_checkpoint()"
        ).fetchone()
    assert row is not None  # noqa: S101 - functions of one row
    return Cluster(origin, *row)


def _check_cluster(to: Path, cluster: Cluster) -> None:
    there = read_cluster(to)
    if there is None:
        if any((to / "base").iterdir()) or (to / "wal").exists():
            raise ConfigurationError(f"{to} is no directory of `backup`: give a new one")
        durable_file.write(to / CLUSTER, json.dumps(asdict(cluster)).encode())
    elif there.origin != cluster.origin:
        raise ConfigurationError(f"{to} holds backups of {there.origin}: give another directory")
    elif there != cluster:
        raise ConfigurationError(
            f"{to} holds backups of another server of {there.origin}, or from before it was"
            " restored: give a new directory, and keep that one"
        )


def _take(home: Home, server: EmbeddedServer, database: Database, to: Path, clock: Clock) -> Base:
    for left in (to / "base").glob(".new-*"):  # a backup that did not end
        shutil.rmtree(left)
    beside = Path(tempfile.mkdtemp(prefix=".new-", dir=to / "base"))
    try:
        run(
            server.programs,
            "pg_basebackup",
            *("--dbname", server.url(), "--pgdata", beside / "data", "--no-password"),
            *("--format", "plain", "--wal-method", "stream", "--checkpoint", "fast"),
            *("--manifest-checksums", "SHA256"),
        )
        run(server.programs, "pg_verifybackup", "--quiet", beside / "data")
        _copy_files(home, beside / "files")
        with database.connect_as_owner() as conn:
            row = conn.execute("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1").fetchone()
        durable_file.write(beside / CHECKPOINT, (row[0] if row else "").encode())
        base = Base(to / "base" / clock().astimezone(UTC).strftime(_STAMP))
        beside.rename(base.directory)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    durable_file.sync(to / "base")
    return base


def _copy_files(home: Home, to: Path) -> None:
    to.mkdir()
    for name in FILES:
        file = home.data / name
        if file.is_dir():
            (to / name).mkdir()
            for each in sorted(each for each in file.iterdir() if each.is_file()):
                durable_file.write(to / name / each.name, each.read_bytes())
        elif file.exists():
            durable_file.write(to / name, file.read_bytes())


def _forget(to: Path, keep: int) -> None:
    """Remove all but the newest base backups, and the write-ahead log from before the oldest."""
    kept = bases(to)[-keep:]
    first = kept[0].ends_in()
    for base in bases(to):
        if base not in kept:
            gone = base.directory.rename(base.directory.with_name(f".new-{base.directory.name}"))
            shutil.rmtree(gone)
    for file in (to / "wal").iterdir():
        if (match := ARCHIVED.match(file.name)) and match[1] < first:
            file.unlink()
