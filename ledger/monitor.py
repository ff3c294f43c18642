"""Following a log: what it says now, beside everything it said before.

Nobody needs to be trusted for this, and nothing but checkpoints and hashes is read: no entries. At
every look the latest checkpoint is compared with the last one that was kept, and with those that
the caller holds from elsewhere (receipts of producers, checkpoints of other monitors):

    of one size              the roots are the same
    larger                   the hashes lead from the one to the other (RFC 9162 2.1.4)
    smaller                  the log went backwards: an old copy answers, or it was set back

Since each kept checkpoint was found to begin with the one before, the last one stands for all. Two
that contradict each other make a proof of misbehaviour (`ledger/misbehaviour.py`), which convinces
others too. A log that merely does not show the hashes proves nothing, and is an alarm all the same:
whoever withholds a proof may have none. `tests/test_monitor.py` is the server that lies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from ledger import checkpoint as checkpoints
from ledger import log_keys, misbehaviour, note, tiles
from ledger.checkpoint import Checkpoint
from ledger.errors import LogUnreadable, VerificationFailed
from ledger.log_keys import LogKeys
from ledger.merkle import HashReader
from ledger.misbehaviour import Misbehaviour
from ledger.tiles import Tile
from ledger.verify import CHECKPOINT, VKEY, Fetch


class Kind(StrEnum):
    """What a monitor can find."""

    MISBEHAVIOUR = "misbehaviour"
    NOT_SHOWN = "not-shown"
    BACKWARDS = "backwards"
    NOT_SIGNED = "not-signed"
    STANDS_STILL = "stands-still"
    KEYS_CHANGED = "keys-changed"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong: what kind, in words, and the proof where there is one."""

    kind: Kind
    detail: str
    proof: Misbehaviour | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A signed checkpoint, and when this monitor first saw it."""

    at: datetime
    signed: str


@dataclass(frozen=True, slots=True)
class State:
    """What a monitor keeps: checkpoints, each the beginning of the next, and the keys that were
    last seen beside the log (the text of `log.vkey`; None before the first)."""

    seen: tuple[Seen, ...] = ()
    beside: str | None = None

    def thinned(self, newest: int = 100) -> State:
        """Without what is not needed: the newest stay, and of the others the last of each day."""
        old, new = self.seen[:-newest], self.seen[-newest:]
        days = {seen.at.date(): seen for seen in old}
        return replace(self, seen=(*days.values(), *new))


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found, the latest checkpoint where it was one of the log, and the state after.

    `grown` tells whether the log has more entries than ever before.
    """

    state: State
    latest: Checkpoint | None
    grown: bool
    findings: tuple[Finding, ...]


class Monitor:
    """Looks at one log with pinned keys. `elsewhere` are signed checkpoints that others kept; a log
    that does not grow for `still_after` is reported."""

    def __init__(
        self,
        keys: LogKeys,
        *,
        elsewhere: Sequence[str] = (),
        still_after: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._keys = keys
        self._elsewhere = tuple(elsewhere)
        self._still_after = still_after
        self._clock = clock

    def look(self, fetch: Fetch, state: State) -> Look:
        """Look once. Raises nothing of what the log may do; that is what it finds."""
        found: list[Finding] = []
        latest, grown = None, False
        try:
            state = self._look_at_keys(fetch, state, found)
            signed = note.decode(fetch(CHECKPOINT))
            latest = self._keys.open(signed)
            grown = self._compare(fetch, signed, latest, state, found)
            if grown:
                seen = (*state.seen, Seen(self._clock(), signed))
                state = replace(state, seen=seen).thinned()
        except FileNotFoundError:
            found.append(Finding(Kind.UNREADABLE, "there is no checkpoint"))
        except LogUnreadable as error:
            found.append(Finding(Kind.UNREADABLE, str(error)))
        except VerificationFailed as error:
            found.append(
                Finding(Kind.NOT_SIGNED, f"what is there is no checkpoint of this log: {error}")
            )
        found.extend(self._stands_still(state))
        return Look(state, latest, grown, tuple(found))

    def _look_at_keys(self, fetch: Fetch, state: State, found: list[Finding]) -> State:
        """The keys beside the log are not trusted; that they change is worth knowing."""
        try:
            text = note.decode(fetch(VKEY))
            beside = log_keys.parse(text)
        except FileNotFoundError:
            return state
        except VerificationFailed as error:
            found.append(Finding(Kind.KEYS_CHANGED, f"{VKEY} beside the log: {error}"))
            return state
        if state.beside is None and beside.keys == self._keys.keys:
            return replace(state, beside=text)
        if text != state.beside:
            found.append(
                Finding(
                    Kind.KEYS_CHANGED,
                    f"the log shows these keys now:\n{text.rstrip()}\nIf its operator announced"
                    " that, verify the whole log with what you have pinned, and pin the new keys.",
                )
            )
        return replace(state, beside=text)

    def _compare(
        self, fetch: Fetch, signed: str, latest: Checkpoint, state: State, found: list[Finding]
    ) -> bool:
        """Compare with what was kept; whether the log has grown beyond it, consistently."""
        before = len(found)
        last = state.seen[-1].signed if state.seen else None
        for kept in dict.fromkeys((*([] if last is None else [last]), *self._elsewhere)):
            found.extend(self._between(fetch, kept, signed, state, mine=kept == last))
        if len(found) > before:
            return False
        return last is None or latest.size > self._keys.open(last).size

    def _between(
        self, fetch: Fetch, kept: str, signed: str, state: State, *, mine: bool
    ) -> Sequence[Finding]:
        one, other = self._keys.open(kept), self._keys.open(signed)
        whose = "this monitor kept" if mine else "somebody else kept"
        proof = self._known_size(other, signed, state)
        if proof is None:
            try:
                size = max(one.size, other.size)
                proof = misbehaviour.between(kept, signed, self._keys, _reader(fetch, size))
            except (FileNotFoundError, LogUnreadable, VerificationFailed) as error:
                return [_not_shown(one, other, whose, error)]
        if proof is not None:
            return [_contradiction(proof, one, other, whose)]
        if other.size < one.size:
            return [
                Finding(
                    Kind.BACKWARDS,
                    f"the log shows a tree of {other.size} entries, and {whose} one of {one.size}:"
                    " an old copy answers, or the log was set back",
                )
            ]
        return []

    def _known_size(self, latest: Checkpoint, signed: str, state: State) -> Misbehaviour | None:
        """Two roots of a size that was seen before need no hashes of the log to be compared."""
        for seen in state.seen:
            kept = checkpoints.parse(note.parse(seen.signed).text)
            if kept.size == latest.size and kept.root != latest.root:
                return Misbehaviour(self._keys, seen.signed, signed)
        return None

    def _stands_still(self, state: State) -> Sequence[Finding]:
        if not state.seen:
            return []
        last = state.seen[-1]
        quiet = self._clock() - last.at
        if quiet <= self._still_after:
            return []
        size = self._keys.open(last.signed).size
        return [
            Finding(
                Kind.STANDS_STILL,
                f"nothing new since {last.at:%Y-%m-%d %H:%M} UTC, when the log had {size} entries",
            )
        ]


def _contradiction(proof: Misbehaviour, one: Checkpoint, other: Checkpoint, whose: str) -> Finding:
    return Finding(
        Kind.MISBEHAVIOUR,
        f"the log signed two histories: a tree of {one.size} entries that {whose}, and one of"
        f" {other.size} that it shows now, cannot both be true",
        proof,
    )


def _not_shown(one: Checkpoint, other: Checkpoint, whose: str, error: Exception) -> Finding:
    reason = f"{error} is not there" if isinstance(error, FileNotFoundError) else str(error)
    return Finding(
        Kind.NOT_SHOWN,
        f"the log does not show that the tree of {one.size} entries that {whose} and the one of"
        f" {other.size} that it shows now are one history: {reason}",
    )


def _reader(fetch: Fetch, size: int) -> HashReader:
    return tiles.hash_reader(
        lambda level, index, width: fetch(tiles.path(Tile(level, index, width))), size
    )
