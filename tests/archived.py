"""A ledger on a server of its own that was backed up while it was appended to."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from ledger import backup
from ledger.append import Appended
from ledger.backup import Base
from ledger.deployment import Home
from ledger.embedded import EmbeddedServer, archiving
from ledger.errors import Unavailable
from tests.ledgers import TestLedger, make_ledger


@dataclass
class Archived:
    """An open ledger, the directory of its backups, what producers were answered, and the base
    backups that were taken."""

    made: TestLedger
    to: Path
    given: list[Appended] = field(default_factory=list)
    bases: list[Base] = field(default_factory=list)

    def append(self, number: int) -> None:
        """One event in a transaction of its own, sent again until it is answered."""
        sent = self.made.instruction(number)
        while True:
            try:
                (answer,) = self.made.ledger.append([sent])
            except (Unavailable, psycopg.OperationalError):
                time.sleep(0.05)
                continue
            assert isinstance(answer, Appended), answer
            self.given.append(answer)
            return

    @contextmanager
    def load(self, start: int) -> Iterator[None]:
        """Events from two producers at once, until the block ends."""
        ending = threading.Event()

        def send(first: int) -> None:
            number = first
            while not ending.is_set():
                self.append(number)
                number += 2

        threads = [threading.Thread(target=send, args=(start + n,)) for n in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ending.set()
            for thread in threads:
                thread.join()

    def take(self) -> None:
        """Take a base backup."""
        self.bases.append(backup.take(self.made.home, self.to))

    def flush(self) -> None:
        """Wait until all that was answered is in the archive."""
        with EmbeddedServer.open(self.made.home.data / "postgres") as server:
            archiving.flush(server, self.to / "wal")


@contextmanager
def reachable() -> Iterator[Path]:
    """A directory that the account of the server reaches, also when the tests run as root."""
    with tempfile.TemporaryDirectory(prefix="verantwoord-backups-") as made:
        Path(made).chmod(0o711)
        yield Path(made)


@contextmanager
def archived(where: Path) -> Iterator[Archived]:
    """A ledger that was backed up twice under load, with several segments of log after that."""
    with make_ledger(Home(where / "data")) as made, reachable() as backups:
        there = Archived(made, backups / "backups")
        for start in (10_000, 20_000):
            with there.load(start):
                there.take()
        for number in range(3):
            there.append(30_000 + number)
            made.fill(20, start=31_000 + 100 * number)
            there.flush()
        yield there
