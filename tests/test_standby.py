"""A log with a standby: a failover loses nothing that anybody was told, and forks nothing.

Two real servers that follow each other in turn, the real service and real clients; the primary is
killed under load, the standby taken away, a wait cancelled, the old primary brought back.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from ledger import checkpoint
from ledger import standby as standbys
from ledger.append import Appended
from ledger.database import acknowledged
from ledger.deployment import Home
from ledger.errors import ConfigurationError, NotReplicated, SigningRefused
from ledger.merkle import check_consistency
from ledger.opening import open_ledger
from tests.check_ledger import check_ledger
from tests.ledgers import TestLedger, make_ledger
from tests.test_crash import Senders, Service, check
from tests.two_servers import Pair, two_servers, until

NUMBERS = itertools.count(1)
OWNER = "verantwoord"
WAIT = 2


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Two servers with a database and a login, as the documentation makes them."""
    with two_servers() as servers:
        servers.primary.ask(f"CREATE ROLE {OWNER} LOGIN")
        servers.primary.ask(f"CREATE DATABASE verantwoord OWNER {OWNER}")
        yield servers
        

@pytest.fixture
def home(pair: Pair, tmp_path: Path) -> Home:
    """A place for a log that needs a standby."""
    home = Home(tmp_path / "data", pair.url(OWNER), f"log{next(NUMBERS)}")
    for role in ("service", "controller", "erasing"):
        pair.primary.ask(f"CREATE ROLE {home.schema}_{role} NOLOGIN")
        pair.primary.ask(f"GRANT {home.schema}_{role} TO {OWNER}")
    pair.primary.ask(f"GRANT pg_read_all_stats TO {home.schema}_service")
    home.data.mkdir()
    home.standby_file.write_text(f"wait {WAIT}\n")
    return home


@pytest.fixture
def ledger(home: Home) -> Iterator[TestLedger]:
    """An open log with parties and keys."""
    with make_ledger(home) as made:
        yield made


class Watcher:
    """Somebody who keeps every checkpoint that the service shows."""

    def __init__(self, service: Service, token: str) -> None:
        self.seen: set[str] = set()
        self._service = service
        self._token = token
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        with httpx.Client(base_url=self._service.url, headers=headers, timeout=30) as http:
            while not self._ending.is_set():
                answer = http.get("/v1/checkpoint?latest=true")
                if answer.status_code == 200:
                    self.seen.add(answer.text)
                else:
                    assert answer.status_code in (500, 503), answer.text
                time.sleep(0.02)


def check_one_history(made: TestLedger, seen: set[str]) -> None:
    """The log goes on from every checkpoint that was shown."""
    with open_ledger(made.home) as ledger:
        newest = checkpoint.open(ledger.reader.checkpoint().note, made.verifier)
        for text in seen:
            old = checkpoint.open(text, made.verifier)
            proof = ledger.reader.prove_consistency(old.size, newest.size)
            check_consistency(old.size, newest.size, old.root, newest.root, proof)


@contextmanager
def running(made: TestLedger, *options: str) -> Iterator[Service]:
    """The service on a log."""
    home = made.home
    where = ("--database-url", home.database_url or "", "--schema", home.schema)
    service = Service(home.data, *where, *options)
    service.start()
    try:
        yield service
    finally:
        assert service.process is not None
        service.process.terminate()
        service.process.communicate(timeout=20)


def fail_over_under_load(pair: Pair, made: TestLedger, rounds: int, *options: str) -> None:
    """Kill the primary while everybody writes and reads, and have the other take over."""
    with running(made, *options) as service:
        senders = Senders(made, service, seed=36)
        watcher = Watcher(service, made.home.token_file.read_text().strip())
        try:
            for _ in range(rounds):
                given = len(senders.given)
                senders.start()
                until(lambda before=given: len(senders.given) > before + 100)  # type: ignore[misc]
                pair.fail_over()
                time.sleep(0.5)  # clients meet a primary without a standby
                pair.rejoin()
                given = len(senders.given)
                until(lambda before=given: len(senders.given) > before + 100)  # type: ignore[misc]
                senders.stop()
                senders.send_again()
        finally:
            senders.stop()
            watcher.close()
    check(made, senders)
    assert len(watcher.seen) > rounds * 5
    check_one_history(made, watcher.seen)


def test_a_killed_primary_loses_nothing_that_was_acknowledged(pair: Pair, ledger: TestLedger) -> None:
    """SIGKILL under load, the standby promoted, the old one following after pg_rewind: the running
    service goes on by itself, every receipt holds, and no two checkpoints contradict each other."""
    ledger.ledger.close()
    fail_over_under_load(pair, ledger, 1)


@pytest.mark.long
def test_primaries_that_are_killed_in_turn_lose_nothing(pair: Pair, ledger: TestLedger) -> None:
    """Six failovers, with two serving processes."""
    ledger.ledger.close()
    fail_over_under_load(pair, ledger, 6, "--workers", "2")
