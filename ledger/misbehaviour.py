"""A proof that a log contradicts itself: it signed two checkpoints that cannot both be true.

    verantwoord misbehaviour v1
    key ledger.example/log+5a6b7c8d+AQ…       (the keys of the log, a line of `log.vkey` each)
    begins base64(root)                        (when the two trees have different sizes)
    base64(hash) …                             (one line each)
                                               (an empty line)
    the checkpoint of the smaller tree, verbatim
                                               (an empty line)
    the checkpoint of the larger tree, verbatim

Two roots for one size contradict each other as they stand. For trees of different sizes, `begins`
is the root over the entries that the larger tree has where the smaller one is: the hashes are the
consistency proof (RFC 9162 2.1.4) from it to the larger root, and a tree has only one such root.
When the smaller checkpoint has another, the log signed two histories. Nothing else is needed to see
that, least of all the log. `tests/test_misbehaviour.py`.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from ledger import checkpoint as checkpoints
from ledger import log_keys, note
from ledger.checkpoint import Checkpoint
from ledger.errors import ProofInvalid
from ledger.log_keys import LogKeys
from ledger.merkle import HASH, HashReader, check_consistency, prove_consistency, root

HEADER = "verantwoord misbehaviour v1"

MAX_HASHES = 64


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """The two signed checkpoints, smaller tree first, and what is needed to compare them.

    `begins` (32 bytes) and `hashes` are None and empty when the sizes are equal. Nothing is
    verified yet, and the keys are those of whoever made it.
    """

    keys: LogKeys
    earlier: str
    later: str
    begins: bytes | None = None
    hashes: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Contradiction:
    """What was proven: this log signed both."""

    earlier: Checkpoint
    later: Checkpoint


def between(one: str, other: str, keys: LogKeys, read: HashReader) -> Misbehaviour | None:
    """The proof that two signed checkpoints contradict each other; None when they agree.

    `read` gives hashes of the larger tree. Raises VerificationFailed when one is not signed by the
    log, or the hashes are not those of the larger tree: then nothing is shown either way.
    """
    (first, earlier), (second, later) = sorted(
        ((keys.open(signed), signed) for signed in (one, other)), key=lambda pair: pair[0].size
    )
    if first.size == second.size:
        return None if first.root == second.root else Misbehaviour(keys, earlier, later)
    begins = root(first.size, read)
    hashes = prove_consistency(first.size, second.size, read)
    check_consistency(first.size, second.size, begins, second.root, hashes)
    if begins == first.root:
        return None
    return Misbehaviour(keys, earlier, later, begins, tuple(hashes))


def check(proof: Misbehaviour, keys: LogKeys) -> Contradiction:
    """Check a proof with the keys of the log: pinned ones, or those in it.

    (1) A key of the log signed each checkpoint, in its period, and both are of that log.
    (2) With equal sizes, the roots differ.
    (3) Otherwise, `begins` and the hashes lead to the larger root, and the smaller checkpoint has
        another root than `begins`.

    Raises VerificationFailed when it proves nothing.
    """
    earlier, later = keys.open(proof.earlier), keys.open(proof.later)  # (1)
    if earlier.size == later.size:
        if proof.begins is not None or proof.hashes:
            raise ProofInvalid("two trees of one size need no further hashes")
        if earlier.root == later.root:  # (2)
            raise ProofInvalid("the two checkpoints are of one tree")
        return Contradiction(earlier, later)
    if earlier.size > later.size or proof.begins is None:
        raise ProofInvalid("the smaller tree comes first, with what the larger one begins with")
    check_consistency(earlier.size, later.size, proof.begins, later.root, proof.hashes)  # (3)
    if earlier.root == proof.begins:
        raise ProofInvalid("the larger tree begins with the smaller one, as it should")
    return Contradiction(earlier, later)


def format(proof: Misbehaviour) -> str:
    """The proof as text."""
    lines = [HEADER, *(f"key {line}" for line in log_keys.format(proof.keys).splitlines())]
    if proof.begins is not None:
        lines.append(f"begins {_encode(proof.begins)}")
    lines.extend(_encode(h) for h in proof.hashes)
    return "\n".join(lines) + f"\n\n{proof.earlier}\n{proof.later}"


def parse(text: str) -> Misbehaviour:
    """The proof of a text. Raises VerificationFailed for anything that `format` would not write."""
    parts = text.split("\n\n")
    if len(parts) != 5 or not parts[0].startswith(f"{HEADER}\n"):
        raise ProofInvalid(f"a proof begins with {HEADER}, and two signed checkpoints follow")
    head, text_1, signed_1, text_2, signed_2 = parts
    lines = head.split("\n")[1:]
    keys = [line.removeprefix("key ") for line in lines if line.startswith("key ")]
    rest = lines[len(keys) :]
    begins = None
    if rest and rest[0].startswith("begins "):
        begins = _decode(rest.pop(0).removeprefix("begins "))
    if len(rest) > MAX_HASHES:
        raise ProofInvalid(f"a proof has at most {MAX_HASHES} hashes")
    proof = Misbehaviour(
        log_keys.parse("\n".join(keys)),
        f"{text_1}\n\n{signed_1}\n",
        f"{text_2}\n\n{signed_2}",
        begins,
        tuple(_decode(line) for line in rest),
    )
    for signed in (proof.earlier, proof.later):
        checkpoints.parse(note.parse(signed).text)
    if format(proof) != text:
        raise ProofInvalid("the proof is not spelled as its format says")
    return proof


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _decode(encoded: str) -> bytes:
    try:
        raw = base64.b64decode(encoded.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ProofInvalid("the proof holds something that is not base64") from None
    if len(raw) != HASH:
        raise ProofInvalid("a hash of the proof is not 32 bytes long")
    return raw
