"""Numbers under a keyed commitment: opened in one way, by whom has the key, and telling no more."""

from __future__ import annotations

import hashlib
import hmac
import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import numbers
from ledger.errors import ProofInvalid
from ledger.numbers import BEGIN, EMPTY, ControllerKeys, Sequences, State, at_entry, latest_at

SECRET = bytes(range(32))
KEYS = ControllerKeys(SECRET, "log.example/a")

counts = st.integers(0, 40)


def states(count: int, salt: str = "") -> dict[str, State]:
    """The states of C1, C2 … with numbers and chains of their own."""
    return {
        f"C{n}": State(n * 7 + 1, hashlib.sha256(f"{salt}{n}".encode()).digest())
        for n in range(1, count + 1)
    }


def opens(root: bytes, controller: str, place: str, state: State, path: Sequence[bytes]) -> bool:
    """Whether a path opens a commitment for a controller."""
    try:
        numbers.check(root, KEYS.of(controller), place, state, path)
    except ProofInvalid:
        return False
    return True


def test_the_formulas_are_those_of_the_reference() -> None:
    """Key, slot, value, leaf, node and chain, computed anew from `docs/reference/formats.md`."""

    def mac(key: bytes, message: bytes) -> bytes:
        return hmac.new(key, message, hashlib.sha256).digest()

    chain = {"C1": bytes([1]) * 32, "C2": bytes([2]) * 32}
    leaves = []
    for controller, number in (("C1", 5), ("C2", 12)):
        key = mac(SECRET, f"verantwoord-numbers-v1\nlog.example/a\n{controller}".encode())
        assert KEYS.of(controller) == key
        slot = mac(key, b"slot\nentry 9")
        value = mac(key, f"value\nentry 9\n{number}\n".encode() + chain[controller])
        leaves.append((slot, hashlib.sha256(b"\x00" + slot + value).digest()))
    (first, left), (second, right) = sorted(leaves)
    common = next(i for i in range(256) if bit(first, i) != bit(second, i))
    node = hashlib.sha256(b"\x01" + left + right).digest()
    for depth in reversed(range(common)):
        pair = (EMPTY + node) if bit(first, depth) else (node + EMPTY)
        node = hashlib.sha256(b"\x01" + pair).digest()
    committed = {"C1": State(5, chain["C1"]), "C2": State(12, chain["C2"])}
    assert numbers.commit(KEYS, "entry 9", committed) == node
    leaf_hash = bytes([9]) * 32
    after = hashlib.sha256(b"\x02" + chain["C1"] + leaf_hash).digest()
    assert numbers.extend(chain["C1"], leaf_hash) == after
    assert (at_entry(9), latest_at(9)) == ("entry 9", "latest 9")


def bit(slot: bytes, depth: int) -> int:
    return slot[depth // 8] >> (7 - depth % 8) & 1


def test_a_commitment_never_changes() -> None:
    """These bytes are in logs: of nothing, of one controller and of seven."""
    found = [numbers.commit(KEYS, at_entry(3), states(count)).hex() for count in (0, 1, 7)]
    assert found == GOLDEN


GOLDEN = [
    "00" * 32,
    "3300d2cd12f6b7cd140d7c5b1d46dcc09f0733529ebc529c39d651e726288320",
    "dc0c04de70c90ca48052ed631e40f03a88bba2a7df683ff0e5b6d42ba1340fa0",
]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 9, 16, 33])
def test_every_controller_opens_its_own_state_and_no_other(count: int) -> None:
    """At every small size: with its path and key, and with nobody else's."""
    given_, place = states(count), at_entry(12)
    root = numbers.commit(KEYS, place, given_)
    paths = {c: numbers.prove(KEYS, place, given_, c) for c in given_}
    for (whose, path), (who, state) in itertools.product(paths.items(), given_.items()):
        assert opens(root, who, place, state, path) == (whose == who)


@given(counts, st.data())
def test_a_state_opens_in_one_way(count: int, data: st.DataObject) -> None:
    """Another number, chain, place, root, or path in any byte or length, opens nothing."""
    given_, place = states(count + 1), latest_at(count)
    root = numbers.commit(KEYS, place, given_)
    who = data.draw(st.sampled_from(sorted(given_)))
    state = given_[who]
    path = numbers.prove(KEYS, place, given_, who)
    assert opens(root, who, place, state, path)
    other = data.draw(st.integers(0, 2**60).filter(lambda n: n != state.number))
    chain = data.draw(st.binary(min_size=32, max_size=32).filter(lambda c: c != state.chain))
    assert not opens(root, who, place, State(other, state.chain), path)
    assert not opens(root, who, place, State(state.number, chain), path)
    assert not opens(root, who, at_entry(count), state, path)
    assert not opens(root, who, latest_at(count + 1), state, path)
    assert not opens(bytes(32), who, place, state, path)
    changed = data.draw(spoiled(path))
    assert not opens(root, who, place, state, changed)


@st.composite
def spoiled(draw: st.DrawFn, path: list[bytes]) -> list[bytes]:
    """A path with one thing wrong."""
    ways = ["longer", "shorter", "byte", "swapped"] if len(path) > 1 else ["longer"]
    way = draw(st.sampled_from(ways))
    place = draw(st.integers(0, max(len(path) - 1, 0)))
    if way == "longer":
        return [*path[:place], draw(st.sampled_from([EMPTY, bytes([1]) * 32])), *path[place:]]
    if way == "shorter":
        return [*path[:place], *path[place + 1 :]]
    if way == "byte":
        flipped = bytes([path[place][0] ^ 1]) + path[place][1:]
        return [*path[:place], flipped, *path[place + 1 :]]
    if path[0] == path[1]:
        return path[1:]
    return [path[1], path[0], *path[2:]]


def test_nobody_is_counted_twice_at_one_place() -> None:
    """The operator's own attack: a tree with two numbers of one controller opens for one of them at
    most, whichever path is tried."""
    place, key = at_entry(4), KEYS.of("C1")
    slot = numbers._slot(key, place)
    first, second = State(7, bytes(32)), State(8, bytes(32))
    leaves = [numbers._leaf(key, place, state)[1] for state in (first, second)]
    found = []
    for depth in range(6):
        for left, right in itertools.permutations(leaves):
            node = numbers._node(left, right)
            paths = [[right], [left]]
            for above in range(depth):
                down = bit(slot, depth - 1 - above)
                node = numbers._node(EMPTY, node) if down else numbers._node(node, EMPTY)
                paths = [[*path, EMPTY] for path in paths]
            opened = [s for s in (first, second) for p in paths if opens(node, "C1", place, s, p)]
            assert len(opened) <= 1
            found += opened
    assert first in found  # each by itself can be there
    assert second in found


@pytest.mark.parametrize("path", [[bytes(31)], [bytes(33)], [EMPTY] * 257])
def test_a_path_of_another_form_is_refused(path: list[bytes]) -> None:
    """Hashes of another length, or more than a slot has bits."""
    with pytest.raises(ProofInvalid, match="at most 256"):
        numbers.check(bytes(32), KEYS.of("C1"), at_entry(0), BEGIN, path)


def test_what_others_see_has_nothing_of_a_controller_in_it() -> None:
    """Commitment and paths change with the secret and the place in every hash but the empty one, so
    they tell neither who is there nor whether it was there elsewhere."""
    given_ = states(9)
    seen: set[bytes] = set()
    for keys in (KEYS, ControllerKeys(bytes(32), "log.example/a"), ControllerKeys(SECRET, "other")):
        for place in (at_entry(1), at_entry(2), latest_at(1)):
            hashes = {numbers.commit(keys, place, given_)}
            for controller in given_:
                hashes.update(numbers.prove(keys, place, given_, controller))
            hashes.discard(EMPTY)
            assert not seen & hashes
            seen |= hashes


def test_paths_tell_about_how_many_there_are_and_no_more() -> None:
    """The length of a path is about the logarithm of the number of controllers, whoever they are,
    and changes from place to place."""
    lengths = [len(numbers.prove(KEYS, at_entry(index), states(1000), "C1")) for index in range(40)]
    assert min(lengths) >= 8
    assert max(lengths) <= 24
    assert len(set(lengths)) > 1
    assert numbers.prove(KEYS, at_entry(0), states(1), "C1") == []


@given(st.lists(st.sets(st.sampled_from("ABCD")), max_size=30))
def test_sequences_are_dense_and_chained(story: list[set[str]]) -> None:
    """Whatever concerns whom: 1, 2, 3 … for each, with a chain over its own entries alone."""
    sequences = Sequences({})
    own: dict[str, list[bytes]] = {c: [] for c in "ABCD"}
    for index, concerned in enumerate(story):
        leaf = hashlib.sha256(bytes([index])).digest()
        numbered = sequences.next(sorted(concerned))
        assert {c: s.number for c, s in numbered.items()} == {c: len(own[c]) + 1 for c in concerned}
        after = sequences.add(numbered, leaf)
        for controller in concerned:
            own[controller].append(leaf)
            chain = EMPTY
            for each in own[controller]:
                chain = numbers.extend(chain, each)
            assert after[controller] == State(len(own[controller]), chain)
    assert sequences.latest.keys() == {c for c, leaves in own.items() if leaves}


def test_ten_thousand_controllers_take_a_path_of_a_few_hashes() -> None:
    """One event that concerns all of them is one commitment of 32 bytes, opened by each."""
    given_, place = states(10_000), at_entry(77)
    root = numbers.commit(KEYS, place, given_)
    for who in ("C1", "C5000", "C10000"):
        path = numbers.prove(KEYS, place, given_, who)
        assert len(path) < 40
        assert opens(root, who, place, given_[who], path)


def test_a_secret_of_another_length_is_refused() -> None:
    """32 bytes, so that a key file of another kind is not taken for one."""
    with pytest.raises(ValueError, match="32 bytes"):
        ControllerKeys(b"short", "log.example")
