"""Signed notes: C2SP signed-note.

    text, ends with a newline
                                                                (an empty line)
    — name base64(key id[4] || signature)                       (one line for each signature)

A key has a name, a type byte and a four-byte id, SHA-256(name || 0x0A || type || public key)[:4].
Its public half is written `name+hex8(key id)+base64(type || public key)` (vkey), the private half
`PRIVATE+KEY+name+hex8+base64(type || seed)`. Whoever opens a note knows some keys: a known key
whose signature fails refuses the note, a note that no known key signed is refused, and signatures
of unknown keys are kept apart as `unverified`. A key of type 0x01 signs the text itself; those of
types 0x04 and 0x06 sign a time with it (`ledger/cosignature.py`). `tests/test_note.py` runs the
vectors of Go's implementation and those of Wycheproof.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.errors import NoteMalformed, NoteUnverified
from ledger.key_holder import KeyHolder
from ledger.small_order import binds_nobody

ED25519 = 0x01
"""The type of a key that signs the text itself."""

COSIGNATURE_ED25519 = 0x04
COSIGNATURE_MLDSA44 = 0x06

PUBLIC_KEY = {ED25519: 32, COSIGNATURE_ED25519: 32, COSIGNATURE_MLDSA44: 1312}
"""The types of keys that are known, and the bytes of a public key of each."""

MAX_NOTE = 1_000_000
"""Bytes."""

MAX_SIGNATURES = 100

_PRIVATE = "PRIVATE+KEY+"


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One signature of a note: the name and id of the key it claims, and the bytes."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A note: `verified` by known keys, `unverified` by keys nobody here knows."""

    text: str
    verified: tuple[SignatureLine, ...]
    unverified: tuple[SignatureLine, ...]


class KnownKey(Protocol):
    """A key that opens notes. Types of keys differ in what they sign over, so each checks itself.

    The log's own key is a `Verifier`; the cosignatures of witnesses put a timestamp before the
    text and into the signature bytes.
    """

    @property
    def name(self) -> str:
        """The name in the signature line."""

    @property
    def key_id(self) -> bytes:
        """Four bytes."""

    def check(self, text: bytes, signature: bytes) -> None:
        """Raises InvalidSignature unless this key made the signature of this note text."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """The public half of an Ed25519 note key. Raises NoteMalformed for a name no note can hold."""

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        check_name(self.name)

    @property
    def key_id(self) -> bytes:
        """Four bytes."""
        return key_id(self.name, ED25519, self.public_key)

    @property
    def vkey(self) -> str:
        """The key as text."""
        return format_vkey(self.name, ED25519, self.public_key)

    def check(self, text: bytes, signature: bytes) -> None:
        """Raises InvalidSignature unless this key made the signature over the text."""
        Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, text)


@dataclass(frozen=True, slots=True, repr=False)
class Signer:
    """The private half of an Ed25519 note key."""

    name: str
    private_key: KeyHolder

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        return Verifier(self.name, self.private_key.public_key().public_bytes_raw())

    def line(self, text: bytes) -> SignatureLine:
        """The signature of this key over a text."""
        return SignatureLine(self.name, self.verifier.key_id, self.private_key.sign(text))


def key_id(name: str, kind: int, public_key: bytes) -> bytes:
    """SHA-256(name || 0x0A || type || public key)[:4]."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public_key).digest()[:4]


def parse_vkey(text: str) -> Verifier:
    """The verifier of an Ed25519 vkey. Raises NoteMalformed."""
    name, kind, public_key = split_vkey(text)
    if kind != ED25519:
        raise NoteMalformed("not an Ed25519 note key")
    return Verifier(name, public_key)


def split_vkey(text: str) -> tuple[str, int, bytes]:
    """The name, type and public key of a vkey of any known type. Raises NoteMalformed."""
    name, claimed, kind, public_key = _parse_key(text)
    if len(public_key) != PUBLIC_KEY.get(kind):
        raise NoteMalformed("not a note key of a known type, or of another length than its type")
    if key_id(name, kind, public_key) != claimed:
        raise NoteMalformed("the key id is not that of the key")
    if kind != COSIGNATURE_MLDSA44 and binds_nobody(public_key):
        raise NoteMalformed("an Ed25519 key of small order, or in a second encoding, binds nobody")
    return name, kind, public_key


def format_vkey(name: str, kind: int, public_key: bytes) -> str:
    """A public key as text."""
    return _format_key(name, key_id(name, kind, public_key), kind, public_key)


def format_signer(signer: Signer) -> str:
    """The private form of a key. It is a secret. Raises NoteMalformed for one that has none."""
    if not isinstance(signer.private_key, Ed25519PrivateKey):
        raise NoteMalformed("this private key does not leave its place")
    seed = signer.private_key.private_bytes_raw()
    return _PRIVATE + _format_key(signer.name, signer.verifier.key_id, ED25519, seed)


def parse_signer(text: str) -> Signer:
    """The signer of the private form. Raises NoteMalformed, which never shows the key."""
    if not text.startswith(_PRIVATE):
        raise NoteMalformed("not the private form of a note key")
    name, claimed, kind, seed = _parse_key(text.removeprefix(_PRIVATE))
    if kind != ED25519 or len(seed) != 32:
        raise NoteMalformed("not an Ed25519 note key")
    signer = Signer(name, Ed25519PrivateKey.from_private_bytes(seed))
    if signer.verifier.key_id != claimed:
        raise NoteMalformed("the key id is not that of the key")
    return signer


def sign(text: str, *signers: Signer) -> str:
    """A note over a text that ends with a newline. Raises NoteMalformed."""
    _check_text(text)
    return text + "\n" + "".join(format_line(s.line(text.encode())) for s in signers)


def decode(raw: bytes) -> str:
    """A note, or a vkey, as it comes in a file. Raises NoteMalformed when it is not UTF-8."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise NoteMalformed("the note is not UTF-8") from None


def parse(note: str) -> Note:
    """The text and the signatures of a note, none of them verified. Raises NoteMalformed."""
    text, signatures = split(note)
    lines = signatures[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteMalformed(f"the note has more than {MAX_SIGNATURES} signatures")
    return Note(text, (), tuple(_parse_line(line) for line in lines))


def split(note: str) -> tuple[str, str]:
    """The text of a note, and what should be its signature lines. Raises NoteMalformed."""
    if len(note) > MAX_NOTE:
        raise NoteMalformed("the note is too large")
    # The separator is the last empty line: the text may hold empty lines of its own.
    text, separator, signatures = note.rpartition("\n\n")
    if not separator or not signatures.endswith("\n"):
        raise NoteMalformed("a note is a text, an empty line and signatures")
    text += "\n"
    _check_text(text)
    return text, signatures


def open(note: str, keys: Sequence[KnownKey]) -> Note:
    """Open a note with the keys that are known.

    Raises NoteMalformed, and NoteUnverified when a known key's signature fails or no known key
    signed. A key that signed more than once counts once, and each of its signatures is checked.
    """
    parsed = parse(note)
    known = {(key.name, key.key_id): key for key in keys}
    text = parsed.text.encode()
    verified: dict[tuple[str, bytes], SignatureLine] = {}
    unverified: list[SignatureLine] = []
    for line in parsed.unverified:
        key = known.get((line.name, line.key_id))
        if key is None:
            unverified.append(line)
            continue
        try:
            key.check(text, line.signature)
        except InvalidSignature:
            raise NoteUnverified(f"the signature of {line.name} does not verify") from None
        verified.setdefault((line.name, line.key_id), line)
    if not verified:
        raise NoteUnverified("no known key signed the note")
    return Note(parsed.text, tuple(verified.values()), tuple(unverified))


def format_line(line: SignatureLine) -> str:
    """A signature as a line of a note."""
    encoded = base64.b64encode(line.key_id + line.signature).decode()
    return f"— {line.name} {encoded}\n"


def _parse_line(line: str) -> SignatureLine:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if dash != "—":
        raise NoteMalformed("a signature line begins with a dash and a space")
    check_name(name)
    raw = _base64(encoded)
    if len(raw) < 5:
        raise NoteMalformed("a signature line holds a key id and a signature")
    return SignatureLine(name, raw[:4], raw[4:])


def _check_text(text: str) -> None:
    if not text.endswith("\n"):
        raise NoteMalformed("the text of a note ends with a newline")
    if any(character < " " and character != "\n" for character in text):
        raise NoteMalformed("the text of a note holds a control character")
    _check_utf8(text)


def check_name(name: str) -> None:
    """Raises NoteMalformed for a name that no key has."""
    if not name or "+" in name or any(c.isspace() or c < " " for c in name):
        raise NoteMalformed("a key name is not empty and has no space, plus or control character")
    _check_utf8(name)


def _check_utf8(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise NoteMalformed("half a surrogate pair is not UTF-8") from None


def _format_key(name: str, identifier: bytes, kind: int, key: bytes) -> str:
    return f"{name}+{identifier.hex()}+{base64.b64encode(bytes([kind]) + key).decode()}"


def _parse_key(text: str) -> tuple[str, bytes, int, bytes]:
    """The name, claimed key id, type and bytes of a key, public or private."""
    name, _, rest = text.partition("+")
    claimed, _, encoded = rest.partition("+")
    check_name(name)
    raw = _base64(encoded)
    if not raw:
        raise NoteMalformed("a note key is a name, a key id and base64, with + between them")
    try:
        identifier = bytes.fromhex(claimed)
    except ValueError:
        raise NoteMalformed("a key id is 8 hexadecimal digits") from None
    if identifier.hex() != claimed:
        raise NoteMalformed("a key id is 8 hexadecimal digits, in small letters")
    return name, identifier, raw[0], raw[1:]


def _base64(encoded: str) -> bytes:
    try:
        raw = base64.b64decode(encoded.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise NoteMalformed("not standard base64") from None
    if base64.b64encode(raw).decode() != encoded:
        raise NoteMalformed("base64 in a second spelling")
    return raw
