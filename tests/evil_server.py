"""A server that has the log's own key and lies: the log it shows, and the receipts it gives.

    with EvilServer(world()) as server:
        server.world.files["checkpoint"] = …        what GET /log/… answers
        server.world.answer = …                     what POST /v1/events:batch answers

It speaks HTTP on a port of its own, so clients, verifiers and monitors meet it as they would meet
any log. What outsiders hold from before it began to lie is in the world too: a checkpoint, and the
state of a monitor that has looked.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from ledger import envelope, receipt
from ledger.checkpoint import Checkpoint
from ledger.checkpoint import format as format_checkpoint
from ledger.cosignature import CosignatureSigner
from ledger.entry import Entry
from ledger.entry import format as format_entry
from ledger.entry import parse as parse_entry
from ledger.envelope import Envelope
from ledger.log_keys import LogKeys
from ledger.merkle import leaf_hash, prove_inclusion, root
from ledger.monitor import Monitor, State
from ledger.note import Signer
from tests.log_builder import (
    START,
    LogBuilder,
    export,
    payload,
    private_key,
    reader,
    reading,
    sign,
    signed_checkpoint,
)

SIZE = 320
"""Entries of the log."""

HELD = 300
"""Entries of the log when outsiders last saw it."""

SERVICE = "k-crm"
SYSTEM = "crm"
WITNESS = CosignatureSigner("witness.example", private_key("witness"))

Answer = Callable[["World", Sequence[Envelope]], list[str]]
"""The receipts for the envelopes of a batch."""


def instruction(number: int, controller: str = "C1") -> dict[str, Any]:
    """The data of an event."""
    return {"instruction_id": f"I-{number}", "controller_id": controller, "channel": "email"}


def honest(world: World, batch: Sequence[Envelope]) -> list[str]:
    """Record the events in their order; a receipt for each, under one checkpoint."""
    indexes = [world.log.append(sent) for sent in batch]
    return [world.log.receipt(index) for index in indexes]


@dataclass
class World:
    """A log, what its server shows of it, and what others hold of it."""

    log: LogBuilder
    held: str
    monitored: State
    answer: Answer = honest
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def signer(self) -> Signer:
        """The key of the log."""
        return self.log.signer

    def show(self, leaves: Sequence[bytes]) -> None:
        """Serve a log of these entries, signed with the key of the log."""
        self.files = export(leaves, self.signer)

    def fork(self, begin: int, size: int) -> list[bytes]:
        """Entries of another history from an index on. The service signed them too, so nothing is
        wrong with any of them."""
        other = copy.copy(self.log)
        other.leaves = self.log.leaves[:begin]
        while len(other.leaves) < size:
            record(other, 1000 + len(other.leaves))
        return other.leaves


def world() -> World:
    """A world in which nothing is wrong yet."""
    leaves, now, held, monitored = _made()
    log = LogBuilder()
    log.services[SERVICE] = SYSTEM
    log.leaves, log.now = list(leaves), now
    made = World(log, held, monitored)
    made.show(leaves)
    return made


def monitor() -> Monitor:
    """A monitor that pinned the key of the log."""
    keys = LogKeys.of(LogBuilder().signer.verifier)
    return Monitor(keys, still_after=timedelta(days=7), clock=lambda: START)


def record(log: LogBuilder, number: int, **options: Any) -> None:
    """Record one event of the service."""
    data = instruction(number)
    log.record("InstructionReceived", data, by=SERVICE, id=f"crm-{number}", **options)


@cache
def _made() -> tuple[tuple[bytes, ...], Any, str, State]:
    log = LogBuilder()
    log.enrol(SERVICE, SYSTEM)
    while len(log.leaves) < SIZE:
        record(log, len(log.leaves))
    look = monitor().look(reading(log.export(HELD)), State())
    assert look.findings == ()
    return tuple(log.leaves), log.now, log.checkpoint(HELD), look.state


def receipt_of(world: World, leaf: bytes, index: int, leaves: Sequence[bytes]) -> str:
    """A receipt for any leaf, with the proof of what is at an index of a tree."""
    hashes = [leaf_hash(one) for one in leaves]
    proof = prove_inclusion(index, len(leaves), reader(hashes))
    return receipt.format(index, proof, signed_checkpoint(leaves, world.signer), leaf)


def rewritten(leaf: bytes, old: bytes, new: bytes) -> bytes:
    """An entry with its payload changed, under the signatures of before."""
    entry = parse_entry(leaf)
    changed = entry.payload.replace(old, new)
    assert changed != entry.payload
    return format_entry(Entry(entry.recorded_at, changed, entry.signatures))


def signed_anew(leaf: bytes, data: dict[str, Any], id: str) -> bytes:
    """An entry with another payload that its service signed: its key is in the server's hands."""
    made = sign(payload("InstructionReceived", data, id=id, system=SYSTEM), SERVICE)
    return format_entry(Entry(parse_entry(leaf).recorded_at, made.payload, made.signatures))


def cosigned_elsewhere(world: World) -> str:
    """A cosignature of a true witness, for a log of another name with the very same tree."""
    hashes = [leaf_hash(leaf) for leaf in world.log.leaves]
    other = Checkpoint("log.example/other", len(hashes), root(len(hashes), reader(hashes)))
    return WITNESS.cosign(format_checkpoint(other), 1_700_000_000)


class EvilServer:
    """Serves a world over HTTP, as long as the block runs."""

    def __init__(self, world: World) -> None:
        self.world = world
        handler = type("Handler", (_Handler,), {"world": world})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True  # a client may keep its connection
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        """Where it listens; the log is below `/log`."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    world: World

    def do_GET(self) -> None:
        content = self.world.files.get(self.path.removeprefix("/log/"))
        self._send(404 if content is None else 200, content or b"-")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        batch = [envelope.parse(line) for line in body.split(b"\n")]
        receipts = self.world.answer(self.world, batch)
        answers = [{"status": 201, "receipt": {"receipt": text}} for text in receipts]
        self._send(200, json.dumps({"answers": answers}).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
