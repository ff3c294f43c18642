"""Checkpoints: C2SP tlog-checkpoint, a signed statement of the size and root of a log.

    origin
    size in decimal
    base64(root)

The origin is the name of the key that signs, so nobody else can sign for this log. Extension lines
are not written and, for the log itself, not taken. `tests/test_checkpoint.py`.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from ledger import note
from ledger.errors import CheckpointMalformed
from ledger.merkle import HASH
from ledger.note import Signer, Verifier

MAX_SIZE = 2**63 - 1
"""Entries; positions are 64-bit numbers with a sign."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The first `size` entries of the log `origin` have this root (32 bytes)."""

    origin: str
    size: int
    root: bytes


def format(checkpoint: Checkpoint) -> str:
    """The text that is signed."""
    root = base64.b64encode(checkpoint.root).decode()
    return f"{checkpoint.origin}\n{checkpoint.size}\n{root}\n"


def parse(text: str) -> Checkpoint:
    """The checkpoint of a note's text. Raises CheckpointMalformed for any second spelling."""
    lines = text.split("\n")
    if len(lines) != 4 or not lines[0]:
        raise CheckpointMalformed("a checkpoint has three lines: origin, size and root")
    try:
        root = base64.b64decode(lines[2].encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise CheckpointMalformed("the root of a checkpoint is base64") from None
    checkpoint = Checkpoint(lines[0], read_size(lines[1]), root)
    if len(root) != HASH or format(checkpoint) != text:
        raise CheckpointMalformed("the checkpoint spells its size or root in another way")
    return checkpoint


def parse_any(text: str) -> Checkpoint:
    """The checkpoint of a text that may have extension lines, as a witness for others meets it.

    Nothing here reads those lines. Raises CheckpointMalformed.
    """
    lines = text.split("\n")
    if not all(lines[3:-1]):
        raise CheckpointMalformed("an extension line of a checkpoint is not empty")
    return parse("\n".join([*lines[:3], lines[-1]]))


def sign(checkpoint: Checkpoint, signer: Signer) -> str:
    """The checkpoint as a note signed by its log. Raises CheckpointMalformed for another log's."""
    if signer.name != checkpoint.origin:
        raise CheckpointMalformed("the key of one log does not sign for another")
    return note.sign(format(checkpoint), signer)


def open(text: str, verifier: Verifier) -> Checkpoint:
    """The checkpoint of a note that the log's key signed.

    Raises NoteMalformed, NoteUnverified and CheckpointMalformed, also for another log's checkpoint.
    """
    checkpoint = parse(note.open(text, [verifier]).text)
    if checkpoint.origin != verifier.name:
        raise CheckpointMalformed("the checkpoint is of another log than its key")
    return checkpoint


def read_size(text: str) -> int:
    """A number of entries in decimal. Raises CheckpointMalformed."""
    # int() takes "+7", "0_7" and digits of other scripts, and is slow on long ones.
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) > MAX_SIZE:
        raise CheckpointMalformed("the size of a checkpoint is a decimal number below 2^63")
    return int(text)
