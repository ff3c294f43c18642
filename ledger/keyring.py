"""The keys that may sign events, as the log itself tells it.

A ring is made by applying SigningKeyEnrolled and SigningKeyRevoked in the order of the log. Whether
a key is in force is judged by recorded time only: whoever stole a key can claim any `occurred_at`.
A day counts in Europe/Amsterdam and `valid_until` is its last one; an instant is RFC 3339, and as
`valid_until` the first moment at which the key is no longer in force. What was recorded between
`suspect_since` and the revocation stays, and is suspect. `tests/test_keyring.py`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.errors import Fault, FieldsInvalid, FormRuleViolated, KeyNotInForce
from ledger.small_order import binds_nobody

ADMINISTRATOR = "administrator"
"""The key id of the key that enrols and revokes all keys; the first entry of a log enrols it."""

LEDGER = "ledger"
"""The key id of the ledger's own key."""

ENROLLED = "SigningKeyEnrolled"
REVOKED = "SigningKeyRevoked"
KEY_EVENTS = frozenset({ENROLLED, REVOKED})
"""Event types that take the administrator's signature."""

CHECKPOINT_SIGNED = "CheckpointSigned"
ENTRIES_LOST = "EntriesLost"
OF_THE_LEDGER = frozenset(
    {
        CHECKPOINT_SIGNED,
        ENTRIES_LOST,
        "RecordsInspected",
        "EvidencePackExported",
        "PayloadShredded",
        "AuditorAccessGranted",
        "AuditorAccessExtended",
        "AuditorAccessRevoked",
        "EvidenceRequested",
        "EvidenceProvided",
        "AuditNoteRecorded",
    }
)
"""What the ledger says of itself, of who may read it, and what these ask: no service signs it."""

ALGORITHM = "ed25519"
CIVIL_TIME = ZoneInfo("Europe/Amsterdam")

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2})"
)


@dataclass(frozen=True, slots=True)
class EnrolledKey:
    """A key of a service; `public_key` has 32 bytes, times are UTC.

    None in `event_types` (names: "BreachConfirmed") or `controllers` (ids) means any. `valid_until`
    is the first moment after it; `revoked_at` is when the ledger recorded the revocation.
    """

    key_id: str
    service: str
    public_key: bytes
    event_types: frozenset[str] | None = None
    controllers: frozenset[str] | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    revoked_at: datetime | None = None
    suspect_since: datetime | None = None

    def verifier(self) -> Ed25519PublicKey:
        """The key that checks its signatures."""
        return _verifier(self.public_key)

    def check_in_force(self, at: datetime) -> None:
        """Raises KeyNotInForce unless the key may sign what is recorded at this moment."""
        if self.valid_from is not None and at < self.valid_from:
            raise self._not_in_force("is not yet in force")
        if self.valid_until is not None and at >= self.valid_until:
            raise self._not_in_force("is no longer in force")
        if self.revoked_at is not None and at >= self.revoked_at:
            raise self._not_in_force("was revoked")

    def may_sign(self, type_name: str, system: str) -> bool:
        """Whether the key may be the producer of events of a type, from a system (service)."""
        if system != self.service:
            return False
        if self.key_id == ADMINISTRATOR:
            return True  # it could enrol a key for whatever it may not sign
        if type_name in KEY_EVENTS or (type_name in OF_THE_LEDGER and self.key_id != LEDGER):
            return False
        return self.event_types is None or type_name in self.event_types

    def suspect(self, at: datetime) -> bool:
        """Whether what the key signed, recorded at this moment, may be a thief's."""
        return self.suspect_since is not None and at >= self.suspect_since

    def _not_in_force(self, what: str) -> KeyNotInForce:
        detail = f"key {self.key_id} {what} by the ledger's clock"
        return KeyNotInForce(detail, Fault("/signatures", "key-in-force", detail))


@lru_cache(maxsize=1024)
def _verifier(public_key: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public_key)


class KeyRing:
    """The keys enrolled so far. One thread applies; any may look up."""

    def __init__(self) -> None:
        self._keys: dict[str, EnrolledKey] = {}

    def __iter__(self) -> Iterator[EnrolledKey]:
        return iter(tuple(self._keys.values()))

    def find(self, key_id: str) -> EnrolledKey | None:
        """The key of this id, also when it is no longer in force."""
        return self._keys.get(key_id)

    def apply(self, type_name: str, data: Mapping[str, Any], recorded_at: datetime) -> None:
        """Apply one key event; other events change nothing.

        A key id is enrolled once, and revoked once after that. Raises FormRuleViolated, and
        FieldsInvalid. Who signed the event is the caller's to check.
        """
        if type_name == ENROLLED:
            self._enrol(enrolled_key(data))
        elif type_name == REVOKED:
            self._revoke(data, recorded_at)

    def _enrol(self, key: EnrolledKey) -> None:
        if key.key_id in self._keys:
            raise _misplaced("enrolled-once", "a key of this id was enrolled before", conflict=True)
        self._keys[key.key_id] = key

    def _revoke(self, data: Mapping[str, Any], recorded_at: datetime) -> None:
        key = self._keys.get(_text(data, "key_id"))
        if key is None:
            raise _misplaced("revokes-key", "no key of this id is enrolled", conflict=False)
        if key.revoked_at is not None:
            raise _misplaced("revoked-once", "the key was revoked before", conflict=True)
        suspect_since = _begin(data, "suspect_since")
        self._keys[key.key_id] = replace(key, revoked_at=recorded_at, suspect_since=suspect_since)


def enrolled_key(data: Mapping[str, Any]) -> EnrolledKey:
    """The key of a SigningKeyEnrolled event's data. Raises FieldsInvalid, naming the field."""
    if data.get("algorithm") != ALGORITHM:
        raise _invalid("algorithm", "algorithm", f"must be {ALGORITHM}")
    return EnrolledKey(
        key_id=_text(data, "key_id"),
        service=_text(data, "service"),
        public_key=_public_key(data),
        event_types=_names(data, "event_types"),
        controllers=_names(data, "controller_ids"),
        valid_from=_begin(data, "valid_from"),
        valid_until=_end(data, "valid_until"),
    )


def _public_key(data: Mapping[str, Any]) -> bytes:
    encoded = _text(data, "public_key")
    try:
        raw = base64.b64decode(encoded.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise _invalid("public_key", "base64", "is not standard base64") from None
    if len(raw) != 32 or base64.b64encode(raw).decode() != encoded:
        raise _invalid("public_key", "ed25519", "must be the 32 bytes of an Ed25519 key")
    if binds_nobody(raw):
        raise _invalid("public_key", "small-order", "is a key under which signatures bind nobody")
    return raw


def _text(data: Mapping[str, Any], field: str) -> str:
    value = data.get(field)
    if not isinstance(value, str) or not value:
        raise _invalid(field, "text", "must be text, and not empty")
    return value


def _names(data: Mapping[str, Any], field: str) -> frozenset[str] | None:
    value = data.get(field)
    if value is None:
        return None
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise _invalid(field, "list", "must be a list of texts")
    return frozenset(value)


def _begin(data: Mapping[str, Any], field: str) -> datetime | None:
    return _moment(data, field, days=0)


def _end(data: Mapping[str, Any], field: str) -> datetime | None:
    return _moment(data, field, days=1)


def _moment(data: Mapping[str, Any], field: str, *, days: int) -> datetime | None:
    """The instant, or midnight `days` after the day that a field names."""
    value = data.get(field)
    if value is None:
        return None
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            day = date.fromisoformat(value) + timedelta(days)
            midnight = datetime(day.year, day.month, day.day, tzinfo=CIVIL_TIME)
            return midnight.astimezone(UTC)
        if isinstance(value, str) and _INSTANT.fullmatch(value):
            return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise _invalid(field, "moment", "must be a day (2026-02-14) or an RFC 3339 instant")


def _misplaced(rule: str, detail: str, *, conflict: bool) -> FormRuleViolated:
    return FormRuleViolated(detail, Fault("/data/key_id", rule, detail), conflict=conflict)


def _invalid(field: str, rule: str, detail: str) -> FieldsInvalid:
    return FieldsInvalid(f"/data/{field} {detail}", Fault(f"/data/{field}", rule, detail))
