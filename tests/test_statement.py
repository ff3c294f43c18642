"""Statements of a log about files: one spelling, and never taken for a checkpoint."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger import checkpoint, note, statement
from ledger.checkpoint import Checkpoint
from ledger.errors import CheckpointMalformed, NoteMalformed, NoteUnverified
from ledger.log_keys import LogKey, LogKeys
from ledger.note import Signer
from ledger.statement import Kind, Statement

SIGNER = Signer("ledger.example/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))
OTHER = Signer("ledger.example/log", Ed25519PrivateKey.from_private_bytes(bytes([1] * 32)))
MADE = Statement.of(Kind.PACK, SIGNER.name, 4711, b"content")


def signed(made: Statement = MADE, signer: Signer = SIGNER) -> str:
    """The statement, signed."""
    return note.sign(statement.format(made), signer)


def test_a_statement_is_opened_with_the_key_of_the_log() -> None:
    """And says of which content it is."""
    assert statement.open(signed(), MADE, SIGNER.verifier) == SIGNER.verifier
    assert statement.parse(statement.format(MADE)) == MADE


@pytest.mark.parametrize(
    "other",
    [
        Statement.of(Kind.PACK, SIGNER.name, 4711, b"other"),
        Statement.of(Kind.PACK, SIGNER.name, 4712, b"content"),
        Statement.of(Kind.PACK, "ledger.example/other", 4711, b"content"),
        Statement.of(Kind.REPORT, SIGNER.name, 4711, b"content"),
    ],
)
def test_a_statement_about_something_else_is_refused(other: Statement) -> None:
    """Another content, size, log or kind of file."""
    with pytest.raises(NoteUnverified, match="about another"):
        statement.open(signed(other), MADE, SIGNER.verifier)


def test_only_a_key_in_its_period_signs() -> None:
    """Neither another key, nor one that signs trees of other sizes."""
    with pytest.raises(NoteUnverified):
        statement.open(signed(signer=OTHER), MADE, SIGNER.verifier)
    ended = LogKeys((LogKey(SIGNER.verifier, 0, 4710), LogKey(OTHER.verifier, 4700)))
    with pytest.raises(NoteUnverified):
        statement.open(signed(), MADE, ended)
    assert statement.open(signed(signer=OTHER), MADE, ended) == OTHER.verifier


def test_a_statement_is_no_checkpoint_and_a_checkpoint_no_statement() -> None:
    """Whatever the log is called."""
    with pytest.raises(CheckpointMalformed):
        checkpoint.parse(statement.format(MADE))
    for origin in ("ledger.example/log", str(Kind.PACK)):
        text = checkpoint.format(Checkpoint(origin, 5, bytes(32)))
        with pytest.raises(NoteMalformed):
            statement.parse(text)


@given(st.text(alphabet="verantwoord.evidence-pack/v1\n+0123456789 AZ=", max_size=120))
def test_what_is_no_statement_is_refused(text: str) -> None:
    """And nothing else is raised."""
    try:
        found = statement.parse(text)
    except (NoteMalformed, CheckpointMalformed):
        return
    assert statement.format(found) == text


@pytest.mark.parametrize(
    "wrong",
    [
        statement.format(MADE).replace("\n4711\n", "\n04711\n"),
        statement.format(MADE) + "\n",
        statement.format(MADE).replace("v1", "v2"),
        statement.format(MADE)[:-9] + "\n",
    ],
)
def test_there_is_one_spelling(wrong: str) -> None:
    """No leading zero, no further line, no other kind, no shorter digest."""
    with pytest.raises((NoteMalformed, CheckpointMalformed)):
        statement.parse(wrong)
