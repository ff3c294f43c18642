"""The keys of a log: their periods, their one spelling, and what each of them may sign."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger import checkpoint, log_keys, note
from ledger.checkpoint import Checkpoint
from ledger.cosignature import CosignatureSigner, CosignatureVerifier
from ledger.errors import CheckpointMalformed, NoteMalformed, NoteUnverified
from ledger.keyring import ENROLLED, REVOKED
from ledger.log_keys import LogKey, LogKeys
from ledger.note import Signer, Verifier
from tests.log_builder import private_key, public_bytes

NAME = "log.example/one"
ONE, TWO, THREE = (Signer(NAME, private_key(name)) for name in ("one", "two", "three"))
SECOND = CosignatureSigner(NAME, MLDSA44PrivateKey.from_seed_bytes(bytes(32)))
OTHER = Signer("log.example/other", private_key("one"))

ROTATED = LogKeys((LogKey(ONE.verifier, 0, 20), LogKey(TWO.verifier, 10)))
"""Two keys that both signed trees of 10 to 20 entries."""


def signed(size: int, *signers: Signer, second: bool = False) -> str:
    text = checkpoint.format(Checkpoint(signers[0].name if signers else NAME, size, bytes(32)))
    made = note.sign(text, *signers) if signers else text + "\n"
    return made + SECOND.cosign(text, 1_700_000_000) if second else made


def test_one_key_signs_every_tree_as_it_always_did() -> None:
    """A `log.vkey` of one line is what it was before there were periods."""
    keys = log_keys.parse(f"{ONE.verifier.vkey}\n")
    assert keys == log_keys.parse(ONE.verifier.vkey) == LogKeys.of(ONE.verifier)
    assert log_keys.format(keys) == f"{ONE.verifier.vkey}\n"
    for size in (0, 1, 2**62):
        assert keys.open(signed(size, ONE)).size == size


@pytest.mark.parametrize("size", range(0, 31))
def test_a_key_signs_the_trees_of_its_period_and_no_other(size: int) -> None:
    """At every size around the overlap, for each key alone and for both."""
    first, second = size <= 20, size >= 10
    assert [key.verifier for key in ROTATED.at(size)] == [
        key.verifier for key, there in ((ONE, first), (TWO, second)) if there
    ]
    for signers, there in (((ONE,), first), ((TWO,), second), ((ONE, TWO), True)):
        if there:
            assert ROTATED.open(signed(size, *signers)).size == size
        else:
            with pytest.raises(NoteUnverified, match="outside its period"):
                ROTATED.open(signed(size, *signers))


def test_whoever_pinned_either_key_verifies_the_overlap() -> None:
    """Who knows one key and nothing of the other takes a note that both signed."""
    text = signed(15, ONE, TWO)
    for verifier in (ONE.verifier, TWO.verifier):
        assert log_keys.open(text, verifier).size == 15
    with pytest.raises(NoteUnverified):
        log_keys.open(text, THREE.verifier)


def test_a_signature_that_fails_refuses_the_note_although_another_holds() -> None:
    """Also that of a key that is out of its period."""
    good, bad = signed(25, TWO), signed(26, ONE)
    forged = good + bad.rpartition("\n\n")[2]
    with pytest.raises(NoteUnverified, match="does not verify"):
        ROTATED.open(forged)


def test_the_checkpoint_of_another_log_is_refused() -> None:
    """Though the same private key signed it, under another name."""
    with pytest.raises(NoteUnverified):
        LogKeys.of(ONE.verifier).open(signed(1, OTHER))
    renamed = checkpoint.format(Checkpoint("log.example/other", 1, bytes(32)))
    with pytest.raises(CheckpointMalformed, match="another log"):
        LogKeys.of(ONE.verifier).open(note.sign(renamed, ONE))


def test_whoever_has_a_second_signer_asks_for_both() -> None:
    """From its first tree on; alone it is not enough, and a failing one refuses the note."""
    keys = LogKeys((LogKey(ONE.verifier), LogKey(SECOND.verifier, 10)))
    assert keys.open(signed(9, ONE)).size == 9
    assert keys.open(signed(10, ONE, second=True)).size == 10
    with pytest.raises(NoteUnverified, match="did not sign"):
        keys.open(signed(10, ONE))
    with pytest.raises(NoteUnverified, match="only a second signer"):
        keys.open(signed(10, second=True))
    forged = signed(10, ONE) + signed(11, ONE, second=True).rpartition("\n\n")[2].split("\n")[1]
    with pytest.raises(NoteUnverified, match="does not verify"):
        keys.open(forged + "\n")


LINES = {
    "one": ONE.verifier.vkey,
    "rotated": f"{TWO.verifier.vkey} from 10\n{ONE.verifier.vkey} until 20",
    "second": f"{ONE.verifier.vkey}\n{SECOND.verifier.vkey} from 10",
    "middle": f"{THREE.verifier.vkey} from 30\n{TWO.verifier.vkey} from 10 until 30",
}


@pytest.mark.parametrize("name", LINES)
def test_what_is_written_is_read_back(name: str) -> None:
    """With and without the last newline."""
    keys = log_keys.parse(LINES[name])
    assert log_keys.format(keys) == LINES[name] + "\n"
    assert log_keys.parse(LINES[name] + "\n") == keys


V1, V2 = ONE.verifier.vkey, TWO.verifier.vkey
WITNESS = CosignatureVerifier(NAME, note.COSIGNATURE_ED25519, public_bytes("one")).vkey


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"{V1}\n\n",
        f"{V1} ",
        f" {V1}",
        f"{V1} from 0",
        f"{V1} from 01",
        f"{V1} from +1",
        f"{V1} from ١",
        f"{V1} until 5 from 1",
        f"{V1} from 9 until 8",
        f"{V1} since 9",
        f"{V1} from 99999999999999999999",
        f"{V1} until 20\n{V2} from 10",  # the newest comes first
        f"{V1}\n{V1}",
        f"{V1} until 5\n{V1} from 5",
        f"{V1}\n{OTHER.verifier.vkey}",
        f"{SECOND.verifier.vkey}\n{V1}",  # second signers come last
        SECOND.verifier.vkey,
        f"{V1}\n{WITNESS}",
        "\n".join(f"{Verifier(NAME, public_bytes(str(n))).vkey} from {100 - n}" for n in range(65)),
    ],
)
def test_a_second_spelling_is_refused(text: str) -> None:
    """And everything that is not the keys of one log."""
    with pytest.raises(NoteMalformed):
        log_keys.parse(text)


@given(st.text(alphabet=f"{V1[:3]} fromutil0123456789+\n\r—AZ=/", max_size=200) | st.text())
def test_no_text_is_read_that_would_be_written_in_another_way(text: str) -> None:
    """Whatever is taken is the one spelling of what it says, and nothing else is raised."""
    try:
        keys = log_keys.parse(text)
    except NoteMalformed:
        return
    assert log_keys.format(keys) == text.removesuffix("\n") + "\n"


def enrolled(key_id: str, name: str, service: str = "log") -> tuple[str, dict[str, Any]]:
    return ENROLLED, {
        "key_id": key_id,
        "service": service,
        "algorithm": "ed25519",
        "public_key": base64.b64encode(public_bytes(name)).decode(),
    }


def revoked(key_id: str) -> tuple[str, dict[str, Any]]:
    return REVOKED, {"key_id": key_id, "suspect_since": "2026-01-01"}


def folded(*events: tuple[int, tuple[str, dict[str, Any]]]) -> str:
    keys = LogKeys.of(ONE.verifier)
    for position, (name, data) in events:
        keys = keys.apply(position, name, data)
    return log_keys.format(keys)


def test_the_log_says_which_keys_it_has() -> None:
    """A key signs from the tree that holds its enrolment, up to the one before its revocation."""
    first, second, third = enrolled("log-1", "one"), enrolled("log-2", "two"), revoked("log-1")
    assert folded((5, first)) == f"{V1}\n", "the first key gets a name, and was there before"
    assert folded((5, first), (6, second)) == f"{V2} from 6\n{V1}\n"
    assert folded((5, first), (6, second), (9, third)) == f"{V2} from 6\n{V1} until 8\n"


@pytest.mark.parametrize(
    "event",
    [
        enrolled("log-2", "two", service="crm"),
        ("InstructionReceived", {"service": "log", "key_id": "log-2"}),
        revoked("log-9"),
        (REVOKED, {}),
    ],
)
def test_no_other_event_changes_the_keys(event: tuple[str, dict[str, Any]]) -> None:
    """Keys of services are no keys of the log."""
    assert folded((5, event)) == f"{V1}\n"


def test_a_key_that_was_ended_does_not_come_back() -> None:
    """Enrolled again under another id, or ended again later, its period stays what it was."""
    ended = ((5, enrolled("log-1", "one")), (6, enrolled("log-2", "two")), (9, revoked("log-1")))
    for again in (enrolled("log-3", "one"), revoked("log-1"), enrolled("log-1", "one")):
        assert folded(*ended, (12, again)) == folded(*ended)


def test_the_newest_key_is_the_one_to_publish_and_the_first_the_one_to_begin_with() -> None:
    """In whatever order they are held."""
    for keys in (ROTATED, LogKeys(ROTATED.keys[::-1])):
        assert (keys.vkey, keys.first) == (V2, ONE.verifier)
    assert replace(ROTATED).name == NAME
