"""Receipts: one file and the log's key are enough, and no other event passes for the one sent."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import checkpoint, proof, receipt
from ledger.checkpoint import Checkpoint
from ledger.envelope import Envelope
from ledger.errors import EntryMalformed, NoteUnverified, ProofInvalid, VerificationFailed
from ledger.merkle import leaf_hash
from ledger.proof import Proof
from tests.log_builder import LogBuilder, busy_log, payload, private_key, sign

LOG = busy_log(20)
VERIFIER = LOG.signer.verifier
RECEIPT = LOG.receipt(7)


def test_every_receipt_of_every_small_log_holds() -> None:
    """For each entry, under each checkpoint that covers it."""
    for size in range(1, 21):
        for index in range(size):
            found = receipt.check(LOG.receipt(index, size), VERIFIER)
            assert (found.index, found.leaf) == (index, LOG.leaves[index])
            assert (found.checkpoint.origin, found.checkpoint.size) == (LOG.signer.name, size)


def test_a_receipt_matches_what_was_sent() -> None:
    """The payload and signatures of the entry are those of the envelope, byte for byte."""
    sent = sign(payload("BreachDetected", {}, id="B1", system="crm"), "k-crm", "k-help")
    log = LogBuilder()
    found = receipt.check(log.receipt(log.append(sent)), log.signer.verifier)
    found.matches(sent)
    unlike = [
        sign(payload("BreachDetected", {}, id="B2", system="crm"), "k-crm", "k-help"),
        sign(sent.payload, "k-crm"),
        sign(sent.payload, "k-help", "k-crm"),
        Envelope(sent.payload + b" ", sent.payload_type, sent.signatures),
    ]
    for other in unlike:
        with pytest.raises(ProofInvalid, match="another event"):
            found.matches(other)


def test_a_true_receipt_of_another_event_does_not_match() -> None:
    """A server that answers with any receipt it has at hand is found out."""
    found = receipt.check(RECEIPT, VERIFIER)
    with pytest.raises(ProofInvalid, match="another event"):
        found.matches(sign(b"{}", "k-crm"))


def test_the_entry_in_a_receipt_is_covered_by_its_proof() -> None:
    """`extra` is covered by nothing, so its leaf hash must lead to the root."""
    genuine = proof.parse(RECEIPT)
    for leaf in (LOG.leaves[8], LOG.leaves[7].replace(b"7", b"8"), b""):
        forged = proof.format(Proof(7, genuine.hashes, genuine.checkpoint, leaf))
        with pytest.raises(ProofInvalid):
            receipt.check(forged, VERIFIER)


def test_a_proof_without_its_entry_is_no_receipt() -> None:
    """The entry must travel along."""
    genuine = proof.parse(RECEIPT)
    with pytest.raises(ProofInvalid, match="no entry"):
        receipt.check(proof.format(Proof(7, genuine.hashes, genuine.checkpoint)), VERIFIER)


def test_a_receipt_of_another_log_is_refused() -> None:
    """Also of one that has the same name and another key."""
    impostor = LogBuilder()
    impostor.signer = type(LOG.signer)(LOG.signer.name, private_key("mallory"))
    for log in (LogBuilder("log.example/other"), impostor):
        with pytest.raises(NoteUnverified):
            receipt.check(log.receipt(0), VERIFIER)


def test_a_receipt_of_something_that_is_no_entry_is_refused() -> None:
    """The log's key can sign a tree of anything; only entries count."""
    leaf = b'{"recorded_at":"now"}'
    note = checkpoint.sign(Checkpoint(VERIFIER.name, 1, leaf_hash(leaf)), LOG.signer)
    with pytest.raises(EntryMalformed):
        receipt.check(receipt.format(0, [], note, leaf), VERIFIER)


def test_the_signatures_of_given_producers_are_checked() -> None:
    """Those of the given keys, and it is said which; an unknown key is left alone."""
    log = LogBuilder()
    sent = sign(payload("InstructionReceived", {}, id="I1", system="crm"), "k-crm", "k-other")
    text = log.receipt(log.append(sent))
    crm = private_key("k-crm").public_key()
    assert receipt.check(text, log.signer.verifier).signed_by == ()
    assert receipt.check(text, log.signer.verifier, {"k-crm": crm}).signed_by == ("k-crm",)
    with pytest.raises(ProofInvalid, match="does not verify"):
        receipt.check(text, log.signer.verifier, {"k-crm": crm, "k-other": crm})
    with pytest.raises(ProofInvalid, match="none of the given keys"):
        receipt.check(text, log.signer.verifier, {"k-help": crm})


@settings(deadline=None)
@given(st.data())
def test_no_character_of_a_receipt_can_change(data: st.DataObject) -> None:
    """Any other character at any place makes it fail, with an error of verification."""
    place = data.draw(st.integers(0, len(RECEIPT) - 1))
    other = data.draw(st.characters().filter(lambda c: c != RECEIPT[place]))
    with pytest.raises(VerificationFailed):
        receipt.check(RECEIPT[:place] + other + RECEIPT[place + 1 :], VERIFIER)


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_refused_as_a_receipt(text: str) -> None:
    """Nothing but an error of verification is raised."""
    with pytest.raises(VerificationFailed):
        receipt.check(text, VERIFIER)
