"""What a proof of a line shows to whoever trusts nobody but the keys that were pinned."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger import auditor, line_proof
from ledger.errors import ProofInvalid, VerificationFailed
from ledger.line_report import check
from ledger.log_keys import LogKeys
from ledger.report import Pins
from tests.anchoring import DAY, digested, lines_of, new_log, proof_of, record
from tests.attesting import attest, policy_text
from tests.authority import Authority, needs_openssl
from tests.log_builder import LogBuilder, public_bytes

LINES = lines_of(7)


def holder(log: LogBuilder, made: Any = None) -> str:
    """The proof of a line that a holder was given."""
    made = made or digested(LINES)
    return line_proof.format(proof_of(made, record(log, made), LINES[4]))


def keys(log: LogBuilder) -> LogKeys:
    return LogKeys.of(log.signer.verifier)


def test_a_proof_says_which_day_and_line() -> None:
    """And when the ledger recorded it; that it is true, it does not say."""
    log = new_log()
    report = check(holder(log), keys(log), Pins(vkey=log.signer.verifier.vkey))
    assert (report.digest.day, report.digest.log_source, report.proof.index) == (
        DAY,
        "epd-toegang",
        4,
    )
    assert report.recorded.receipt.index == 2
    told = " ".join(report.does_not_show)
    for part in ("what the line says is true", "before the digest", "no other line was left out"):
        assert part in told


def test_every_part_of_it_counts() -> None:
    """No character of the proof, up to the signature, can be another."""
    log = new_log()
    text = holder(log)
    signed = text.rindex("\n\n")
    seen = 0
    for at in range(0, signed, 7):
        changed = text[:at] + ("B" if text[at] != "B" else "C") + text[at + 1 :]
        with pytest.raises(VerificationFailed):
            check(changed, keys(log), Pins())
        seen += 1
    assert seen > 100


def two_days(log: LogBuilder) -> Iterator[tuple[str, str]]:
    """The proof of one day with the receipt of something else."""
    first = digested(LINES)
    second = digested(LINES, day=DAY.replace(day=2))
    late = digested([LINES[4]], supplement=1)
    other = digested(LINES, source="other-log")
    receipts = {
        name: record(log, each)
        for name, each in [("day", second), ("supplement", late), ("log", other)]
    }
    proof = proof_of(first, record(log, first), LINES[4])
    for name, receipt in receipts.items():
        yield name, line_proof.format(replace(proof, receipt=receipt))
    yield "event", line_proof.format(replace(proof, receipt=log.receipt(1)))


@pytest.mark.parametrize("swapped", ["day", "supplement", "log", "event"])
def test_the_receipt_of_something_else_is_refused(swapped: str) -> None:
    """Of another day, of a supplement, of another log, of another event."""
    log = new_log()
    text = dict(two_days(log))[swapped]
    with pytest.raises(ProofInvalid):
        check(text, keys(log), Pins())


def test_a_log_that_nobody_pinned_proves_nothing() -> None:
    """A proof under a log of the same name with another key."""
    honest, other = new_log(), LogBuilder("evil.example/log")
    other.enrol("k-desk", "security-desk")
    with pytest.raises(VerificationFailed):
        check(holder(other), keys(honest), Pins())


def test_the_producer_can_be_pinned() -> None:
    """With the key of another service the proof fails: who could write the ledger is not enough."""
    log = new_log()
    assert check(holder(log), keys(log), Pins(producers=[public_bytes("k-desk")]))
    with pytest.raises(ProofInvalid):
        check(holder(log), keys(log), Pins(producers=[public_bytes("k-other")]))


@needs_openssl
def test_the_program_of_an_auditor_says_it(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With witnesses and an authority: by when it was there, by the clocks of others."""
    log = new_log()
    made = digested(LINES)
    receipt = record(log, made)
    authority = Authority(tmp_path_factory.mktemp("authority"))
    head = receipt[: receipt.index("\n\n") + 2]
    attested = attest(log.checkpoint(), log.signer.verifier, ["X1", "X2"], [authority])
    text = line_proof.format(proof_of(made, head + attested, LINES[4]))
    (tmp_path / "a.line-proof").write_text(text)
    (tmp_path / "policy").write_text(policy_text(["X1", "X2", "X3"], 2, log.signer.verifier))
    trust = ["--policy", str(tmp_path / "policy"), "--tsa", str(authority.roots)]
    with pytest.raises(SystemExit) as ended:
        auditor.main([str(tmp_path / "a.line-proof"), *trust, "--format", "json"])
    assert not ended.value.code
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "timestamped"
    assert found["line"]["day"] == "2025-01-01"
    assert (found["line"]["number"], found["line"]["of"]) == (5, 7)
    told = " ".join(found["line"]["showed"])
    assert "witness of your policy saw it by" in told
    assert "stamped it at" in told
    with pytest.raises(SystemExit):
        auditor.main([str(tmp_path / "a.line-proof"), *trust])
    assert capsys.readouterr().out.startswith(
        "timestamped, signed not decided: a line of 2025-01-01 in the log epd-toegang"
    )
    (tmp_path / "a.line-proof").write_text(text.replace("\nindex 4", "\nindex 5"))
    with pytest.raises(SystemExit) as failed:
        auditor.main([str(tmp_path / "a.line-proof"), *trust])
    assert failed.value.code == 1
