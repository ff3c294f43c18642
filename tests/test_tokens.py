"""Timestamps in notes: one file holds all, and covers what the log signed and nothing else."""

from __future__ import annotations

import hashlib

import pytest

from ledger import note, rfc3161, tokens
from ledger.errors import ConfigurationError
from tests.authority import Authority, needs_openssl, pem
from tests.log_builder import busy_log

pytestmark = needs_openssl


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority in good order."""
    return Authority(tmp_path_factory.mktemp("authority"))


LOG = busy_log(5)


def test_a_token_travels_in_a_note(authority: Authority) -> None:
    """As a signature line that other verifiers pass over, and covers the note as the log signed it,
    whatever else signed it."""
    signed = LOG.checkpoint()
    opened = note.open(signed, [LOG.signer.verifier])
    covered = tokens.covered(opened.text, opened.verified[0])
    assert covered == signed.encode()
    line = tokens.token_line("tsa.example", authority.stamp(covered))
    more = signed + "— other.example AAAAAHRlc3Q=\n" + note.format_line(line)
    again = note.open(more, [LOG.signer.verifier])
    assert tokens.token_lines(again) == (line,)
    assert tokens.covered(again.text, again.verified[0]) == covered
    assert rfc3161.check(line.signature, covered, [authority.root])


def test_a_line_of_another_kind_is_no_token() -> None:
    """The key id is made from the name and the kind, so a line under another name is none."""
    line = tokens.token_line("tsa.example", b"answer")
    renamed = note.SignatureLine("tsb.example", line.key_id, line.signature)
    text = LOG.checkpoint() + note.format_line(renamed)
    assert tokens.token_lines(note.open(text, [LOG.signer.verifier])) == ()


def test_the_key_id_of_a_token_is_fixed() -> None:
    """Receipts hold it for ever (docs/reference/formats.md)."""
    made = hashlib.sha256(b"tsa.example\n\xffnl.verwerkersovereenkomsten/rfc3161/v1").digest()[:4]
    assert tokens.token_line("tsa.example", b"").key_id == made
    assert made.hex() == "99ba5e34"


def test_at_most_so_many_tokens_are_looked_at() -> None:
    """A note stuffed with them costs no more than 16."""
    lines = [tokens.token_line(f"tsa{n}.example", b"answer") for n in range(40)]
    text = LOG.checkpoint() + "".join(map(note.format_line, lines))
    assert len(tokens.token_lines(note.open(text, [LOG.signer.verifier]))) == 16


def test_certificates_come_in_pem(authority: Authority) -> None:
    """At least one that signed itself; anything else is said, with the name of the file."""
    found = tokens.load_certificates(pem(authority.certificate, authority.root), "tsa.pem")
    assert found == (authority.certificate, authority.root)
    for content in (b"", b"no certificate", pem(authority.certificate)):
        with pytest.raises(ConfigurationError, match=r"tsa\.pem"):
            tokens.load_certificates(content, "tsa.pem")
