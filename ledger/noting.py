"""The ledger notes itself: an event of its own with the checkpoint so far, on a schedule.

A CheckpointSigned event says how large the log is and what its root is, and its entry commits to
the latest number of every controller (`ledger/numbers.py`): up to it, a controller can be shown
that nothing of its own was left out. Also when nothing happened: then it shows that. Months and
days begin in civil time of Europe/Amsterdam. Two processes that note the same checkpoint record it
once, since its size is the id of the event. `tests/test_noting.py`.
"""

from __future__ import annotations

import base64
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, time
from enum import StrEnum

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from ledger import cloudevent, envelope
from ledger.errors import IdAlreadyUsed, LedgerError, Refused
from ledger.events import versions
from ledger.keyring import CHECKPOINT_SIGNED, CIVIL_TIME, LEDGER
from ledger.keys import SigningKey
from ledger.opening import Ledger
from ledger.reader import Reader, StoredEntry

LOG_KEY = "log"
"""The id in these events of the key that signs checkpoints."""

NOTES = [event_type.topic for event_type in versions(CHECKPOINT_SIGNED)]

LOOK = 60.0
"""Seconds after which the service looks again whether a note is due."""

log = structlog.get_logger(__name__)


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
    now = ledger.clock()
    payload = cloudevent.format(
        # Of twelve digits: nine by themselves could be taken for a citizen service number.
        id=f"checkpoint-{said.size:012}",
        source=ledger.own_source(LEDGER),
        type=CHECKPOINT_SIGNED,
        time=now,
        occurred_at=now,
        data={
            "tree_size": said.size,
            "root": base64.b64encode(said.root).decode(),
            "key_id": LOG_KEY,
        },
    )
    (answer,) = ledger.append([envelope.format(key.sign(payload))])
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


class Noter:
    """Notes the ledger in the background whenever it is due, until it is closed.

    What fails is logged and tried again at the next look: appending goes on without it.
    """

    def __init__(
        self, ledger: Ledger, key: SigningKey, schedule: Schedule, *, look: float = LOOK
    ) -> None:
        self._ledger = ledger
        self._key = key
        self._schedule = schedule
        self._look = look
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="noter", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop after the running note."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                if self._is_due():
                    note(self._ledger, self._key)
            except (LedgerError, psycopg.Error, PoolTimeout) as error:
                log.warning("the checkpoint could not be noted", error=repr(error))
            self._closing.wait(self._look)

    def _is_due(self) -> bool:
        last = last_noted(self._ledger.reader)
        if begin_of(self._ledger.clock(), self._schedule.every) > last.recorded_at:
            return True
        return self._ledger.reader.size() - last.position >= self._schedule.most
