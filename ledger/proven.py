"""Entries with their inclusion proofs under one checkpoint, as lines of JSON.

    {"index":7,"inclusion":["…"],"entry":{"recorded_at":"…","payload":"…","signatures":[…]}}

UTF-8, these keys in this order, no white space; hashes in standard base64, the leaf's sibling first
(RFC 6962). The entry stands there byte for byte as the tree commits to it, so a line can be read by
anything that reads JSON, and checked by cutting the entry out. `tests/test_proven.py`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.checkpoint import MAX_SIZE, Checkpoint
from ledger.entry import MAX_ENTRY
from ledger.errors import ProofInvalid
from ledger.merkle import check_inclusion, leaf_hash
from ledger.proof import MAX_HASHES

LONGEST = MAX_ENTRY + MAX_HASHES * 47 + 100
"""Bytes of a line."""

_LINE = re.compile(
    rb'\{"index":(?P<index>0|[1-9][0-9]{0,18}),"inclusion":\[(?P<hashes>[^\]]*)\],"entry":'
    rb"(?P<leaf>\{[^\n]*\})\}\n",
)


@dataclass(frozen=True, slots=True)
class Proven:
    """An entry, its index, and the hashes that lead from it to the root."""

    index: int
    inclusion: tuple[bytes, ...]
    leaf: bytes

    def check(self, checkpoint: Checkpoint) -> None:
        """Raises ProofInvalid unless the entry is in that tree."""
        hashed = leaf_hash(self.leaf)
        try:
            check_inclusion(self.index, checkpoint.size, hashed, self.inclusion, checkpoint.root)
        except ProofInvalid as error:
            raise ProofInvalid(f"entry {self.index}: {error}", self.index) from None


def format(index: int, inclusion: Sequence[bytes], leaf: bytes) -> bytes:
    """A line, with its end."""
    hashes = ",".join(f'"{base64.b64encode(h).decode()}"' for h in inclusion)
    return f'{{"index":{index},"inclusion":[{hashes}],"entry":'.encode() + leaf + b"}\n"


def parse(line: bytes) -> Proven:
    """What a line says. Raises ProofInvalid for anything that `format` would not write."""
    found = _LINE.fullmatch(line) if len(line) <= LONGEST else None
    if found is None or int(found["index"]) >= MAX_SIZE:
        raise ProofInvalid("that is not an entry with its proof, as a line")
    parts = found["hashes"].split(b",") if found["hashes"] else []
    try:
        hashes = tuple(base64.b64decode(part[1:-1], validate=True) for part in parts)
    except binascii.Error:
        raise ProofInvalid("a hash is not base64") from None
    proven = Proven(int(found["index"]), hashes, found["leaf"])
    if len(hashes) > MAX_HASHES or format(proven.index, hashes, proven.leaf) != line:
        raise ProofInvalid("an entry with its proof is spelled in another way", proven.index)
    return proven
