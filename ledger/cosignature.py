"""Cosignatures: C2SP tlog-cosignature, what a witness puts on a checkpoint of somebody else's log.

A cosignature is a signature line of the signed note whose bytes are

    time in seconds since 1970 (u64, big-endian) || signature

over one of two messages. A key of type 0x04 (Ed25519, "cosignature/v1") signs two lines and then
the text of the checkpoint, its extension lines included:

    cosignature/v1
    time 1679315147
    origin, size and root of the checkpoint …

A key of type 0x06 (ML-DSA-44) signs a structure that also names the witness, and no extension line:

    "subtree/v1\\n\\0" || u8 length, witness name || u64 time || u8 length, origin
                      || u64 start (0) || u64 end (the size) || root[32]

It states that at this time, this was the largest tree of this log that the witness had seen, and
that it is consistent with all it saw before; nothing about what the entries say.

    verifier = parse_vkey(text)                    CosignatureVerifier, opens notes (KnownKey)
    signer = CosignatureSigner(name, private key)  signer.verifier.vkey is what others pin
    line = signer.cosign(text, time)               a signature line, to be put under the note
    read(signed, verifiers)                        the verified cosignatures under a signed note

`tests/test_cosignature.py` has the example of the specification, and every field changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from ledger import checkpoint as checkpoints
from ledger import note
from ledger.errors import CheckpointMalformed, ConfigurationError, NoteMalformed
from ledger.note import COSIGNATURE_ED25519, COSIGNATURE_MLDSA44, Note, SignatureLine

SIGNATURE = {COSIGNATURE_ED25519: 64, COSIGNATURE_MLDSA44: 2420}
"""Bytes of a signature, by the type of its key."""

ALGORITHM = {COSIGNATURE_ED25519: "Ed25519", COSIGNATURE_MLDSA44: "ML-DSA-44"}

MAX_TIME = 2**63 - 1
"""Seconds since 1970."""

MAX_NAME = 255
"""Bytes of the name of a witness, and of the origin of a log that an ML-DSA-44 key cosigns."""


@dataclass(frozen=True, slots=True)
class CosignatureVerifier:
    """The public key of a witness, of type 0x04 or 0x06. Raises NoteMalformed for any other."""

    name: str
    kind: int
    public_key: bytes

    def __post_init__(self) -> None:
        note.check_name(self.name)
        if self.kind not in SIGNATURE:
            raise NoteMalformed("a witness key has type 0x04 (Ed25519) or 0x06 (ML-DSA-44)")
        if len(self.public_key) != note.PUBLIC_KEY[self.kind]:
            raise NoteMalformed("a witness key has another length than its type")
        if len(self.name.encode()) > MAX_NAME:
            raise NoteMalformed(f"the name of a witness is longer than {MAX_NAME} bytes")

    @property
    def key_id(self) -> bytes:
        """Four bytes."""
        return note.key_id(self.name, self.kind, self.public_key)

    @property
    def vkey(self) -> str:
        """The key as text."""
        return note.format_vkey(self.name, self.kind, self.public_key)

    def check(self, text: bytes, signature: bytes) -> None:
        """Raises InvalidSignature unless this key cosigned the text, which is a checkpoint.

        The time is whatever the signature says: `time_of` reads it, and who counts cosignatures
        looks at it.
        """
        if len(signature) != 8 + SIGNATURE[self.kind]:
            raise InvalidSignature
        time, raw = time_of(signature), signature[8:]
        try:
            message = _message(self.name, self.kind, text, time)
        except CheckpointMalformed:
            raise InvalidSignature from None
        if self.kind == COSIGNATURE_ED25519:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(raw, message)
        else:
            _mldsa44(self.public_key).verify(raw, message)


@dataclass(frozen=True, slots=True, repr=False)
class CosignatureSigner:
    """The private key of a witness. A key serves one name: Ed25519 does not sign the name."""

    name: str
    private_key: Ed25519PrivateKey | MLDSA44PrivateKey

    @property
    def verifier(self) -> CosignatureVerifier:
        """The public half."""
        ed25519 = isinstance(self.private_key, Ed25519PrivateKey)
        kind = COSIGNATURE_ED25519 if ed25519 else COSIGNATURE_MLDSA44
        public_key = self.private_key.public_key().public_bytes_raw()
        return CosignatureVerifier(self.name, kind, public_key)

    def cosign(self, text: str, time: int) -> str:
        """The signature line over the text of a checkpoint at a time (seconds since 1970, not 0).

        Raises CheckpointMalformed, also for an origin or a time that cannot be signed. Whether the
        checkpoint may be cosigned is for the witness to know.
        """
        if time == 0:
            raise CheckpointMalformed("a cosignature of a checkpoint has a time")
        verifier = self.verifier
        message = _message(self.name, verifier.kind, text.encode(), time)
        raw = time.to_bytes(8, "big") + self.private_key.sign(message)
        return note.format_line(SignatureLine(self.name, verifier.key_id, raw))


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A verified cosignature: `by` saw the checkpoint at `time`, in seconds since 1970.

    `line` is the signature line, newline included. A time of 0 says nothing about when.
    """

    by: CosignatureVerifier
    time: int
    line: str


def parse_vkey(text: str) -> CosignatureVerifier:
    """The verifier of a witness's vkey. Raises NoteMalformed."""
    return CosignatureVerifier(*note.split_vkey(text))


def time_of(signature: bytes) -> int:
    """The time in the bytes of a cosignature, in seconds since 1970."""
    return int.from_bytes(signature[:8], "big")


def read(signed: str, verifiers: Sequence[CosignatureVerifier]) -> tuple[Cosignature, ...]:
    """The cosignatures of known witnesses under a signed checkpoint; others are left alone.

    Raises NoteMalformed, and NoteUnverified when a known witness's signature fails or none signed.
    """
    return of_note(note.open(signed, verifiers), verifiers)


def of_note(opened: Note, verifiers: Iterable[CosignatureVerifier]) -> tuple[Cosignature, ...]:
    """The cosignatures among the verified signatures of a note that was opened with these keys."""
    lines = {(line.name, line.key_id): line for line in opened.verified}
    found = ((verifier, lines.get((verifier.name, verifier.key_id))) for verifier in verifiers)
    return tuple(
        Cosignature(verifier, time_of(line.signature), note.format_line(line))
        for verifier, line in found
        if line is not None
    )


def _message(name: str, kind: int, text: bytes, time: int) -> bytes:
    """What a key signs. Raises CheckpointMalformed."""
    checkpoint = checkpoints.parse_any(text.decode())
    if not 0 <= time <= MAX_TIME:
        raise CheckpointMalformed("the time of a cosignature is a number below 2^63")
    if kind == COSIGNATURE_ED25519:
        return b"cosignature/v1\ntime %d\n" % time + text
    return b"".join(
        (
            b"subtree/v1\n\x00",
            _short(name),
            time.to_bytes(8, "big"),
            _short(checkpoint.origin),
            (0).to_bytes(8, "big"),
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        )
    )


def _mldsa44(public_key: bytes) -> MLDSA44PublicKey:
    try:
        return MLDSA44PublicKey.from_public_bytes(public_key)
    except UnsupportedAlgorithm:
        raise ConfigurationError(
            "this build of `cryptography` has no ML-DSA-44; install it from PyPI, or build it with"
            " OpenSSL 3.5 or later"
        ) from None


def _short(text: str) -> bytes:
    raw = text.encode()
    if len(raw) > MAX_NAME:
        raise CheckpointMalformed(f"an origin of more than {MAX_NAME} bytes cannot be cosigned")
    return bytes([len(raw)]) + raw
