"""Which key may sign what, and when: derived from the key events of the log, in their order.

A key is enrolled once and revoked at most once. Whether it is in force is judged by the moment the
*ledger* recorded an event, never by what the event claims: a thief can back-date (scenario N1).
What a key signed between `suspect_since` and its revocation stays, and is marked suspect.
`tests/test_keyring.py`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.errors import Fault, KeyNotInForce

ADMINISTRATOR = "administrator"
"""The key id of the administrator key, which the first entry of every log enrols."""

LEDGER = "ledger"
"""The key id and the service of the ledger's own key."""

ENROLLED = "SigningKeyEnrolled"
REVOKED = "SigningKeyRevoked"
KEY_EVENTS = frozenset({ENROLLED, REVOKED})

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


@dataclass(frozen=True, slots=True)
class EnrolledKey:
    """A key of a service. None in `event_types` or `controllers` means any; times are UTC-aware,
    `revoked_at` is when the ledger recorded the revocation."""

    key_id: str
    service: str
    public_key: bytes
    event_types: frozenset[str] | None = None
    controllers: frozenset[str] | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    revoked_at: datetime | None = None
    suspect_since: datetime | None = None

    def check_in_force(self, at: datetime) -> None:
        """Raises KeyNotInForce unless the key may sign what is recorded at this moment."""
        if self.valid_from is not None and at < self.valid_from:
            raise self._not_in_force("is not in force yet")
        if self.valid_until is not None and at >= self.valid_until:
            raise self._not_in_force("is no longer in force")
        if self.revoked_at is not None and at >= self.revoked_at:
            raise self._not_in_force("was revoked")

    def suspect(self, at: datetime) -> bool:
        """Whether an event recorded at this moment may be a thief's."""
        return self.suspect_since is not None and at >= self.suspect_since

    def verifier(self) -> Ed25519PublicKey:
        """The key that checks its signatures."""
        return Ed25519PublicKey.from_public_bytes(self.public_key)

    def _not_in_force(self, what: str) -> KeyNotInForce:
        return KeyNotInForce(
            f"key {self.key_id!r} {what} by the ledger's clock",
            Fault("/signatures", "key-in-force", what),
        )


class KeyRing:
    """The keys of a log after some of its key events."""

    def __init__(self) -> None:
        self._keys: dict[str, EnrolledKey] = {}

    def find(self, key_id: str) -> EnrolledKey | None:
        """The key of this id, also when it is no longer in force."""
        return self._keys.get(key_id)

    def __iter__(self) -> Iterator[EnrolledKey]:
        return iter(list(self._keys.values()))

    def apply(self, event: str, data: Mapping[str, Any], recorded_at: datetime) -> None:
        """Take in one key event, by its type name and data. Raises ValueError when it does not
        fit: a key enrolled twice, or revoked without being enrolled."""
        key_id = data["key_id"]
        if event == ENROLLED:
            if key_id in self._keys:
                raise ValueError(f"key {key_id!r} is enrolled already")
            self._keys[key_id] = enrolled(data)
        else:
            key = self._keys.get(key_id)
            if key is None or key.revoked_at is not None:
                raise ValueError(f"key {key_id!r} is not enrolled, or revoked already")
            suspect = begin(data["suspect_since"]) if "suspect_since" in data else None
            self._keys[key_id] = replace(key, revoked_at=recorded_at, suspect_since=suspect)


def enrolled(data: Mapping[str, Any]) -> EnrolledKey:
    """The key of a `SigningKeyEnrolled`. Raises ValueError."""
    public_key = base64.b64decode(data["public_key"], validate=True)
    if len(public_key) != 32:
        raise ValueError("an Ed25519 public key has 32 bytes")
    return EnrolledKey(
        data["key_id"],
        data["service"],
        public_key,
        _some(data.get("event_types")),
        _some(data.get("controller_ids")),
        begin(data["valid_from"]) if "valid_from" in data else None,
        end(data["valid_until"]) if "valid_until" in data else None,
    )


def begin(text: str) -> datetime:
    """The first moment of a date in Europe/Amsterdam, or the instant."""
    return _moment(text, timedelta())


def end(text: str) -> datetime:
    """The first moment after a date in Europe/Amsterdam, or the instant."""
    return _moment(text, timedelta(days=1))


def _moment(text: str, days: timedelta) -> datetime:
    if len(text) == len("2026-02-14"):
        return datetime.combine(date.fromisoformat(text) + days, time(), AMSTERDAM)
    return datetime.fromisoformat(text)


def _some(values: Any) -> frozenset[str] | None:
    return None if values is None else frozenset(values)
