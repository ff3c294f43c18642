"""Private keys and tokens on disk.

A private key is a PKCS#8 PEM file of mode 0600, encrypted when VERANTWOORD_KEY_PASSPHRASE is set.
It is never overwritten, never printed, and refused when others can read it. A key in a file is one
kind of holder (`ledger/key_holder.py`); what signs asks for no more. `tests/test_keys.py`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger import envelope
from ledger.envelope import Envelope
from ledger.errors import ConfigurationError
from ledger.key_holder import KeyHolder

PASSPHRASE = "VERANTWOORD_KEY_PASSPHRASE"  # noqa: S105 - the name of the variable
TOKEN_PREFIX = "vrw_"  # noqa: S105 - lets secret scanners recognise a token

PrivateKey = Ed25519PrivateKey | MLDSA44PrivateKey


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """An Ed25519 key that signs events under its key id."""

    key_id: str
    private_key: KeyHolder

    @property
    def public_key(self) -> bytes:
        """32 bytes."""
        return self.private_key.public_key().public_bytes_raw()

    def sign(self, payload: bytes) -> Envelope:
        """The payload in an envelope with one signature."""
        return envelope.sign(payload, self.key_id, self.private_key)

    @property
    def secret(self) -> bytes:
        """The 32 random bytes of a private key that signs nothing, and is kept as one is.

        Raises ConfigurationError for a key that does not leave its place.
        """
        if not isinstance(self.private_key, Ed25519PrivateKey):
            raise ConfigurationError(f"the private key {self.key_id} shows no secret")
        return self.private_key.private_bytes_raw()

    def enrolment(self, service: str | None = None) -> dict[str, Any]:
        """The data of the `SigningKeyEnrolled` of this key, for a service of its own name."""
        return {
            "key_id": self.key_id,
            "service": service or self.key_id,
            "algorithm": "ed25519",
            "public_key": base64.b64encode(self.public_key).decode(),
        }

    def __repr__(self) -> str:
        return f"SigningKey({self.key_id!r})"


def make_key(key_id: str) -> SigningKey:
    """A new key in memory."""
    return SigningKey(key_id, Ed25519PrivateKey.generate())


def load_or_make(directory: Path, key_id: str) -> SigningKey:
    """The key of this id in a directory; made, mode 0600, when it is not there yet.

    An empty file holds no key: whoever began to make it was killed.
    """
    file = key_file(directory, key_id)
    if file.exists() and file.stat().st_size == 0:
        file.unlink()
    if not file.exists():
        save(directory, make_key(key_id))
    return load(file)


def key_file(directory: Path, key_id: str) -> Path:
    """Where a key lies."""
    return directory / f"{key_id}.key"


def save(directory: Path, key: SigningKey) -> Path:
    """Write a key to a new file. Raises ConfigurationError when there is one already, or the key
    does not leave its place."""
    if not isinstance(key.private_key, Ed25519PrivateKey):
        raise ConfigurationError(f"the private key {key.key_id} cannot be written to a file")
    file = key_file(directory, key.key_id)
    write_private(file, key.private_key)
    return file


def load(file: Path) -> SigningKey:
    """Read a key; its id is the name of its file. Raises ConfigurationError with the way out."""
    private_key = read_private(file)
    if not isinstance(private_key, Ed25519PrivateKey):
        raise ConfigurationError(f"the key in {file} is not an Ed25519 key")
    return SigningKey(file.stem, private_key)


def write_private(file: Path, private_key: PrivateKey) -> None:
    """Write a private key to a new file. Raises ConfigurationError when there is one already."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    passphrase = os.environ.get(PASSPHRASE, "")
    pem = private_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase.encode())
        if passphrase
        else serialization.NoEncryption(),
    )
    write_secret(file, pem.decode())


def read_private(file: Path) -> PrivateKey:
    """Read a private key of either kind. Raises ConfigurationError with the way out."""
    pem = read_secret(file).encode()
    passphrase = os.environ.get(PASSPHRASE, "").encode() or None
    try:
        private_key = serialization.load_pem_private_key(pem, passphrase)
    except (TypeError, ValueError):
        # The library's own message could tell too much about the passphrase.
        raise ConfigurationError(
            f"cannot read the key in {file}: it is encrypted and {PASSPHRASE} is missing or wrong,"
            " or it is not encrypted and the variable is set"
        ) from None
    if not isinstance(private_key, Ed25519PrivateKey | MLDSA44PrivateKey):
        raise ConfigurationError(f"the key in {file} is neither an Ed25519 nor an ML-DSA-44 key")
    return private_key


def write_secret(file: Path, text: str) -> None:
    """Write a new file that only its owner reads. Raises ConfigurationError when it exists."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigurationError(f"{file} exists already and is never overwritten") from None
    with os.fdopen(descriptor, "w") as out:
        out.write(text)
        out.flush()
        os.fsync(descriptor)


def read_secret(file: Path) -> str:
    """Read a file that only its owner may read. Raises ConfigurationError."""
    try:
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise ConfigurationError(f"others can read {file}: run `chmod 600 {file}`")
        return file.read_text()
    except OSError as error:
        raise ConfigurationError(f"cannot read {file}: {error.strerror}") from None


def make_token() -> str:
    """A new token of 256 random bits."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def token_digest(token: str) -> bytes:
    """What is stored of a token: its SHA-256. A token has too many bits to be guessed from it."""
    return hashlib.sha256(token.encode()).digest()


def token_matches(token: str, digest: bytes) -> bool:
    """Whether a token is the one of this digest, in constant time."""
    return hmac.compare_digest(token_digest(token), digest)
