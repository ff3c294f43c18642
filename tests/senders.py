"""Threads that send events to a service while something happens to it, and what must hold after.

Where a test has a fault of its own to make, such as a promotion; the table of faults has clients of
its own, which keep every checkpoint as well (`tests/faults/clients.py`).
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from ledger import cloudevent, entry, receipt
from ledger.deployment import Home
from ledger.fsck import fsck
from ledger.merkle import check_consistency
from ledger.opening import open_ledger
from tests.check_ledger import check_registers
from tests.faults.service import Service
from tests.ledgers import Clock, TestLedger, make_ledger

SENDERS = 6


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
