"""What a receipt shows, what that rests on, and what it does not show: the report on one entry.

The sentences are true of this run only, as in `ledger/report.py`; the rungs are those of
`ledger/ladder.py`. `tests/test_receipt_report.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger import entry_check, ladder, log_keys, proof, receipt
from ledger.entry_check import Event
from ledger.envelope import check_signature
from ledger.errors import ProofInvalid, SignatureInvalid, VerificationFailed
from ledger.ladder import Attested, Rung, State, Step
from ledger.log_keys import LogKeys
from ledger.note import Verifier
from ledger.receipt import Receipt
from ledger.report import Pins


@dataclass(frozen=True, slots=True)
class ReceiptReport:
    """What checking a receipt showed. `event` is None for a payload outside the vocabulary."""

    receipt: Receipt
    vkey: str
    event: Event | None
    steps: tuple[Step, ...]
    attested: Attested
    contradictions: tuple[str, ...]
    rests_on: tuple[str, ...]
    does_not_show: tuple[str, ...]


def check(text: str, keys: Verifier | LogKeys, pins: Pins) -> ReceiptReport:
    """Check a receipt, and decide how far it stands up.

    `keys` are those of the log: the pinned ones, when `pins` has any. Raises VerificationFailed
    when the receipt is not in order, when none of the producers' keys that are given signed it, or
    when the signature of a witness of the policy fails.
    """
    found = receipt.check(text, keys)
    verifier = log_keys.signer_of(proof.parse(text).checkpoint, keys)
    signed_by = _signers(found, pins.producers)
    attested = ladder.look_up(
        proof.parse(text).checkpoint, verifier, pins.policy, pins.certificates
    )
    event = _event(found)
    return ReceiptReport(
        receipt=found,
        vkey=verifier.vkey,
        event=event,
        steps=(
            _signed(found, signed_by),
            _included(found),
            attested.witnessed,
            attested.timestamped,
        ),
        attested=attested,
        contradictions=tuple(ladder.contradiction(found.entry.recorded_at, attested)),
        rests_on=_rests_on(verifier, signed_by, pins, attested),
        does_not_show=_does_not_show(signed_by, event, pins, attested),
    )


def _signers(found: Receipt, keys: Sequence[bytes]) -> dict[str, bytes]:
    """The given keys that signed the event, by the key ids that the entry gives them."""
    signers = {
        signature.keyid: key
        for signature in found.entry.signatures
        for key in keys
        if _verifies(found, signature.keyid, key)
    }
    if keys and not signers:
        raise ProofInvalid("none of the given keys signed the event", found.index)
    return signers


def _verifies(found: Receipt, key_id: str, key: bytes) -> bool:
    (signature,) = (s for s in found.entry.signatures if s.keyid == key_id)
    try:
        public_key = Ed25519PublicKey.from_public_bytes(key)
        check_signature(found.entry.payload, signature, public_key)
    except SignatureInvalid:
        return False
    return True


def _event(found: Receipt) -> Event | None:
    try:
        return entry_check.read_event(found.entry.payload)
    except VerificationFailed:
        return None


def _signed(found: Receipt, signed_by: dict[str, bytes]) -> Step:
    named = ", ".join(signature.keyid for signature in found.entry.signatures)
    if not signed_by:
        return Step(
            Rung.SIGNED,
            State.NOT_DECIDED,
            f"No key of the producer was given; the entry says that {named} signed it.",
        )
    others = [s.keyid for s in found.entry.signatures if s.keyid not in signed_by]
    unchecked = f" Not checked: {', '.join(others)}." if others else ""
    says = f"The event is signed by {', '.join(signed_by)}.{unchecked}"
    return Step(Rung.SIGNED, State.REACHED, says)


def _included(found: Receipt) -> Step:
    return Step(
        Rung.INCLUDED,
        State.REACHED,
        f"It is entry {found.index} of the tree of {found.checkpoint.size} entries that the key of"
        f" {found.checkpoint.origin} signed.",
    )


def _rests_on(
    verifier: Verifier, signed_by: dict[str, bytes], pins: Pins, attested: Attested
) -> tuple[str, ...]:
    pinned = "pinned by you" if pins.vkey else "found beside the receipt, and pinned by nobody"
    producers = [
        f"The key {key_id} with SHA-256 {hashlib.sha256(key).hexdigest()}, given by you."
        for key_id, key in signed_by.items()
    ]
    return (
        f"The log's key {verifier.vkey}, {pinned}.",
        *producers,
        *ladder.trusted(attested, pins.policy),
        ladder.algorithms(attested),
    )


def _does_not_show(
    signed_by: dict[str, bytes], event: Event | None, pins: Pins, attested: Attested
) -> tuple[str, ...]:
    sentences = ["That what the event says is true: only that it is unchanged since."]
    if not signed_by:
        sentences.append(
            "That the producer's signature verifies: that takes the producer's key, or the whole"
            " log."
        )
    sentences += [
        "That the producer's key was enrolled and in force: that takes the whole log.",
        *ladder.beyond(attested),
        "That nothing was left out, or that the log goes on from what it was before.",
    ]
    if event is None:
        sentences.append("What the event says: its payload is not of this vocabulary.")
    if pins.vkey is None:
        sentences.append("That this is the log you mean: its key was found beside the receipt.")
    return tuple(sentences)
