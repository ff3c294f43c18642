"""Checking a report on paper: a PDF that has attached what it says, and what proves it.

    report.json     what the pages show, and on which events it rests
    report.note     the log's statement about it (`ledger/statement.py`)
    checkpoint      the signed note of the tree that it rests on
    events.jsonl    those events that its reader may see, with their proofs (`ledger/proven.py`)

(1) These four are attached, and nothing else.
(2) The key of the log, which is the pinned one, signed the checkpoint and the report.
(3) The report rests on the tree of the checkpoint.
(4) Every attached event is in that tree, and among those that the report says it rests on.
(5) The pages are what the report gives: set again, the PDF is the same, byte for byte.

How a PDF is taken apart and set again is in `projections/exports/report.py`.
`tests/test_report.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ledger import ladder, log_keys, note, proven, statement
from ledger.checkpoint import Checkpoint
from ledger.errors import NoteMalformed, ProofInvalid, ReportMalformed
from ledger.ladder import Attested, Rung, State, Step
from ledger.log_keys import LogKeys
from ledger.report import Pins
from ledger.statement import Kind, Statement

REPORT = "report.json"
SIGNED = "report.note"
CHECKPOINT = "checkpoint"
EVENTS = "events.jsonl"

ATTACHED = (REPORT, SIGNED, CHECKPOINT, EVENTS)

LARGEST = 64 * 1024 * 1024
"""Bytes of a report."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a report says of itself: its title, the size and root (hex) of the tree it rests on, the
    key of the log, and the leaf indexes of the events it rests on."""

    title: str
    size: int
    root: str
    vkey: str
    rests_on: Sequence[int]


@dataclass(frozen=True, slots=True)
class PaperReport:
    """What checking a report showed; `attached` of the events it rests on are with it. `pages` says
    what was found of them, and `same` whether they were compared."""

    said: Said
    checkpoint: Checkpoint
    attached: int
    pages: str
    same: bool
    steps: tuple[Step, ...]
    attested: Attested
    contradictions: tuple[str, ...]
    rests_on: tuple[str, ...]
    does_not_show: tuple[str, ...]


def check(
    files: Mapping[str, bytes],
    pins: Pins,
    read: Callable[[bytes], Said],
    again: Callable[[], str | None],
) -> PaperReport:
    """Check what is attached to a report, as its names and bytes.

    `read` gives what the report says. `again` sets the pages again, and raises VerificationFailed
    when they are others; it gives the reason where they cannot be set here. Raises
    VerificationFailed.
    """
    if missing := {*ATTACHED} - files.keys():  # (1)
        raise ReportMalformed(f"{min(missing)} is not attached: this report proves nothing")
    if more := files.keys() - {*ATTACHED}:
        raise ReportMalformed(f"{min(more)} is attached, and belongs to no report")
    said = read(files[REPORT])
    keys = _keys(pins, said)
    signed = note.decode(files[CHECKPOINT])
    checkpoint = keys.open(signed)  # (2)
    about = Statement.of(Kind.REPORT, checkpoint.origin, checkpoint.size, files[REPORT])
    statement.open(note.decode(files[SIGNED]), about, keys)
    if said.root != checkpoint.root.hex() or said.size > checkpoint.size:  # (3)
        raise ReportMalformed("the report rests on another tree than the attached checkpoint")
    attached = _check_events(files[EVENTS], checkpoint, said)  # (4)
    reason = again()  # (5)
    verifier = keys.signer_of(signed)
    attested = ladder.look_up(signed, verifier, pins.policy, pins.certificates)
    pages = "The pages are what the report gives: set again, they are the same, byte for byte."
    return PaperReport(
        said=said,
        checkpoint=checkpoint,
        attached=attached,
        pages=reason or pages,
        same=reason is None,
        steps=(
            _signed(),
            _included(checkpoint, attached),
            attested.witnessed,
            attested.timestamped,
        ),
        attested=attested,
        contradictions=(),
        rests_on=(
            f"The log's key {verifier.vkey},"
            f" {'pinned by you' if pins.vkey else 'found in the report, and pinned by nobody'}.",
            *ladder.trusted(attested, pins.policy),
            ladder.algorithms(attested),
        ),
        does_not_show=_does_not_show(said, attached, pins, attested, reason),
    )


def showed(report: PaperReport) -> list[str]:
    """What the checks showed, a sentence each."""
    said = report.said
    return [
        f"The key of {report.checkpoint.origin} signed the report, which rests on the first"
        f" {said.size} entries.",
        f"{report.attached} of the {len(said.rests_on)} events that it rests on are attached, and"
        " in the log.",
        report.pages,
    ]


def _keys(pins: Pins, said: Said) -> LogKeys:
    try:
        return log_keys.parse(pins.vkey or said.vkey)
    except NoteMalformed:
        raise ReportMalformed("the key of the log in the report is none") from None


def _check_events(lines: bytes, checkpoint: Checkpoint, said: Said) -> int:
    wanted = {*said.rests_on}
    index, attached = -1, 0
    for line in lines.splitlines(keepends=True):
        entry = proven.parse(line)
        if entry.index <= index or entry.index >= said.size or entry.index not in wanted:
            raise ProofInvalid(f"entry {entry.index} has no place in the report", entry.index)
        entry.check(checkpoint)
        index = entry.index
        attached += 1
    return attached


def _signed() -> Step:
    return Step(
        Rung.SIGNED,
        State.NOT_DECIDED,
        "The signatures of the producers were not checked: that takes the whole log.",
    )


def _included(checkpoint: Checkpoint, attached: int) -> Step:
    return Step(
        Rung.INCLUDED,
        State.REACHED,
        f"The {attached} attached events are in the tree of {checkpoint.size} entries that the key"
        f" of {checkpoint.origin} signed, as it signed the report.",
    )


def _does_not_show(
    said: Said, attached: int, pins: Pins, attested: Attested, reason: str | None
) -> tuple[str, ...]:
    sentences = [
        "That the report follows from its events: that is the log's word, signed with its key. An"
        " evidence pack of the whole ledger shows it.",
        "That no event was left out of what it rests on.",
        *ladder.beyond(attested),
    ]
    hidden = len(said.rests_on) - attached
    if hidden:
        sentences.append(
            f"What {hidden} of the events say that it rests on: they are not attached, as whoever"
            " asked for the report may not read them."
        )
    if reason is not None:
        sentences.append("That the pages show what is attached: read report.json.")
    if pins.vkey is None:
        sentences.append("That this is the log you mean: its key was found in the report.")
    return tuple(sentences)
