"""Whoever pinned a key of a log is led to the one that took its place, and to no other."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import pytest

from ledger import checkpoint, log_keys, note
from ledger.checkpoint import Checkpoint
from ledger.errors import VerificationFailed
from ledger.log_keys import LOG, LogKey, LogKeys
from ledger.merkle import EMPTY_ROOT, leaf_hash, root
from ledger.note import Signer
from ledger.report import Pins, Report
from ledger.verify import verify
from tests.log_builder import (
    ORIGIN,
    LogBuilder,
    busy_log,
    private_key,
    public_bytes,
    reader,
    reading,
    signed_checkpoint,
)

OLD = Signer(ORIGIN, private_key(ORIGIN))
NEW = Signer(ORIGIN, private_key("log-2"))
MALLORY = Signer(ORIGIN, private_key("mallory"))

FIRST, LAST, SIZE = 300, 310, 320
"""The smallest tree that the new key signs, the largest that the old one does, and the log."""

KEYS = LogKeys((LogKey(NEW.verifier, FIRST), LogKey(OLD.verifier, 0, LAST)))


def changed_log(by: str = "administrator") -> LogBuilder:
    """A log in which a new key of the log was enrolled, and the old one ended."""
    log = busy_log(FIRST - 2)
    log.enrol("log-1", LOG, by=by, public_key=base64.b64encode(public_bytes(ORIGIN)).decode())
    log.enrol("log-2", LOG, by=by)
    fill(log, LAST)
    log.revoke("log-1", by=by, suspect_since="2025-01-01")
    fill(log, SIZE)
    return log


def fill(log: LogBuilder, size: int) -> None:
    while len(log.leaves) < size:
        log.record("InstructionReceived", {"number": len(log.leaves)}, by="k-crm")


LOG_OF_TWO = changed_log()


def signed(leaves: Sequence[bytes], *signers: Signer) -> str:
    hashes = [leaf_hash(leaf) for leaf in leaves]
    said = Checkpoint(ORIGIN, len(hashes), root(len(hashes), reader(hashes)))
    return note.sign(checkpoint.format(said), *signers)


def verified(
    *signers: Signer,
    size: int = SIZE,
    keys: LogKeys = KEYS,
    pinned: str | None = None,
    kept: Sequence[str] = (),
    log: LogBuilder = LOG_OF_TWO,
) -> Report:
    """The report on the first entries of a log as somebody presents it: with these keys beside it,
    and its checkpoint by these signers."""
    files = log.export(size)
    files["checkpoint"] = signed(log.leaves[:size], *signers).encode()
    files["log.vkey"] = log_keys.format(keys).encode()
    return verify(reading(files), Pins(vkey=pinned, kept=kept))


OLD_KEPT = [signed_checkpoint(LOG_OF_TWO.leaves[:100], OLD)]
V_OLD, V_NEW = OLD.verifier.vkey, NEW.verifier.vkey


def test_the_old_pin_leads_to_the_new_key() -> None:
    """With a receipt or checkpoint that the pinned key signed; the report says how."""
    report = verified(NEW, pinned=V_OLD, kept=OLD_KEPT)
    assert report.vkey == V_NEW
    assert "put in the place of the pinned one for trees of 300 entries" in report.rests_on[0]
    assert report.passed[0].showed == "The key took the place of the pinned one."


@pytest.mark.parametrize("kept", [[], [checkpoint.sign(Checkpoint(ORIGIN, 0, EMPTY_ROOT), OLD)]])
def test_without_anything_the_old_key_signed_nothing_leads_anywhere(kept: list[str]) -> None:
    """The tree of no entries holds no administrator's key."""
    with pytest.raises(VerificationFailed, match=r"check 2 .* pinned key signed \(--kept\)"):
        verified(NEW, pinned=V_OLD, kept=kept)


@pytest.mark.parametrize(
    ("signers", "size", "pinned"),
    [
        ((NEW,), SIZE, None),
        ((NEW,), SIZE, V_NEW),
        ((NEW,), SIZE, log_keys.format(KEYS)),
        ((OLD,), FIRST - 1, V_OLD),
        ((OLD,), FIRST - 1, None),
        ((OLD, NEW), FIRST, V_OLD),
        ((OLD, NEW), LAST, V_OLD),
        ((OLD, NEW), LAST, V_NEW),
    ],
)
def test_a_pinned_key_that_signed_needs_no_other(
    signers: tuple[Signer, ...], size: int, pinned: str | None
) -> None:
    """While both sign, whoever pinned either of them verifies, with nothing kept."""
    report = verified(*signers, size=size, pinned=pinned)
    assert report.vkey == (pinned if pinned in (V_OLD, V_NEW) else signers[0].verifier.vkey)
    assert "in the place" not in report.rests_on[0]


def test_a_stolen_old_key_signs_nothing_that_is_taken() -> None:
    """Neither when the new key is shown beside the log, nor when it is hidden: the log itself says
    that the old one was ended."""
    with pytest.raises(VerificationFailed, match=r"check 2 .* outside its period"):
        verified(OLD, pinned=V_OLD, kept=OLD_KEPT)
    hidden = LogKeys.of(OLD.verifier)
    with pytest.raises(VerificationFailed, match=r"check 2 .* has another key"):
        verified(OLD, keys=hidden, pinned=V_OLD, kept=OLD_KEPT)
    with pytest.raises(VerificationFailed, match=r"check 2 .* has another key"):
        verified(OLD, keys=hidden)


@pytest.mark.parametrize(
    "keys",
    [
        LogKeys((LogKey(MALLORY.verifier, 5), LogKey(OLD.verifier, 0, LAST))),
        LogKeys((LogKey(MALLORY.verifier), LogKey(OLD.verifier, 0, LAST))),
        LogKeys((LogKey(OLD.verifier, 0, LAST), LogKey(MALLORY.verifier))),
        LogKeys((*KEYS.keys, LogKey(MALLORY.verifier, 1))),
    ],
)
def test_a_key_that_the_administrator_did_not_enrol_takes_nobodys_place(keys: LogKeys) -> None:
    """Although it stands beside the log, and signs the log as it is."""
    with pytest.raises(VerificationFailed, match="check 2 failed: "):
        verified(MALLORY, keys=keys, pinned=V_OLD, kept=OLD_KEPT)


def test_an_enrolment_that_another_signed_is_none() -> None:
    """A service cannot bring a key of the log in."""
    with pytest.raises(VerificationFailed, match=r"check 6 .* may sign a SigningKeyEnrolled"):
        verified(NEW, pinned=V_OLD, kept=OLD_KEPT, log=changed_log(by="k-crm"))


def test_the_log_must_go_on_from_what_the_old_key_signed() -> None:
    """Another log, with an administrator of its own, is not led to."""
    fork = LogBuilder()
    fork.record("InstructionReceived", {"number": -1}, by="administrator", system="administrator")
    fill_with = [signed_checkpoint(fork.leaves, OLD)]
    with pytest.raises(VerificationFailed, match="check 8 failed"):
        verified(NEW, pinned=V_OLD, kept=fill_with)


@pytest.mark.parametrize(
    ("pinned", "words"),
    [
        (MALLORY.verifier.vkey, "not the pinned one"),
        (f"{V_NEW} from 299", "another period"),
        (f"{V_OLD} until 311", "another period"),
        (f"{V_NEW} from {FIRST} until 400\n{V_OLD} until {LAST}", "another period"),
    ],
)
def test_what_was_pinned_must_be_beside_the_log(pinned: str, words: str) -> None:
    """With the periods that it had: a log cannot lengthen the time of a key."""
    with pytest.raises(VerificationFailed, match=f"check 1 failed: .*{words}"):
        verified(NEW, pinned=pinned, kept=OLD_KEPT)


def test_a_kept_checkpoint_by_a_key_after_its_end_is_refused() -> None:
    """It is not one that the log signed."""
    late = [*OLD_KEPT, signed_checkpoint(LOG_OF_TWO.leaves[: LAST + 1], OLD)]
    with pytest.raises(VerificationFailed, match=r"check 8 failed: .*outside its period"):
        verified(NEW, pinned=V_OLD, kept=late)
