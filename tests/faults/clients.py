"""Services that append under load: the client library, with every receipt and checkpoint kept.

A client sends an event until it has its receipt, as the library tells it to: what was not answered
is sent again, byte for byte. What they are given is compared at once with what all of them were
given before: an event has one index, an index one event, a size one root. What contradicts that is
in `wrong`.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx

from ledger.checkpoint import Checkpoint
from ledger.client import AppendRefused, Client, Event, LedgerUnreachable
from ledger.errors import LedgerError
from ledger.log_keys import LogKeys
from ledger.receipt import Receipt
from tests.faults.service import Service
from tests.ledgers import KVK, TestLedger

CLIENTS = 6

PATIENCE = 60.0
"""Seconds in which an answer comes, also from a slow disk."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the clients were at a moment."""

    answered: int
    failed: int
    refused: int


class Clients:
    """Threads that append events, some alone and some in batches, until they are told to stop.

    `given` has the receipt of each event that was answered, by its id; `unanswered` are events that
    may or may not be recorded. `failed` and `refused` say in words why a request was not answered
    with receipts.
    """

    def __init__(self, made: TestLedger, service: Service, seed: int = 1) -> None:
        self.made = made
        self.service = service
        self.seed = seed
        self.source = f"urn:nld:kvk:{KVK}:systeem:helpdesk"
        self.receipts = service.data / "receipts"
        self.given: dict[str, Receipt] = {}
        self.unanswered: list[list[Event]] = []
        self.failed: list[str] = []
        self.refused: list[str] = []
        self.wrong: list[str] = []
        self.ahead = timedelta()
        self.answered = 0
        self.slowest = 0.0
        self.checkpoints: dict[int, Checkpoint] = {}
        self._sent: dict[str, Event] = {}
        self._at: dict[int, str] = {}
        self._keys = LogKeys.of(made.verifier)
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._numbers = iter(range(1, 10**9))

    def start(self) -> None:
        """Begin, or go on."""
        self._stopping.clear()
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(CLIENTS)]
        self._threads.append(threading.Thread(target=self._look))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop; what is on its way is still answered, or fails."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def mark(self) -> Mark:
        """How far they are."""
        with self._lock:
            return Mark(self.answered, len(self.failed), len(self.refused))

    def send_again(self, until: float = PATIENCE) -> None:
        """What was not answered, until it is; AssertionError when it is not in time."""
        deadline = time.monotonic() + until
        with self._client() as client:
            for events in self.unanswered:
                while not self._send(client, events):
                    assert time.monotonic() < deadline, self.last_said()
                    time.sleep(0.1)
        self.unanswered = []

    def send_all_again(self, most: int) -> None:
        """Events that were answered, as many as that: each gets the index it has."""
        ids = random.Random(self.seed).sample(sorted(self.given), min(most, len(self.given)))  # noqa: S311
        events = [self._sent[id] for id in ids]
        with self._client() as client:
            for start in range(0, len(events), 100):
                assert self._send(client, events[start : start + 100]), self.last_said()

    def last_said(self) -> str:
        """Why a request was not answered with receipts, the last time that one was not."""
        return (self.failed + self.refused or ["nothing"])[-1]

    def _run(self, number: int) -> None:
        dice = random.Random(self.seed * 100 + number)  # noqa: S311 - repeatable, not secret
        with self._client() as client:
            while not self._stopping.is_set():
                with self._lock:
                    events = [self._new() for _ in range(dice.choice([1, 1, 2, 20]))]
                while not self._send(client, events):
                    if self._stopping.wait(dice.uniform(0.05, 0.2)):
                        with self._lock:
                            self.unanswered.append(events)
                        return

    def _client(self) -> Client:
        return Client(
            self.service.url,
            self.made.services["helpdesk"],
            source=self.source,
            verifier=self.made.verifier,
            receipts=self.receipts,
            attempts=1,  # each answer counts here; sending again is for `_run`
            timeout=PATIENCE,
        )

    def _new(self) -> Event:
        number = next(self._numbers)
        data = {"instruction_id": f"I-{number}", "controller_id": "C1", "channel": "email"}
        return Event(
            "InstructionReceived", data, f"instruction-{number}", datetime.now(UTC) + self.ahead
        )

    def _send(self, client: Client, events: Sequence[Event]) -> bool:
        begun = time.monotonic()
        try:
            answers = client.append_all(events)
        except LedgerUnreachable as error:
            with self._lock:
                self.failed.append(str(error))
            return False
        except (LedgerError, AssertionError) as error:
            with self._lock:
                self.wrong.append(f"{type(error).__name__}: {error}")
            return False
        with self._lock:
            self.answered += 1
            self.slowest = max(self.slowest, time.monotonic() - begun)
            for event, answer in zip(events, answers, strict=True):
                if isinstance(answer, AppendRefused):
                    self.refused.append(str(answer))
                else:
                    self._sent[event.id] = event
                    self._keep(event.id, answer)
        return not any(isinstance(answer, AppendRefused) for answer in answers)

    def _keep(self, id: str, receipt: Receipt) -> None:
        known = self.given.setdefault(id, receipt)
        if known.index != receipt.index or known.leaf != receipt.leaf:
            self.wrong.append(f"{id} was given index {known.index}, and then {receipt.index}")
        if self._at.setdefault(receipt.index, id) != id:
            self.wrong.append(f"index {receipt.index} was given to {self._at[receipt.index]}, {id}")
        self._see(receipt.checkpoint)

    def _see(self, checkpoint: Checkpoint) -> None:
        known = self.checkpoints.setdefault(checkpoint.size, checkpoint)
        if known != checkpoint:
            self.wrong.append(f"two trees of {checkpoint.size} entries: {known}, {checkpoint}")

    def _look(self) -> None:
        """Read the checkpoint again and again, as an outsider does."""
        token = (self.service.data / "read.token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=self.service.url, headers=headers, timeout=PATIENCE) as http:
            while not self._stopping.wait(0.2):
                try:
                    answer = http.get("/log/checkpoint")
                except httpx.TransportError:
                    continue
                if answer.status_code == 200:
                    with self._lock:
                        self._see(self._keys.open(answer.text))
