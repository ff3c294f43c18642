"""The report on a receipt: what was given decides what is said, and every sentence is true."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import checkpoint, receipt, receipt_report
from ledger.checkpoint import Checkpoint
from ledger.entry import Entry
from ledger.entry import format as format_entry
from ledger.errors import ProofInvalid, VerificationFailed
from ledger.ladder import Rung, State, verdict
from ledger.merkle import leaf_hash
from ledger.policy import Policy
from ledger.receipt_report import ReceiptReport, check
from ledger.report import Pins
from tests.attesting import attested_receipt, policy_text
from tests.authority import Authority, needs_openssl
from tests.log_builder import START, busy_log, payload, public_bytes, sign

LOG = busy_log(20)
VERIFIER = LOG.signer.verifier
POLICY = Policy.parse(policy_text(["X1", "X2"], 2))
HELP, CRM = public_bytes("k-help"), public_bytes("k-crm")


def state(report: ReceiptReport, rung: Rung) -> State:
    """The state of one rung."""
    return next(step.state for step in report.steps if step.rung is rung)


def said(sentences: tuple[str, ...], words: str) -> int:
    """How many sentences have these words."""
    return sum(words in sentence for sentence in sentences)


def test_a_first_receipt_is_included_and_nothing_more() -> None:
    """Without the producer's key its signature is not decided, and that is said."""
    report = check(LOG.receipt(7), VERIFIER, Pins(VERIFIER.vkey))
    assert verdict(report.steps) is Rung.INCLUDED
    assert state(report, Rung.SIGNED) is State.NOT_DECIDED
    assert said(report.does_not_show, "takes the producer's key") == 1
    assert said(report.rests_on, "pinned by you") == 1
    assert report.event is not None
    assert (report.event.type, report.event.id) == ("InstructionReceived", "E7")


def test_a_key_found_beside_the_receipt_is_never_called_pinned() -> None:
    """Nor is the log then said to be the one that was meant."""
    report = check(LOG.receipt(7), VERIFIER, Pins())
    assert said(report.rests_on, "pinned by you") == 0
    assert said(report.rests_on, "pinned by nobody") == 1
    assert said(report.does_not_show, "the log you mean") == 1


def test_the_producers_signature_is_checked_with_a_given_key() -> None:
    """The key is found by what it signs, not by what the entry calls it; a wrong one is no gap but
    a failure."""
    for keys in ([HELP], [CRM, HELP]):
        report = check(LOG.receipt(7), VERIFIER, Pins(producers=keys))
        assert state(report, Rung.SIGNED) is State.REACHED
        assert said(report.does_not_show, "takes the producer's key") == 0
        assert said(report.rests_on, "The key k-help with SHA-256") == 1
    with pytest.raises(ProofInvalid, match="none of the given keys"):
        check(LOG.receipt(7), VERIFIER, Pins(producers=[CRM]))


def test_countersignatures_that_were_not_checked_are_named() -> None:
    """A second signature by a key that was not given stays unchecked."""
    log = busy_log(3)
    index = log.append(sign(payload("LicenceGranted", {}, id="L", system="crm"), "k-crm", "k-help"))
    report = check(log.receipt(index), log.signer.verifier, Pins(producers=[CRM]))
    assert "signed by k-crm. Not checked: k-help." in report.steps[0].says


@needs_openssl
def test_a_refreshed_receipt_climbs_to_the_top(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Signed, included, witnessed and timestamped, each on the word of whom was given."""
    authority = Authority(tmp_path_factory.mktemp("authority"))
    text = attested_receipt(LOG, 7, ["X1", "X2"], [authority])
    assert receipt.check(text, VERIFIER).leaf == LOG.leaves[7]
    full = Pins(VERIFIER.vkey, policy=POLICY, certificates=[authority.root], producers=[HELP])
    report = check(text, VERIFIER, full)
    assert [step.state for step in report.steps] == [State.REACHED] * 4
    assert verdict(report.steps) is Rung.TIMESTAMPED
    assert said(report.does_not_show, "second history") == 0
    assert said(report.does_not_show, "witnesses that cosigned have lied") == 1
    assert said(report.does_not_show, "revoked") == 1
    assert report.contradictions == ()
    without = check(text, VERIFIER, Pins(VERIFIER.vkey, certificates=[authority.root]))
    assert verdict(without.steps) is Rung.INCLUDED, "a time without witnesses is no higher rung"
    assert state(without, Rung.TIMESTAMPED) is State.REACHED


@needs_openssl
def test_a_recorded_time_in_the_future_is_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The ledger's clock was set forward, and the authority saw the checkpoint before that."""
    authority = Authority(tmp_path_factory.mktemp("authority"))
    log = busy_log(3)
    late = START.replace(year=START.year + 100)
    index = log.record("LicenceGranted", {}, by="k-crm", at=late)
    text = attested_receipt(log, index, [], [authority])
    report = check(text, log.signer.verifier, Pins(certificates=[authority.root]))
    assert said(report.contradictions, "2125-01-01") == 1


def test_a_payload_outside_the_vocabulary_is_still_included() -> None:
    """The log committed to it; what it says is not shown."""
    for raw in (b"{}", b"no json", b'{"type":"x","source":"y","id":"z","data":{}}'):
        signed = sign(raw, "k-crm")
        leaf = format_entry(Entry(START, signed.payload, signed.signatures))
        note = checkpoint.sign(Checkpoint(VERIFIER.name, 1, leaf_hash(leaf)), LOG.signer)
        report = check(receipt.format(0, [], note, leaf), VERIFIER, Pins(producers=[CRM]))
        assert report.event is None
        assert said(report.does_not_show, "not of this vocabulary") == 1


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_refused_as_a_receipt(text: str) -> None:
    """Nothing but an error of verification is raised."""
    with pytest.raises(VerificationFailed):
        receipt_report.check(text, VERIFIER, Pins(policy=POLICY))


def test_a_receipt_has_a_size() -> None:
    """A larger one is not parsed."""
    with pytest.raises(ProofInvalid, match="at most"):
        check(LOG.receipt(7) + "x" * receipt.MAX_RECEIPT, VERIFIER, Pins())
