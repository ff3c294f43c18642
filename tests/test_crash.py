"""SIGKILL under load: nothing acknowledged is lost, nothing is doubled, no index is used twice.

The real service on its embedded server, several senders over HTTP, and a kill at a random moment:
of the service, of PostgreSQL, or of both. The senders then send again what was not answered, as the
client library does. After each round the whole ledger is checked, with every receipt ever given.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from ledger import cloudevent, entry, receipt
from ledger.deployment import Home
from ledger.fsck import fsck
from ledger.merkle import check_consistency
from ledger.opening import open_ledger
from tests.check_ledger import check_registers
from tests.ledgers import Clock, TestLedger, make_ledger

PROGRAM = Path(sys.executable).with_name("verantwoord")
SENDERS = 6


class Service:
    """`verantwoord serve` as a process, on one port for the whole test; what it logs goes to a
    file, if one is given."""

    def __init__(self, data: Path, *options: str, log: Path = Path(os.devnull)) -> None:
        self.data = data
        self.log = log
        self.options = options
        self.port = 0
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [PROGRAM, "serve", "--data", self.data, "--port", self.port, *self.options]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*map(str, command)], stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.port = int(line.rpartition(":")[2])
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError("the service does not come up")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.communicate()

    def kill_postgres(self) -> None:
        """SIGKILL to the postmaster."""
        pid_file = self.data / "postgres" / "data" / "postmaster.pid"
        os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGKILL)


class Senders:
    """Threads that send events, some alone and some in batches, until they are told to stop.

    `unanswered` are envelopes that may or may not be recorded; `given` holds every answer.
    """

    def __init__(self, made: TestLedger, service: Service, seed: int) -> None:
        self.service = service
        self.made = made
        self.seed = seed
        self.stopping = threading.Event()
        self.unanswered: list[list[bytes]] = []
        self.given: dict[str, tuple[int, str]] = {}
        self.lock = threading.Lock()
        self.threads: list[threading.Thread] = []
        self.numbers = iter(range(1, 10**9))

    def start(self) -> None:
        self.stopping.clear()
        self.threads = [threading.Thread(target=self._run, args=(n,)) for n in range(SENDERS)]
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def send_again(self) -> None:
        """What was not answered, until it is."""
        with httpx.Client(base_url=self.service.url, timeout=30) as http:
            for envelopes in self.unanswered:
                assert self._send(http, envelopes), "a repeated request was not answered"
        self.unanswered = []

    def _run(self, number: int) -> None:
        dice = random.Random(self.seed * 100 + number)  # noqa: S311 - repeatable, not secret
        with httpx.Client(base_url=self.service.url, timeout=30) as http:
            while not self.stopping.is_set():
                with self.lock:
                    count = dice.choice([1, 1, 2, 20])
                    envelopes = [self.made.instruction(next(self.numbers)) for _ in range(count)]
                if not self._send(http, envelopes):
                    with self.lock:
                        self.unanswered.append(envelopes)

    def _send(self, http: httpx.Client, envelopes: list[bytes]) -> bool:
        try:
            response = http.post("/v1/events:batch", content=b"\n".join(envelopes))
        except httpx.TransportError:
            return False
        if response.status_code != 200:
            assert response.status_code in (500, 503), response.text
            return False
        with self.lock:
            for answer in response.json()["answers"]:
                assert answer["status"] in (200, 201), answer
                self._keep(answer["receipt"]["index"], answer["receipt"]["receipt"])
        return True

    def _keep(self, index: int, text: str) -> None:
        leaf = entry.parse(receipt.check(text, self.made.verifier).leaf)
        event = json.loads(leaf.payload)
        known = self.given.setdefault(event["id"], (index, text))
        assert known == (index, text), "the same event was answered in two ways"


def check(made: TestLedger, senders: Senders) -> None:
    """The whole ledger, with every receipt ever given."""
    with open_ledger(made.home) as ledger:
        opened = TestLedger(made.home, ledger, Clock())
        with ledger.database.connect() as conn:
            sound = fsck(
                conn,
                made.verifier,
                ledger.identity.administrator_key,
                keys=ledger.controller_keys,
            )
        check_registers(opened)
        ids = [
            cloudevent.parse(entry.parse(stored.leaf).payload).id for stored in ledger.reader.scan()
        ]
        assert len(ids) == len(set(ids)) == sound.size, "an event is recorded twice"
        for event_id, (index, text) in senders.given.items():
            assert ids[index] == event_id, "an acknowledged event is not where its receipt says"
            old = receipt.check(text, made.verifier).checkpoint
            proof = ledger.reader.prove_consistency(old.size, sound.size)
            check_consistency(old.size, sound.size, old.root, sound.root, proof)


@contextmanager
def prepared(data: Path) -> Iterator[TestLedger]:
    """A ledger on an embedded server of its own, closed again, with the keys of its services."""
    with make_ledger(Home(data)) as made:
        pass
    yield made


def run(data: Path, rounds: int, seed: int) -> None:
    print(f"seed {seed}")
    dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
    with prepared(data) as made:
        service = Service(data)
        senders = Senders(made, service, seed)
        service.start()
        for _ in range(rounds):
            senders.start()
            time.sleep(dice.uniform(0.05, 0.6))
            kind = dice.choice(["service", "postgres", "both"])
            if kind != "service":
                service.kill_postgres()
            if kind == "postgres":
                time.sleep(dice.uniform(0, 1.5))  # it comes back under load, by itself
            else:
                service.kill()
            senders.stop()
            if kind != "postgres":
                service.start()
            senders.send_again()
            check(made, senders)
        service.kill()
    assert len(senders.given) > rounds, "the load was no load"


def test_a_few_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    """Three rounds."""
    run(tmp_path / "data", 3, seed=20240102)


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_many_kills_lose_and_double_nothing(tmp_path: Path, seed: int) -> None:
    """Three times twelve rounds, at other moments."""
    run(tmp_path / "data", 12, seed)
