"""Receipts: what a producer keeps, and can check years later without the ledger.

A receipt is a c2sp.org/tlog-proof@v1 whose `extra` is the entry itself, so one file and the log's
verifier key are enough. It shows that the log committed, by its signed checkpoint, to this entry at
this index; not that the checkpoint is the one others see (that takes witnesses).
`tests/test_receipt.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger import checkpoint as checkpoints
from ledger import entry as entries
from ledger import proof as proofs
from ledger.checkpoint import Checkpoint
from ledger.entry import Entry
from ledger.envelope import Envelope
from ledger.errors import ProofInvalid
from ledger.merkle import check_inclusion, leaf_hash
from ledger.note import Verifier
from ledger.proof import Proof


@dataclass(frozen=True, slots=True)
class Receipt:
    """A checked receipt: entry `index` of the log is `entry`, under `checkpoint`."""

    index: int
    entry: Entry
    leaf: bytes
    checkpoint: Checkpoint


def format(index: int, hashes: Sequence[bytes], checkpoint: str, leaf: bytes) -> str:
    """A receipt as text. `checkpoint` is the signed note."""
    return proofs.format(Proof(index, tuple(hashes), checkpoint, leaf))


def check(text: str, verifier: Verifier) -> Receipt:
    """Check a receipt with the verifier key of the log.

    (1) It is a tlog-proof, and carries an entry.
    (2) The log's key signed the checkpoint, and the checkpoint is of that log.
    (3) The entry is spelled in the one way.
    (4) Its leaf hash and the proof lead to the root of the checkpoint.

    Raises ProofInvalid, NoteMalformed, NoteUnverified, CheckpointMalformed and EntryMalformed. The
    producer's signature is checked by `ledger/verify.py`, which needs the producer's key.
    """
    proof = proofs.parse(text)  # (1)
    if proof.extra is None:
        raise ProofInvalid("the proof carries no entry, so it is not a receipt", proof.index)
    checkpoint = checkpoints.open(proof.checkpoint, verifier)  # (2)
    entry = entries.parse(proof.extra)  # (3)
    check_inclusion(  # (4)
        proof.index, checkpoint.size, leaf_hash(proof.extra), proof.hashes, checkpoint.root
    )
    return Receipt(proof.index, entry, proof.extra, checkpoint)


def check_for(text: str, envelope: Envelope, verifier: Verifier) -> Receipt:
    """Check a receipt, and that it is about the envelope that was sent.

    A server could answer with a true receipt of another event. Raises what `check` raises.
    """
    receipt = check(text, verifier)
    sent = (envelope.payload, envelope.signatures)
    if (receipt.entry.payload, receipt.entry.signatures) != sent:
        raise ProofInvalid("the receipt is of another event than the one sent", receipt.index)
    return receipt
