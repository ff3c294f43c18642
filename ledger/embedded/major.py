"""Another major version of PostgreSQL for the data directory of the embedded server.

The new cluster is made beside the old one, in `DIR/upgrade`, by pg_upgrade, which copies. It takes
the place of the old one only after it was started and whoever asked for it has checked it; until
then any end, a kill included, leaves the old cluster as it was, and afterwards the old one stays in
`DIR/data-MAJOR` until somebody removes it. `tests/test_major_upgrade.py`.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psycopg

from ledger import durable_file
from ledger.embedded import EmbeddedServer, binaries, cluster, guard
from ledger.embedded.cluster import Account
from ledger.errors import ConfigurationError

LATEST = (
    "Both have to be the latest release of their major version: an earlier one does not know what a"
    " later one may have written. The data are of {}, and this installation has {}."
)

STOPS_WITHIN = guard.STOP_TIMEOUT + 15
"""Seconds in which a server that nobody uses has ended."""


@dataclass(frozen=True, slots=True)
class MajorUpgrade:
    """Of the cluster in a directory, from one version and its programs to another."""

    directory: Path
    before: str
    now: str
    _old: Path
    _new: Path
    _account: Account | None

    @classmethod
    def of(cls, directory: Path, old_programs: Path, programs: Path | None = None) -> Self:
        """That to `programs`, or to those of this installation. Raises ConfigurationError."""
        account = cluster.account()
        old = binaries.usable_by(binaries.find(old_programs), account)
        new = binaries.usable_by(binaries.find(programs), account)
        data = directory / guard.DATA
        if not data.exists() and not cluster.take_back(directory):
            raise ConfigurationError(f"{directory} holds no data of an embedded PostgreSQL")
        made = cls(directory, cluster.version(data), binaries.major(new), old, new, account)
        made._check(binaries.major(old))
        return made

    def _check(self, given: str) -> None:
        if self.before == self.now:
            raise ConfigurationError(
                f"{self.directory} is of PostgreSQL {self.now} already, as are the programs in"
                f" {self._new}"
            )
        if int(self.before) > int(self.now):
            raise ConfigurationError(
                f"{self.directory} was made by PostgreSQL {self.before}, and this is the earlier"
                f" PostgreSQL {self.now}"
            )
        if self.before != given:
            raise ConfigurationError(
                f"{self.directory} was made by PostgreSQL {self.before}, and the programs given are"
                f" those of PostgreSQL {given}: --from-bin names those of {self.before}"
            )
        if self.kept.exists():
            raise ConfigurationError(
                f"{self.kept} is there, of an earlier upgrade from PostgreSQL {self.before}: put it"
                " elsewhere, or remove it"
            )

    @property
    def kept(self) -> Path:
        """Where the old cluster will be."""
        return self.directory / f"{guard.DATA}-{self.before}"

    def old_server(self) -> EmbeddedServer:
        """The server as it is; it recovers from a crash, if there was one."""
        return EmbeddedServer.open(self.directory, self._old)

    @contextmanager
    def new_server(self) -> Iterator[EmbeddedServer]:
        """The server of the new cluster, for the block to check it, after `old_server`: pg_upgrade
        takes only what was shut down well.

        When the block ends without an error, the new cluster takes the place of the old one. Raises
        ConfigurationError; nobody else uses the directory meanwhile, and whoever wants to waits.
        """
        data, place = self.directory / guard.DATA, self.directory / cluster.UPGRADE
        with _nobody_else(self.directory):
            _remove(place)
            place.mkdir()
            try:
                self._make(data, place)
                with EmbeddedServer.open(place, self._new) as server:
                    _analyze(server)
                    yield server
                wait_until_stopped(place)
                # Killed between the two renames, `cluster.take_back` puts the old one back.
                durable_file.write(place / cluster.REPLACES, self.kept.name.encode())
                data.rename(self.kept)
                (place / guard.DATA).rename(data)
                durable_file.sync(self.directory)
            finally:
                if not data.exists():
                    cluster.take_back(self.directory)
                _remove(place)

    def _make(self, data: Path, place: Path) -> None:
        account = self._account
        checksums = _has_checksums(data, self._old, account)  # pg_upgrade wants the same
        cluster.make(place, self._new, account, checksums=checksums)
        _pg_upgrade(data, place / guard.DATA, self._old, self._new, account)
        if not checksums:
            run_on(place / guard.DATA, self._new / "pg_checksums", ["--enable"], account)


@contextmanager
def _nobody_else(directory: Path) -> Iterator[None]:
    """Hold the lock of those who use a directory, so that it has no server."""
    wait_until_stopped(directory)
    with (directory / guard.USERS).open("a") as users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _in_use(directory) from None
        yield


def wait_until_stopped(directory: Path) -> None:
    """Return when a directory has no server. Raises ConfigurationError when somebody uses it."""
    until = time.monotonic() + STOPS_WITHIN
    while guard.is_alive(directory):
        if time.monotonic() > until:
            raise _in_use(directory)
        time.sleep(0.1)


def _in_use(directory: Path) -> ConfigurationError:
    return ConfigurationError(f"somebody uses the server of {directory}: stop the service first")


def _remove(place: Path) -> None:
    """Remove what an upgrade left, and its server if it runs."""
    if not place.exists():
        return
    wait_until_stopped(place)
    guard.clear_the_way(place / guard.DATA)
    shutil.rmtree(place)


def _has_checksums(data: Path, programs: Path, account: Account | None) -> bool:
    said = run_on(data, programs / "pg_controldata", [], account)
    (version,) = (
        line.partition(":")[2].strip()
        for line in said.splitlines()
        if line.startswith("Data page checksum version")
    )
    return version != "0"


def _pg_upgrade(
    old_data: Path, new_data: Path, old: Path, new: Path, account: Account | None
) -> None:
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="verantwoord-")))
        if account is not None:
            os.chown(scratch, account.uid, account.gid)
        old_place, old_data_open = stack.enter_context(guard.reachable(old_data))
        new_place, new_data_open = stack.enter_context(guard.reachable(new_data))
        arguments = [
            *("--old-bindir", str(old), "--new-bindir", str(new)),
            *("--old-datadir", old_place, "--new-datadir", new_place),
            *("--username", "postgres", "--socketdir", str(scratch)),
        ]
        try:
            _run(new / "pg_upgrade", arguments, (*old_data_open, *new_data_open), account, scratch)
        except ConfigurationError as error:
            hint = LATEST.format(_release(old), _release(new))
            raise ConfigurationError("\n".join([str(error), *_reports(new_data), hint])) from None
        finally:
            # It starts servers that go on when it is killed itself.
            guard.clear_the_way(old_data)
            guard.clear_the_way(new_data)


def _release(programs: Path) -> str:
    said = _run(programs / "postgres", ["--version"], (), None)
    return " ".join(said.replace("(PostgreSQL)", "PostgreSQL").split()[1:3])


def _reports(data: Path) -> Iterator[str]:
    """The ends of the files that pg_upgrade names when it fails; they are removed with the rest."""
    for file in sorted(data.glob("pg_upgrade_output.d/**/*.*")):
        if file.is_file() and file.name != "pg_upgrade_internal.log":  # what it said already
            yield f"{file.name}:"
            yield from file.read_text(errors="replace").splitlines()[-5:]


def run_on(data: Path, program: Path, arguments: list[str], account: Account | None) -> str:
    """What a program of PostgreSQL says about a data directory without a server."""
    with guard.reachable(data) as (place, descriptors):
        return _run(program, [*arguments, "-D", place], descriptors, account)


def _run(
    program: Path,
    arguments: list[str],
    descriptors: tuple[int, ...],
    account: Account | None,
    cwd: Path = Path("/"),
) -> str:
    """What a program of PostgreSQL says. Raises ConfigurationError with that when it fails."""
    done = subprocess.run(  # noqa: S603
        [program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        cwd=cwd,
        pass_fds=descriptors,
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
        preexec_fn=guard.die_with_parent,  # nothing else runs here
    )
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()
        raise ConfigurationError(f"{program.name} failed, and the data are as they were:\n{said}")
    return done.stdout


def _analyze(server: EmbeddedServer) -> None:
    with psycopg.connect(server.url(), autocommit=True) as conn:
        names = conn.execute("SELECT datname FROM pg_database WHERE datallowconn").fetchall()
    for (name,) in names:
        with psycopg.connect(server.url(dbname=name), autocommit=True) as conn:
            conn.execute("ANALYZE")
