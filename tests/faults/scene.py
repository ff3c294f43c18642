"""Where a fault is played: a ledger in a directory of its own, its service, and clients that append.

    with scene(template, directory) as stage:
        stage.service.start()
        …
        stage.check()

The ledger is a copy of a template that is made once, with its cluster: so a run costs no `initdb`.
`check` is what must hold after every fault, whatever it was.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import psycopg

from ledger import cloudevent, entry, receipt
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
class Scene:
    """A ledger, its service and its clients."""

    made: TestLedger
    service: Service
    clients: Clients
    played: list[str] = field(default_factory=list)

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

    def guard(self) -> int:
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

    def execute(self, statement: str) -> None:
        """Have the server do something, with the rights of its administrator."""
        host = (self.postgres / guard.SOCKET).read_text()
        url = f"postgresql://postgres@/{DATABASE}"
        with psycopg.connect(url, host=host, autocommit=True) as conn:
            conn.execute(statement.encode())

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
            f"an append is answered; last: {[*self.clients.failed, 'nothing'][-1]}",
            seconds,
        )

    def check(self, *, whole: bool = True) -> int:
        """The ledger, with all that its clients hold; how many entries there are.

        Positions are dense, each event is recorded once, at the index its client was told, and the
        root of every size that anybody saw is that of the entries. With `whole`, `fsck` derives all
        that is stored again, every receipt is verified from its file, and the registers are the
        folds of the log.
        """
        assert self.clients.wrong == []
        with open_ledger(self.made.home) as ledger, ledger.database.connect() as conn:
            frontier, seen = Frontier(), dict(self.clients.checkpoints)
            ids = {}
            rows = conn.execute("SELECT position, leaf, leaf_hash FROM entries ORDER BY position")
            for position, leaf, hashed in rows:
                assert position == frontier.size + 1, f"entry {frontier.size} is missing"
                event = cloudevent.parse(entry.parse(leaf).payload)
                assert ids.setdefault((event.source, event.id), position) == position, (
                    f"{event.id} is recorded twice"
                )
                frontier = frontier.append([hashed])
                checkpoint = seen.pop(position, None)
                assert checkpoint is None or checkpoint.root == frontier.root(), "a fork"
            assert not seen, f"a tree of {max(seen)} entries was shown; there are {frontier.size}"
            for id, given in self.clients.given.items():
                source = cloudevent.parse(given.entry.payload).source
                assert ids[source, id] == given.index + 1, f"{id} is not where its receipt says"
            if whole:
                sound = fsck(
                    conn,
                    self.made.verifier,
                    ledger.identity.administrator_key,
                    keys=ledger.controller_keys,
                )
                assert sound.size == frontier.size
                keys = ledger.log_keys()
                for file in self.clients.receipts.glob("*.tlog-proof"):
                    found = receipt.check(file.read_text(), keys)
                    assert ledger.reader.entry(found.index).leaf == found.leaf, file.name
                check_registers(TestLedger(self.made.home, ledger, Clock()))
            return frontier.size


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
    *options: str,
    prepare: Callable[[Path], None] = lambda data: None,
    seed: int = 1,
    **more: dict[str, str],
) -> Iterator[Scene]:
    """A copy of a template in a directory, with a service that is not started yet; it is ended with
    the block. `prepare` sees the empty directory before the copy."""
    data.mkdir(parents=True)
    prepare(data)
    subprocess.run(["cp", "-a", f"{made.home.data}/.", data], check=True)
    copied = replace(made, home=replace(made.home, data=data))
    service = Service(data, *options, **more)  # type: ignore[arg-type]
    stage = Scene(copied, service, Clients(copied, service, seed))
    try:
        yield stage
    finally:
        stage.clients.stop()
        if not service.has_ended():
            service.kill()
        until(lambda: not guard.is_alive(stage.postgres), "the server stops")


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
