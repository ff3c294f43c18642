"""Cosignatures: the specification's example, both algorithms, and every field changed."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import checkpoint, cosignature, note
from ledger.checkpoint import Checkpoint
from ledger.cosignature import CosignatureSigner, CosignatureVerifier
from ledger.errors import CheckpointMalformed, NoteMalformed, NoteUnverified
from ledger.note import COSIGNATURE_ED25519, COSIGNATURE_MLDSA44, ED25519, Signer
from tests.log_builder import private_key
from tests.test_keyring import small_order_encodings

LOG = Signer("log.example/one", private_key("one"))
TEXT = checkpoint.format(Checkpoint(LOG.name, 7, bytes(range(32))))
SIGNED = note.sign(TEXT, LOG)
TIME = 1_679_315_147

OLD = CosignatureSigner("witness.example/old", private_key("old"))
NEW = CosignatureSigner(
    "witness.example/new",
    MLDSA44PrivateKey.from_seed_bytes(hashlib.sha256(b"new").digest()),
)
BOTH = [OLD, NEW]


def signature(line: str) -> bytes:
    """The time and signature in a signature line."""
    return base64.b64decode(line.split(" ")[2])[4:]


def test_the_message_of_an_ed25519_cosignature() -> None:
    """Two lines and the text, as the specification writes them, are what the key signs."""
    raw = signature(OLD.cosign(TEXT, TIME))
    assert raw[:8] == bytes.fromhex("00000000641850cb")
    message = (
        "cosignature/v1\n"
        "time 1679315147\n"
        "log.example/one\n"
        "7\n"
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    )
    Ed25519PublicKey.from_public_bytes(OLD.verifier.public_key).verify(raw[8:], message.encode())


def test_the_message_of_an_mldsa_cosignature() -> None:
    """The structure of the specification, written out byte by byte, is what the key signs."""
    raw = signature(NEW.cosign(TEXT, TIME))
    assert len(raw) == 8 + 2420
    message = (
        b"subtree/v1\n\0"
        + b"\x13witness.example/new"
        + bytes.fromhex("00000000641850cb")
        + b"\x0flog.example/one"
        + bytes.fromhex("0000000000000000" + "0000000000000007")
        + bytes(range(32))
    )
    MLDSA44PublicKey.from_public_bytes(NEW.verifier.public_key).verify(raw[8:], message)


def test_the_example_of_the_specification_is_read() -> None:
    """The key id of the type, and the time, of the cosignature that the specification shows."""
    line = (
        "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJs"
        "X3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
    )
    assert cosignature.time_of(signature(line)) == 1_679_315_147
    assert len(signature(line)) == 8 + 64


@pytest.mark.parametrize("signer", BOTH)
def test_a_cosignature_is_read_back(signer: CosignatureSigner) -> None:
    """By whom, when, and the line itself, which is not the log's."""
    line = signer.cosign(TEXT, TIME)
    (found,) = cosignature.read(SIGNED + line, [signer.verifier])
    assert (found.by, found.time, found.line) == (signer.verifier, TIME, line)


@pytest.mark.parametrize("signer", BOTH)
def test_keys_are_written_and_read(signer: CosignatureSigner) -> None:
    """A vkey gives the verifier back; the type is in it and in the key id."""
    verifier = signer.verifier
    assert cosignature.parse_vkey(verifier.vkey) == verifier
    raw = verifier.name.encode() + b"\n" + bytes([verifier.kind]) + verifier.public_key
    assert verifier.key_id == hashlib.sha256(raw).digest()[:4]


def test_the_key_of_a_log_is_not_that_of_a_witness() -> None:
    """A key of type 0x01 cosigns nothing, and those of types 0x04 and 0x06 sign no plain note."""
    with pytest.raises(NoteMalformed, match="0x04"):
        cosignature.parse_vkey(LOG.verifier.vkey)
    for signer in BOTH:
        with pytest.raises(NoteMalformed, match="Ed25519 note key"):
            note.parse_vkey(signer.verifier.vkey)


def test_one_key_signs_for_both_types_without_being_mixed_up() -> None:
    """The same Ed25519 key as a log's and as a witness's: neither signature passes as the other."""
    twin = CosignatureSigner(LOG.name, private_key("one"))
    assert twin.verifier.public_key == LOG.verifier.public_key
    assert twin.verifier.key_id != LOG.verifier.key_id
    with pytest.raises(InvalidSignature):
        twin.verifier.check(TEXT.encode(), LOG.line(TEXT.encode()).signature)
    with pytest.raises(InvalidSignature):
        LOG.verifier.check(TEXT.encode(), signature(twin.cosign(TEXT, TIME))[8:])


OTHERS = {
    "origin": TEXT.replace("one", "two"),
    "size": TEXT.replace("7", "8"),
    "root": TEXT.replace("AAEC", "AAED"),
}


@pytest.mark.parametrize("signer", BOTH)
@pytest.mark.parametrize("changed", OTHERS)
def test_a_cosignature_of_another_checkpoint_fails(signer: CosignatureSigner, changed: str) -> None:
    """Another origin, another size, another root of the same size: the line does not move."""
    line = signer.cosign(OTHERS[changed], TIME)
    cosignature.read(f"{OTHERS[changed]}\n{line}", [signer.verifier])  # it is good there
    with pytest.raises(NoteUnverified, match=r"witness\.example"):
        cosignature.read(SIGNED + line, [signer.verifier])


@pytest.mark.parametrize("signer", BOTH)
def test_the_time_of_a_cosignature_cannot_be_changed(signer: CosignatureSigner) -> None:
    """The time that travels with the signature is the one that was signed."""
    raw = signature(signer.cosign(TEXT, TIME))
    signer.verifier.check(TEXT.encode(), raw)
    for time in (0, 1, TIME - 1, TIME + 1, 2**63, 2**64 - 1):
        with pytest.raises(InvalidSignature):
            signer.verifier.check(TEXT.encode(), time.to_bytes(8, "big") + raw[8:])


def test_an_mldsa_cosignature_names_its_witness() -> None:
    """The same key under another name fails. Ed25519 does not sign the name: one key, one name."""
    other = "witness.example/other"
    new, old = NEW.verifier, OLD.verifier
    with pytest.raises(InvalidSignature):
        CosignatureVerifier(other, new.kind, new.public_key).check(
            TEXT.encode(), signature(NEW.cosign(TEXT, TIME))
        )
    CosignatureVerifier(other, old.kind, old.public_key).check(
        TEXT.encode(), signature(OLD.cosign(TEXT, TIME))
    )


@pytest.mark.parametrize("signer", BOTH)
@pytest.mark.parametrize("length", [0, 1, 7, 8, 71, 73, 2427, 2429])
def test_signatures_of_another_length_fail(signer: CosignatureSigner, length: int) -> None:
    """Shorter and longer ones are a failed signature, not a crash."""
    raw = signature(signer.cosign(TEXT, TIME)).ljust(3000, b"\0")[:length]
    with pytest.raises(InvalidSignature):
        signer.verifier.check(TEXT.encode(), raw)


def test_extension_lines_are_signed_by_ed25519_alone() -> None:
    """A checkpoint with extension lines can be cosigned; ML-DSA-44 says nothing about them."""
    extended, changed = TEXT + "note to self\n", TEXT + "note to others\n"
    for signer in BOTH:
        signer.verifier.check(extended.encode(), signature(signer.cosign(extended, TIME)))
    NEW.verifier.check(changed.encode(), signature(NEW.cosign(extended, TIME)))
    with pytest.raises(InvalidSignature):
        OLD.verifier.check(changed.encode(), signature(OLD.cosign(extended, TIME)))


@pytest.mark.parametrize("signer", BOTH)
@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("no checkpoint\n", TIME),
        (TEXT + "\n", TIME),  # an empty extension line
        (TEXT[:-1], TIME),
        (TEXT.replace("7", "07"), TIME),
        (TEXT, 0),
        (TEXT, -1),
        (TEXT, 2**63),
    ],
)
def test_what_is_not_cosigned(signer: CosignatureSigner, text: str, time: int) -> None:
    """Only a checkpoint is, at a time that fits."""
    with pytest.raises(CheckpointMalformed):
        signer.cosign(text, time)
    if time == TIME:  # nor does a signature over it pass
        with pytest.raises(InvalidSignature):
            signer.verifier.check(text.encode(), signature(signer.cosign(TEXT, TIME)))


def test_an_origin_that_a_byte_cannot_count_is_not_cosigned() -> None:
    """ML-DSA-44 writes the length of the origin in a byte; 255 bytes fit, 256 do not."""
    fits, not_fits = (checkpoint.format(Checkpoint("o" * n, 1, bytes(32))) for n in (255, 256))
    NEW.verifier.check(fits.encode(), signature(NEW.cosign(fits, TIME)))
    with pytest.raises(CheckpointMalformed, match="255"):
        NEW.cosign(not_fits, TIME)
    with pytest.raises(NoteMalformed, match="255"):
        CosignatureVerifier("é" * 128, COSIGNATURE_MLDSA44, NEW.verifier.public_key)


def test_keys_of_another_type_or_length_are_refused() -> None:
    """Also when their key id is right for what they claim."""
    for kind, length in [
        (ED25519, 32),
        (0x02, 32),
        (0x05, 32),
        (COSIGNATURE_ED25519, 31),
        (COSIGNATURE_ED25519, 1312),
        (COSIGNATURE_MLDSA44, 32),
        (COSIGNATURE_MLDSA44, 1311),
        (COSIGNATURE_MLDSA44, 1313),
    ]:
        with pytest.raises(NoteMalformed):
            cosignature.parse_vkey(note.format_vkey("w.example", kind, b"\x07" * length))
        with pytest.raises(NoteMalformed):
            CosignatureVerifier("w.example", kind, b"\x07" * length)


def test_keys_that_bind_nobody_are_refused() -> None:
    """Of a log and of a witness: every encoding of a point of small order, and second encodings."""
    second = {(2**255 - 19 + n).to_bytes(32, "little") for n in range(19)}
    encodings = small_order_encodings() | second
    assert len(encodings) == 14 + 19 - 2
    for key in encodings:
        for kind in (ED25519, COSIGNATURE_ED25519):
            with pytest.raises(NoteMalformed, match="small order"):
                note.split_vkey(note.format_vkey("w.example", kind, key))


def test_anyone_could_sign_for_such_a_key() -> None:
    """Why: with the identity as key, one constant is a signature of every text."""
    identity = CosignatureVerifier("w.example", COSIGNATURE_ED25519, b"\x01" + bytes(31))
    forged = (TIME).to_bytes(8, "big") + b"\x01" + bytes(63)
    identity.check(TEXT.encode(), forged)
    identity.check(OTHERS["root"].encode(), forged)


@settings(deadline=None)
@given(st.sampled_from(BOTH), st.data())
def test_no_byte_of_a_cosignature_can_change(
    signer: CosignatureSigner, data: st.DataObject
) -> None:
    """Any other byte at any place, time included, fails."""
    raw = bytearray(signature(signer.cosign(TEXT, TIME)))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(InvalidSignature):
        signer.verifier.check(TEXT.encode(), bytes(raw))


@given(st.text(max_size=300))
def test_any_text_is_a_witness_key_in_one_way_or_none(text: str) -> None:
    """Nothing but NoteMalformed comes out of the parser."""
    with pytest.raises(NoteMalformed):
        cosignature.parse_vkey(text)


def test_a_private_key_is_not_shown() -> None:
    """The form of a signer does not hold the seed."""
    for signer in BOTH:
        assert signer.private_key.private_bytes_raw().hex() not in repr(signer)
        assert repr(signer.private_key.private_bytes_raw()) not in repr(signer)
