"""Another key for the log: both sign for a while, old receipts verify, nobody is left behind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger import checkpoint, key_rotation, keys, log_keys, note, receipt
from ledger.append import Appended
from ledger.checkpoint import Checkpoint
from ledger.deployment import read_vkeys
from ledger.errors import ConfigurationError, NoteUnverified, SigningRefused
from ledger.keyring import ADMINISTRATOR
from ledger.log_keys import LogKeys
from ledger.note import Signer, Verifier
from ledger.opening import open_ledger
from tests.check_ledger import check_ledger
from tests.ledgers import TestLedger
from tests.test_kept import Owner, copy, set_back


def published(made: TestLedger) -> LogKeys:
    """The keys in `log.vkey`."""
    found = read_vkeys(made.home)
    assert found is not None
    return found


def signers_of(made: TestLedger) -> set[Verifier]:
    """Whose signatures the latest checkpoint carries."""
    text = made.ledger.reader.checkpoint().note
    known = [key.verifier for key in published(made).keys]
    opened = note.open(text, known)
    lines = {(line.name, line.key_id) for line in opened.verified}
    return {v for v in known if (v.name, v.key_id) in lines and isinstance(v, Verifier)}


def rotate(made: TestLedger) -> tuple[Verifier, Verifier]:
    """Make a second key; the verifiers of the old and the new one."""
    old = made.ledger.log_keys().first
    new = note.parse_vkey(key_rotation.rotate(made.home, made.ledger).vkey)
    assert old != new
    return old, new


def check_receipts(made: TestLedger, given: list[Appended]) -> None:
    """Every receipt verifies with the keys that are published, and the whole ledger is sound."""
    for answer in given:
        assert receipt.check(answer.receipt, published(made)).index == answer.index
    check_ledger(made, given)


def test_both_keys_sign_while_both_are_in_force(ledger: TestLedger) -> None:
    """From the tree that holds the enrolment on; whoever pinned either one verifies."""
    before = ledger.fill(3)
    old, new = rotate(ledger)
    assert signers_of(ledger) == {old, new}
    after = ledger.fill(3, start=50)
    assert signers_of(ledger) == {old, new}
    for answer in after:
        for pinned in (old, new):
            receipt.check(answer.receipt, pinned)
    receipt.check(before[0].receipt, old)
    with pytest.raises(NoteUnverified):
        receipt.check(before[0].receipt, new)
    check_receipts(ledger, [*before, *after])


def test_afterwards_the_new_key_signs_alone_and_old_receipts_verify(ledger: TestLedger) -> None:
    """`log.vkey` says which key signed which sizes, and a receipt of any time verifies with it."""
    given = ledger.fill(3)
    old, new = rotate(ledger)
    start = ledger.ledger.reader.size()
    given += ledger.fill(3, start=50)
    key_rotation.retire(ledger.home, ledger.ledger, "log-1", "rotated")
    end = ledger.ledger.reader.size() - 1
    assert signers_of(ledger) == {new}
    given += ledger.fill(3, start=90)
    assert ledger.home.vkey_file.read_text() == f"{new.vkey} from {start}\n{old.vkey} until {end}\n"
    with pytest.raises(NoteUnverified):
        receipt.check(given[-1].receipt, old)
    keys.key_file(ledger.home.keys, "log").unlink()
    with open_ledger(ledger.home, clock=ledger.clock) as again:
        made = replace(ledger, ledger=again)
        check_receipts(made, [*given, *made.fill(3, start=200)])


def test_an_old_key_signs_no_larger_tree_that_is_taken(ledger: TestLedger) -> None:
    """Whoever steals it after it was ended cannot use it: its period is in `log.vkey`."""
    ledger.fill(3)
    thief = ledger.log_signer
    rotate(ledger)
    key_rotation.retire(ledger.home, ledger.ledger, "log-1", "rotated")
    last = ledger.ledger.reader.size() - 1
    for size, taken in ((last, True), (last + 1, False), (last + 1000, False)):
        text = checkpoint.sign(Checkpoint(thief.name, size, bytes(32)), thief)
        if taken:
            published(ledger).open(text)  # it cannot be told from an old checkpoint
        else:
            with pytest.raises(NoteUnverified, match="outside its period"):
                published(ledger).open(text)


def test_a_process_that_runs_takes_the_new_key_up(ledger: TestLedger) -> None:
    """It was opened before the rotation, and looks at nothing but the log and the directory."""
    with open_ledger(ledger.home, clock=ledger.clock) as serving:
        running = replace(ledger, ledger=serving)
        given = running.fill(2)
        old, new = rotate(ledger)
        given += running.fill(2, start=50)
        assert signers_of(running) == {old, new}
        key_rotation.retire(ledger.home, ledger.ledger, "log-1", "rotated")
        given += running.fill(2, start=90)
        assert signers_of(running) == {new}
        check_receipts(running, given)


def test_a_log_key_without_its_private_half_is_not_enrolled(ledger: TestLedger) -> None:
    """The ledger could sign nothing more that those who pin it would take. Nothing is written, and
    neighbours in the same transaction are recorded."""
    size = ledger.ledger.reader.size()
    stranger = keys.make_key("log-2")
    data = {**stranger.enrolment("log"), "event_types": ["CheckpointSigned"]}
    with pytest.raises(SigningRefused, match=r"private key of .* is not in the directory"):
        ledger.append("SigningKeyEnrolled", data, service=ADMINISTRATOR)
    assert ledger.ledger.reader.size() == size
    check_ledger(ledger, ledger.fill(3))


def test_a_process_without_the_new_key_signs_nothing(ledger: TestLedger) -> None:
    """It would sign what those who pinned the new key cannot verify; at the next start it is told
    which key is missing."""
    rotate(ledger)
    key = keys.key_file(ledger.home.keys, "log-2")
    key.rename(key.with_suffix(".away"))
    size = ledger.ledger.reader.size()
    with pytest.raises(SigningRefused, match="is not in the directory"):
        ledger.fill(1)
    with pytest.raises(ConfigurationError, match="does not hold the private key of the log"):
        with open_ledger(ledger.home):
            pass
    assert ledger.ledger.reader.size() == size
    key.with_suffix(".away").rename(key)
    check_ledger(ledger, ledger.fill(1))


def test_the_only_key_is_never_ended(ledger: TestLedger) -> None:
    """Neither by the command nor by an event that somebody sends."""
    with pytest.raises(ConfigurationError, match="is no key of the log that signs"):
        key_rotation.retire(ledger.home, ledger.ledger, "log-1", "mistake")
    rotate(ledger)
    key_rotation.retire(ledger.home, ledger.ledger, "log-1", "rotated")
    with pytest.raises(ConfigurationError, match="only log-2 signs"):
        key_rotation.retire(ledger.home, ledger.ledger, "log-2", "mistake")
    with pytest.raises(ConfigurationError, match="no key of the log that signs"):
        key_rotation.retire(ledger.home, ledger.ledger, "k-crm", "mistake")
    revocation = {"key_id": "log-2", "suspect_since": "2026-01-05"}
    with pytest.raises(SigningRefused, match="no key of the log signs"):
        ledger.append("SigningKeyRevoked", revocation, service=ADMINISTRATOR)
    check_ledger(ledger, ledger.fill(1))


def test_two_keys_are_enough_at_once(ledger: TestLedger) -> None:
    """A third is made when one of them has ended, and the names go on."""
    rotate(ledger)
    with pytest.raises(ConfigurationError, match="two keys sign already"):
        key_rotation.rotate(ledger.home, ledger.ledger)
    key_rotation.retire(ledger.home, ledger.ledger, "log-1", "rotated")
    key_rotation.rotate(ledger.home, ledger.ledger)
    assert {key.key_id for key in ledger.ledger.log_keys().keys} == {"log-1", "log-2", "log-3"}
    check_ledger(ledger, ledger.fill(1))


def test_a_rotation_that_did_not_end_is_taken_up(ledger: TestLedger) -> None:
    """The key that was made and not enrolled is the one that is enrolled."""
    keys.save(ledger.home.keys, keys.make_key("log-2"))
    waiting = keys.load(keys.key_file(ledger.home.keys, "log-2")).public_key
    check_ledger(ledger, ledger.fill(1))  # it signs nothing before
    _, new = rotate(ledger)
    assert new.public_key == waiting


def test_a_lost_key_is_replaced_by_the_administrator(ledger: TestLedger) -> None:
    """No old key signs; the log goes on under the new one, and old receipts verify."""
    given = ledger.fill(3)
    keys.key_file(ledger.home.keys, "log").unlink()
    with open_ledger(ledger.home, clock=ledger.clock) as reading:
        with pytest.raises(ConfigurationError, match="this ledger reads"):
            reading.append([ledger.instruction(50)])
    keys.save(ledger.home.keys, keys.make_key("log-2"))
    with pytest.raises(ConfigurationError, match="does not hold the private key of the log"):
        with open_ledger(ledger.home):
            pass
    with open_ledger(ledger.home, clock=ledger.clock, replacing_key=True) as opened:
        now = replace(ledger, ledger=opened)
        key_rotation.replace_key(now.home, opened, "lost in the fire", "2026-01-05")
        assert len(signers_of(now)) == 1
    with open_ledger(ledger.home, clock=ledger.clock) as again:
        made = replace(ledger, ledger=again)
        check_receipts(made, [*given, *made.fill(3, start=90)])


def test_a_stolen_key_is_ended_in_the_transaction_that_brings_the_new_one(
    ledger: TestLedger,
) -> None:
    """No tree is signed by the stolen key after it was found out."""
    given = ledger.fill(3)
    size = ledger.ledger.reader.size()
    known = key_rotation.replace_key(ledger.home, ledger.ledger, "stolen", "2026-01-05")
    assert [key.last for key in known.keys if key.verifier == known.first] == [size + 1]
    assert signers_of(ledger) == {note.parse_vkey(known.vkey)}
    check_receipts(ledger, [*given, *ledger.fill(3, start=50)])


def test_a_database_set_back_to_before_the_rotation_is_known_by_its_file(
    ledger: TestLedger, owner: Owner
) -> None:
    """Although the keys that it has are not those that are here any more."""
    copy(owner)
    rotate(ledger)
    key_rotation.retire(ledger.home, ledger.ledger, "log-1", "rotated")
    keys.key_file(ledger.home.keys, "log").unlink()
    set_back(owner)
    with pytest.raises(SigningRefused, match="set back"), open_ledger(ledger.home):
        pass


def test_a_second_signer_signs_every_checkpoint_from_its_first_on(ledger: TestLedger) -> None:
    """With ML-DSA-44 beside Ed25519: whoever takes `log.vkey` asks for both, whoever pinned the
    Ed25519 key alone verifies as before; ended, it is asked for no more."""
    given = ledger.fill(2)
    old = ledger.verifier
    with open_ledger(ledger.home, clock=ledger.clock) as serving:
        running = replace(ledger, ledger=serving)
        running.fill(1, start=20)
        known = key_rotation.add_second_signer(ledger.home, ledger.ledger)
        with pytest.raises(ConfigurationError, match="already"):
            key_rotation.add_second_signer(ledger.home, ledger.ledger)
        given += running.fill(2, start=50)
    receipt.check(given[-1].receipt, old)
    lines = given[-1].receipt.rpartition("\n\n")[2].splitlines(keepends=True)
    stripped = given[-1].receipt.replace(lines[1], "")
    receipt.check(stripped, old)
    with pytest.raises(NoteUnverified, match="did not sign"):
        receipt.check(stripped, known)
    rotate(ledger)
    assert any(key.second for key in published(ledger).keys), "a rotation keeps it"
    given += ledger.fill(2, start=70)
    key_rotation.end_second_signer(ledger.home, ledger.ledger)
    with pytest.raises(ConfigurationError, match="no second signer"):
        key_rotation.end_second_signer(ledger.home, ledger.ledger)
    given += ledger.fill(2, start=90)
    assert len(given[-1].receipt.rpartition("\n\n")[2].splitlines()) == 2
    check_receipts(ledger, given)


def test_a_key_of_the_log_signs_no_event(ledger: TestLedger) -> None:
    """It is enrolled for checkpoints, and those are no events of a service."""
    rotate(ledger)
    key = keys.load(keys.key_file(ledger.home.keys, "log-2"))
    for type_, data in (
        ("CheckpointSigned", {"tree_size": 1}),
        ("InstructionReceived", {"instruction_id": "I", "controller_id": "C1", "channel": "fax"}),
    ):
        (answer,) = ledger.ledger.append([ledger.sign(type_, data, service="log", key=key)])
        assert getattr(answer, "code", None) == "not-authorised-to-sign"


def test_keys_of_the_log_are_published_as_its_events_have_them(ledger: TestLedger) -> None:
    """`log.vkey` is lost and made again."""
    rotate(ledger)
    text = ledger.home.vkey_file.read_text()
    ledger.home.vkey_file.unlink()
    assert log_keys.format(key_rotation.publish(ledger.home, ledger.ledger)) == text
    assert ledger.home.vkey_file.read_text() == text


def test_a_signer_needs_no_key_in_a_file(ledger: TestLedger) -> None:
    """Whatever signs bytes and tells a public key can be the key of a log."""
    real = ledger.log_signer.private_key

    class Token:
        """A key that cannot be taken out, as one in hardware."""

        def sign(self, data: bytes, /) -> bytes:
            return real.sign(data)

        def public_key(self) -> object:
            return real.public_key()

    signer = Signer(ledger.log_signer.name, Token())  # type: ignore[arg-type]
    text = checkpoint.sign(Checkpoint(signer.name, 1, bytes(32)), signer)
    assert checkpoint.open(text, ledger.verifier).size == 1
    with pytest.raises(ConfigurationError, match="cannot be written"):
        keys.save(ledger.home.keys, keys.SigningKey("hsm", Token()))  # type: ignore[arg-type]
