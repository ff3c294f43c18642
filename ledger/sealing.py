"""Sealing text, and opening it again: JWE (RFC 7516) under a key for one subject or one case.

    key = SealingKey(kid, secret)          from POST /v1/sealing-keys
    text = seal("…", key)                  goes into the event, before it is signed
    unseal(text, key)                      for whoever may read it

Who seals is the producer of an event, so the ledger signs and commits to the sealed text; when the
key is destroyed, the text is gone and every proof still holds. A sealing key is itself kept wrapped
(AES key wrap, RFC 3394) under a master key (`ledger/master_keys.py`). `tests/test_sealing.py`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from ledger.errors import ConfigurationError
from ledger.sealed_text import ALGORITHM, ENCRYPTION

BYTES = 32


@dataclass(frozen=True, slots=True, repr=False)
class SealingKey:
    """A key of 256 bits for the text of one subject or case, and its name."""

    kid: str
    secret: bytes

    def __repr__(self) -> str:
        return f"SealingKey({self.kid!r})"


def make() -> SealingKey:
    """A new key."""
    return SealingKey(f"s-{secrets.token_hex(16)}", secrets.token_bytes(BYTES))


def seal(text: str, key: SealingKey) -> str:
    """The text as a JWE. Twice the same text gives two different ones."""
    header = {"alg": ALGORITHM, "enc": ENCRYPTION, "kid": key.kid}
    return jwe.encrypt_compact(
        header, text.encode(), OctKey.import_key(key.secret), algorithms=[ALGORITHM, ENCRYPTION]
    )


def unseal(sealed: str, key: SealingKey) -> str | None:
    """The text of a JWE; None when it was not sealed with this key, or changed since."""
    try:
        opened = jwe.decrypt_compact(
            sealed, OctKey.import_key(key.secret), algorithms=[ALGORITHM, ENCRYPTION]
        )
        return (opened.plaintext or b"").decode()
    except (JoseError, ValueError):
        return None


def wrap(key: SealingKey, master: bytes) -> bytes:
    """The secret of a key as it is stored: 40 bytes."""
    return aes_key_wrap(master, key.secret)


def unwrap(kid: str, wrapped: bytes, master: bytes) -> SealingKey:
    """A key from what is stored. Raises ConfigurationError for another master key."""
    try:
        return SealingKey(kid, aes_key_unwrap(master, wrapped))
    except InvalidUnwrap:
        raise ConfigurationError(
            "the master key of sealed text is not the one that its keys were wrapped with"
        ) from None
