"""The messages of C2SP tlog-witness: what a log asks of a witness, and what it is answered.

    old <size>                       the tree the witness holds, as far as the log knows
    base64(hash)                     (up to 63 lines: from that tree to the one of the checkpoint)
                                     (an empty line)
    checkpoint, a signed note

is the body of `POST <submission prefix>/add-checkpoint`. The answer is 200 with signature lines, or
409 with the size that the witness holds, as a decimal and a newline, of media type SIZE_TYPE. What
a witness holds is at `GET <monitoring prefix>/<origin hash>/checkpoint`. Both sides use this
module: `ledger/witness` answers, `ledger/witnesses.py` asks. `tests/test_add_checkpoint.py`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from ledger import note
from ledger.checkpoint import MAX_SIZE
from ledger.errors import NoteMalformed, WitnessMessageMalformed
from ledger.merkle import HASH

MAX_PROOF = 63
"""Hashes."""

MAX_BODY = 262_144
"""Bytes of a request, and of an answer: a checkpoint with 64 ML-DSA-44 signatures fits."""

SIZE_TYPE = "text/x.tlog.size"


@dataclass(frozen=True, slots=True)
class Request:
    """A request to cosign `checkpoint`, a signed note, with the proof from the tree of `old`."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: str


def format(request: Request) -> str:
    """The body of a request."""
    proof = "".join(f"{base64.b64encode(hashed).decode()}\n" for hashed in request.proof)
    return f"old {request.old}\n{proof}\n{request.checkpoint}"


def parse(body: bytes) -> Request:
    """The request of a body. Raises WitnessMessageMalformed for what `format` would not write.

    The checkpoint is whatever follows the empty line: `ledger/note.py` reads it.
    """
    text = _decode(body)
    head, separator, checkpoint = text.partition("\n\n")
    old, *proof = head.split("\n")
    if not separator or not old.startswith("old "):
        raise WitnessMessageMalformed(
            "a request has an old size, a proof, an empty line and a checkpoint"
        )
    if len(proof) > MAX_PROOF:
        raise WitnessMessageMalformed(f"a request has at most {MAX_PROOF} hashes")
    request = Request(_size(old.removeprefix("old ")), _hashes(proof), checkpoint)
    if format(request) != text:
        raise WitnessMessageMalformed("the request is not spelled as its format says")
    return request


def format_size(size: int) -> str:
    """The body of a 409."""
    return f"{size}\n"


def parse_size(body: bytes) -> int:
    """The size in the body of a 409. Raises WitnessMessageMalformed."""
    text = _decode(body)
    size = _size(text.removesuffix("\n"))
    if format_size(size) != text:
        raise WitnessMessageMalformed("a size is a decimal number and a newline")
    return size


def origin_hash(origin: str) -> str:
    """The name of a log in the address of what a witness holds: SHA-256 in hexadecimal."""
    return hashlib.sha256(origin.encode()).hexdigest()


def _decode(body: bytes) -> str:
    if len(body) > MAX_BODY:
        raise WitnessMessageMalformed(f"a message has at most {MAX_BODY} bytes")
    try:
        return note.decode(body)
    except NoteMalformed:
        raise WitnessMessageMalformed("the message is not UTF-8") from None


def _size(text: str) -> int:
    # int() takes "+7", "0_7" and digits of other scripts, and is slow on long ones.
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) > MAX_SIZE:
        raise WitnessMessageMalformed("a size is a decimal number below 2^63")
    return int(text)


def _hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    try:
        hashes = tuple(base64.b64decode(line.encode("ascii"), validate=True) for line in lines)
    except (binascii.Error, UnicodeEncodeError):
        raise WitnessMessageMalformed("a line of the proof is not base64") from None
    if any(len(hashed) != HASH for hashed in hashes):
        raise WitnessMessageMalformed("a hash of the proof is not 32 bytes long")
    return hashes
