"""Two real PostgreSQL servers of which one follows the other, as docs/how-to/run-a-standby.md sets
them up: each may be the primary, and a commit waits for the other.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from ledger.deployment import Home
from ledger.embedded import binaries, cluster

SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
synchronous_standby_names = 'ANY 1 (a, b)'
wal_log_hints = on
wal_keep_size = 512MB
hot_standby_feedback = on
wal_receiver_status_interval = 1s
wal_retrieve_retry_interval = 200ms
"""

OWNER = "verantwoord"
"""The login that owns the database, and no more."""

WAIT = 2
"""Seconds that an append waits for the standby."""


def until(there: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)


class Server:
    """One server: `a` or `b`."""

    def __init__(self, directory: Path, name: str) -> None:
        self.name = name
        self.data = directory / name
        self.port = free_port()
        self.account = cluster.account()
        self.programs = binaries.usable_by(binaries.find(), self.account)
        self.process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """A new cluster."""
        self._run(
            "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"
        )
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(SETTINGS)

    def copy(self, primary: Server) -> None:
        """A copy of the primary that is to follow it."""
        self._run(
            "pg_basebackup", "-D", self.data, "-R", "-X", "stream", "-c", "fast", "--no-sync",
            "-d", primary.conninfo("replication", self.name),
        )  # fmt: skip

    def rewind(self, primary: Server) -> None:
        """Follow the server that took over, also when this one had gone another way."""
        self._run(
            "pg_rewind", "-D", self.data, "-R", "--no-sync",
            f"--source-server={primary.conninfo('postgres', self.name)}",
        )  # fmt: skip

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self.data.with_suffix(".log").open("ab") as out:
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.data, "-p", str(self.port)],
                stdout=out,
                stderr=out,
                start_new_session=True,
                **self._as_account(),
            )
        until(self._answers)

    def kill(self) -> None:
        """SIGKILL to the server with all its processes, as when its machine is gone."""
        self._signal(signal.SIGKILL, of_all=True)

    def stop(self) -> None:
        """An orderly end."""
        self._signal(signal.SIGINT)

    def promote(self) -> None:
        """It was a standby, and takes over."""
        assert self.ask("SELECT pg_promote()") is True

    @contextmanager
    def setting(self, name: str, value: str) -> Iterator[None]:
        """Another setting until the block ends, as somebody changes it on a server that runs."""
        self.ask(f"ALTER SYSTEM SET {name} = '{value}'")
        try:
            self._reload(name, value)
            yield
        finally:
            self.ask(f"ALTER SYSTEM RESET {name}")
            self.ask("SELECT pg_reload_conf()")

    def _reload(self, name: str, value: str) -> None:
        self.ask("SELECT pg_reload_conf()")
        until(lambda: self.ask(f"SELECT current_setting('{name}')") == value)

    def ask(self, query: str, dbname: str = "postgres") -> Any:
        """What one statement of the superuser gives."""
        with psycopg.connect(self.conninfo(dbname), autocommit=True) as conn:
            found = conn.execute(query.encode())
            return (found.fetchone() or (None,))[0] if found.description else None

    def conninfo(self, dbname: str, application: str = "test") -> str:
        """How the superuser gets in."""
        database = "" if dbname == "replication" else f" dbname={dbname}"
        where = f"host=127.0.0.1 port={self.port} user=postgres connect_timeout=5"
        return f"{where} application_name={application}{database}"

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def is_followed(self) -> bool:
        """Whether a synchronous standby streams from it."""
        return bool(
            self.ask("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'")
        )

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.data.with_suffix(".log").read_text()
        try:
            self.ask("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _signal(self, number: signal.Signals, *, of_all: bool = False) -> None:
        assert self.process is not None
        if of_all:
            for pid in _family(self.process.pid):
                with suppress(ProcessLookupError):  # it ends when the first of them has
                    os.kill(pid, number)
        else:
            self.process.send_signal(number)
        self.process.wait(30)

    def _run(self, program: str, *arguments: object) -> None:
        done = subprocess.run(
            [self.programs / program, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            **self._as_account(),
        )
        assert done.returncode == 0, done.stderr

    def _as_account(self) -> dict[str, Any]:
        account = self.account
        owner = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
        return {
            "cwd": self.data.parent,
            "env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            "stdin": subprocess.DEVNULL,
            **owner,
        }


class Pair:
    """A primary and its standby, and how they change places."""

    def __init__(self, directory: Path) -> None:
        self.primary, self.standby = Server(directory, "a"), Server(directory, "b")

    def start(self) -> None:
        """Make both, and have one follow the other."""
        self.primary.make()
        self.primary.start()
        self.standby.copy(self.primary)
        self.standby.start()
        until(self.primary.is_followed)

    def fail_over(self) -> None:
        """The primary is gone, and the standby takes over; nobody follows that yet."""
        self.primary.kill()
        self.standby.promote()
        self.primary, self.standby = self.standby, self.primary

    def rejoin(self) -> None:
        """What was the primary follows the one that took over."""
        self.standby.rewind(self.primary)
        self.standby.start()
        until(self.primary.is_followed)

    def url(self, user: str, only: Server | None = None, session: str = "read-write") -> str:
        """The address of whichever of the two is the primary, as a service is given it; or of one
        of them."""
        servers = [only] if only else self.servers
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
        asked = f"target_session_attrs={session}&connect_timeout=3"
        return f"postgresql://{user}@{hosts}/verantwoord?{asked}"

    @property
    def servers(self) -> list[Server]:
        """Both, by name."""
        return sorted((self.primary, self.standby), key=lambda server: server.name)


@contextmanager
def two_servers() -> Iterator[Pair]:
    """A pair of servers with a database and its owner, until the block ends."""
    directory = Path(tempfile.mkdtemp(prefix="verantwoord-pair-"))
    pair = Pair(directory)
    if account := pair.primary.account:
        os.chown(directory, account.uid, account.gid)
    try:
        pair.start()
        pair.primary.ask(f"CREATE ROLE {OWNER} LOGIN")
        pair.primary.ask(f"CREATE DATABASE verantwoord OWNER {OWNER}")
        yield pair
    finally:
        for server in pair.servers:
            if server.is_running:
                server.kill()
        shutil.rmtree(directory)


def prepare_log(ask: Callable[[str], object], home: Home) -> None:
    """What an administrator does for a log that needs a standby."""
    for role in ("service", "controller", "erasing"):
        ask(f"CREATE ROLE {home.schema}_{role} NOLOGIN")
        ask(f"GRANT {home.schema}_{role} TO {OWNER}")
    ask(f"GRANT pg_read_all_stats TO {home.schema}_service")
    home.data.mkdir()
    home.standby_file.write_text(f"wait {WAIT}\n")


def _family(pid: int) -> list[int]:
    """A process and its children, as a server has them."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
