"""Receipts: what a producer keeps, and can check years later without the ledger.

A receipt is a c2sp.org/tlog-proof@v1 whose `extra` is the entry itself, so one file and the log's
verifier key are enough. It shows that the log committed, by its signed checkpoint, to this entry at
this index; not that the checkpoint is the one others see (that takes witnesses), nor that the time
is right. `tests/test_receipt.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger import entry as entries
from ledger import log_keys
from ledger import proof as proofs
from ledger.checkpoint import Checkpoint
from ledger.entry import Entry
from ledger.envelope import Envelope, check_signature
from ledger.errors import ProofInvalid, SignatureInvalid
from ledger.log_keys import LogKeys
from ledger.merkle import check_inclusion, leaf_hash
from ledger.note import Verifier
from ledger.proof import Proof

MAX_RECEIPT = 1_100_000
"""Bytes: the largest note and the largest entry, in base64."""

NO_KEYS: Mapping[str, Ed25519PublicKey] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Receipt:
    """A checked receipt: entry `index` of the log is `entry`, under `checkpoint`.

    `signed_by` are the ids of the producers' keys whose signatures were checked; signatures of
    other keys are in the entry, unchecked.
    """

    index: int
    entry: Entry
    leaf: bytes
    checkpoint: Checkpoint
    signed_by: tuple[str, ...]

    def matches(self, envelope: Envelope) -> None:
        """Check that the receipt is of the envelope that was sent. Raises ProofInvalid.

        A server could answer with a true receipt of another event.
        """
        recorded = (self.entry.payload, self.entry.signatures)
        if recorded != (envelope.payload, envelope.signatures):
            raise ProofInvalid("the receipt is of another event than the one sent", self.index)


def format(index: int, hashes: Sequence[bytes], checkpoint: str, leaf: bytes) -> str:
    """A receipt as text. `checkpoint` is the signed note."""
    return proofs.format(Proof(index, tuple(hashes), checkpoint, leaf))


def check(
    text: str, verifier: Verifier | LogKeys, producers: Mapping[str, Ed25519PublicKey] = NO_KEYS
) -> Receipt:
    """Check a receipt with the key or keys of the log, and the keys of producers by key id.

    (1) It is a tlog-proof, and carries an entry.
    (2) The log's key signed the checkpoint, and the checkpoint is of that log.
    (3) The leaf hash of the entry and the proof lead to the root of the checkpoint.
    (4) The entry is spelled in the one way.
    (5) When keys of producers are given: at least one of them signed the payload, and none of them
        is named by a signature that fails.

    Raises ProofInvalid, NoteMalformed, NoteUnverified, CheckpointMalformed and EntryMalformed.
    Whether a producer's key was in force is for `ledger/verify.py`, which reads the whole log.
    """
    if len(text) > MAX_RECEIPT:
        raise ProofInvalid(f"a receipt has at most {MAX_RECEIPT} bytes")
    proof = proofs.parse(text)  # (1)
    if proof.extra is None:
        raise ProofInvalid("the proof carries no entry, so it is not a receipt", proof.index)
    checkpoint = log_keys.open(proof.checkpoint, verifier)  # (2)
    hashed = leaf_hash(proof.extra)  # (3)
    check_inclusion(proof.index, checkpoint.size, hashed, proof.hashes, checkpoint.root)
    entry = entries.parse(proof.extra)  # (4)
    signed_by = _check_signatures(entry, producers, proof.index)  # (5)
    return Receipt(proof.index, entry, proof.extra, checkpoint, signed_by)


def _check_signatures(
    entry: Entry, producers: Mapping[str, Ed25519PublicKey], index: int
) -> tuple[str, ...]:
    known = [signature for signature in entry.signatures if signature.keyid in producers]
    if producers and not known:
        raise ProofInvalid("none of the given keys signed the event", index)
    for signature in known:
        try:
            check_signature(entry.payload, signature, producers[signature.keyid])
        except SignatureInvalid as error:
            raise ProofInvalid(str(error), index) from None
    return tuple(signature.keyid for signature in known)
