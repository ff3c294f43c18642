"""Who read what: what is asked over HTTP becomes an event of the ledger (11.1; GDPR 28(3)(h)).

The first time in an hour that somebody reads a register, or is refused it, is recorded within a
second; what the same reader asks of the same register in that hour after that is counted, and
recorded when the hour is over, or the service ends. So a burst of questions makes two events, and a
crash loses a count and not who read what. An export is recorded each time, with the digest of what
was sent. The questions themselves are not recorded, since they may name a controller: `query_hash`
is SHA-256 over them, a line each, so that whoever has the service's log can show that they are the
ones. Reading goes on where nothing can be recorded. `tests/test_inspections.py`.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from ledger import own_events
from ledger.background import Background
from ledger.cloudevent import write_instant
from ledger.errors import Refused
from ledger.keys import SigningKey
from ledger.opening import Ledger
from ledger.roles import Holder

RECORDS_INSPECTED = "RecordsInspected"
EVIDENCE_PACK_EXPORTED = "EvidencePackExported"

UNKNOWN = "unknown"
"""The reader of a request without a token that is in force."""

LOOK = 1.0
"""Seconds between looks at what is to be recorded."""

AT_ONCE = 20
"""Events that are appended together."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Inspection:
    """A question that was answered, or refused: who asked what (None: nobody known), in the words
    of the request, and the size of the log that the answer rests on, where it says so."""

    reader: Holder | None
    register: str
    query: str
    refused: bool = False
    unsealed: bool = False
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """A file that was sent to somebody: what it covers, its SHA-256 unless it was broken off, and
    the size of the log that it rests on."""

    reader: Holder
    scope: str
    sha256: str | None
    size: int


@dataclass(frozen=True, slots=True)
class _Asked:
    """Whose questions, about what, are recorded together."""

    reader: str
    role: str
    register: str
    refused: bool
    unsealed: bool


class _Questions:
    """The questions of one reader about one register that are not recorded yet."""

    def __init__(self, at: datetime) -> None:
        self.first = self.last = at
        self.count = 0
        self.size: int | None = None
        self._digest = hashlib.sha256()

    def add(self, at: datetime, asked: Inspection) -> None:
        self.last = at
        self.count += 1
        self.size = asked.size if asked.size is not None else self.size
        self._digest.update(asked.query.encode("utf-8", "surrogatepass") + b"\n")

    @property
    def query_hash(self) -> str:
        return self._digest.hexdigest()


class Inspections(Background):
    """Records who reads a ledger, until it is closed; what was still counted is recorded then."""

    def __init__(self, ledger: Ledger, key: SigningKey, *, look: float = LOOK) -> None:
        self._ledger = ledger
        self._key = key
        self._lock = threading.Lock()
        self._counted: dict[_Asked, _Questions] = {}
        self._recorded: dict[_Asked, datetime] = {}
        self._unsent: list[bytes] = []
        super().__init__("recording who reads", self.record, look)

    def note(self, asked: Inspection) -> None:
        """Take notice of one question; waits for nothing."""
        at = self._ledger.clock()
        reader = asked.reader
        who = (UNKNOWN, "none") if reader is None else (reader.name, str(reader.role))
        key = _Asked(*who, asked.register, asked.refused, asked.unsealed)
        with self._lock:
            self._counted.setdefault(key, _Questions(at)).add(at, asked)

    def exported(self, export: Export) -> None:
        """Take notice of a file that was sent."""
        data: dict[str, Any] = {
            "reader": export.reader.name,
            "pack_id": f"export-{secrets.token_hex(8)}",
            "scope": export.scope,
            "ledger_position": export.size,
        }
        if export.sha256 is not None:
            data["manifest_sha256"] = export.sha256
        signed = self._sign(EVIDENCE_PACK_EXPORTED, self._ledger.clock(), data)
        with self._lock:
            self._unsent.append(signed)

    def record(self, *, all: bool = False) -> None:
        """Append what is due, or everything. Raises LedgerError and psycopg's errors; what was not
        appended is kept for the next time."""
        hour = _hour(self._ledger.clock())
        with self._lock:
            self._recorded = {k: h for k, h in self._recorded.items() if h == hour}
            for key, questions in list(self._counted.items()):
                if all or self._recorded.get(key) != _hour(questions.first):
                    self._unsent.append(self._inspected(key, questions))
                    self._recorded[key] = _hour(questions.first)
                    del self._counted[key]
        while self._unsent:
            sent = self._unsent[:AT_ONCE]
            for answer in self._ledger.append(sent):
                if isinstance(answer, Refused):  # it would be refused again
                    log.error("who read cannot be recorded", reason=str(answer))
            with self._lock:
                del self._unsent[: len(sent)]

    def close(self) -> None:
        """Record what is left, and stop."""
        super().close()
        self.attempt(lambda: self.record(all=True))

    def _inspected(self, key: _Asked, questions: _Questions) -> bytes:
        data: dict[str, Any] = {
            "reader": key.reader,
            "projection": key.register,
            "role": key.role,
            "query_hash": questions.query_hash,
        }
        if questions.count > 1:
            data |= {"count": questions.count, "until": write_instant(questions.last)}
        if questions.size is not None:
            data["ledger_position"] = questions.size
        if key.refused:
            data["refused"] = True
        if key.unsealed:
            data["unsealed"] = True
        return self._sign(RECORDS_INSPECTED, questions.first, data)

    def _sign(self, type: str, at: datetime, data: dict[str, Any]) -> bytes:
        id = f"{type}-{secrets.token_hex(8)}"
        return own_events.sign(self._ledger, self._key, type, id, at, data)


@contextmanager
def recording(ledger: Ledger) -> Iterator[Inspections | None]:
    """Record who reads until the block ends; None where the ledger records nothing by itself."""
    key = ledger.own_key()
    if key is None:
        yield None
        return
    inspections = Inspections(ledger, key)
    try:
        yield inspections
    finally:
        inspections.close()


def _hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
