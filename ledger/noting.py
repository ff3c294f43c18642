"""The ledger notes itself: an event of its own with the checkpoint so far, on a schedule.

A CheckpointSigned event says how large the log is and what its root is, and its entry commits to
the latest number of every controller (`ledger/numbers.py`): up to it, a controller can be shown
that nothing of its own was left out. Also when nothing happened: then it shows that. Months and
days begin in civil time of Europe/Amsterdam. Two processes that note the same checkpoint record it
once, since its size is the id of the event. `tests/test_noting.py`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, time
from enum import StrEnum

from ledger import own_events
from ledger.background import Background
from ledger.errors import IdAlreadyUsed, Refused
from ledger.events import versions
from ledger.keyring import CHECKPOINT_SIGNED, CIVIL_TIME
from ledger.keys import SigningKey
from ledger.opening import Ledger
from ledger.reader import Reader, StoredEntry

LOG_KEY = "log"
"""The id in these events of the key that signs checkpoints."""

NOTES = [event_type.topic for event_type in versions(CHECKPOINT_SIGNED)]

LOOK = 60.0
"""Seconds after which the service looks again whether a note is due."""


class Every(StrEnum):
    """How often the ledger notes itself."""

    MONTH = "month"
    DAY = "day"
    HOUR = "hour"


def note(ledger: Ledger, key: SigningKey) -> int:
    """Append a CheckpointSigned of the latest checkpoint, signed by the ledger's own key; its
    index, also when another process noted the same checkpoint meanwhile.

    Raises Refused and Unavailable.
    """
    stored = ledger.reader.checkpoint()
    said = ledger.log_keys().open(stored.note)
    # Of twelve digits: nine by themselves could be taken for a citizen service number.
    id = f"checkpoint-{said.size:012}"
    data = {
        "tree_size": said.size,
        "root": base64.b64encode(said.root).decode(),
        "key_id": LOG_KEY,
    }
    event = own_events.sign(ledger, key, CHECKPOINT_SIGNED, id, ledger.clock(), data)
    (answer,) = ledger.append([event])
    if isinstance(answer, IdAlreadyUsed):
        return last_noted(ledger.reader).position - 1
    if isinstance(answer, Refused):
        raise answer
    return answer.index


def last_noted(reader: Reader) -> StoredEntry:
    """The entry in which the ledger last noted itself; its first one when it never did."""
    return reader.last(NOTES) or reader.entry(0)


def begin_of(moment: datetime, every: Every) -> datetime:
    """The begin of the month, day or hour that a moment is in, in UTC."""
    if every is Every.HOUR:
        return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    day = moment.astimezone(CIVIL_TIME).date()
    if every is Every.MONTH:
        day = day.replace(day=1)
    return datetime.combine(day, time(), CIVIL_TIME).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a note is due: when a month, day or hour began after the last one, or `most` entries
    came after it."""

    every: Every
    most: int


class Noter(Background):
    """Notes the ledger in the background whenever it is due, until it is closed."""

    def __init__(
        self, ledger: Ledger, key: SigningKey, schedule: Schedule, *, look: float = LOOK
    ) -> None:
        self._ledger = ledger
        self._key = key
        self._schedule = schedule
        super().__init__("noting the checkpoint", self._note_if_due, look)

    def _note_if_due(self) -> None:
        last = last_noted(self._ledger.reader)
        is_due = begin_of(self._ledger.clock(), self._schedule.every) > last.recorded_at
        if is_due or self._ledger.reader.size() - last.position >= self._schedule.most:
            note(self._ledger, self._key)
