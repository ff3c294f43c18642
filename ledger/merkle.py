"""The Merkle tree of RFC 6962 (section 2.1) and RFC 9162: hashes, roots and proofs, no I/O.

    leaf = SHA-256(0x00 || entry)   node = SHA-256(0x01 || left || right)   empty = SHA-256("")

Proofs are made from perfect subtrees, read through one function, and checked with nothing but the
hashes in them: `prove_…` is the side of the log, `check_…` the side of whoever distrusts it.
`tests/test_merkle.py` makes every proof of every tree up to 130 leaves and runs the vectors of
other implementations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ledger.errors import ProofInvalid

HashReader = Callable[[int, int], bytes]
"""(level, index) -> MTH(D[index * 2^level : (index + 1) * 2^level]), a perfect subtree's hash."""

HASH = 32
"""Bytes of a hash."""

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 || entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def level_above(level: bytes) -> bytes:
    """The hashes of pairs, of hashes that are joined; an odd last one has no pair here."""
    # One slice for two hashes: most of what a proof takes is this.
    return b"".join(
        hashlib.sha256(b"\x01" + level[start : start + 2 * HASH]).digest()
        for start in range(0, len(level) - HASH, 2 * HASH)
    )


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """The root over hashes whose number is a power of two."""
    level = list(hashes)
    while len(level) > 1:
        level = _pairs(level)
    return level[0]


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree: its perfect subtrees, largest first. All an append needs to know.

    Their sizes are the powers of two that make up `size`. Raises ValueError for any other number.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.hashes) != self.size.bit_count():
            raise ValueError(f"{len(self.hashes)} hashes are not the edge of {self.size} leaves")

    def root(self) -> bytes:
        """The root of the tree."""
        if not self.hashes:
            return EMPTY_ROOT
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = node_hash(left, root)
        return root

    def append(self, leaf_hashes: Sequence[bytes]) -> Frontier:
        """The frontier after more leaves."""
        hashes, size = list(self.hashes), self.size
        for leaf in leaf_hashes:
            carried = leaf
            # A set bit of the old size is a perfect subtree that the new leaf completes.
            bits = size
            while bits & 1:
                carried = node_hash(hashes.pop(), carried)
                bits >>= 1
            hashes.append(carried)
            size += 1
        return Frontier(size, tuple(hashes))


def prove_new_leaves(frontier: Frontier, leaf_hashes: Sequence[bytes]) -> list[list[bytes]]:
    """The inclusion proof of each appended leaf in the grown tree, from the frontier alone.

    A sibling on the path of a new leaf is either a subtree of the old frontier, or lies within the
    new leaves, or joins the two: no older hash is ever needed.
    """
    if not leaf_hashes:
        return []
    levels = list(enumerate(_new_nodes(frontier, leaf_hashes)))
    end = frontier.size + len(leaf_hashes)
    return [
        [
            nodes[sibling - start]
            for level, (start, nodes) in levels
            # A node at the right edge may have no sibling: it moves up as it is.
            if (sibling := (index >> level) ^ 1) < start + len(nodes)
        ]
        for index in range(frontier.size, end)
    ]


def _new_nodes(
    frontier: Frontier, leaf_hashes: Sequence[bytes]
) -> Iterator[tuple[int, list[bytes]]]:
    """At each level from the leaves to the root: the number of the first node, and the nodes.

    They are those over new leaves, with the left sibling of the first, and end at the right edge.
    """
    bits = (bit for bit in range(frontier.size.bit_length()) if frontier.size >> bit & 1)
    old = dict(zip(bits, reversed(frontier.hashes), strict=True))
    start, nodes, level = frontier.size, list(leaf_hashes), 0
    while True:
        if start & 1:  # then the left sibling is one of the old edge's perfect subtrees
            start, nodes = start - 1, [old[level], *nodes]
        yield start, nodes
        if start == 0 and len(nodes) == 1:
            return
        start, nodes, level = start >> 1, _pairs(nodes), level + 1


def root(size: int, read: HashReader) -> bytes:
    """The root of the first `size` leaves."""
    return _range_root(0, size, read) if size else EMPTY_ROOT


def prove_inclusion(index: int, size: int, read: HashReader) -> list[bytes]:
    """PATH(index, D[size]) of RFC 6962 2.1.1: the leaf's sibling first. Raises ValueError."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(_range_root(middle, end, read))
            end = middle
        else:
            proof.append(_range_root(start, middle, read))
            start = middle
    proof.reverse()
    return proof


def check_inclusion(
    index: int, size: int, leaf: bytes, proof: Sequence[bytes], tree_root: bytes
) -> None:
    """Check that the leaf hash is leaf `index` of the tree (RFC 9162 2.1.3.2).

    Raises ProofInvalid. Nothing is said about where the root comes from.
    """
    if not 0 <= index < size:
        raise ProofInvalid(f"a tree of {size} leaves has no leaf {index}", index)
    _check_lengths(leaf, tree_root, *proof)
    node, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofInvalid("the inclusion proof is longer than the tree is high", index)
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            found = node_hash(found, sibling)
        node >>= 1
        last >>= 1
    if last != 0:
        raise ProofInvalid("the inclusion proof is shorter than the tree is high", index)
    if found != tree_root:
        raise ProofInvalid("the inclusion proof does not lead to the root", index)


def prove_consistency(old: int, new: int, read: HashReader) -> list[bytes]:
    """PROOF(old, D[new]) of RFC 6962 2.1.2; empty when old is 0 or new. Raises ValueError."""
    if not 0 <= old <= new:
        raise ValueError(f"no tree of {old} leaves within one of {new}")
    if old in (0, new):
        return []
    proof: list[bytes] = []
    start, end, whole = 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(_range_root(middle, end, read))
            end = middle
        else:
            proof.append(_range_root(start, middle, read))
            start, whole = middle, False
    if not whole:
        proof.append(_range_root(start, end, read))
    proof.reverse()
    return proof


def check_consistency(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree of `old` leaves is the beginning of that of `new` (RFC 9162 2.1.4.2).

    From size 0 the proof is empty and the old root is that of the empty tree, as C2SP tlog-witness
    has it (RFC 9162 asks for 0 < old). Raises ProofInvalid.
    """
    if not 0 <= old <= new:
        raise ProofInvalid(f"a tree of {new} leaves has no beginning of {old}")
    _check_lengths(old_root, new_root, *proof)
    if old in (0, new):
        _check_no_proof_needed(old, new, old_root, new_root, proof)
        return
    if not proof:
        raise ProofInvalid("the consistency proof is empty")
    hashes = list(proof) if old & (old - 1) else [old_root, *proof]
    node, last = old - 1, new - 1
    while node & 1:
        node >>= 1
        last >>= 1
    before = after = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise ProofInvalid("the consistency proof is longer than the tree is high")
        if node & 1 or node == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            after = node_hash(after, sibling)
        node >>= 1
        last >>= 1
    if last != 0:
        raise ProofInvalid("the consistency proof is shorter than the tree is high")
    if before != old_root:
        raise ProofInvalid("the consistency proof does not lead to the old root")
    if after != new_root:
        raise ProofInvalid("the consistency proof does not lead to the new root")


def _check_lengths(*hashes: bytes) -> None:
    if any(len(h) != HASH for h in hashes):
        raise ProofInvalid("a hash is not 32 bytes long")


def _check_no_proof_needed(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    if proof:
        raise ProofInvalid("a consistency proof between equal trees, or from none, is empty")
    if old == 0 and old_root != EMPTY_ROOT:
        raise ProofInvalid("the old root is not that of the empty tree")
    if old == new and old_root != new_root:
        raise ProofInvalid(f"there are two roots of the tree of {old} leaves")


def _split(size: int) -> int:
    """The largest power of two smaller than `size`: where RFC 6962 divides a tree."""
    return 1 << ((size - 1).bit_length() - 1)


def _range_root(start: int, end: int, read: HashReader) -> bytes:
    """The root over leaves start..end, where start is where RFC 6962 would divide the tree."""
    size = end - start
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return read(level, start >> level)
    middle = start + _split(size)
    return node_hash(_range_root(start, middle, read), _range_root(middle, end, read))


def _pairs(hashes: Sequence[bytes]) -> list[bytes]:
    """The level above: pairs joined, an odd last one moved up as it is."""
    paired = [node_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes) - 1, 2)]
    return [*paired, hashes[-1]] if len(hashes) & 1 else paired
