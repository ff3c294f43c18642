"""What the export for one controller shows, what that rests on, and what it does not show.

The sentences are true of this run only, as in `ledger/report.py`: a key that was merely found in
the export is never called the controller's own. How far the checkpoint stands up is told by the
rungs of `ledger/ladder.py`. `tests/test_completeness_report.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.x509 import Certificate

from ledger import completeness, ladder, note
from ledger.completeness import Complete, Lines, Pins
from ledger.ladder import Attested, Rung, State, Step
from ledger.policy import Policy

REGISTERED = "ControllerRegistered"
"""The event that a sequence begins with: nothing is taken about a controller before it."""


@dataclass(frozen=True, slots=True)
class CompletenessReport:
    """What checking an export showed."""

    found: Complete
    steps: tuple[Step, ...]
    attested: Attested
    contradictions: tuple[str, ...]
    rests_on: tuple[str, ...]
    does_not_show: tuple[str, ...]


def check(
    lines: Lines,
    pins: Pins,
    policy: Policy | None = None,
    certificates: Sequence[Certificate] = (),
) -> CompletenessReport:
    """Check an export, and decide how far its checkpoint stands up.

    Raises Incomplete when an entry of the controller lacks, and other VerificationFailed.
    """
    found = completeness.verify(lines, pins)
    head = found.head
    verifier = note.parse_vkey(head.vkey)
    attested = ladder.look_up(head.checkpoint, verifier, policy, certificates)
    return CompletenessReport(
        found=found,
        steps=(_signed(), _included(found), attested.witnessed, attested.timestamped),
        attested=attested,
        contradictions=tuple(ladder.contradiction(found.recorded_at, attested)),
        rests_on=_rests_on(found, pins, policy, attested),
        does_not_show=_does_not_show(found, pins, attested),
    )


def headline(found: Complete) -> str:
    """The answer in a few words."""
    who, origin = found.head.controller, found.checkpoint.origin
    return f"all {found.entries} entries of {who} among the first {found.covered} of {origin}"


def committed(found: Complete) -> list[str]:
    """Up to where, and what comes after, a sentence each."""
    at = ladder.moment(found.committed_at)
    sentences = [f"The ledger committed to that in entry {found.covered}, recorded {at}."]
    if found.later:
        sentences.append(
            f"{found.later} later entries of {found.head.controller} are here and in the log;"
            " others of them may be left out."
        )
    return sentences


def _signed() -> Step:
    return Step(
        Rung.SIGNED,
        State.NOT_DECIDED,
        "The signatures of the producers were not checked: that takes the whole log.",
    )


def _included(found: Complete) -> Step:
    return Step(
        Rung.INCLUDED,
        State.REACHED,
        f"All of them are in the tree of {found.checkpoint.size} entries that the key of"
        f" {found.checkpoint.origin} signed.",
    )


def _rests_on(
    found: Complete, pins: Pins, policy: Policy | None, attested: Attested
) -> tuple[str, ...]:
    kept = len(pins.receipts) + len(pins.checkpoints) + len(pins.earlier)
    return (
        f"The log's key {found.head.vkey}, {_origin_of_pin(pins.vkey)}.",
        f"The key of {found.head.controller}, {_origin_of_pin(pins.key)}.",
        f"{kept} files kept from earlier." if kept else "Nothing that was kept from earlier.",
        *ladder.trusted(attested, policy),
        ladder.algorithms(attested),
    )


def _does_not_show(found: Complete, pins: Pins, attested: Attested) -> tuple[str, ...]:
    who = found.head.controller
    sentences = [
        f"That everything about {who} was recorded: what was never recorded has no number.",
        f"That every entry about {who} was given its number: whoever reads the whole log, with the"
        " secret of its numbers, finds one that was passed over.",
        f"That nothing is left out from entry {found.covered} on: ask for a newer export.",
        "That what the events say is true: only that it is unchanged since.",
        *ladder.beyond(attested),
    ]
    if pins.vkey is None:
        sentences.append("That this is the log you mean: its key was found in the export.")
    if pins.key is None:
        sentences.append(
            f"That there is no second sequence of {who} under another key: keep the key that you"
            " were given first, and check with that."
        )
    if found.first != REGISTERED:
        sentences.append(
            f"What was recorded about {who} before its number 1, which is a {found.first}."
        )
    return tuple(sentences)


def _origin_of_pin(pinned: object) -> str:
    return "found in the export, and pinned by nobody" if pinned is None else "pinned by you"
