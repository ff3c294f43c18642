"""Clients that append over HTTP, in a process of their own so that the server keeps its own.

The events are signed beforehand; a client sends its next request when it has the answer to the one
before. Every answer must be a receipt, and some of them are verified afterwards.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import quantiles
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.wire import Connection, request
from ledger import cloudevent, envelope, receipt
from ledger.note import parse_vkey

SAMPLE = 50
"""Receipts that are verified of every run."""

WARM_UP = 0.5
"""Seconds of requests that are not counted."""


@dataclass(frozen=True, slots=True)
class Producer:
    """Who signs the events, and what they are about. Travels to the process of the clients."""

    key_id: str
    private_key: bytes
    source: str
    controllers: tuple[str, ...]

    def sign(self, id_: str, controller: str) -> bytes:
        """A signed event of a kind that needs nothing but its controller."""
        now = datetime.now(UTC)
        data = {"instruction_id": id_, "controller_id": controller, "channel": "email"}
        payload = cloudevent.format(
            id=id_,
            source=self.source,
            type="InstructionReceived",
            time=now,
            occurred_at=now,
            data=data,
        )
        key = Ed25519PrivateKey.from_private_bytes(self.private_key)
        return envelope.format(envelope.sign(payload, self.key_id, key))


@dataclass(frozen=True, slots=True)
class Run:
    """One run: who sends what, for how long. `most` events are signed beforehand."""

    name: str
    clients: int
    batch: int
    seconds: float
    most: int


@dataclass(frozen=True, slots=True)
class Measured:
    """Events a second, and the latency of a request in milliseconds."""

    name: str
    clients: int
    batch: int
    events: int
    events_per_second: float
    p50_ms: float
    p99_ms: float
    receipts_verified: int


@dataclass
class _Client:
    """One connection. `times` holds when each request was sent and answered."""

    requests: Sequence[bytes]
    times: list[tuple[float, float]] = field(default_factory=list)
    receipts: list[str] = field(default_factory=list)
    failure: BaseException | None = None

    def run(self, port: int, path: str, until: float) -> None:
        """Send until the time is over or nothing is left."""
        try:
            with Connection(port) as connection:
                for body in self.requests:
                    raw = request("POST", path, body)
                    sent = time.perf_counter()
                    if sent > until:
                        break
                    status, text = connection.send(raw)
                    self.times.append((sent, time.perf_counter()))
                    self.receipts += _receipts(status, text)
        except BaseException as error:
            self.failure = error


def measure(port: int, vkey: str, producer: Producer, run: Run) -> Measured:
    """Do a run from a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(drive, (port, vkey, producer, run))


def drive(
    port: int,
    vkey: str,
    producer: Producer,
    run: Run,
    ready: Callable[[], object] = lambda: None,
) -> Measured:
    """Sign, send, count, verify; `ready` is called when all is signed, and may wait for others."""
    requests = _sign(producer, run)
    clients = [_Client(requests[n :: run.clients]) for n in range(run.clients)]
    ready()
    begin = time.perf_counter()
    until = begin + WARM_UP + run.seconds
    path = "/v1/events" if run.batch == 1 else "/v1/events:batch"
    threads = [threading.Thread(target=c.run, args=(port, path, until)) for c in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client in clients:
        if client.failure is not None:
            raise client.failure
    verified = _verify(clients, vkey, producer)
    return _measured(run, clients, begin + WARM_UP, verified)


def _sign(producer: Producer, run: Run) -> list[bytes]:
    controllers = itertools.cycle(producer.controllers)
    lines = [producer.sign(f"{run.name}-{n}", next(controllers)) for n in range(run.most)]
    return [
        b"\n".join(lines[start : start + run.batch]) for start in range(0, len(lines), run.batch)
    ]


def _receipts(status: int, text: bytes) -> list[str]:
    answer: dict[str, Any] = json.loads(text)
    answers = answer.get("answers", [{"status": status, "receipt": answer}])
    for one in answers:
        if one["status"] != 201:
            raise RuntimeError(f"an event was not appended: {one}")
    return [one["receipt"]["receipt"] for one in answers]


def _verify(clients: Sequence[_Client], vkey: str, producer: Producer) -> int:
    verifier = parse_vkey(vkey)
    key = Ed25519PrivateKey.from_private_bytes(producer.private_key).public_key()
    receipts = [text for client in clients for text in client.receipts]
    sample = receipts[:: max(1, len(receipts) // SAMPLE)]
    for text in sample:
        receipt.check(text, verifier, {producer.key_id: key})
    return len(sample)


def _measured(run: Run, clients: Sequence[_Client], counted_from: float, verified: int) -> Measured:
    times = [t for client in clients for t in client.times if t[0] >= counted_from]
    if len(times) < 2:
        raise RuntimeError("the run was too short to measure anything; give more --seconds")
    spent = max(end for _, end in times) - min(start for start, _ in times)
    hundredths = quantiles(
        [(end - start) * 1000 for start, end in times], n=100, method="inclusive"
    )
    events = len(times) * run.batch
    return Measured(
        run.name,
        run.clients,
        run.batch,
        events,
        events / spent,
        hundredths[49],
        hundredths[98],
        verified,
    )
