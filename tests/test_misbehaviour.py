"""A proof of misbehaviour convicts every log that signed two histories, and no other."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import checkpoint, log_keys, misbehaviour
from ledger.checkpoint import Checkpoint
from ledger.errors import NoteUnverified, ProofInvalid, VerificationFailed
from ledger.log_keys import LogKey, LogKeys
from ledger.merkle import HashReader, leaf_hash, prove_consistency, root
from ledger.misbehaviour import Misbehaviour, between, check
from ledger.note import Signer
from tests.log_builder import private_key, reader

LOG = Signer("log.example/one", private_key("one"))
NEXT = Signer("log.example/one", private_key("next"))
KEYS = LogKeys.of(LOG.verifier)
LARGEST = 18


def tree(size: int, *, forked_at: int | None = None) -> list[bytes]:
    """Leaf hashes; from `forked_at` on they are those of another history."""
    return [
        leaf_hash(b"%d" % n if forked_at is None or n < forked_at else b"other %d" % n)
        for n in range(size)
    ]


def signed(hashes: list[bytes], signer: Signer = LOG) -> str:
    said = Checkpoint(signer.name, len(hashes), root(len(hashes), reader(hashes)))
    return checkpoint.sign(said, signer)


def honest(old: int, new: int) -> tuple[str, str, HashReader]:
    return signed(tree(old)), signed(tree(new)), reader(tree(new))


def forked(old: int, new: int, at: int) -> tuple[str, str, HashReader]:
    other = tree(new, forked_at=at)
    return signed(tree(old)), signed(other), reader(other)


@pytest.mark.parametrize("new", range(LARGEST + 1))
def test_no_two_sizes_of_an_honest_log_contradict_each_other(new: int) -> None:
    """Whichever is given first."""
    for old in range(new + 1):
        one, other, read = honest(old, new)
        assert between(one, other, KEYS, read) is None
        assert between(other, one, KEYS, read) is None


@pytest.mark.parametrize("new", range(1, LARGEST + 1))
def test_every_fork_is_proven_at_every_size(new: int) -> None:
    """Wherever the histories part before the smaller tree ends; the proof is one file, and checks
    with nothing but the key."""
    for old in range(1, new + 1):
        for at in range(old):
            one, other, read = forked(old, new, at)
            for pair in ((one, other), (other, one)):
                proof = between(*pair, KEYS, read)
                assert proof is not None
                again = misbehaviour.parse(misbehaviour.format(proof))
                assert again == proof
                found = check(again, KEYS)
                assert (found.earlier.size, found.later.size) == (old, new)


def test_what_was_added_later_is_no_fork() -> None:
    """Entries after the smaller tree may be any."""
    for old in range(LARGEST):
        one, other, read = forked(old, LARGEST, old)
        assert between(one, other, KEYS, read) is None


def test_a_root_over_nothing_that_is_not_that_of_nothing_is_proven() -> None:
    """The empty tree has one root."""
    empty = checkpoint.sign(Checkpoint(LOG.name, 0, bytes(32)), LOG)
    hashes = tree(5)
    proof = between(empty, signed(hashes), KEYS, reader(hashes))
    assert proof is not None
    assert check(proof, KEYS).earlier.size == 0


def test_hashes_that_are_not_those_of_the_larger_tree_show_nothing() -> None:
    """A server that answers nonsense convicts nobody, and acquits nobody."""
    one, other, _ = honest(5, 9)
    for read in (reader(tree(9, forked_at=0)), lambda level, index: bytes(32)):
        with pytest.raises(ProofInvalid):
            between(one, other, KEYS, read)


@given(st.integers(1, 16), st.integers(1, 16), st.data())
def test_an_honest_log_cannot_be_framed(one: int, other: int, data: st.DataObject) -> None:
    """Whatever root and hashes somebody puts beside two true checkpoints, it is no proof."""
    old, new = sorted((one, other))
    earlier, later, read = honest(old, new)
    true = tuple(prove_consistency(old, new, read))
    pool = st.sampled_from([*true, *tree(3), bytes(32), root(old, read), root(new, read)])
    proof = Misbehaviour(
        KEYS,
        earlier,
        later,
        data.draw(st.none() | pool),
        tuple(data.draw(st.lists(pool, max_size=6) | st.just(list(true)))),
    )
    with pytest.raises(ProofInvalid):
        check(proof, KEYS)


def a_proof() -> Misbehaviour:
    one, other, read = forked(6, 11, 3)
    proof = between(one, other, KEYS, read)
    assert proof is not None
    check(proof, KEYS)
    return proof


def test_a_proof_against_another_log_proves_nothing_about_this_one() -> None:
    """The key is pinned by whoever checks, and a key of one's own convicts only oneself."""
    mallory = Signer(LOG.name, private_key("mallory"))
    hashes, others = tree(6), tree(6, forked_at=2)
    proof = between(
        signed(hashes, mallory),
        signed(others, mallory),
        LogKeys.of(mallory.verifier),
        reader(others),
    )
    assert proof is not None
    check(proof, proof.keys)
    with pytest.raises(NoteUnverified):
        check(proof, KEYS)


def test_a_key_after_its_end_convicts_its_thief_and_not_the_log() -> None:
    """What an ended key signs beyond its period is not a statement of the log."""
    ended = LogKeys((LogKey(NEXT.verifier, 7), LogKey(LOG.verifier, 0, 8)))
    one, other, read = forked(6, 11, 3)
    with pytest.raises(NoteUnverified, match="outside its period"):
        between(one, other, ended, read)
    one, other, read = forked(6, 8, 3)
    assert between(one, other, ended, read) is not None


def test_two_keys_of_one_log_contradict_each_other() -> None:
    """A log does not get away with a rotation."""
    keys = LogKeys((LogKey(NEXT.verifier, 10), LogKey(LOG.verifier, 0, 12)))
    others = tree(14, forked_at=2)
    proof = between(signed(tree(9)), signed(others, NEXT), keys, reader(others))
    assert proof is not None
    again = misbehaviour.parse(misbehaviour.format(proof))
    assert log_keys.format(again.keys) == log_keys.format(keys)
    assert check(again, keys).later.size == 14


@pytest.mark.parametrize(
    "change",
    [
        lambda p: replace(p, begins=None),
        lambda p: replace(p, begins=bytes(32)),
        lambda p: replace(p, hashes=p.hashes[:-1]),
        lambda p: replace(p, hashes=(*p.hashes, bytes(32))),
        lambda p: replace(p, hashes=p.hashes[::-1]),
        lambda p: replace(p, earlier=p.later, later=p.earlier),
        lambda p: replace(p, later=p.earlier, begins=None, hashes=()),
        lambda p: replace(p, later=p.earlier),
        lambda p: replace(p, earlier=signed(tree(6, forked_at=3))),
        lambda p: replace(p, earlier=signed(tree(6), NEXT)),
    ],
)
def test_a_changed_proof_proves_nothing(change: object) -> None:
    """Every part of it is needed."""
    changed = change(a_proof())  # type: ignore[operator]
    with pytest.raises(VerificationFailed):
        check(changed, KEYS)


def test_extra_hashes_beside_two_roots_of_one_size_are_refused() -> None:
    """They would be a second spelling."""
    one, other, read = forked(6, 6, 3)
    proof = between(one, other, KEYS, read)
    assert proof is not None
    for more in (replace(proof, begins=bytes(32)), replace(proof, hashes=(bytes(32),))):
        with pytest.raises(ProofInvalid, match="no further hashes"):
            check(more, KEYS)


TEXT = misbehaviour.format(a_proof())


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT[1:],
        TEXT + "\n",
        TEXT.replace("v1", "v2", 1),
        TEXT.replace("key ", "", 1),
        TEXT.replace("begins ", "begins  ", 1),
        TEXT.replace("=\n", "\n", 1),
        TEXT.replace("\n\n", "\n", 1),
        TEXT.replace("\n\n", "\n\n\n", 1),
        TEXT.replace("\n", "\r\n"),
        TEXT + TEXT,
        TEXT.partition("\n\n")[0],
        TEXT.replace("begins ", "AAAA\nbegins ", 1),
    ],
)
def test_a_second_spelling_is_refused(text: str) -> None:
    """A proof is passed on and compared as a file."""
    with pytest.raises(VerificationFailed):
        misbehaviour.parse(text)


@given(
    st.text(max_size=300) | st.lists(st.sampled_from(TEXT.splitlines()), max_size=14).map("\n".join)
)
def test_nothing_but_a_refusal_comes_of_any_text(text: str) -> None:
    """No other error, and what is taken is the one spelling of it."""
    try:
        proof = misbehaviour.parse(text)
    except VerificationFailed:
        return
    assert misbehaviour.format(proof) == text
