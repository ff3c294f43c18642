"""Ed25519 public keys that bind nobody: points of order 1, 2, 4 and 8.

Under such a key one signature fits many messages, and anyone can make it. So whoever publishes one
could deny what it signed, and it is taken neither for a service, a log nor a witness.
`tests/test_keyring.py` computes every encoding of them.
"""

from __future__ import annotations

_PRIME = 2**255 - 19

_SMALL_ORDER = frozenset(
    int.from_bytes(bytes.fromhex(y), "little")
    for y in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
    )
)
"""The y of those points."""


def binds_nobody(public_key: bytes) -> bool:
    """Whether 32 bytes are a key that binds nobody, or a second encoding of any key."""
    y = int.from_bytes(public_key, "little") % 2**255  # the highest bit is the sign of x
    return y >= _PRIME or y in _SMALL_ORDER
