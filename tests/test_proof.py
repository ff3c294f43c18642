"""tlog-proofs: the vectors of others, and one spelling."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import proof
from ledger.errors import ProofInvalid
from ledger.proof import Proof
from tests.vectors import load

HASH = bytes(range(32))
GOOD = proof.format(Proof(5, (HASH, HASH), "checkpoint\n", b"extra"))


def test_vectors_of_proofs() -> None:
    """All 3 proofs are written and read as their authors have them, all 7 bad ones refused."""
    found = load("tlog/tlog_proof_parse.json")
    assert (len(found["marshal"]), len(found["must_reject"])) == (3, 7)
    for case in found["marshal"]:
        extra = case["extra_utf8"].encode() if "extra_utf8" in case else None
        hashes = tuple(base64.b64decode(text) for text in case["hashes_b64"])
        made = Proof(case["index"], hashes, case["checkpoint"], extra)
        assert proof.format(made) == case["want"]
        assert proof.parse(case["want"]) == made
    for text in found["must_reject"]:
        with pytest.raises(ProofInvalid):
            proof.parse(text)


proofs = st.builds(
    Proof,
    st.integers(0, 10**19 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63).map(tuple),
    st.text(max_size=40),
    st.one_of(st.none(), st.binary(max_size=100)),
)


@given(proofs)
def test_a_proof_is_read_as_it_was_written(made: Proof) -> None:
    """Whatever it holds, also a checkpoint with empty lines or nothing in it."""
    assert proof.parse(proof.format(made)) == made


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("@v1", "@v2"),
        ("@v1\n", "@v1 \n"),
        ("c2sp", " c2sp"),
        ("index 5", "index 05"),
        ("index 5", "index +5"),
        ("index 5", "index 5 "),
        ("index 5", "index  5"),
        ("index 5", "index ٥"),
        ("index 5", "index ²"),
        ("index 5", "index 5_0"),
        ("index 5", "index " + "9" * 20),
        ("index 5", "index"),
        ("index 5\n", "index 5\nindex 5\n"),
        ("extra ZXh0cmE=\n", "extra ZXh0cmE\n"),
        ("extra ZXh0cmE=\n", "extra ZXh0cmF=\n"),  # loose bits
        ("extra ZXh0cmE=\n", "extra  ZXh0cmE=\n"),
        ("extra ZXh0cmE=\n", "extra ZXh0cmE=\nextra ZXh0cmE=\n"),
        ("extra ZXh0cmE=\n", "extra\n"),
        ("extra ZXh0cmE=\n", "extra é\n"),
        ("h8=\n\n", "h9=\n\n"),
        ("h8=\n\n", "h8=\n \n"),
        ("h8=\n\n", "h8=\r\n\r\n"),
        ("h8=\n\n", "h8=\n"),
        ("h8=\n\n", "h8=\nAAAA\n\n"),
    ],
)
def test_second_spellings_of_proofs_are_refused(right: str, wrong: str) -> None:
    """Each of these reads almost as the good one."""
    assert right in GOOD
    with pytest.raises(ProofInvalid):
        proof.parse(GOOD.replace(right, wrong))


def test_a_proof_longer_than_any_tree_is_refused() -> None:
    """More hashes than a tree has levels are not even decoded."""
    with pytest.raises(ProofInvalid, match="63"):
        proof.parse(proof.format(Proof(0, (HASH,) * 64, "checkpoint\n")))


lines = st.lists(
    st.one_of(
        st.sampled_from(
            [proof.HEADER, "", "extra ", "extra AAAA", "index 0", "index 12", "A" * 43 + "="]
        ),
        st.text(max_size=10),
    ),
    max_size=7,
).map("\n".join)


@settings(deadline=None)
@given(st.one_of(st.text(max_size=100), lines, lines.map(lambda t: f"{proof.HEADER}\n{t}")))
def test_any_text_is_a_proof_in_one_way_or_none(text: str) -> None:
    """Any text is refused as ProofInvalid, or is exactly the text of what was read."""
    try:
        found = proof.parse(text)
    except ProofInvalid:
        return
    assert proof.format(found) == text
