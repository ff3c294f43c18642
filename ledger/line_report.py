"""What a proof of a line shows, what that rests on, and what it does not show.

The rungs are those of the receipt that it holds (`ledger/receipt_report.py`), since the line was in
the log of its system no earlier than the digest shows. `tests/test_line_report.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger import ladder, line_proof, receipt_report
from ledger.errors import ProofInvalid
from ledger.ladder import Attested, Step
from ledger.line_proof import Digest, LineProof
from ledger.log_keys import LogKeys
from ledger.note import Verifier
from ledger.receipt_report import ReceiptReport
from ledger.report import Pins


@dataclass(frozen=True, slots=True)
class LineReport:
    """What checking a proof of a line showed: the line is number `proof.index` of the digest."""

    proof: LineProof
    digest: Digest
    recorded: ReceiptReport

    @property
    def steps(self) -> tuple[Step, ...]:
        """How far the digest stands up."""
        return self.recorded.steps

    @property
    def attested(self) -> Attested:
        """What others say of the checkpoint that it is under."""
        return self.recorded.attested

    @property
    def contradictions(self) -> tuple[str, ...]:
        """What cannot all be true."""
        return self.recorded.contradictions

    @property
    def rests_on(self) -> tuple[str, ...]:
        """On whose word it rests."""
        return self.recorded.rests_on

    @property
    def does_not_show(self) -> tuple[str, ...]:
        """What may still be otherwise."""
        return (
            "That what the line says is true, or that it happened on that day: the system wrote it,"
            " and whoever has the key of the digest says which day it is of.",
            "That the line was there before the digest was recorded.",
            "That no other line was left out, before the digest or since: that takes the whole day,"
            " with `verantwoord anchor check`.",
            *self.recorded.does_not_show,
        )


def check(text: str, keys: Verifier | LogKeys, pins: Pins) -> LineReport:
    """Check a proof of a line.

    (1) It is spelled in the one way.
    (2) The receipt in it stands, as `ledger/receipt_report.py` says.
    (3) The receipt is of a digest of a log.
    (4) Line, salt and hashes lead to the root of that digest.

    Raises VerificationFailed.
    """
    proof = line_proof.parse(text)  # (1)
    recorded = receipt_report.check(proof.receipt, keys, pins)  # (2)
    if recorded.event is None:
        raise ProofInvalid("the receipt is of an event outside the vocabulary")
    digest = line_proof.read_digest(recorded.event)  # (3)
    line_proof.check(proof, digest)  # (4)
    return LineReport(proof, digest, recorded)


def showed(report: LineReport) -> Sequence[str]:
    """What it showed, a sentence each."""
    digest = report.digest
    late = f", in supplement {digest.supplement} of that day" if digest.supplement else ""
    sentences = [
        f"The line is number {report.proof.index + 1} of {digest.lines} of {digest.day} in the log"
        f" {digest.log_source} ({digest.standard}){late}, byte for byte.",
        f"The digest is event {report.recorded.event.id if report.recorded.event else '?'}, entry"
        f" {report.recorded.receipt.index} of {report.recorded.receipt.checkpoint.origin}.",
        "By the ledger's own clock it was recorded at"
        f" {ladder.moment(report.recorded.receipt.entry.recorded_at)}.",
    ]
    times = [time for by in report.attested.witnesses if (time := ladder.cosigned_at(by))]
    if times:
        sentences.append(f"A witness of your policy saw it by {ladder.moment(min(times))}.")
    if report.attested.earliest is not None:
        seen = ladder.moment(report.attested.earliest)
        sentences.append(f"An authority that you trust stamped it at {seen}: it was there by then.")
    return sentences


def headline(report: LineReport) -> str:
    """What is shown, in a few words."""
    digest = report.digest
    return f"a line of {digest.day} in the log {digest.log_source}"
