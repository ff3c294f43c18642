"""Inclusion proofs as files: c2sp.org/tlog-proof@v1.

    c2sp.org/tlog-proof@v1
    extra base64                     (optional, covered by nothing)
    index decimal
    base64(hash)                     (one line each, the leaf's sibling first)
                                     (an empty line)
    checkpoint, verbatim

`tests/test_proof.py`.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from ledger.errors import ProofInvalid
from ledger.merkle import HASH

HEADER = "c2sp.org/tlog-proof@v1"

MAX_HASHES = 63
"""Levels of the tallest tree a checkpoint can have."""


@dataclass(frozen=True, slots=True)
class Proof:
    """Leaf `index`, the hashes up to the root, and the checkpoint (a signed note) with that root.

    Nothing is verified yet, and nothing in the proof covers `extra`.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None


def format(proof: Proof) -> str:
    """The proof as text."""
    lines = [HEADER]
    if proof.extra is not None:
        lines.append(f"extra {encode(proof.extra)}")
    lines.append(f"index {proof.index}")
    lines.extend(encode(h) for h in proof.hashes)
    return "\n".join(lines) + "\n\n" + proof.checkpoint


def parse(text: str) -> Proof:
    """The proof of a text. Raises ProofInvalid for anything that `format` would not write."""
    head, separator, checkpoint = text.partition("\n\n")
    header, *lines = head.split("\n")
    if not separator or header != HEADER:
        raise ProofInvalid(f"a proof begins with {HEADER} and ends with a checkpoint")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = decode(lines.pop(0).removeprefix("extra "))
    if not lines or not lines[0].startswith("index "):
        raise ProofInvalid("a proof names the index of its leaf")
    if len(lines) - 1 > MAX_HASHES:
        raise ProofInvalid(f"a proof has at most {MAX_HASHES} hashes")
    hashes = tuple(decode(line) for line in lines[1:])
    proof = Proof(_index(lines[0].removeprefix("index ")), hashes, checkpoint, extra)
    if any(len(h) != HASH for h in hashes) or format(proof) != text:
        raise ProofInvalid("the proof is not spelled as its format says")
    return proof


def _index(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 19:
        raise ProofInvalid("the index of a proof is a decimal number")
    return int(text)


def encode(raw: bytes) -> str:
    """Bytes as a proof holds them."""
    return base64.b64encode(raw).decode()


def decode(encoded: str) -> bytes:
    """The bytes of base64 in a proof. Raises ProofInvalid."""
    try:
        return base64.b64decode(encoded.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ProofInvalid("the proof holds something that is not base64") from None
