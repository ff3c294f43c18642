"""A PostgreSQL server of our own, in a data directory, for a machine with nothing else installed.

    DIR/data/         the cluster; made beside and renamed, so it is whole or not there
    DIR/users.lock    every process that uses the server holds a shared lock on it
    DIR/guard.lock    held by the one guard, which runs the server
    DIR/socket        the private directory of the Unix socket; no TCP port is opened
    DIR/server.log    what the server says

Whoever opens the server takes the shared lock and starts a guard if there is none. The guard
(`guard.py`) starts PostgreSQL, starts it again when it was killed, and stops it when nobody holds
the shared lock any more, also when the last user was killed: so a second process connects instead
of starting another server, and the server never outlives its users. `tests/test_embedded.py`
kills each of them.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg

from ledger.embedded import binaries, cluster, guard
from ledger.errors import ConfigurationError

START_TIMEOUT = 60.0
"""Seconds a server may take to start, crash recovery included."""


GUARDS = 3
"""Guards that are started in a row before giving up: one may find another just ending."""


class EmbeddedServer:
    """The server of one directory, in use until `close`."""

    def __init__(self, directory: Path, programs: Path | None = None) -> None:
        """Use the server of a directory; makes and starts it when needed. Raises
        ConfigurationError, with the way out."""
        self.directory = directory.absolute()
        self.directory.mkdir(parents=True, exist_ok=True)
        self.account = cluster.account()
        self.programs = binaries.usable_by(binaries.find(programs), self.account)
        self._users = os.open(self.directory / guard.USERS, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._users, fcntl.LOCK_SH)
        try:
            with _alone(self.directory / "start.lock"):
                cluster.prepare(self.directory, self.programs, self.account)
            self.ensure_running()
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(cls, directory: Path, programs: Path | None = None) -> Self:
        """The server of a directory; use it in a `with` block."""
        return cls(directory, programs)

    def url(self, dbname: str = "postgres", user: str = "postgres") -> str:
        """How to connect to it."""
        host = (self.directory / guard.SOCKET).read_text()
        return f"postgresql://{user}@/{dbname}?host={quote(host, safe='')}"

    def ensure_running(self) -> None:
        """Return when the server answers; starts a guard if there is none."""
        deadline = time.monotonic() + START_TIMEOUT
        guards = 0
        while not self._answers():
            if not guard.is_alive(self.directory):
                guards += 1
                self._start_guard()
            if time.monotonic() > deadline or guards > GUARDS:
                raise ConfigurationError(f"the embedded PostgreSQL does not start:\n{self._said()}")
            time.sleep(0.05)

    def restart(self) -> None:
        """Stop the server and have its guard start it again; who is connected is cut off. For
        settings that are only read at a start."""
        data = self.directory / guard.DATA
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + START_TIMEOUT
        while guard.runs_in(pid, data):
            if time.monotonic() > deadline:
                raise ConfigurationError("the embedded PostgreSQL does not stop")
            time.sleep(0.05)
        self.ensure_running()

    def close(self) -> None:
        """Let go of the server; it stops when nobody else uses it."""
        if self._users >= 0:
            os.close(self._users)
            self._users = -1

    def stop(self) -> None:
        """`close`, and wait until the server and its guard are gone. Raises ConfigurationError when
        somebody else uses it."""
        self.close()
        deadline = time.monotonic() + START_TIMEOUT
        while guard.is_alive(self.directory):
            if time.monotonic() > deadline:
                raise ConfigurationError(f"the server of {self.directory} does not stop")
            time.sleep(0.05)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _answers(self) -> bool:
        with suppress(OSError, psycopg.OperationalError):
            psycopg.connect(self.url(), connect_timeout=5).close()
            return True
        return False

    def _start_guard(self) -> None:
        """Raises ConfigurationError when this machine cannot: its disk is full, or read-only."""
        try:
            self._spawn_guard()
        except (OSError, subprocess.CalledProcessError) as error:
            raise ConfigurationError(
                f"the guard of the embedded PostgreSQL does not start: {error}\n{self._said()}"
            ) from None

    def _spawn_guard(self) -> None:
        task = {
            "directory": str(self.directory),
            "programs": str(self.programs),
            "account": None if self.account is None else [self.account.uid, self.account.gid],
        }
        with (self.directory / "guard.log").open("ab") as log:
            # Isolated and of the standard library alone: it outlives changes to this installation.
            # It leaves at once and goes on as a process of its own.
            subprocess.run(  # noqa: S603
                [sys.executable, "-I", guard.__file__, json.dumps(task)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                check=True,
            )

    def _said(self) -> str:
        """The last lines of the server and its guard."""
        lines: list[str] = []
        for name in ("guard.log", "server.log"):
            with suppress(OSError):
                lines += (self.directory / name).read_text(errors="replace").splitlines()[-8:]
        return "\n".join(lines)


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file for the block."""
    with file.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
