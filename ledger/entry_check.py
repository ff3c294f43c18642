"""Checks 5, 6, 7 and 9 of a log: what its entries say, taken in order.

The keys come from the log itself: entry 0 enrols the administrator's key and is signed by it, and
every other key is enrolled under the administrator's signature. In memory stay the keys and, for
each entry, its time, the digest of its source and id, and its number under each key that signed it:
about 250 bytes an entry (`tests/test_verify.py` measures it).
"""

from __future__ import annotations

import hashlib
import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from ledger import entry as entries
from ledger import loss, strict_json
from ledger.checks import check
from ledger.entry import Entry
from ledger.envelope import check_signature
from ledger.errors import EntryMalformed, VerificationFailed
from ledger.keyring import ADMINISTRATOR, ENROLLED, KEY_EVENTS, EnrolledKey, KeyRing
from ledger.log_keys import LogKeys
from ledger.loss import Loss
from ledger.numbers import ControllerKeys
from ledger.numbers_check import NumbersCheck

_TYPE = re.compile(r"nl\.verwerkersovereenkomsten\.([a-z0-9]+(?:-[a-z0-9]+)*)\.v[1-9][0-9]*")


@dataclass(frozen=True, slots=True)
class Event:
    """What verification reads of a payload. `type` is the name in the vocabulary."""

    type: str
    source: str
    id: str
    data: dict[str, Any]

    @property
    def system(self) -> str:
        """The service in the source: "helpdesk" of "urn:nld:kvk:12345678:systeem:helpdesk"."""
        return self.source.rpartition(":systeem:")[2]


class EntryCheck:
    """Checks the entries of a log from the first on.

    `log_keys` is the key that the log was made with; the events of the log bring the others.
    """

    def __init__(self, log_keys: LogKeys, controller_keys: ControllerKeys | None = None) -> None:
        self.ring = KeyRing()
        self.log_keys = log_keys
        self.numbers = NumbersCheck(controller_keys)
        self.lost: list[Loss] = []
        self._recorded: list[datetime] = []
        self._ids: set[bytes] = set()
        self._signed: dict[str, array[int]] = {}

    def add(self, index: int, leaf: bytes) -> None:
        """Check the next entry."""
        with check(5, index):
            entry = entries.parse(leaf)
            self._check_time(entry)
        with check(7, index):
            event = read_event(entry.payload)
            self._check_new(event)
        with check(6, index):
            self._check_keys(index, entry, event)
        with check(9, index):
            self.numbers.add(
                index,
                leaf,
                entry.numbers,
                source=event.source,
                id=event.id,
                type=event.type,
                data=event.data,
            )
        if (lost := loss.read(index, event.type, event.data)) is not None:
            self.lost.append(lost)

    @property
    def administrator_key(self) -> bytes | None:
        """The 32 bytes that entry 0 enrols; None before there is one."""
        key = self.ring.find(ADMINISTRATOR)
        return None if key is None else key.public_key

    @property
    def recorded(self) -> tuple[datetime, datetime] | None:
        """The recorded times of the first and the last entry."""
        return (self._recorded[0], self._recorded[-1]) if self._recorded else None

    def suspect(self) -> tuple[int, ...]:
        """The entries that a key signed after it may have been in other hands."""
        return tuple(
            sorted(
                {
                    index
                    for key in self.ring
                    for index in self._signed.get(key.key_id, ())
                    if key.suspect(self._recorded[index])
                }
            )
        )

    def _check_time(self, entry: Entry) -> None:
        if self._recorded and entry.recorded_at < self._recorded[-1]:
            raise EntryMalformed("the entry was recorded before the one in front of it")
        self._recorded.append(entry.recorded_at)

    def _check_new(self, event: Event) -> None:
        named = f"{len(event.source)} {event.source} {event.id}".encode()
        # Half a digest: a false alarm takes 2^64 trials, and can only be raised, never silenced.
        digest = hashlib.sha256(named).digest()[:16]
        if digest in self._ids:
            raise VerificationFailed("the source and id of the event were used before")
        self._ids.add(digest)

    def _check_keys(self, index: int, entry: Entry, event: Event) -> None:
        if index == 0:
            self._begin(event, entry.recorded_at)
        keys = [self._key(signature.keyid) for signature in entry.signatures]
        for key, signature in zip(keys, entry.signatures, strict=True):
            key.check_in_force(entry.recorded_at)
            check_signature(entry.payload, signature, key.verifier())
            self._signed.setdefault(key.key_id, array("Q")).append(index)
        _check_producer(keys, event)
        if index > 0 and event.type in KEY_EVENTS:
            self.ring.apply(event.type, event.data, entry.recorded_at)
            self.log_keys = self.log_keys.apply(index + 1, event.type, event.data)

    def _begin(self, event: Event, recorded_at: datetime) -> None:
        """Entry 0 brings the key that all others come from, so it vouches for itself."""
        if event.type != ENROLLED or event.data.get("key_id") != ADMINISTRATOR:
            raise VerificationFailed("entry 0 does not enrol the key of the administrator")
        self.ring.apply(event.type, event.data, recorded_at)

    def _key(self, key_id: str) -> EnrolledKey:
        key = self.ring.find(key_id)
        if key is None:
            raise VerificationFailed(f"key {key_id!r} was not enrolled before this entry")
        return key


def read_event(payload: bytes) -> Event:
    """What verification needs of a payload. Raises VerificationFailed."""
    try:
        value = strict_json.loads(payload)
    except ValueError:
        raise VerificationFailed("the payload is not JSON that has one reading") from None
    if not isinstance(value, dict):
        raise VerificationFailed("the payload is not a JSON object")
    texts = [value.get(name) for name in ("type", "source", "id")]
    if not all(isinstance(text, str) and text for text in texts):
        raise VerificationFailed("the payload has no type, source and id")
    data = value.get("data")
    if not isinstance(data, dict):
        raise VerificationFailed("the payload has no data")
    topic, source, identifier = map(str, texts)
    return Event(type_name(topic), source, identifier, data)


@lru_cache(maxsize=1024)
def type_name(topic: str) -> str:
    """`BreachConfirmed` of `nl.verwerkersovereenkomsten.breach-confirmed.v1`.

    Raises VerificationFailed for a type that is not of this vocabulary.
    """
    match = _TYPE.fullmatch(topic)
    if match is None:
        raise VerificationFailed("the type of the event is not of this vocabulary")
    return "".join(word.capitalize() for word in match[1].split("-"))


def _check_producer(keys: Sequence[EnrolledKey], event: Event) -> None:
    """One of the signers may produce this event from this source; the others countersign."""
    if not any(key.may_sign(event.type, event.system) for key in keys):
        raise VerificationFailed(f"none of its keys may sign a {event.type} from {event.source}")
