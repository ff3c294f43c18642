"""Where a fault is played: a ledger in its own directory, its service, and clients that append.

    with scene(template, directory) as stage:
        stage.service.start()
        …
        stage.check()

The ledger is a copy of a template that is made once, with its cluster: so a run costs no `initdb`.
`check` is what must hold after every fault, whatever it was.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import psycopg

from ledger import entry, receipt
from ledger.deployment import DATABASE, Home
from ledger.embedded import guard
from ledger.fsck import fsck
from ledger.merkle import Frontier
from ledger.opening import open_ledger
from tests.check_ledger import check_registers
from tests.faults.clients import Clients
from tests.faults.service import Service
from tests.ledgers import Clock, TestLedger, make_ledger

SOON = 60.0
"""Seconds within which something that must happen has happened."""


def until(there: Callable[[], bool], what: str, seconds: float = SOON) -> None:
    """Wait until something is so. AssertionError says what was waited for."""
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline, f"not within {seconds:g} seconds: {what}"
        time.sleep(0.05)


@dataclass
class Walk:
    """The log as a walk over its entries found it, which may go on later."""

    frontier: Frontier = field(default_factory=Frontier)
    roots: dict[int, bytes] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many entries there are."""
        return self.frontier.size

    def go_on(self, conn: psycopg.Connection) -> None:
        """Walk on to the end of the log."""
        rows = conn.execute(
            "SELECT position, leaf, leaf_hash FROM entries WHERE position > %s ORDER BY position",
            (self.size,),
        )
        for position, leaf, hashed in rows:
            assert position == self.size + 1, f"entry {self.size} is missing"
            event = json.loads(entry.parse(leaf).payload)
            name = f"{event['source']} {event['id']}"
            assert self.positions.setdefault(name, position) == position, f"{name} is there twice"
            self.frontier = self.frontier.append([hashed])
            self.roots[position] = self.frontier.root()

    def compare(self, clients: Clients) -> None:
        """With what the clients were told and shown."""
        for checkpoint in clients.checkpoints.values():
            assert checkpoint.size <= self.size, f"{checkpoint} was shown and {self.size} are left"
            assert checkpoint.root == self.roots[checkpoint.size], f"a fork at {checkpoint.size}"
        for id, given in clients.given.items():
            name = f"{clients.source} {id}"
            assert self.positions.get(name) == given.index + 1, f"{name} is not at its index"


@dataclass
class Scene:
    """A ledger, its service and its clients."""

    made: TestLedger
    service: Service
    clients: Clients
    walk: Walk = field(default_factory=Walk)
    beside: Any = None
    """What a fault put up around the service."""

    told: dict[str, str] = field(default_factory=dict)
    """What the service answered on paths while a fault was there, by path."""

    def end(self) -> None:
        """Stop the clients, and kill the service."""
        self.clients.stop()
        if not self.service.has_ended():
            self.service.kill()

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.made.home.data

    @property
    def postgres(self) -> Path:
        """The directory of the embedded server."""
        return self.data / "postgres"

    def server_said(self) -> str:
        """The logs of the embedded server and of its guard."""
        files = (self.postgres / name for name in ("server.log", "guard.log"))
        return "\n".join(file.read_text(errors="replace") for file in files if file.exists())

    def postmaster(self) -> int:
        """The process of the embedded server."""
        return int((self.postgres / "data" / "postmaster.pid").read_text().splitlines()[0])

    def guardian(self) -> int:
        """The process that runs the embedded server."""
        return _parent(self.postmaster())

    def processes(self, *titles: str) -> list[int]:
        """The processes of the embedded server whose title holds one of these words, such as
        `checkpointer`; without any, all of them."""
        server = self.postmaster()
        children = [pid for pid in _pids() if _parent(pid) == server]
        if not titles:
            return [server, *children]
        return [pid for pid in children if any(title in _title(pid) for title in titles)]

    def kill_postgres(self) -> None:
        """SIGKILL to the postmaster."""
        os.kill(self.postmaster(), signal.SIGKILL)

    def until_stopped(self) -> None:
        """Wait until the embedded server, which nobody uses any more, has stopped."""
        until(lambda: not guard.is_alive(self.postgres), "the server stops")

    def connect(self) -> psycopg.Connection:
        """A connection of our own to the embedded server, with the rights of its administrator."""
        host = (self.postgres / guard.SOCKET).read_text()
        url = f"postgresql://postgres@/{DATABASE}"
        options = f"-c search_path={self.made.home.schema}"
        return psycopg.connect(url, host=host, autocommit=True, options=options)

    def get(self, path: str) -> httpx.Response:
        """Ask the service, with the token that reads."""
        token = self.made.home.token_file.read_text().strip()
        return httpx.get(
            f"{self.service.url}{path}", headers={"Authorization": f"Bearer {token}"}, timeout=30
        )

    def answered(self, more: int = 1, seconds: float = SOON) -> None:
        """Wait until so many more requests were answered with receipts."""
        before = self.clients.mark().answered
        until(
            lambda: self.clients.mark().answered >= before + more or self.service.has_ended(),
            f"an append is answered; {self.clients.last_said()}",
            seconds,
        )

    def check(self) -> int:
        """The whole ledger, with all that its clients hold; how many entries there are.

        Beyond `check_what_is_new`, from the first entry on: `fsck` derives all that is stored
        again, every receipt is verified from its file, and the registers are the folds of the log.
        """
        self.walk = Walk()
        self.check_what_is_new()
        with open_ledger(self.made.home) as ledger, ledger.database.connect() as conn:
            sound = fsck(
                conn,
                self.made.verifier,
                ledger.identity.administrator_key,
                keys=ledger.controller_keys,
            )
            assert (sound.size, sound.root) == (self.walk.size, self.walk.frontier.root())
            keys = ledger.log_keys()
            for file in self.clients.receipts.glob("*.tlog-proof"):
                found = receipt.check(file.read_text(), keys)
                assert ledger.reader.entry(found.index).leaf == found.leaf, file.name
            check_registers(TestLedger(self.made.home, ledger, Clock()))
        return sound.size

    def check_what_is_new(self) -> int:
        """What came since the last check, with all that the clients hold; how many entries there
        are.

        Positions are dense, each event is recorded once, at the index its client was told, and the
        root of every size that anybody was shown is that of the entries.
        """
        assert self.clients.wrong == []
        with self.connect() as conn:
            self.walk.go_on(conn)
        self.walk.compare(self.clients)
        return self.walk.size


@contextmanager
def template(directory: Path) -> Iterator[TestLedger]:
    """A ledger on an embedded server of its own, closed again, to make copies of."""
    with make_ledger(Home(directory)) as made:
        pass
    until(lambda: not guard.is_alive(directory / "postgres"), "the server of the template stops")
    yield made


@contextmanager
def scene(
    made: TestLedger,
    data: Path,
    seed: int = 1,
) -> Iterator[Scene]:
    """A copy of a template in a directory, with a service that is not started yet; it is ended with
    the block."""
    data.mkdir(parents=True)
    subprocess.run(["cp", "-a", f"{made.home.data}/.", data], check=True)
    copied = replace(made, home=replace(made.home, data=data))
    service = Service(data)
    stage = Scene(copied, service, Clients(copied, service, seed))
    try:
        yield stage
    finally:
        stage.end()
        stage.until_stopped()


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _parent(pid: int) -> int:
    """The parent of a process; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""
