"""Refreshing a receipt: what others have said since of a checkpoint over the same entry.

The first receipt of an event comes with the append, so nobody but the log can have signed it. Later
the ledger gives the same entry under a checkpoint that witnesses cosigned and authorities stamped.
Its answer takes the place of the kept receipt only when nothing is lost by that, and not before it
was checked: a ledger that cut or changed its log cannot swap the evidence for something prettier.
`tests/test_refresh.py` plays such a ledger.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ledger import note, proof, receipt_report, strict_json
from ledger.checkpoint import Checkpoint
from ledger.errors import HistoriesDiffer, ProofInvalid
from ledger.ladder import State
from ledger.log_keys import LogKeys
from ledger.merkle import check_consistency
from ledger.note import Verifier
from ledger.receipt_report import ReceiptReport
from ledger.report import Pins

Ask = Callable[[str, Mapping[str, str]], bytes]
"""path below the ledger's address, parameters -> the body of its answer. Raises when there is no
good one."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The receipt to keep from now on, and the report on it; `replaced` when it is another one than
    before."""

    text: str
    report: ReceiptReport
    replaced: bool


def refresh(kept: str, ask: Ask, verifier: Verifier | LogKeys, pins: Pins) -> Refreshed:
    """Ask the ledger for a receipt that stands higher than the kept one.

    (1) The kept receipt is one of this log.
    (2) The answer is one as well, and of the same entry at the same index.
    (3) The checkpoints of both are of one history: their roots are equal, or a consistency proof
        leads from the smaller to the larger.
    (4) It stands higher by what the caller trusts: no rung of the kept one is missing, and there
        are more rungs, witnesses or timestamps. A kept receipt that only the log signed has nothing
        to lose, so there it is enough that the answer carries more signatures.

    Raises VerificationFailed where (1) or (2) fails, HistoriesDiffer where (3) does, and what `ask`
    raises. After (3) failed, the kept receipt and the answer are evidence against the log.
    """
    before = receipt_report.check(kept, verifier, pins)  # (1)
    index = before.receipt.index
    raw = ask(f"/v1/events/{index}/proof", {"latest": "true"})
    text = note.decode(raw)
    after = receipt_report.check(text, verifier, pins)  # (2)
    if (after.receipt.index, after.receipt.leaf) != (index, before.receipt.leaf):
        raise ProofInvalid("the ledger answers with the receipt of another entry", index)
    try:
        _check_one_history(before.receipt.checkpoint, after.receipt.checkpoint, ask)  # (3)
    except ProofInvalid as error:
        raise HistoriesDiffer(str(error), text) from None
    if _stands_higher(before, after) or (_bare(kept) and not _bare(text)):  # (4)
        return Refreshed(text, after, replaced=True)
    return Refreshed(kept, before, replaced=False)


def _check_one_history(one: Checkpoint, other: Checkpoint, ask: Ask) -> None:
    old, new = sorted((one, other), key=lambda checkpoint: checkpoint.size)
    if old.size == new.size:
        if old.root != new.root:
            raise ProofInvalid(
                f"the log signed two trees of {old.size} entries: the kept receipt and the answer"
                " prove a fork"
            )
        return
    raw = ask("/v1/consistency", {"old": str(old.size), "new": str(new.size)})
    try:
        check_consistency(old.size, new.size, old.root, new.root, _hashes(raw))
    except ProofInvalid:
        raise ProofInvalid(
            f"the ledger does not show that its tree of {new.size} entries begins with that of"
            f" {old.size}: keep this receipt, and ask for an explanation"
        ) from None


def _hashes(raw: bytes) -> list[bytes]:
    try:
        value = strict_json.loads(raw)
        return [base64.b64decode(encoded, validate=True) for encoded in value["proof"]]
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise ProofInvalid("the answer is no consistency proof") from None


def _stands_higher(before: ReceiptReport, after: ReceiptReport) -> bool:
    held, found = _reached(before), _reached(after)
    if not held <= found:
        return False
    return (len(found), *_voices(after)) > (len(held), *_voices(before))


def _reached(report: ReceiptReport) -> set[str]:
    return {step.rung for step in report.steps if step.state is State.REACHED}


def _voices(report: ReceiptReport) -> tuple[int, int]:
    return len(report.attested.witnesses), len(report.attested.timestamps)


def _bare(text: str) -> bool:
    """Whether the checkpoint of a receipt has one signature, which is then that of the log."""
    return len(note.parse(proof.parse(text).checkpoint).unverified) == 1
