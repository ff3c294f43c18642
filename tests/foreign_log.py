"""A log that a witness meets: checkpoints and proofs of any size, honest or of a second history."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from ledger import add_checkpoint, checkpoint, merkle
from ledger.add_checkpoint import Request
from ledger.checkpoint import Checkpoint
from ledger.note import Signer
from tests.log_builder import private_key, reader


class ForeignLog:
    """A log of `size` entries. Another `history` has the same key and other entries."""

    def __init__(self, origin: str = "log.example/foreign", history: str = "", size: int = 64):
        self.signer = Signer(origin, private_key(origin))
        self.history = history
        self.size = size

    @cached_property
    def hashes(self) -> list[bytes]:
        """The leaf hashes."""
        return [merkle.leaf_hash(f"{self.history}{n}".encode()) for n in range(self.size)]

    def root(self, size: int) -> bytes:
        """The root of the first `size` entries."""
        return merkle.root(size, reader(self.hashes[:size]))

    def signed(self, size: int) -> str:
        """The checkpoint of the first `size` entries."""
        return checkpoint.sign(Checkpoint(self.signer.name, size, self.root(size)), self.signer)

    def proof(self, old: int, new: int) -> tuple[bytes, ...]:
        """The consistency proof between two sizes."""
        return tuple(merkle.prove_consistency(old, new, reader(self.hashes[:new])))

    def request(self, old: int, new: int, proof: Sequence[bytes] | None = None) -> bytes:
        """The body of a request to cosign `new` entries after `old`."""
        hashes = self.proof(old, new) if proof is None and old <= new else tuple(proof or ())
        return add_checkpoint.format(Request(old, hashes, self.signed(new))).encode()
