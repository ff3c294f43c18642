"""A log in memory for tests: made with the ledger's own functions, and open to every attack.

    log = LogBuilder()                          entry 0 enrols the administrator
    log.enrol("k-crm", "crm")
    log.record("BreachDetected", {…}, by="k-crm")
    verify(reading(log.export()))

With a secret, entries carry the numbers of whom they are said to concern:

    log = LogBuilder(secret=SECRET)
    log.record("InstructionReceived", {…}, by="k-crm", concerns=["C1"])
    log.export_controller("C1")

Keys are made from their names, so the same log has the same bytes every time.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import checkpoint, entry, envelope, numbers, receipt, tiles
from ledger.checkpoint import Checkpoint
from ledger.controller_export import Head, Line
from ledger.entry import Entry
from ledger.envelope import Envelope
from ledger.keyring import ADMINISTRATOR, CHECKPOINT_SIGNED, ENROLLED, LEDGER, REVOKED
from ledger.merkle import HashReader, leaf_hash, perfect_root, prove_inclusion, root
from ledger.note import Signer
from ledger.numbers import ControllerKeys, Sequences, State

ORIGIN = "log.example/verantwoord"
START = datetime(2025, 1, 1, 12, tzinfo=UTC)


def private_key(name: str) -> Ed25519PrivateKey:
    """The key of a name."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def public_bytes(name: str) -> bytes:
    """The 32 public bytes of the key of a name."""
    return private_key(name).public_key().public_bytes_raw()


def topic(type_name: str, version: int = 1) -> str:
    """`nl.verwerkersovereenkomsten.breach-confirmed.v1` of "BreachConfirmed"."""
    kebab = re.sub(r"(?<=.)(?=[A-Z])", "-", type_name).lower()
    return f"nl.verwerkersovereenkomsten.{kebab}.v{version}"


def payload(type_name: str, data: Mapping[str, Any], *, id: str, system: str) -> bytes:
    """A CloudEvent."""
    event = {
        "specversion": "1.0",
        "id": id,
        "source": f"urn:nld:kvk:12345678:systeem:{system}",
        "type": topic(type_name),
        "time": "2025-01-01T13:00:00+01:00",
        "data": data,
    }
    return json.dumps(event, ensure_ascii=False).encode()


def sign(payload: bytes, *key_ids: str) -> Envelope:
    """An envelope that the keys of these ids signed."""
    signed = [envelope.sign(payload, key_id, private_key(key_id)) for key_id in key_ids]
    return Envelope(
        payload, envelope.PAYLOAD_TYPE, tuple(s for one in signed for s in one.signatures)
    )


class LogBuilder:
    """A log of its own keys. Entries are one second apart unless told otherwise."""

    def __init__(self, origin: str = ORIGIN, secret: bytes | None = None) -> None:
        self.signer = Signer(origin, private_key(origin))
        self.leaves: list[bytes] = []
        self.keys = None if secret is None else ControllerKeys(secret, origin)
        self.sequences = Sequences({})
        self.states: list[dict[str, State]] = []
        """What each entry commits to: numbers of whom it concerns, or the latest ones."""
        self.services = {ADMINISTRATOR: ADMINISTRATOR}
        self.now = START
        self.enrol(ADMINISTRATOR, ADMINISTRATOR)

    def record(
        self,
        type_name: str,
        data: Mapping[str, Any],
        *,
        by: str | Sequence[str],
        id: str | None = None,
        system: str | None = None,
        at: datetime | None = None,
        concerns: Sequence[str] = (),
    ) -> int:
        """Append an event signed by the keys of `by`; its index. Nothing is checked."""
        signers = (by,) if isinstance(by, str) else tuple(by)
        event = payload(
            type_name,
            data,
            id=id or f"E{len(self.leaves)}",
            system=system or self.services.get(signers[0], "nowhere"),
        )
        numbered = self.sequences.next(concerns if self.keys else ())
        notes = type_name == CHECKPOINT_SIGNED and self.keys is not None
        states = dict(self.sequences.latest) if notes else numbered
        index = self.append(sign(event, *signers), at, states, latest=notes)
        self.sequences.add(numbered, leaf_hash(self.leaves[index]))
        return index

    def append(
        self,
        signed: Envelope,
        at: datetime | None = None,
        states: Mapping[str, State] | None = None,
        *,
        latest: bool = False,
    ) -> int:
        """Append an envelope as it is, with a commitment to these states; its index."""
        self.now = at or self.now + timedelta(seconds=1)
        index, commitment = len(self.leaves), None
        if self.keys is not None and (states or latest):
            commitment = numbers.commit(self.keys, place(index, latest), states or {})
        self.states.append(dict(states or {}))
        made = Entry(self.now, signed.payload, signed.signatures, commitment)
        self.leaves.append(entry.format(made))
        return index

    def note(self) -> int:
        """Append a CheckpointSigned of the ledger, which commits to the latest numbers; its
        index."""
        if LEDGER not in self.services:
            self.enrol(LEDGER, LEDGER)
        return self.record(CHECKPOINT_SIGNED, {"tree_size": len(self.leaves)}, by=LEDGER)

    def line(self, index: int, controller: str, *, latest: bool = False) -> Line:
        """The line of an export for an entry, under the checkpoint of the whole log."""
        assert self.keys is not None
        states = self.states[index]
        opening = numbers.prove(self.keys, place(index, latest), states, controller)
        hashes = [leaf_hash(leaf) for leaf in self.leaves]
        inclusion = prove_inclusion(index, len(hashes), reader(hashes))
        leaf = self.leaves[index]
        number = states[controller].number
        return Line(number, index, leaf, tuple(inclusion), tuple(opening), latest)

    def head(self, controller: str) -> Head:
        """The first line of an export."""
        assert self.keys is not None
        vkey = self.signer.verifier.vkey
        return Head(controller, self.keys.of(controller), vkey, self.checkpoint())

    def export_controller(self, controller: str) -> list[Head | Line]:
        """The export for a controller: up to the last note, and what came later."""
        notes = [i for i, leaf in enumerate(self.leaves) if b"checkpoint-signed" in leaf]
        own = [i for i, states in enumerate(self.states) if controller in states]
        lines = [self.line(i, controller) for i in own if i not in notes]
        return [self.head(controller), self.line(notes[-1], controller, latest=True), *lines]

    def enrol(self, key_id: str, service: str, *, by: str = ADMINISTRATOR, **fields: Any) -> int:
        """Append the enrolment of a key; its index."""
        self.services.setdefault(key_id, service)
        return self.record(ENROLLED, enrolment(key_id, service, **fields), by=by)

    def revoke(self, key_id: str, *, by: str = ADMINISTRATOR, **fields: Any) -> int:
        """Append the revocation of a key; its index."""
        return self.record(REVOKED, {"key_id": key_id, **fields}, by=by)

    def checkpoint(self, size: int | None = None) -> str:
        """The signed checkpoint of the first `size` entries."""
        return signed_checkpoint(self.leaves[:size], self.signer)

    def export(self, size: int | None = None) -> dict[str, bytes]:
        """The files of the first `size` entries."""
        return export(self.leaves[:size], self.signer)

    def receipt(self, index: int, size: int | None = None) -> str:
        """The receipt of an entry under the checkpoint of the first `size` entries."""
        leaves = self.leaves[:size]
        hashes = [leaf_hash(leaf) for leaf in leaves]
        proof = prove_inclusion(index, len(leaves), reader(hashes))
        return receipt.format(index, proof, self.checkpoint(size), leaves[index])


def place(index: int, latest: bool) -> str:
    """What an entry commits to numbers at."""
    return numbers.latest_at(index) if latest else numbers.at_entry(index)


def enrolment(key_id: str, service: str, **fields: Any) -> dict[str, Any]:
    """The data of a SigningKeyEnrolled."""
    return {
        "key_id": key_id,
        "service": service,
        "algorithm": "ed25519",
        "public_key": base64.b64encode(public_bytes(key_id)).decode(),
        **fields,
    }


def busy_log(size: int) -> LogBuilder:
    """A log of `size` entries in which two services take turns."""
    log = LogBuilder()
    log.enrol("k-crm", "crm")
    log.enrol("k-help", "helpdesk")
    while len(log.leaves) < size:
        number = len(log.leaves)
        log.record("InstructionReceived", {"number": number}, by=("k-crm", "k-help")[number % 2])
    del log.leaves[size:]
    return log


def reader(hashes: Sequence[bytes]) -> HashReader:
    """Perfect subtrees, straight from the leaf hashes."""
    return lambda level, index: perfect_root(hashes[index << level : (index + 1) << level])


def signed_checkpoint(leaves: Sequence[bytes], signer: Signer) -> str:
    """The checkpoint of these entries."""
    hashes = [leaf_hash(leaf) for leaf in leaves]
    tree_root = root(len(hashes), reader(hashes))
    return checkpoint.sign(Checkpoint(signer.name, len(hashes), tree_root), signer)


def export(leaves: Sequence[bytes], signer: Signer) -> dict[str, bytes]:
    """The files of a log with these entries: path -> bytes."""
    files = {
        "log.vkey": f"{signer.verifier.vkey}\n".encode(),
        "checkpoint": signed_checkpoint(leaves, signer).encode(),
    }
    for tile in tiles.bundles_of(len(leaves)):
        start = tile.index * tiles.WIDTH
        files[tiles.path(tile)] = tiles.format_bundle(leaves[start : start + tile.width])
    return files | hash_tiles([leaf_hash(leaf) for leaf in leaves])


def hash_tiles(hashes: Sequence[bytes]) -> dict[str, bytes]:
    """The hash tiles over these leaf hashes."""
    files, level, size = {}, list(hashes), len(hashes)
    for number in range(8):
        for tile in (t for t in tiles.tiles_of(size) if t.level == number):
            start = tile.index * tiles.WIDTH
            files[tiles.path(tile)] = b"".join(level[start : start + tile.width])
        full = range(0, len(level) - tiles.WIDTH + 1, tiles.WIDTH)
        level = [perfect_root(level[start : start + tiles.WIDTH]) for start in full]
    return files


def reading(files: Mapping[str, bytes]) -> Callable[[str], bytes]:
    """A fetch function over files in memory."""

    def fetch(path: str) -> bytes:
        try:
            return files[path]
        except KeyError:
            raise FileNotFoundError(path) from None

    return fetch
