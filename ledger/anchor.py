"""The tree over the lines of one day of a log, and what is kept of it.

    key of a day     HMAC-SHA256(secret, "verantwoord-lines-v1\\n" LOG "\\n" DAY)
    salt of a line   HMAC-SHA256(key of the day, line)
    leaf of a line   SHA-256(0x00 || salt || line)           (`ledger/line_proof.py`)
    root             RFC 6962 over the leaves, in the order of the lines

The salt follows from the line, so that a line can be looked up wherever it stands now: lines that
came later, or went, do not move the others. Whoever has neither the secret nor the line can guess
no line from a leaf. Lines of a day that are the same byte for byte have the same leaf.

An *anchor* is a file that holds what a proof needs besides the line: the payload of the digest, a
newline, and the leaves, 32 bytes each. `tests/test_anchor.py`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from ledger import entry_check, line_proof
from ledger.cloudevent import MAX_PAYLOAD
from ledger.errors import AnchorMalformed, VerificationFailed
from ledger.line_proof import Digest, LineProof, line_leaf
from ledger.merkle import HASH, level_above, prove_inclusion, root

MAX_LINES = 10_000_000
"""Of one tree: 320 MB of leaves."""


class DayKey:
    """What salts the lines of one day of a log; `secret` has 32 bytes."""

    def __init__(self, secret: bytes, log_source: str, day: date) -> None:
        text = f"verantwoord-lines-v1\n{log_source}\n{day}"
        self._key = hmac.digest(secret, text.encode(), "sha256")

    def salt(self, line: bytes) -> bytes:
        """32 bytes that whoever has a proof of the line learns, and nobody else."""
        return hmac.digest(self._key, line, "sha256")

    def leaf(self, line: bytes) -> bytes:
        """The leaf hash of a line."""
        return line_leaf(self.salt(line), line)

    def leaves(self, lines: Iterable[bytes]) -> bytes:
        """The leaf hashes of lines, joined."""
        return b"".join(map(self.leaf, lines))


class Tree:
    """The tree over leaf hashes that are joined."""

    def __init__(self, leaves: bytes) -> None:
        self.size = len(leaves) // HASH
        self._levels = [leaves]
        while len(self._levels[-1]) >= 2 * HASH:
            self._levels.append(level_above(self._levels[-1]))

    def root(self) -> bytes:
        """The root, RFC 6962; of no lines that of the empty tree."""
        return root(self.size, self._read)

    def prove(self, index: int) -> list[bytes]:
        """The inclusion proof of a leaf. Raises ValueError."""
        return prove_inclusion(index, self.size, self._read)

    def _read(self, level: int, index: int) -> bytes:
        return self._levels[level][index * HASH : (index + 1) * HASH]


@dataclass(frozen=True, slots=True)
class Anchor:
    """What is kept of one tree: the payload of its digest, what that says, and the leaves."""

    payload: bytes
    digest: Digest
    leaves: bytes


class Place(NamedTuple):
    """Where a line is: in which of the trees of its day, and at which index from 0."""

    supplement: int
    at: int


@dataclass(frozen=True, slots=True)
class Compared:
    """How lines stand to the trees of their day. Numbers of given lines count from 1.

    `altered` are given lines that stand where a line lacks, `missing` lines that lack otherwise,
    `extra` given lines that no tree has, `moved` those that stood before one they follow now.
    """

    lines: int
    altered: Sequence[tuple[int, Place]]
    missing: Sequence[Place]
    extra: Sequence[int]
    moved: Sequence[tuple[int, Place]]

    @property
    def same(self) -> bool:
        """Whether all are there, in their order, and no others."""
        return not (self.altered or self.missing or self.extra or self.moved)


def event_id(log_source: str, day: date, supplement: int) -> str:
    """The id of the digest: the same for the same day, so that no log takes two of them."""
    return f"log-digest/{log_source}/{day}/{supplement}"


def digest_data(
    *,
    log_source: str,
    standard: str,
    day: date,
    supplement: int,
    form: str,
    leaves: bytes,
    previous: bytes | None,
) -> dict[str, Any]:
    """The data of the `LogDigestRecorded` of some leaves; `previous` is the payload of the one
    before it of this log."""
    tree = Tree(leaves)
    data = {
        "log_source": log_source,
        "standard": standard,
        "day": str(day),
        "supplement": supplement,
        "form": form,
        "lines": tree.size,
        "root": base64.b64encode(tree.root()).decode(),
        "hash_algorithm": "sha-256",
    }
    if previous is not None:
        data["previous"] = entry_check.read_event(previous).id
        data["previous_sha256"] = hashlib.sha256(previous).hexdigest()
    return data


def prove(anchor: Anchor, key: DayKey, line: bytes, receipt: str) -> LineProof | None:
    """The proof of a line; None when the tree does not have it."""
    salt = key.salt(line)
    index = _find(anchor.leaves, line_leaf(salt, line))
    if index is None:
        return None
    return LineProof(line, salt, index, tuple(Tree(anchor.leaves).prove(index)), receipt)


def later(anchors: Sequence[Anchor], leaves: bytes) -> bytes:
    """Those of some leaves that no tree of the day has, joined: as often as they are too many."""
    known: defaultdict[bytes, int] = defaultdict(int)
    for anchor in anchors:
        for leaf in _each(anchor.leaves):
            known[leaf] += 1
    new = []
    for leaf in _each(leaves):
        if known[leaf] > 0:
            known[leaf] -= 1
        else:
            new.append(leaf)
    return b"".join(new)


def compare(anchors: Sequence[Anchor], leaves: Iterable[bytes]) -> Compared:
    """How the lines of these leaves stand to the trees of their day."""
    places: dict[bytes, list[Place]] = {}
    for anchor in reversed(anchors):
        last = anchor.digest.lines - 1
        for back, leaf in enumerate(_each(anchor.leaves, backwards=True)):
            places.setdefault(leaf, []).append(Place(anchor.digest.supplement, last - back))
    given: list[Place | None] = []
    for leaf in leaves:
        there = places.get(leaf)
        given.append(there.pop() if there else None)  # the first of them that is left
    lacking = {place for there in places.values() for place in there}
    extra, altered, moved = _walk(given, lacking)
    missing = lacking - {place for _, place in altered}
    return Compared(len(given), altered, sorted(missing), extra, moved)


def _walk(
    given: Sequence[Place | None], lacking: Set[Place]
) -> tuple[list[int], list[tuple[int, Place]], list[tuple[int, Place]]]:
    """Unknown lines, paired with what lacks just there; and lines that changed places."""
    extra: list[int] = []
    altered: list[tuple[int, Place]] = []
    moved: list[tuple[int, Place]] = []
    reached: defaultdict[int, int] = defaultdict(lambda: -1)
    left, expected = set(lacking), Place(0, 0)
    for number, place in enumerate(given, start=1):
        if place is None:
            if expected in left:
                left.remove(expected)
                altered.append((number, expected))
                expected = Place(expected.supplement, expected.at + 1)
            else:
                extra.append(number)
            continue
        if place.at < reached[place.supplement]:
            moved.append((number, place))
        reached[place.supplement] = max(reached[place.supplement], place.at)
        expected = Place(place.supplement, place.at + 1)
    return extra, altered, moved


def format(anchor: Anchor) -> Iterator[bytes]:
    """The anchor as a file, in pieces."""
    yield anchor.payload
    yield b"\n"
    yield anchor.leaves


def parse(raw: bytes) -> Anchor:
    """The anchor of a file. Raises AnchorMalformed when it is none, or its leaves give another root
    than its payload says."""
    payload, newline, leaves = raw.partition(b"\n")
    if not newline or len(payload) > MAX_PAYLOAD:
        raise AnchorMalformed("an anchor begins with the payload of a digest, on a line of its own")
    try:
        digest = line_proof.read_digest(entry_check.read_event(payload))
    except VerificationFailed as failed:
        raise AnchorMalformed(f"the anchor holds no digest: {failed}") from None
    return of_leaves(payload, digest, leaves)


def of_leaves(payload: bytes, digest: Digest, leaves: bytes) -> Anchor:
    """The anchor of a digest. Raises AnchorMalformed when these are not its leaves."""
    if len(leaves) != digest.lines * HASH or Tree(leaves).root() != digest.root:
        raise AnchorMalformed(
            f"the leaves are not those of the digest of {digest.day}: they give another root"
        )
    return Anchor(payload, digest, leaves)


def _each(leaves: bytes, *, backwards: bool = False) -> Iterator[bytes]:
    starts = range(0, len(leaves), HASH)
    return (leaves[at : at + HASH] for at in (reversed(starts) if backwards else starts))


def _find(leaves: bytes, leaf: bytes) -> int | None:
    at = leaves.find(leaf)
    while at % HASH and at != -1:  # it may also stand across two others
        at = leaves.find(leaf, at + 1)
    return None if at == -1 else at // HASH
