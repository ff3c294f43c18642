"""What a log says of a file that is made from it: a signed note (C2SP) that is no checkpoint.

    verantwoord.evidence-pack/v1        what kind of file
    ledger.example/log                  the origin
    4711                                the size of the tree that the file rests on
    base64(SHA-256 of the file)

It is signed by every key that signs trees of that size. A checkpoint has three lines and begins
with the origin, so neither can be taken for the other. `tests/test_statement.py`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from enum import StrEnum

from ledger import note
from ledger.checkpoint import read_size
from ledger.errors import NoteMalformed, NoteUnverified
from ledger.log_keys import LogKeys
from ledger.note import Verifier


class Kind(StrEnum):
    """What a statement can be about."""

    PACK = "verantwoord.evidence-pack/v1"
    REPORT = "verantwoord.report/v1"


@dataclass(frozen=True, slots=True)
class Statement:
    """The log `origin` made a file with this SHA-256 (32 bytes) from its first `size` entries."""

    kind: Kind
    origin: str
    size: int
    sha256: bytes

    @classmethod
    def of(cls, kind: Kind, origin: str, size: int, content: bytes) -> Statement:
        """The statement about a content."""
        return cls(kind, origin, size, hashlib.sha256(content).digest())


def format(statement: Statement) -> str:
    """The text that is signed."""
    digest = base64.b64encode(statement.sha256).decode()
    return f"{statement.kind}\n{statement.origin}\n{statement.size}\n{digest}\n"


def parse(text: str) -> Statement:
    """The statement of a note's text. Raises NoteMalformed for any second spelling."""
    lines = text.split("\n")
    if len(lines) != 5:
        raise NoteMalformed("a statement has four lines: kind, origin, size and SHA-256")
    try:
        digest = base64.b64decode(lines[3].encode("ascii"), validate=True)
        statement = Statement(Kind(lines[0]), lines[1], read_size(lines[2]), digest)
    except (binascii.Error, UnicodeEncodeError, ValueError):
        raise NoteMalformed("that is not a statement of a log about a file") from None
    if len(digest) != hashlib.sha256().digest_size or format(statement) != text:
        raise NoteMalformed("the statement is spelled in another way")
    return statement


def open(signed: str, expected: Statement, keys: Verifier | LogKeys) -> Verifier:
    """The key of the log that signed a statement, which is the expected one.

    Raises NoteMalformed, and NoteUnverified when no key in its period signed it, the signature of
    one fails, or it says something else.
    """
    known = keys if isinstance(keys, LogKeys) else LogKeys.of(keys)
    opened = note.open(signed, [key.verifier for key in known.at(expected.size)])
    if parse(opened.text) != expected:
        raise NoteUnverified("the log's statement is about another file, or another tree")
    line = opened.verified[0]
    for key in known.at(expected.size):
        if isinstance(key.verifier, Verifier) and key.verifier.key_id == line.key_id:
            return key.verifier
    raise NoteUnverified("no key of the log in its period signed the statement")
