"""Whether the export for one controller is complete, checked offline.

What it shows: before the entry in which the ledger commits to the numbers of all controllers, every
entry that has a number for this controller is in the export. Entries after that are shown to be in
the log; that none lacks among those is not. Nothing but the standard library and `cryptography` is
needed. `tests/test_completeness.py` plays the operator who leaves one out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ledger import checkpoint as checkpoints
from ledger import controller_export as exports
from ledger import entry as entries
from ledger import log_keys, note, numbers
from ledger import receipt as receipts
from ledger.checkpoint import Checkpoint
from ledger.concerned import named
from ledger.controller_export import Head, Line
from ledger.controller_key import ControllerKey
from ledger.entry import Entry
from ledger.entry_check import read_event
from ledger.errors import ExportMalformed, Incomplete, ProofInvalid, VerificationFailed
from ledger.keyring import CHECKPOINT_SIGNED
from ledger.log_keys import LogKeys
from ledger.merkle import check_inclusion, leaf_hash
from ledger.note import Verifier
from ledger.numbers import BEGIN, State
from ledger.receipt import Receipt
from ledger.tags import tags_of

Lines = Iterable[bytes]
"""The lines of an export, each with its end."""


@dataclass(frozen=True, slots=True)
class Pins:
    """What the controller knows from elsewhere; what is None is taken from the export itself.

    `vkey` is the log's verifier key, `key` the controller's own. The ledger must have committed at
    `since` or later. `receipts`, `checkpoints` (signed notes) and `earlier` exports are what it
    kept of this log.
    """

    vkey: str | None = None
    key: ControllerKey | None = None
    since: datetime | None = None
    receipts: Sequence[str] = ()
    checkpoints: Sequence[str] = ()
    earlier: Sequence[Lines] = ()


@dataclass(frozen=True, slots=True)
class Complete:
    """What an export was found to be: all `entries` of a controller among the first `covered` of
    the log, and `later` ones under the checkpoint.

    At `committed_at` the ledger committed to the former; `first` is the event type of number 1,
    `recorded_at` the latest time here, and `state` how far the sequence is with all that is here.
    """

    head: Head
    checkpoint: Checkpoint
    covered: int
    committed_at: datetime
    entries: int
    later: int
    first: str
    recorded_at: datetime
    state: State


def verify(lines: Lines, pins: Pins | None = None) -> Complete:
    """Check an export.

    (1) It is an export in the one spelling, and of the pinned controller's key.
    (2) The log's key, which is the pinned one, signed the checkpoint.
    (3) Every entry is in the log, and they come in its order.
    (4) Their numbers are 1, 2, 3 … and each entry commits to its number for this controller, and to
        the entries before it.
    (5) In the entry after the first line the ledger commits to the latest number of this controller
        and to the entries up to it: those of the export that come before.
    (6) What was kept agrees: no checkpoint is of a larger log, the export begins with every earlier
        one, and has every entry that a kept receipt shows and that names the controller.

    Raises Incomplete, which names the first number that lacks, and other VerificationFailed. The
    producers' signatures take the keys that the whole log enrols; they are not checked.
    """
    pins = pins or Pins()
    parsed = (exports.parse(line) for line in lines)  # (1)
    head, latest = next(parsed, None), next(parsed, None)
    if not isinstance(head, Head) or not isinstance(latest, Line) or not latest.latest:
        raise ExportMalformed("an export begins with whose it is, and how far the ledger commits")
    checkpoint = checkpoints.open(head.checkpoint, _verifier(head, pins))  # (2)
    walk = _Walk(head, checkpoint, latest, _Kept(head, checkpoint, pins))
    for line in parsed:
        if not isinstance(line, Line) or line.latest:
            raise ExportMalformed("after the first two lines an export has entries and no more")
        walk.take(line)
    found = walk.end()
    if pins.since is not None and found.committed_at < pins.since:
        raise VerificationFailed(
            f"the ledger committed to the numbers at {found.committed_at.isoformat()}, before"
            f" {pins.since.isoformat()}: ask for a newer export"
        )
    return found


class _Walk:
    """What is known of an export up to a line."""

    def __init__(self, head: Head, checkpoint: Checkpoint, latest: Line, kept: _Kept) -> None:
        self._head = head
        self._checkpoint = checkpoint
        self._latest = latest
        self._kept = kept
        self._index = -1
        self._state = BEGIN
        self._first = ""
        self._covered: State | None = None
        noted = self._included(latest)
        if read_event(noted.payload).type != CHECKPOINT_SIGNED:
            raise VerificationFailed(
                f"in entry {latest.index} the ledger commits to no latest numbers", latest.index
            )
        self._noted = noted
        self._recorded_at = noted.recorded_at

    def take(self, line: Line) -> None:
        wanted = self._state.number + 1
        if line.number > wanted:  # (4)
            raise self._missing(wanted)
        if line.number < wanted:
            raise VerificationFailed(
                f"number {line.number} of {self._head.controller} comes twice or too late",
                line.index,
            )
        if line.index <= self._index:  # (3)
            raise VerificationFailed(
                f"entry {line.index} does not follow the one before it here", line.index
            )
        if line.index >= self._latest.index and self._covered is None:
            self._check_latest()
        entry = self._included(line)
        self._open(line, entry, numbers.at_entry(line.index), State(wanted, self._state.chain))
        if wanted == 1:
            self._first = read_event(entry.payload).type
        self._index = line.index
        self._recorded_at = max(self._recorded_at, entry.recorded_at)
        self._state = State(wanted, numbers.extend(self._state.chain, leaf_hash(line.leaf)))
        self._kept.see(line, self._state)

    def end(self) -> Complete:
        covered = self._covered or self._check_latest()
        self._kept.end(self._state, self._latest.index)
        return Complete(
            self._head,
            self._checkpoint,
            self._latest.index,
            self._noted.recorded_at,
            covered.number,
            self._state.number - covered.number,
            self._first,
            self._recorded_at,
            self._state,
        )

    def _check_latest(self) -> State:
        """(5), once every entry before it was taken."""
        latest, here = self._latest, self._state
        if latest.number > here.number:
            raise self._missing(here.number + 1)
        self._open(latest, self._noted, numbers.latest_at(latest.index), here)
        self._covered = here
        return here

    def _included(self, line: Line) -> Entry:
        """(3)"""
        size, root = self._checkpoint.size, self._checkpoint.root
        try:
            check_inclusion(line.index, size, leaf_hash(line.leaf), line.inclusion, root)
            return entries.parse(line.leaf)
        except VerificationFailed as error:
            raise ProofInvalid(f"entry {line.index}: {error}", line.index) from None

    def _open(self, line: Line, entry: Entry, place: str, state: State) -> None:
        """(4) (5)"""
        who = self._head.controller
        if entry.numbers is None:
            raise ProofInvalid(f"entry {line.index} carries no numbers", line.index)
        what = "the latest number of" if line.latest else "its number for"
        try:
            numbers.check(entry.numbers, self._head.key, place, state, line.opening)
        except ProofInvalid:
            raise ProofInvalid(
                f"entry {line.index} does not commit to {state.number} as {what} {who} after the"
                " entries before it here: one was left out, put in, changed or moved",
                line.index,
            ) from None

    def _missing(self, number: int) -> Incomplete:
        return Incomplete(f"number {number} of {self._head.controller} is not in the export")


class _Kept:
    """What the controller kept of this log, beside what it is shown now: check (6)."""

    def __init__(self, head: Head, checkpoint: Checkpoint, pins: Pins) -> None:
        self._controller = head.controller
        # What was kept may be signed by a key that the log had before: the pinned ones say which.
        known = log_keys.parse(pins.vkey or head.vkey)
        self._receipts = self._open(known, pins.receipts)
        own = ControllerKey(known.name, head.controller, head.key)
        earlier = [verify(lines, Pins(pins.vkey or head.vkey, own)) for lines in pins.earlier]
        self._states: dict[int, set[State]] = {}
        for found in earlier:
            self._states.setdefault(found.state.number, set()).add(found.state)
        for kept in (
            *(known.open(text) for text in pins.checkpoints),
            *(receipt.checkpoint for receipt in self._receipts.values()),
            *(found.checkpoint for found in earlier),
        ):
            if kept.size > checkpoint.size:
                raise VerificationFailed(
                    f"the export is of a log of {checkpoint.size} entries and a kept checkpoint of"
                    f" {kept.size}: the log was cut, or this is an old export"
                )
            if kept.size == checkpoint.size and kept.root != checkpoint.root:
                raise VerificationFailed(
                    f"a kept checkpoint of {kept.size} entries has another root: the two prove a"
                    " fork"
                )

    def see(self, line: Line, state: State) -> None:
        receipt = self._receipts.pop(line.index, None)
        if receipt is not None and receipt.leaf != line.leaf:
            raise VerificationFailed(
                f"a kept receipt of entry {line.index} has another entry", line.index
            )
        if self._states.pop(state.number, {state}) != {state}:
            raise VerificationFailed(
                f"the export does not begin with an earlier one: up to number {state.number} of"
                f" {self._controller} that had other entries",
                line.index,
            )

    def end(self, state: State, covered: int) -> None:
        if self._states:
            raise Incomplete(
                f"an earlier export has {max(self._states)} entries of {self._controller}, and"
                f" this one has {state.number}"
            )
        for index, receipt in sorted(self._receipts.items()):
            if index < covered and self._controller in _names(receipt):
                raise Incomplete(
                    f"entry {index}, of which a receipt was kept, names {self._controller} and is"
                    " not in the export",
                    index,
                )

    @staticmethod
    def _open(known: LogKeys, texts: Sequence[str]) -> dict[int, Receipt]:
        opened: dict[int, Receipt] = {}
        for text in texts:
            receipt = receipts.check(text, known)
            first = opened.setdefault(receipt.index, receipt)
            if first.leaf != receipt.leaf:
                raise VerificationFailed(
                    f"two kept receipts of entry {receipt.index} disagree", receipt.index
                )
        return opened


def _verifier(head: Head, pins: Pins) -> Verifier:
    pinned = log_keys.parse(pins.vkey or head.vkey)
    if head.vkey not in {key.verifier.vkey for key in pinned.keys}:
        raise VerificationFailed("the export is of a log with another key than the pinned one")
    verifier = note.parse_vkey(head.vkey)
    own = pins.key
    if own is not None and (own.origin, own.controller) != (verifier.name, head.controller):
        raise VerificationFailed(
            f"the export is for {head.controller} of {verifier.name}, and the key is of"
            f" {own.controller} of {own.origin}"
        )
    if own is not None and own.key != head.key:
        raise VerificationFailed(
            f"the export is made with another key of {head.controller} than the one kept: its"
            " numbers are of another sequence"
        )
    return verifier


def _names(receipt: Receipt) -> set[str]:
    event = read_event(receipt.entry.payload)
    return named(tags_of(event.source, event.id, event.type, event.data))
