"""Checkpoints: one spelling, one origin, one key."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import checkpoint, note
from ledger.checkpoint import Checkpoint
from ledger.errors import CheckpointMalformed, NoteMalformed, NoteUnverified
from ledger.merkle import EMPTY_ROOT
from ledger.note import Signer
from tests.log_builder import private_key
from tests.vectors import load

ROOT = bytes(range(32))
SIGNER = Signer("log.example/one", private_key("one"))
OTHER = Signer("log.example/two", private_key("two"))
GOOD = "log.example/one\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"


def test_the_bytes_of_a_checkpoint() -> None:
    """Origin, decimal size and root in base64, a line each."""
    assert checkpoint.format(Checkpoint("log.example/one", 7, ROOT)) == GOOD
    assert checkpoint.parse(GOOD) == Checkpoint("log.example/one", 7, ROOT)


def test_vectors_of_checkpoints() -> None:
    """The 2 checkpoints of the witness vectors open, with the sizes their steps go by."""
    cases = {case["name"]: case for case in load("note/signed_note_cases.json")["cases"]}
    for name, size in (("mInit", 5), ("mNext", 8)):
        case = cases[f"transparency-dev/witness {name}"]
        opened = checkpoint.open(case["note"], note.parse_vkey(case["vkeys"][0]))
        assert (opened.origin, opened.size) == ("monkeys", size)


@given(st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_a_signed_checkpoint_opens_as_it_was(size: int, root: bytes) -> None:
    """Whatever the size and root, signing and opening gives them back."""
    made = Checkpoint(SIGNER.name, size, root)
    assert checkpoint.open(checkpoint.sign(made, SIGNER), SIGNER.verifier) == made


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("7", "07"),
        GOOD.replace("7", "+7"),
        GOOD.replace("7", "-7"),
        GOOD.replace("7", " 7"),
        GOOD.replace("7", "7 "),
        GOOD.replace("7", "7_0"),
        GOOD.replace("7", "٧"),
        GOOD.replace("7", "²"),
        GOOD.replace("7", "0x7"),
        GOOD.replace("7", "7e0"),
        GOOD.replace("7", ""),
        GOOD.replace("7", str(2**63)),
        GOOD.replace("7", "9" * 5000),
        GOOD.replace("=", ""),
        GOOD.replace("=", "=="),
        GOOD.replace("h8=", "h9="),  # loose bits
        GOOD.replace("AAEC", "AA EC"),
        GOOD.replace("AAEC", "AA-C"),
        GOOD.replace("AAECAwQF", ""),
        GOOD.replace("AAEC", "AAECAAEC"),
        GOOD.replace("log.example/one", ""),
        GOOD.replace("\n", "\r\n"),
        GOOD + "extension line\n",
        GOOD + "\n",
        GOOD[:-1],
        "\n" + GOOD,
        "",
    ],
)
def test_second_spellings_of_checkpoints_are_refused(text: str) -> None:
    """Each of these reads almost as the good one."""
    with pytest.raises(CheckpointMalformed):
        checkpoint.parse(text)


@settings(deadline=None)
@given(
    st.one_of(
        st.text(max_size=100),
        st.builds(
            "{}\n{}\n{}\n".format,
            st.text(max_size=3),
            st.text(alphabet="0123456789+_٧ ", max_size=22),
            st.one_of(
                st.text(alphabet="AB+/=- \n", max_size=46),
                st.binary(min_size=30, max_size=33).map(lambda b: base64.b64encode(b).decode()),
            ),
        ),
    )
)
def test_any_text_is_a_checkpoint_in_one_way_or_none(text: str) -> None:
    """Any text is refused as CheckpointMalformed, or is exactly the text of what was read."""
    try:
        found = checkpoint.parse(text)
    except CheckpointMalformed:
        return
    assert checkpoint.format(found) == text


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_note_is_refused_by_the_errors_it_names(text: str) -> None:
    """Opening arbitrary text raises nothing but the three errors of the docstring."""
    with pytest.raises((NoteMalformed, NoteUnverified, CheckpointMalformed)):
        checkpoint.open(text, SIGNER.verifier)


def test_the_empty_log_has_a_checkpoint() -> None:
    """Size 0 with the root of the empty tree."""
    made = Checkpoint(SIGNER.name, 0, EMPTY_ROOT)
    assert checkpoint.open(checkpoint.sign(made, SIGNER), SIGNER.verifier) == made


def test_a_key_signs_for_its_own_log_only() -> None:
    """Another origin is neither signed nor, when signed all the same, accepted."""
    made = Checkpoint(OTHER.name, 7, ROOT)
    with pytest.raises(CheckpointMalformed, match="another"):
        checkpoint.sign(made, SIGNER)
    with pytest.raises(CheckpointMalformed, match="another"):
        checkpoint.open(note.sign(checkpoint.format(made), SIGNER), SIGNER.verifier)


def test_a_checkpoint_by_a_stranger_is_refused() -> None:
    """Another key, also one with the name of the log, does not speak for it."""
    text = checkpoint.format(Checkpoint(SIGNER.name, 7, ROOT))
    for stranger in (OTHER, Signer(SIGNER.name, private_key("mallory"))):
        with pytest.raises(NoteUnverified):
            checkpoint.open(note.sign(text, stranger), SIGNER.verifier)
