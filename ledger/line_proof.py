"""A proof that a line was in the log of a system, when the digest of its day was recorded.

    verantwoord line v1
    line base64                      (the bytes of the line, without its end)
    salt base64                      (32 bytes)
    index decimal                    (of the line in the tree of its day, from 0)
    base64(hash)                     (one line each, the leaf's sibling first)
                                     (an empty line)
    the receipt of the digest, verbatim (`ledger/receipt.py`)

The leaf of a line is `SHA-256(0x00 || salt || line)`, a leaf of RFC 6962 over both. Lines of logs
are short and alike, so a leaf without a salt could be guessed, and with it every neighbour in a
proof. A salt has 32 bytes, so salt and line cannot be divided in another way. Root and number of
lines are in the digest, which the receipt holds (`LogDigestRecorded`). `tests/test_line_proof.py`
proves every line of every small tree, and alters each part.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from ledger.entry_check import Event
from ledger.errors import ProofInvalid
from ledger.merkle import HASH, check_inclusion, leaf_hash
from ledger.proof import MAX_HASHES, decode, encode
from ledger.receipt import MAX_RECEIPT

HEADER = "verantwoord line v1"

DIGEST = "LogDigestRecorded"

SALT = 32
"""Bytes."""

MAX_LINE = 1_048_576
"""Bytes of a line."""

MAX_PROOF = MAX_RECEIPT + MAX_LINE * 4 // 3 + 4096
"""Characters of a proof: the longest line in base64, the receipt, and the hashes."""

_HEAD = re.compile(r"[^\n]*\nline [^\n]*\nsalt [^\n]*\nindex [^\n]*\n(?:[^\n]+\n){0,63}\n")


@dataclass(frozen=True, slots=True)
class LineProof:
    """A line, where it was, and the receipt of the digest. Nothing is verified yet."""

    line: bytes
    salt: bytes
    index: int
    hashes: tuple[bytes, ...]
    receipt: str


@dataclass(frozen=True, slots=True)
class Digest:
    """What a digest says of a day of a log: `root` has 32 bytes."""

    log_source: str
    standard: str
    day: date
    supplement: int
    form: str
    lines: int
    root: bytes
    previous: str | None
    previous_sha256: str | None


def line_leaf(salt: bytes, line: bytes) -> bytes:
    """The leaf hash of a line: SHA-256(0x00 || salt || line)."""
    return leaf_hash(salt + line)


def read_digest(event: Event) -> Digest:
    """What a recorded event says as a digest. Raises ProofInvalid when it is none."""
    if event.type != DIGEST:
        raise ProofInvalid("the receipt is of another event than the digest of a log")
    try:
        return _digest(event.data)
    except (KeyError, TypeError, ValueError):
        raise ProofInvalid("the digest that was recorded is not one of lines") from None


def check(proof: LineProof, digest: Digest) -> None:
    """Check that the line is in the tree that a digest fixes: where it says, with this salt.

    That the digest was recorded is for the receipt to show. Raises ProofInvalid.
    """
    leaf = line_leaf(proof.salt, proof.line)
    check_inclusion(proof.index, digest.lines, leaf, proof.hashes, digest.root)


def format(proof: LineProof) -> str:
    """The proof as text."""
    lines = [
        HEADER,
        f"line {encode(proof.line)}",
        f"salt {encode(proof.salt)}",
        f"index {proof.index}",
        *(encode(each) for each in proof.hashes),
    ]
    return "\n".join(lines) + "\n\n" + proof.receipt


def parse(text: str) -> LineProof:
    """The proof of a text. Raises ProofInvalid for anything that `format` would not write."""
    if len(text) > MAX_PROOF:
        raise ProofInvalid(f"a proof of a line has at most {MAX_PROOF} bytes")
    head = _HEAD.match(text)
    if head is None or not text.startswith(f"{HEADER}\n"):
        raise ProofInvalid(f"a proof of a line begins with {HEADER} and ends with a receipt")
    _, line, salt, index, *hashes = head[0].removesuffix("\n\n").split("\n")
    proof = LineProof(
        decode(line.removeprefix("line ")),
        decode(salt.removeprefix("salt ")),
        _index(index.removeprefix("index ")),
        tuple(decode(each) for each in hashes),
        text[head.end() :],
    )
    if len(proof.salt) != SALT or len(proof.line) > MAX_LINE or len(hashes) > MAX_HASHES:
        raise ProofInvalid(f"a salt has {SALT} bytes, a line at most {MAX_LINE}")
    if any(len(each) != HASH for each in proof.hashes) or format(proof) != text:
        raise ProofInvalid("the proof is not spelled as its format says")
    return proof


def is_line_proof(beginning: bytes) -> bool:
    """Whether a file that begins so means to be a proof of a line."""
    return beginning.startswith(HEADER.encode())


def _digest(data: Mapping[str, Any]) -> Digest:
    supplement, lines = data["supplement"], data["lines"]
    if not (type(supplement) is type(lines) is int and supplement >= 0 and lines >= 0):
        raise ValueError("not a count")
    if data["hash_algorithm"] != "sha-256":
        raise ValueError("another hash")
    root = base64.b64decode(data["root"], validate=True)
    if len(root) != HASH:
        raise ValueError("not a root")
    texts = [data[name] for name in ("log_source", "standard", "form")]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("not a text")
    return Digest(
        log_source=data["log_source"],
        standard=data["standard"],
        day=date.fromisoformat(data["day"]),
        supplement=supplement,
        form=data["form"],
        lines=lines,
        root=root,
        previous=data.get("previous"),
        previous_sha256=data.get("previous_sha256"),
    )


def _index(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 16:
        raise ProofInvalid("the index of a line is a decimal number")
    return int(text)
