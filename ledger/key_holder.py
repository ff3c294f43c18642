"""Whoever holds a private key: it signs bytes, and tells the public key.

What signs for the log or a service is given a holder and never sees the key itself. The private
keys of `cryptography`, as `ledger/keys.py` reads them from encrypted files, are holders as they
are. A key in hardware needs one class of two methods, and no other module changes: decision 17 says
how PKCS#11 fits. `tests/test_keys.py` signs with a holder that is no file.
"""

from __future__ import annotations

from typing import Protocol


class PublicHalf(Protocol):
    """A public key."""

    def public_bytes_raw(self) -> bytes:
        """Its bytes: 32 of Ed25519, 1,312 of ML-DSA-44."""


class KeyHolder(Protocol):
    """A private key, wherever it lies."""

    def sign(self, data: bytes, /) -> bytes:
        """The signature over the data, which is not hashed before: 64 bytes of Ed25519, 2,420 of
        ML-DSA-44."""

    def public_key(self) -> PublicHalf:
        """The public half, always the same."""
