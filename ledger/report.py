"""What verifying a log showed, what that rests on, and what it does not show.

A report is read by people who must know how far to trust it, so every sentence of it is true of
this run: a key that was merely found beside the log is never called the log's own. Receipts have a
report of their own (`ledger/receipt_report.py`). `tests/test_verify.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.x509 import Certificate

from ledger import ladder
from ledger.checkpoint import Checkpoint
from ledger.checks import CHECKS
from ledger.entry_check import EntryCheck
from ledger.ladder import Attested, Rung, State, Step
from ledger.log_keys import LogKey
from ledger.loss import Loss
from ledger.note import Verifier
from ledger.policy import Policy


@dataclass(frozen=True, slots=True)
class Pins:
    """What the caller knows from elsewhere; what is None is taken from the log itself.

    `vkey` is the log's verifier key, `administrator_key` 32 bytes, `kept` signed checkpoints of
    this log from earlier: the caller's own, a witness's, or those in receipts. `policy` says which
    witnesses count, `certificates` which time-stamping authorities do, and `producers` are public
    keys (32 bytes) of which one must have signed the event of a receipt. `numbers_secret` are the
    32 bytes that the numbers of all controllers are checked with.
    """

    vkey: str | None = None
    administrator_key: bytes | None = None
    kept: Sequence[str] = ()
    policy: Policy | None = None
    certificates: Sequence[Certificate] = ()
    producers: Sequence[bytes] = ()
    numbers_secret: bytes | None = None


@dataclass(frozen=True, slots=True)
class Passed:
    """A check that was made, and one sentence of what it showed."""

    number: int
    name: str
    showed: str


@dataclass(frozen=True, slots=True)
class Report:
    """What verification showed of a log of `size` entries with this root.

    `administrator_key` is 32 bytes, None for an empty log; `recorded` are the times of the first
    and last entry; `suspect` the indexes of entries whose key may have been in other hands; `lost`
    what the log says of entries that it lost. `steps` are the rungs of the ladder
    (`ledger/ladder.py`), for the log as a whole; `contradictions` what cannot all be true.
    """

    origin: str
    size: int
    root: bytes
    vkey: str
    administrator_key: bytes | None
    recorded: tuple[datetime, datetime] | None
    suspect: tuple[int, ...]
    lost: tuple[Loss, ...]
    passed: tuple[Passed, ...]
    steps: tuple[Step, ...]
    attested: Attested
    contradictions: tuple[str, ...]
    rests_on: tuple[str, ...]
    does_not_show: tuple[str, ...]


def make(
    checkpoint: Checkpoint,
    verifier: Verifier,
    story: EntryCheck,
    pins: Pins,
    kept: Sequence[Checkpoint],
    attested: Attested,
    successor: LogKey | None = None,
) -> Report:
    """The report of a verification that passed; `kept` are the opened ones of `pins`, `attested` is
    what others say of the checkpoint, `successor` the key that took the place of the pinned one."""
    recorded = story.recorded
    return Report(
        origin=checkpoint.origin,
        size=checkpoint.size,
        root=checkpoint.root,
        vkey=verifier.vkey,
        administrator_key=story.administrator_key,
        recorded=recorded,
        suspect=story.suspect(),
        lost=tuple(story.lost),
        passed=_passed(checkpoint, story, pins, kept, successor),
        steps=_steps(checkpoint, story, attested),
        attested=attested,
        contradictions=tuple(ladder.contradiction(recorded[1], attested) if recorded else ()),
        rests_on=_rests_on(verifier, story.administrator_key, pins, kept, attested, successor),
        does_not_show=_does_not_show(pins, kept, attested),
    )


def _passed(
    checkpoint: Checkpoint,
    story: EntryCheck,
    pins: Pins,
    kept: Sequence[Checkpoint],
    successor: LogKey | None,
) -> tuple[Passed, ...]:
    size = checkpoint.size
    showed = {
        1: "The key took the place of the pinned one."
        if successor
        else "The key is the pinned one."
        if pins.vkey
        else "The key was found beside the log, and nothing else speaks for it.",
        2: f"The key of {checkpoint.origin} signed a tree of {size} entries.",
        3: f"All {size} entries are there, byte for byte what the tiles commit to.",
        4: "The tiles, from the entries up, give the root that was signed.",
        5: "No entry has a second spelling, and none was recorded before its predecessor.",
        6: f"All signatures are by the {sum(1 for _ in story.ring)} keys that the log enrols.",
        7: f"The {size} entries are {size} different events.",
        8: f"The log begins with the trees of {len(kept)} kept checkpoints.",
        9: story.numbers.showed(),
    }
    if not kept:
        del showed[8]
    if not story.numbers.numbered:
        del showed[9]
    return tuple(Passed(number, CHECKS[number], text) for number, text in showed.items())


def _steps(checkpoint: Checkpoint, story: EntryCheck, attested: Attested) -> tuple[Step, ...]:
    size, keys = checkpoint.size, sum(1 for _ in story.ring)
    signed = f"The {size} entries are signed by keys that the log enrols ({keys})."
    included = f"The tree that the log's key signed is made of exactly these {size} entries."
    return (
        Step(Rung.SIGNED, State.REACHED, signed),
        Step(Rung.INCLUDED, State.REACHED, included),
        attested.witnessed,
        attested.timestamped,
    )


def _rests_on(
    verifier: Verifier,
    administrator: bytes | None,
    pins: Pins,
    kept: Sequence[Checkpoint],
    attested: Attested,
    successor: LogKey | None,
) -> tuple[str, ...]:
    how = _origin_of_pin(pins.vkey)
    if successor is not None:
        how = (
            "which the administrator put in the place of the pinned one for trees of"
            f" {successor.first} entries and more; a kept checkpoint by the pinned one leads to it"
        )
    sentences = [f"The log's key {verifier.vkey}, {how}."]
    if administrator is not None:
        sentences.append(
            f"The administrator's key with SHA-256 {hashlib.sha256(administrator).hexdigest()},"
            f" {_origin_of_pin(pins.administrator_key)}."
        )
    sizes = ", ".join(str(earlier.size) for earlier in kept)
    sentences.append(
        f"Checkpoints kept from earlier, of sizes {sizes}." if kept else "No earlier checkpoint."
    )
    sentences += ladder.trusted(attested, pins.policy)
    return (*sentences, ladder.algorithms(attested))


def _origin_of_pin(pinned: object) -> str:
    return "first seen in this log" if pinned is None else "pinned by the caller"


def _does_not_show(pins: Pins, kept: Sequence[Checkpoint], attested: Attested) -> tuple[str, ...]:
    sentences = [
        "That what the events say is true: only who signed it, and that it is unchanged since.",
        "That every event was submitted: what was never recorded leaves no trace.",
        *ladder.beyond(attested),
        "That a key was in the hands of its owner, outside the entries listed as suspect.",
        "That fields are those of the vocabulary, keys signed for their own controllers only, or"
        " the agreement was kept.",
        "Anything about files that this checkpoint does not cover.",
    ]
    if pins.vkey is None:
        sentences.append("That this is the log you mean: its key was found beside it.")
    if pins.administrator_key is None:
        sentences.append("Whose key the administrator's is: compare its SHA-256 with the owner's.")
    if kept:
        newest = max(earlier.size for earlier in kept)
        sentences.append(
            f"That what follows the first {newest} entries is what was recorded first: no kept"
            " checkpoint covers it."
        )
    else:
        sentences.append(
            "That no history came before: a log cut or written anew looks the same when no earlier"
            " checkpoint is at hand."
        )
    return tuple(sentences)
