"""Reports written out: the same for machines and people, and nothing that moves a cursor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import note, receipt_report, telling, tokens
from ledger.errors import VerificationFailed
from ledger.policy import Policy
from ledger.report import Pins
from ledger.verify import verify
from tests.attesting import attest, attested_receipt, policy_text
from tests.authority import Authority, needs_openssl
from tests.log_builder import busy_log, public_bytes, reading

LOG = busy_log(20)
VERIFIER = LOG.signer.verifier
POLICY = Policy.parse(policy_text(["X1", "X2"], 2))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority in good order."""
    return Authority(tmp_path_factory.mktemp("authority"))


def reports(authority: Authority, other: Authority) -> list[telling.Shown]:
    """Reports on a receipt and on a log, with everything that there can be in one."""
    pins = Pins(
        VERIFIER.vkey,
        kept=[LOG.checkpoint(5)],
        policy=POLICY,
        certificates=[authority.root],
        producers=[public_bytes("k-help")],
    )
    text = attested_receipt(LOG, 7, ["X1", "X2"], [authority, other])
    signed = attest(LOG.checkpoint(), VERIFIER, ["X1", "X2"], [authority, other])
    files = {**LOG.export(), "checkpoint": signed.encode()}
    return [receipt_report.check(text, VERIFIER, pins), verify(reading(files), pins)]


@needs_openssl
def test_machines_and_people_are_told_the_same(authority: Authority, tmp_path: Path) -> None:
    """Every sentence of the document is in the text, and never a bare 'passed'."""
    for report in reports(authority, Authority(tmp_path, "Other TSA")):
        document = telling.as_json(report)
        text = "\n".join(telling.as_lines(report))
        assert json.loads(json.dumps(document)) == document
        assert document["verdict"] == "timestamped"
        assert text.startswith(document["headline"])
        for rung in document["rungs"]:
            assert rung["says"] in text
        for part in ("contradictions", "timestamps_unfit", "rests_on", "does_not_show"):
            assert all(sentence in text for sentence in document[part]), part
        assert [w["name"] for w in document["witnesses"]] == ["X1", "X2"]
        (stamp,) = document["timestamps"]
        assert stamp["authority"] == "CN=Test TSA"
        assert stamp["certificate_sha256"] in text
        assert stamp["accuracy_seconds"] == 1.5
        (unfit,) = document["timestamps_unfit"]
        assert unfit.startswith("tsa2:")
        assert "passed" not in text


def test_a_failure_is_a_document_too() -> None:
    """With the check and the entry, where they are known."""
    failed = VerificationFailed("entry 7: \x1b[2J", 7, 3)
    assert telling.failure_json(failed) == {
        "verdict": "failed", "check": 3, "index": 7, "detail": "entry 7: \\u{1b}[2J",
    }  # fmt: skip


@given(st.text())
def test_lines_can_be_printed(text: str) -> None:
    """Whatever a log says of itself; what can be printed stays as it is."""
    shown = telling.printable(text)
    assert shown.isprintable()
    assert (shown == text) == text.isprintable()


def test_a_note_cannot_move_the_cursor() -> None:
    """The name of a token is the log's word: control characters in it are written as numbers."""
    line = tokens.token_line("tsa\x9b2J\u202e", b"no token")
    text = LOG.receipt(7) + note.format_line(line)
    report = receipt_report.check(text, VERIFIER, Pins())
    assert "\x9b" in report.steps[3].says, "precondition: it gets that far"
    assert all(shown.isprintable() for shown in telling.as_lines(report))
    assert "\\u{9b}" in "\n".join(telling.as_lines(report))
