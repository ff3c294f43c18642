"""The keys of a log over its life, and which of them may sign a tree of which size.

    ledger.example/log+5a6b7c8d+AQ… from 4702
    ledger.example/log+1c2d3e4f+AQ… until 4711

A period is counted in entries, not in time: the size stands in every checkpoint, and a clock would
have to be believed. Here the first key signed all trees up to 4,711 entries and the second those
from 4,702 on, so trees of 4,702 to 4,711 entries carry both signatures, and whoever pinned either
key can verify them. After its last size a key signs nothing that is taken, whoever has it.

The log says itself which keys it has. Its first key is the one it was made with. A new one is
enrolled by an event of the administrator, `SigningKeyEnrolled` for the service `log`, and signs
from the tree that holds this event; an old one is ended by a `SigningKeyRevoked`, and signs up to
the tree before. A key of ML-DSA-44 (type 0x06, C2SP tlog-cosignature) beside them is a second
signer: it stands in `log.vkey` alone, and whoever has it there asks for both signatures.
`tests/test_log_keys.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ledger import checkpoint as checkpoints
from ledger import note
from ledger.checkpoint import Checkpoint
from ledger.cosignature import CosignatureVerifier
from ledger.errors import CheckpointMalformed, NoteMalformed, NoteUnverified
from ledger.keyring import ENROLLED, REVOKED, enrolled_key
from ledger.note import Note, Verifier

LOG = "log"
"""The service of the log's own keys in the events that enrol them."""

MAX_KEYS = 64

_LINE = re.compile(
    r"(?P<vkey>[^ ]+)(?: from (?P<first>[1-9][0-9]{0,18}))?(?: until (?P<last>[1-9][0-9]{0,18}))?"
)


@dataclass(frozen=True, slots=True)
class LogKey:
    """One key of a log: it signs trees of `first` to `last` entries; no last while it is in force.

    `key_id` is its id in the events of the log; None when no event enrolled it.
    """

    verifier: Verifier | CosignatureVerifier
    first: int = 0
    last: int | None = None
    key_id: str | None = None

    @property
    def second(self) -> bool:
        """Whether it signs beside the log's own key, and not in its place."""
        return isinstance(self.verifier, CosignatureVerifier)

    def signs(self, size: int) -> bool:
        """Whether a tree of this size is in its period."""
        return self.first <= size and (self.last is None or size <= self.last)


@dataclass(frozen=True, slots=True)
class LogKeys:
    """The keys of one log. Raises NoteMalformed when they cannot be those of one."""

    keys: tuple[LogKey, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.keys) <= MAX_KEYS:
            raise NoteMalformed(f"a log has 1 to {MAX_KEYS} keys")
        if len({key.verifier.name for key in self.keys}) > 1:
            raise NoteMalformed("the keys of one log have one name")
        if len({key.verifier.vkey for key in self.keys}) < len(self.keys):
            raise NoteMalformed("a key of a log has one period")
        if all(key.second for key in self.keys):
            raise NoteMalformed("a second signer stands beside a key of the log")

    @classmethod
    def of(cls, verifier: Verifier) -> LogKeys:
        """The keys of a log that has one, for all its trees."""
        return cls((LogKey(verifier),))

    @property
    def name(self) -> str:
        """The origin of the log."""
        return self.keys[0].verifier.name

    @property
    def vkey(self) -> str:
        """The newest key, which signs at last."""
        return self.ordered()[0].verifier.vkey

    def ordered(self) -> list[LogKey]:
        """The keys as `log.vkey` has them: newest first, second signers last."""
        return _ordered(self.keys)

    @property
    def first(self) -> Verifier:
        """The key that the log was made with."""
        own = [(k.first, k.verifier) for k in self.keys if isinstance(k.verifier, Verifier)]
        return min(own, key=lambda pair: pair[0])[1]

    def at(self, size: int) -> tuple[LogKey, ...]:
        """The keys that sign a tree of this size, without second signers."""
        return tuple(key for key in self.keys if not key.second and key.signs(size))

    def find(self, key_id: str) -> LogKey | None:
        """The key that the log enrolled under this id."""
        return next((key for key in self.keys if key.key_id == key_id), None)

    def open(self, signed: str) -> Checkpoint:
        """The checkpoint of a note that this log signed.

        (1) The note has a signature of one of these keys, and none of theirs that fails.
        (2) It is a checkpoint of this log.
        (3) One of the keys that signed it is in its period at this size.
        (4) Every second signer that is in its period signed as well.

        Raises NoteMalformed, NoteUnverified and CheckpointMalformed.
        """
        return self._open(signed)[0]

    def signer_of(self, signed: str) -> Verifier:
        """The key that a note of this log rests on: the oldest of those in their period that signed
        it. Whoever stamps or verifies it takes the same. Raises what `open` raises."""
        return self._open(signed)[1]

    def _open(self, signed: str) -> tuple[Checkpoint, Verifier]:
        opened = note.open(signed, [key.verifier for key in self.keys])  # (1)
        checkpoint = checkpoints.parse(opened.text)  # (2)
        if checkpoint.origin != self.name:
            raise CheckpointMalformed("the checkpoint is of another log than its key")
        return checkpoint, self._check_periods(opened, checkpoint.size)  # (3) (4)

    def apply(self, position: int, type_name: str, data: Mapping[str, Any]) -> LogKeys:
        """The keys after an event of the log; `position` counts from 1.

        Only events that enrol or revoke a key of the log change anything. Whether the event may be
        in the log is for `ledger/keyring.py`. Raises FieldsInvalid.
        """
        if type_name == ENROLLED and data.get("service") == LOG:
            key = enrolled_key(data)
            return self._enrol(Verifier(self.name, key.public_key), key.key_id, position)
        ended = self.find(str(data.get("key_id"))) if type_name == REVOKED else None
        if ended is not None and ended.last is None:
            return self._replace(ended, replace(ended, last=position - 1))
        return self

    def _enrol(self, verifier: Verifier, key_id: str, position: int) -> LogKeys:
        for key in self.keys:
            if key.verifier == verifier:  # the first key gets its id this way
                return self if key.key_id else self._replace(key, replace(key, key_id=key_id))
        return LogKeys((*self.keys, LogKey(verifier, position, None, key_id)))

    def _replace(self, old: LogKey, new: LogKey) -> LogKeys:
        return LogKeys(tuple(new if key == old else key for key in self.keys))

    def _check_periods(self, opened: Note, size: int) -> Verifier:
        lines = {(line.name, line.key_id) for line in opened.verified}
        signed = [key for key in self.keys if (self.name, key.verifier.key_id) in lines]
        for key in self.keys:
            if key.second and key.signs(size) and key not in signed:
                raise NoteUnverified(f"the second signer {key.verifier.vkey[:60]}… did not sign")
        own = [key for key in signed if not key.second]
        if not own:
            raise NoteUnverified("only a second signer of the log signed the note")
        in_period = [key.verifier for key in reversed(_ordered(own)) if key.signs(size)]
        for verifier in in_period:
            if isinstance(verifier, Verifier):
                return verifier
        raise NoteUnverified(
            f"a tree of {size} entries is signed by a key outside its period:"
            f" {_format_line(own[0])}"
        )


def parse(text: str) -> LogKeys:
    """The keys of a `log.vkey`, one a line. Raises NoteMalformed for any second spelling."""
    lines = text.removesuffix("\n").split("\n")
    keys = LogKeys(tuple(_parse_line(line) for line in lines[: MAX_KEYS + 1]))
    if format(keys).removesuffix("\n") != text.removesuffix("\n"):
        raise NoteMalformed("the keys of a log come newest first, second signers last")
    return keys


def format(keys: LogKeys) -> str:
    """The keys as lines: newest first, second signers last."""
    return "".join(f"{_format_line(key)}\n" for key in keys.ordered())


def open(signed: str, key: Verifier | LogKeys) -> Checkpoint:
    """The checkpoint of a note that a log signed, by its one key or all its keys.

    Raises what `LogKeys.open` raises.
    """
    return (key if isinstance(key, LogKeys) else LogKeys.of(key)).open(signed)


def signer_of(signed: str, key: Verifier | LogKeys) -> Verifier:
    """The key that a note of a log rests on: its one key, or that of all its keys which
    `LogKeys.signer_of` gives. Raises what that raises."""
    return (key if isinstance(key, LogKeys) else LogKeys.of(key)).signer_of(signed)


def _ordered(keys: Sequence[LogKey]) -> list[LogKey]:
    return sorted(keys, key=lambda key: (key.second, -key.first, key.verifier.vkey))


def _format_line(key: LogKey) -> str:
    first = f" from {key.first}" if key.first else ""
    last = "" if key.last is None else f" until {key.last}"
    return key.verifier.vkey + first + last


def _parse_line(line: str) -> LogKey:
    match = _LINE.fullmatch(line)
    if match is None:
        raise NoteMalformed(
            "a line of keys is a verifier key, and the sizes from and until it signs"
        )
    name, kind, public_key = note.split_vkey(match["vkey"])
    verifier = (
        Verifier(name, public_key)
        if kind == note.ED25519
        else CosignatureVerifier(name, kind, public_key)
    )
    key = LogKey(
        verifier,
        int(match["first"] or 0),
        int(match["last"]) if match["last"] else None,
    )
    if isinstance(verifier, CosignatureVerifier) and kind != note.COSIGNATURE_MLDSA44:
        raise NoteMalformed("a second signer of a log has a key of ML-DSA-44")
    if key.last is not None and key.last < key.first:
        raise NoteMalformed("the period of a key ends before it begins")
    return key
