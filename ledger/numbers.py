"""Numbers: the place of an entry in the sequence of each controller, under a keyed commitment.

Entries that concern a controller are its sequence: number 1, 2, 3 … without a gap. An entry commits
to the number it has for each controller it concerns, and to what came before it there; an entry of
type CheckpointSigned commits to the latest number of every controller. A controller that has its
key can check both, and to the others they are random bytes.

    key    HMAC-SHA256(secret, "verantwoord-numbers-v1\\n" origin "\\n" controller)
    slot   HMAC-SHA256(key, "slot\\n" place)               place: "entry " index, or "latest " index
    value  HMAC-SHA256(key, "value\\n" place "\\n" number "\\n" chain)
    chain  SHA-256(0x02 || chain before || leaf hash), over the entries of the sequence; at its
           beginning 32 zero bytes

Index and number are decimal. At "entry", `chain` is the one before the entry, at "latest" the one
after the last. The commitment is the root of a binary trie in which the leaf of each controller
lies where the bits of its slot lead, as high as it is alone:

    leaf SHA-256(0x00 || slot || value) · node SHA-256(0x01 || left || right) · empty 32 zero bytes

At one place a key leads to one leaf, so a commitment can be opened for a controller in one way: the
operator cannot count it twice there. Which leaf is whose takes its key, and slots differ at every
place, so an opened path tells about how many others there are, not who, nor whether they are the
same as elsewhere. `tests/test_numbers.py`.
"""

from __future__ import annotations

import hashlib
import hmac
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ledger.errors import ProofInvalid

SECRET = 32
"""Bytes of the secret that all keys are made from, and of each key."""

EMPTY = bytes(32)
"""The root of a trie without a leaf, and the chain of a sequence without an entry."""

BITS = 256
"""Of a slot; no path is longer."""


@dataclass(frozen=True, slots=True)
class State:
    """How far a sequence is: the number of an entry, and a chain of 32 bytes."""

    number: int
    chain: bytes


BEGIN = State(0, EMPTY)


class ControllerKeys:
    """The keys of the controllers of one log, made from its secret."""

    def __init__(self, secret: bytes, origin: str) -> None:
        if len(secret) != SECRET:
            raise ValueError(f"the secret has {SECRET} bytes")
        self._secret = secret
        self._prefix = f"verantwoord-numbers-v1\n{origin}\n"
        self._made: dict[str, bytes] = {}

    def of(self, controller: str) -> bytes:
        """The key of a controller, 32 bytes."""
        key = self._made.get(controller)
        if key is None:
            key = _hmac(self._secret, f"{self._prefix}{controller}".encode())
            self._made[controller] = key
        return key


def at_entry(index: int) -> str:
    """The place of the numbers of entry `index`."""
    return f"entry {index}"


def latest_at(index: int) -> str:
    """The place of the latest numbers, over the first `index` entries."""
    return f"latest {index}"


def commit(keys: ControllerKeys, place: str, states: Mapping[str, State]) -> bytes:
    """The commitment to the state of each controller at a place, 32 bytes."""
    if len(states) == 1:  # nearly always: most events concern one controller
        ((controller, state),) = states.items()
        return _leaf(keys.of(controller), place, state)[1]
    return _Trie(keys, place, states).root()


def prove(
    keys: ControllerKeys, place: str, states: Mapping[str, State], controller: str
) -> list[bytes]:
    """The path that opens a commitment for one controller, the sibling of its leaf first."""
    return _Trie(keys, place, states).path(_slot(keys.of(controller), place))


def check(root: bytes, key: bytes, place: str, state: State, path: Sequence[bytes]) -> None:
    """Check that a commitment is to this state of the controller with this key.

    Raises ProofInvalid.
    """
    if len(path) > BITS or any(len(sibling) != len(EMPTY) for sibling in path):
        raise ProofInvalid(f"a path has at most {BITS} hashes of {len(EMPTY)} bytes")
    slot, node = _leaf(key, place, state)
    bits = int.from_bytes(slot) >> BITS - len(path)
    for sibling in path:
        node = _node(sibling, node) if bits & 1 else _node(node, sibling)
        bits >>= 1
    if not hmac.compare_digest(node, root):
        raise ProofInvalid("the path does not lead to the commitment")


def extend(chain: bytes, leaf_hash: bytes) -> bytes:
    """The chain of a sequence after one more entry."""
    return hashlib.sha256(b"\x02" + chain + leaf_hash).digest()


class Sequences:
    """The sequences of controllers, entry after entry. Nothing before counts for those that
    `states` does not have."""

    def __init__(self, states: Mapping[str, State]) -> None:
        self._states = dict(states)

    @property
    def latest(self) -> Mapping[str, State]:
        """How far each sequence is."""
        return self._states

    def next(self, controllers: Iterable[str]) -> dict[str, State]:
        """What the next entry commits to, for each controller that it concerns."""
        latest = {controller: self._states.get(controller, BEGIN) for controller in controllers}
        return {c: State(state.number + 1, state.chain) for c, state in latest.items()}

    def add(self, numbered: Mapping[str, State], leaf_hash: bytes) -> dict[str, State]:
        """Take the entry that committed to these, once its leaf hash is known; how far each of its
        sequences is then."""
        after = {c: State(s.number, extend(s.chain, leaf_hash)) for c, s in numbered.items()}
        self._states.update(after)
        return after


class _Trie:
    """The leaves of a commitment, by slot."""

    def __init__(self, keys: ControllerKeys, place: str, states: Mapping[str, State]) -> None:
        leaves = sorted(_leaf(keys.of(c), place, state) for c, state in states.items())
        self._slots = [int.from_bytes(slot) for slot, _ in leaves]
        self._leaves = [leaf for _, leaf in leaves]

    def root(self) -> bytes:
        return self._hash(0, len(self._slots), 0, 0)

    def path(self, slot: bytes) -> list[bytes]:
        bits = int.from_bytes(slot)
        low, high, prefix = 0, len(self._slots), 0
        siblings: list[bytes] = []
        while high - low > 1:
            depth = len(siblings)
            right = prefix | 1 << BITS - 1 - depth
            middle = bisect_left(self._slots, right, low, high)
            if bits >> BITS - 1 - depth & 1:
                siblings.append(self._hash(low, middle, depth + 1, prefix))
                low, prefix = middle, right
            else:
                siblings.append(self._hash(middle, high, depth + 1, right))
                high = middle
        return siblings[::-1]

    def _hash(self, low: int, high: int, depth: int, prefix: int) -> bytes:
        """The hash over leaves `low` up to `high`, which begin with `depth` bits of `prefix`."""
        if high - low <= 1:
            return self._leaves[low] if high > low else EMPTY
        right = prefix | 1 << BITS - 1 - depth
        middle = bisect_left(self._slots, right, low, high)
        return _node(
            self._hash(low, middle, depth + 1, prefix), self._hash(middle, high, depth + 1, right)
        )


def _slot(key: bytes, place: str) -> bytes:
    return _hmac(key, b"slot\n" + place.encode())


def _leaf(key: bytes, place: str, state: State) -> tuple[bytes, bytes]:
    """The slot and the leaf of a controller at a place."""
    slot = _slot(key, place)
    value = _hmac(key, f"value\n{place}\n{state.number}\n".encode() + state.chain)
    return slot, hashlib.sha256(b"\x00" + slot + value).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")
