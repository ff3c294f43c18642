"""Admission: what is checked of an event before the ledger takes it, one error for each check.

     1  size                                            TooLarge
     2  shape of the envelope (DSSE)                    EnvelopeMalformed
     3  every signing key is known                      UnknownKey
     4  and in force by the ledger's clock              KeyNotInForce            (again at 13)
     5  every signature is over the exact bytes         SignatureInvalid
     6  shape of the CloudEvent                         CloudEventMalformed
     7  known event type                                UnknownEventType
     8  fields                                          FieldsInvalid
     9  not in the future                               OccurredInFuture
    10  a signer may sign this, for these controllers   NotAuthorisedToSign
    11  no personal data in clear                       PersonalDataInClear
    12  the entry fits in the log, with its numbers     TooLarge
    --- under the lock of the head (`ledger/form_rules.py`) ---
    13  keys still in force, parties known              KeyNotInForce, PartyUnknown
    14  source and id new                               IdAlreadyUsed
    15  fits the events of its case                     FormRuleViolated

Cheap checks come first, and nothing is parsed that was not signed. What violates the agreement is
not refused. `tests/test_admission.py` has an attack for each number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ledger import cloudevent, entry, envelope, personal_data
from ledger.cloudevent import CloudEvent
from ledger.entry import NUMBERS
from ledger.envelope import Envelope
from ledger.errors import (
    Fault,
    NotAuthorisedToSign,
    OccurredInFuture,
    PersonalDataInClear,
    TooLarge,
    UnknownKey,
)
from ledger.keyring import ADMINISTRATOR, KEY_EVENTS, LEDGER, OF_THE_LEDGER, EnrolledKey
from ledger.sealed_text import sealed_in
from ledger.tags import SEALED, controllers_of

FindKey = Callable[[str], EnrolledKey | None]


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, and how far the clocks of producers may run ahead of the ledger's."""

    envelope: int = 65_536
    future: timedelta = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Admitted:
    """An event that passed the checks which need no lock."""

    envelope: Envelope
    event: CloudEvent
    tags: tuple[str, ...]
    controllers: tuple[str, ...]

    def sealed(self) -> list[tuple[str, str]]:
        """Where it holds sealed text, and the names of the keys."""
        if not any(tag.startswith(f"{SEALED}:") for tag in self.tags):
            return []
        return list(sealed_in(self.event.raw["data"], "/data"))


def admit(raw: bytes, find_key: FindKey, now: datetime, limits: Limits) -> Admitted:
    """Checks 1 to 12. Raises the Refused of the first that fails."""
    if len(raw) > limits.envelope:  # (1)
        raise TooLarge(f"the envelope has {len(raw)} bytes; at most {limits.envelope} are taken")
    signed = envelope.parse(raw)  # (2)
    keys = [_known(find_key, signature.keyid) for signature in signed.signatures]  # (3)
    for key in keys:  # (4)
        key.check_in_force(now)
    for key, signature in zip(keys, signed.signatures, strict=True):  # (5)
        envelope.check_signature(signed.payload, signature, key.verifier())
    event = cloudevent.parse(signed.payload)  # (6) (7) (8)
    _check_time(event, now, limits.future)  # (9)
    controllers = controllers_of(event.type.name, event.raw["data"])
    _check_authority(event, controllers, keys)  # (10)
    check_personal_data(event)  # (11)
    entry.format(entry.Entry(now, signed.payload, signed.signatures, bytes(NUMBERS)))  # (12)
    return Admitted(signed, event, event.tags(), controllers)


def _known(find_key: FindKey, key_id: str) -> EnrolledKey:
    key = find_key(key_id)
    if key is None:
        fault = Fault("/signatures", "known-key", "no key of this id is enrolled")
        raise UnknownKey("a signature names a key that is not enrolled", fault)
    return key


def _check_time(event: CloudEvent, now: datetime, tolerance: timedelta) -> None:
    for name, moment in (("occurredat", event.occurred_at), ("time", event.time)):
        if moment > now + tolerance:
            detail = f"lies more than {tolerance.total_seconds():.0f} s after the ledger's clock"
            raise OccurredInFuture(f"{name} {detail}", Fault(f"/{name}", "not-in-future", detail))


def _check_authority(
    event: CloudEvent, controllers: tuple[str, ...], keys: list[EnrolledKey]
) -> None:
    """One of the signers is a producer of this event; the others countersign."""
    reasons = [_reason_against(event, controllers, key) for key in keys]
    if all(reason is not None for reason in reasons):
        first = next(reason for reason in reasons if reason is not None)
        raise NotAuthorisedToSign(f"the key may not sign this: {first.detail}", first)


def _reason_against(
    event: CloudEvent, controllers: tuple[str, ...], key: EnrolledKey
) -> Fault | None:
    name = event.type.name
    if key.service != event.system:
        return Fault("/source", "own-source", "the source is of another service than the key")
    if key.key_id == ADMINISTRATOR:
        return None  # it could enrol a key for whatever it may not sign
    if name in KEY_EVENTS:
        return Fault("/type", "administrator-only", "only the administrator enrols or revokes keys")
    if name in OF_THE_LEDGER and key.key_id != LEDGER:
        return Fault("/type", "ledger-only", "only the ledger itself records this")
    if key.event_types is not None and name not in key.event_types:
        return Fault("/type", "own-types", "the key was not enrolled for this event type")
    if key.controllers is not None and not key.controllers.issuperset(controllers):
        return Fault("/data", "own-controllers", "the key was not enrolled for this controller")
    return None


def check_personal_data(event: CloudEvent) -> None:
    """Check 11. Raises PersonalDataInClear, which names every place."""
    found = personal_data.find(event.raw, event.type)
    if found:
        faults = [Fault(p.pointer, p.kind, f"holds what looks like {NAMES[p.kind]}") for p in found]
        places = ", ".join(sorted({fault.field for fault in faults}))
        raise PersonalDataInClear(
            f"personal data in clear at {places}; use a token or pseudonym, or seal it", *faults
        )


NAMES = {
    personal_data.BSN: "a BSN",
    personal_data.EMAIL: "an e-mail address",
    personal_data.PHONE: "a telephone number",
}
