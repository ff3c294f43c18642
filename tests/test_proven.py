"""Entries with their proofs, as lines."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import proven
from ledger.checkpoint import Checkpoint
from ledger.errors import ProofInvalid
from ledger.merkle import leaf_hash, prove_inclusion
from ledger.merkle import root as tree_root
from tests.log_builder import busy_log, reader

LOG = busy_log(20)
HASHES = [leaf_hash(leaf) for leaf in LOG.leaves]
TREE = Checkpoint("log", len(LOG.leaves), tree_root(len(HASHES), reader(HASHES)))


def line(index: int) -> bytes:
    """The line of an entry of the log."""
    size = len(LOG.leaves)
    return proven.format(index, prove_inclusion(index, size, reader(HASHES)), LOG.leaves[index])


@pytest.mark.parametrize("index", range(len(LOG.leaves)))
def test_a_line_is_json_and_proves_its_entry(index: int) -> None:
    """Whoever reads JSON reads it; the entry is there byte for byte."""
    found = proven.parse(line(index))
    assert (found.index, found.leaf) == (index, LOG.leaves[index])
    found.check(TREE)
    assert json.loads(line(index))["entry"] == json.loads(LOG.leaves[index])


def test_what_was_changed_proves_nothing() -> None:
    """The entry, the index, a hash, or the tree."""
    for old, new in ((b'"index":3', b'"index":4'), (b"recorded_at", b"recorded_it")):
        with pytest.raises(ProofInvalid):
            proven.parse(line(3).replace(old, new)).check(TREE)
    with pytest.raises(ProofInvalid):
        proven.parse(line(3)).check(Checkpoint("log", TREE.size, bytes(32)))
    with pytest.raises(ProofInvalid):
        proven.parse(line(3)).check(Checkpoint("log", 3, TREE.root))


@pytest.mark.parametrize(
    "wrong",
    [
        line(3)[:-1],
        line(3) + b"\n",
        line(3).replace(b'"index":3', b'"index":03'),
        line(3).replace(b'"index":3', b'"index": 3'),
        line(3).replace(b'"index":3', b'"index":9999999999999999999'),
        line(3).replace(b'"inclusion":["', b'"inclusion":["!'),
        line(3).replace(b'","', b'" ,"'),
        b"{}\n",
        b"\n",
        b'{"index":3,"inclusion":[],"entry":' + b"{" + b"x" * 100_000 + b"}}\n",
    ],
)
def test_there_is_one_spelling(wrong: bytes) -> None:
    """Nothing that `format` would not write is taken."""
    with pytest.raises(ProofInvalid):
        proven.parse(wrong)


@given(st.binary(max_size=200), st.integers(0, 200))
def test_no_bytes_raise_anything_else(noise: bytes, at: int) -> None:
    """Noise alone, and noise within a line."""
    for raw in (noise, line(2)[:at] + noise + line(2)[at:]):
        try:
            found = proven.parse(raw)
        except ProofInvalid:
            continue
        assert proven.format(found.index, found.inclusion, found.leaf) == raw
