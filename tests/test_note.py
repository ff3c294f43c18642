"""Signed notes: the vectors of Go and C2SP, Wycheproof's signatures, and forged notes."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import note
from ledger.errors import NoteMalformed, NoteUnverified
from ledger.note import Signer, Verifier, key_id
from tests.log_builder import private_key
from tests.vectors import load

TEXT = "first line\n\nsecond line\n"
ALICE = Signer("alice.example/log", private_key("alice"))
BOB = Signer("bob.example/witness", private_key("bob"))


def note_cases() -> Any:
    """The vectors of signed notes."""
    return load("note/signed_note_cases.json")


def test_vectors_of_verifier_keys() -> None:
    """All 3 good keys are read and written again, all 4 bad ones refused."""
    found = note_cases()
    assert (len(found["good_vkeys"]), len(found["bad_vkeys"])) == (3, 4)
    for vkey in found["good_vkeys"]:
        assert note.parse_vkey(vkey).vkey == vkey
    for vkey in found["bad_vkeys"]:
        with pytest.raises(NoteMalformed):
            note.parse_vkey(vkey)


def test_vectors_of_mangled_verifier_keys() -> None:
    """Every part of a good key, and every good key with one character moved on, is refused."""
    for vkey in note_cases()["good_vkeys"]:
        parts = {vkey[i:j] for i in range(len(vkey)) for j in range(i, len(vkey) + 1)} - {vkey}
        moved = {vkey[:i] + chr(ord(c) + 1) + vkey[i + 1 :] for i, c in enumerate(vkey)}
        for mangled in parts | moved:
            with pytest.raises(NoteMalformed):
                note.parse_vkey(mangled)


def test_vectors_of_private_keys() -> None:
    """All 3 of Go's private keys are read and written again."""
    found = note_cases()["test_skeys"]
    assert len(found) == 3
    for text in found:
        assert note.format_signer(note.parse_signer(text)) == text


def test_vectors_of_signed_notes() -> None:
    """All 15 notes open, or are refused, as their authors say, and with those keys verified."""
    found = note_cases()["cases"]
    assert len(found) == 15
    for case in found:
        raw = case["note"].encode() if "note" in case else base64.b64decode(case["note_b64"])
        verifiers = [note.parse_vkey(vkey) for vkey in case["vkeys"]]
        if case["ok"]:
            opened = note.open(note.decode(raw), verifiers)
            assert [line.name for line in opened.verified] == case["verified"], case["name"]
        else:
            with pytest.raises((NoteMalformed, NoteUnverified)):
                note.open(note.decode(raw), verifiers)


def test_vectors_of_wycheproof() -> None:
    """All 151 Ed25519 signatures are accepted or refused as Wycheproof says."""
    groups = load("wycheproof/ed25519_test.json")["testGroups"]
    cases = [(group["publicKey"]["pk"], case) for group in groups for case in group["tests"]]
    assert len(cases) == 151
    for public_key, case in cases:
        verifier = Verifier("wycheproof", bytes.fromhex(public_key))
        signature, message = bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"])
        if case["result"] == "valid":
            verifier.check(message, signature)
        else:
            with pytest.raises(InvalidSignature):
                verifier.check(message, signature)


def test_a_note_opens_with_the_keys_that_are_known() -> None:
    """Known signatures are verified, the others kept apart."""
    signed = note.sign(TEXT, ALICE, BOB)
    opened = note.open(signed, [ALICE.verifier])
    assert opened.text == TEXT
    assert [line.name for line in opened.verified] == [ALICE.name]
    assert [line.name for line in opened.unverified] == [BOB.name]


def test_a_known_key_whose_signature_fails_refuses_the_note() -> None:
    """One good signature does not make up for a forged one."""
    forged = note.sign(TEXT, ALICE) + note.sign("other\n", BOB).rpartition("\n\n")[2]
    assert note.open(forged, [ALICE.verifier]).text == TEXT  # Bob is not known here
    with pytest.raises(NoteUnverified, match=r"bob\.example"):
        note.open(forged, [ALICE.verifier, BOB.verifier])


def test_a_second_forged_signature_of_the_same_key_refuses_the_note() -> None:
    """Every line of a known key is checked, not only its first."""
    line = note.sign(TEXT, ALICE).rpartition("\n\n")[2]
    forged = note.sign("other\n", ALICE).rpartition("\n\n")[2]
    assert len(note.open(note.sign(TEXT, ALICE) + line, [ALICE.verifier]).verified) == 1
    with pytest.raises(NoteUnverified):
        note.open(note.sign(TEXT, ALICE) + forged, [ALICE.verifier])


def test_a_name_of_a_known_key_is_not_the_key() -> None:
    """A signature under a known name with another key is that of an unknown key."""
    impostor = Signer(ALICE.name, private_key("mallory"))
    with pytest.raises(NoteUnverified, match="no known key"):
        note.open(note.sign(TEXT, impostor), [ALICE.verifier])


def test_a_signature_moved_under_a_known_key_id_fails() -> None:
    """A key id is four bytes and easily copied; the signature must still verify."""
    impostor = private_key("mallory").sign(TEXT.encode())
    encoded = base64.b64encode(ALICE.verifier.key_id + impostor).decode()
    with pytest.raises(NoteUnverified):
        note.open(f"{TEXT}\n— {ALICE.name} {encoded}\n", [ALICE.verifier])


def test_a_note_takes_a_hundred_signatures() -> None:
    """C2SP asks for 16 at least; Go stops at 100, and so does this."""
    line = note.sign(TEXT, ALICE).rpartition("\n\n")[2]
    assert note.open(TEXT + "\n" + line * 100, [ALICE.verifier]).text == TEXT
    with pytest.raises(NoteMalformed, match="100"):
        note.open(TEXT + "\n" + line * 101, [ALICE.verifier])


def test_a_note_of_more_than_a_megabyte_is_refused() -> None:
    """Its size is looked at before anything else."""
    with pytest.raises(NoteMalformed, match="large"):
        note.parse("a" * 1_000_000 + "\n\n")


@pytest.mark.parametrize(
    "text", ["", "no newline", "tab\t\n", "nul\x00\n", "half \ud800\n", "\r\n"]
)
def test_texts_that_cannot_be_signed(text: str) -> None:
    """What could not be opened is not signed."""
    with pytest.raises(NoteMalformed):
        note.sign(text, ALICE)


@pytest.mark.parametrize(
    "name", ["", "two words", "a+b", "tab\t", "line\n", "\u00a0", "\u2003", "\ud800", "\x01"]
)
def test_names_that_no_key_has(name: str) -> None:
    """A name is one word without plus, so that lines and keys can be taken apart again."""
    with pytest.raises(NoteMalformed):
        Verifier(name, bytes(32))


def test_names_of_any_script_are_taken() -> None:
    """The specification excludes nothing but spaces, plus and control characters."""
    signer = Signer("логовище.example/\u00ad日誌", private_key("any"))
    assert note.open(note.sign(TEXT, signer), [signer.verifier]).text == TEXT
    assert note.parse_vkey(signer.verifier.vkey) == signer.verifier


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("\n\n— ", "\n— "),  # no empty line
        ("— ", "- "),  # a hyphen for the dash
        ("— ", "—  "),
        ("— ", " — "),
        ("=\n", "\n"),  # base64 without its padding
        ("=\n", "= \n"),
        ("=\n", "=\r\n"),
        ("=\n", "=\n\n"),
        ("=\n", "="),
        ("=\n", "=\n—\n"),
        ("=\n", "=\n— alice.example/log AAAA\n"),  # four bytes hold no signature
    ],
)
def test_second_spellings_of_notes_are_refused(right: str, wrong: str) -> None:
    """Each change to a good note makes it no note."""
    signed = note.sign("text\n", ALICE)
    assert right in signed
    with pytest.raises(NoteMalformed):
        note.parse(signed.replace(right, wrong, 1) if right != "=\n" else signed[:-2] + wrong)


def test_loose_bits_of_base64_are_refused() -> None:
    """The last character before the padding has bits that encode nothing; they must be zero."""
    signed = note.sign("text\n", ALICE)
    assert signed.endswith("=\n")
    encoded = signed.split()[-1]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    loose = encoded[:-2] + letters[letters.index(encoded[-2]) + 1] + "="
    assert base64.b64decode(loose) == base64.b64decode(encoded)
    with pytest.raises(NoteMalformed, match="spelling"):
        note.parse(signed.replace(encoded, loose))


def test_second_spellings_of_keys_are_refused() -> None:
    """The key id in capitals, or with a space that a reader of hexadecimal skips."""
    name, identifier, key = ALICE.verifier.vkey.split("+", 2)
    assert identifier != identifier.upper()
    for other in (identifier.upper(), f" {identifier}", f"{identifier[:2]} {identifier[2:]}"):
        with pytest.raises(NoteMalformed, match="hexadecimal"):
            note.parse_vkey(f"{name}+{other}+{key}")


def test_a_private_key_is_not_shown() -> None:
    """Neither the form of a signer nor an error about one holds the seed."""
    secret = note.format_signer(ALICE)
    seed = secret.rpartition("+")[2]
    assert seed not in repr(ALICE)
    for bad in (secret[:-1], secret.replace("+", "-", 1), secret + "A", "X" + secret):
        with pytest.raises(NoteMalformed) as caught:
            note.parse_signer(bad)
        assert seed[:16] not in str(caught.value)


def test_a_private_key_under_another_name_is_refused() -> None:
    """The key id covers the name, so a renamed key file is noticed."""
    with pytest.raises(NoteMalformed, match="key id"):
        note.parse_signer(note.format_signer(ALICE).replace("alice", "alise"))


@settings(deadline=None)
@given(st.one_of(st.text(max_size=200), st.text(alphabet="—a+=A \n\t\ud800", max_size=60)))
def test_any_text_is_a_note_in_one_way_or_none(text: str) -> None:
    """Any text is refused as malformed or unverified, by every function that reads."""
    for read in (note.parse, note.parse_vkey, note.parse_signer):
        with pytest.raises(NoteMalformed):
            read(text)
    with pytest.raises(NoteMalformed):
        note.open(text, [ALICE.verifier])


@settings(deadline=None)
@given(st.data())
def test_no_character_of_a_note_can_change(data: st.DataObject) -> None:
    """Any other character at any place of a note by one key makes it malformed or unverified."""
    signed = note.sign(TEXT, ALICE)
    place = data.draw(st.integers(0, len(signed) - 1))
    other = data.draw(st.characters().filter(lambda c: c != signed[place]))
    with pytest.raises((NoteMalformed, NoteUnverified)):
        note.open(signed[:place] + other + signed[place + 1 :], [ALICE.verifier])


class TimestampedKey:
    """A key of another type (0x04): it signs a time with the text, and the time travels along."""

    name = "witness.example"
    key_id = key_id(name, 0x04, private_key("witness").public_key().public_bytes_raw())

    @staticmethod
    def message(text: bytes, time: int) -> bytes:
        """What a cosignature covers (C2SP tlog-cosignature)."""
        return b"cosignature/v1\ntime %d\n" % time + text

    def line(self, text: str, time: int) -> str:
        """A signature line."""
        signature = private_key("witness").sign(self.message(text.encode(), time))
        encoded = base64.b64encode(self.key_id + time.to_bytes(8, "big") + signature).decode()
        return f"— {self.name} {encoded}\n"

    def check(self, text: bytes, signature: bytes) -> None:
        """Raises InvalidSignature."""
        time = int.from_bytes(signature[:8], "big")
        public_key = private_key("witness").public_key()
        public_key.verify(signature[8:], self.message(text, time))


def test_keys_of_other_types_open_notes() -> None:
    """A cosignature is verified by its own kind of key, beside the log's."""
    witness = TimestampedKey()
    signed = note.sign(TEXT, ALICE) + witness.line(TEXT, 1_700_000_000)
    opened = note.open(signed, [ALICE.verifier, witness])
    assert [line.name for line in opened.verified] == [ALICE.name, witness.name]
    late = note.sign(TEXT, ALICE) + witness.line("other\n", 1_700_000_000)
    with pytest.raises(NoteUnverified):
        note.open(late, [ALICE.verifier, witness])
