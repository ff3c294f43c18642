"""Admission: an attack for each numbered check, and each refused by its own error."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger import cloudevent, envelope, errors, keys
from ledger.admission import Admitted, Limits, admit
from ledger.envelope import Envelope, Signature
from ledger.keyring import KeyRing
from ledger.keys import SigningKey

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
KVK = "12345678"
INSTRUCTION = {"instruction_id": "I-1", "controller_id": "C1", "channel": "email"}


class Producers:
    """Keys of some services, as a log enrols them."""

    def __init__(self) -> None:
        self.ring = KeyRing()
        self.keys: dict[str, SigningKey] = {}
        self.enrol("administrator", "administrator")
        self.enrol("ledger", "ledger")
        self.enrol("k-help", "helpdesk")
        self.enrol("k-crm", "crm")

    def enrol(self, key_id: str, service: str, **more: Any) -> None:
        self.keys[key_id] = keys.make_key(key_id)
        data = {**self.keys[key_id].enrolment(service), **more}
        self.ring.apply("SigningKeyEnrolled", data, NOW - timedelta(days=30))

    def admit(self, raw: bytes, **limits: Any) -> Admitted:
        return admit(raw, self.ring.find, NOW, Limits(**limits))


@pytest.fixture
def producers() -> Producers:
    return Producers()


def payload(
    type_: str = "InstructionReceived",
    data: dict[str, Any] | None = None,
    *,
    service: str = "helpdesk",
    occurred: datetime = NOW,
    time: datetime = NOW,
    id_: str = "e-1",
) -> bytes:
    return cloudevent.format(
        id=id_,
        source=f"urn:nld:kvk:{KVK}:systeem:{service}",
        type=type_,
        time=time,
        occurred_at=occurred,
        data=INSTRUCTION if data is None else data,
    )


def signed(key: SigningKey, content: bytes) -> bytes:
    return envelope.format(key.sign(content))


def test_a_good_event_is_admitted(producers: Producers) -> None:
    """With its controllers and tags."""
    admitted = producers.admit(signed(producers.keys["k-help"], payload()))
    assert admitted.controllers == ("C1",)
    assert "instruction:I-1" in admitted.tags


def oversized(p: Producers) -> bytes:
    return signed(p.keys["k-help"], payload()) + b" " * 65_536


def not_an_envelope(p: Producers) -> bytes:
    return payload()


def other_type(p: Producers) -> bytes:
    return signed(p.keys["k-help"], payload()).replace(b"cloudevents", b"otherthings")


def a_stranger(p: Producers) -> bytes:
    return signed(keys.make_key("k-stranger"), payload())


def known_id_other_key(p: Producers) -> bytes:
    return signed(keys.make_key("k-help"), payload())


def changed_after_signing(p: Producers) -> bytes:
    made = p.keys["k-help"].sign(payload())
    other = Envelope(made.payload.replace(b"C1", b"C2"), made.payload_type, made.signatures)
    return envelope.format(other)


def one_of_two_signatures_bad(p: Producers) -> bytes:
    made = p.keys["k-help"].sign(payload())
    bad = Signature("k-crm", bytes(64))
    return envelope.format(Envelope(made.payload, made.payload_type, (*made.signatures, bad)))


def not_a_cloudevent(p: Producers) -> bytes:
    return signed(p.keys["k-help"], b'{"hello": "world"}')


def unknown_type(p: Producers) -> bytes:
    return signed(p.keys["k-help"], payload().replace(b"received.v1", b"received.v9"))


def missing_field(p: Producers) -> bytes:
    return signed(p.keys["k-help"], payload(data={"instruction_id": "I-1"}))


def tomorrow(p: Producers) -> bytes:
    return signed(p.keys["k-help"], payload(occurred=NOW + timedelta(days=1)))


def made_tomorrow(p: Producers) -> bytes:
    return signed(p.keys["k-help"], payload(time=NOW + timedelta(days=1)))


def source_of_another(p: Producers) -> bytes:
    return signed(p.keys["k-help"], payload(service="crm"))


def a_service_enrols_a_key(p: Producers) -> bytes:
    data = keys.make_key("k-own").enrolment("helpdesk")
    return signed(p.keys["k-help"], payload("SigningKeyEnrolled", data))


def a_service_notes_a_checkpoint(p: Producers) -> bytes:
    return signed(p.keys["k-help"], payload("CheckpointSigned", {}))


def a_bsn(p: Producers) -> bytes:
    return signed(p.keys["k-help"], payload(data={**INSTRUCTION, "summary_nl": "BSN 111222333"}))


def an_address(p: Producers) -> bytes:
    return signed(p.keys["k-help"], payload(data={**INSTRUCTION, "sender_claimed": "a@b.nl"}))


def a_number(p: Producers) -> bytes:
    return signed(p.keys["k-help"], payload(data={**INSTRUCTION, "summary_nl": "bel 0612345678"}))


ATTACKS: list[tuple[int, Callable[[Producers], bytes], type[errors.Refused], str]] = [
    (1, oversized, errors.TooLarge, ""),
    (2, not_an_envelope, errors.EnvelopeMalformed, "/payload"),
    (2, other_type, errors.EnvelopeMalformed, "/payloadType"),
    (3, a_stranger, errors.UnknownKey, "/signatures"),
    (5, known_id_other_key, errors.SignatureInvalid, "/signatures"),
    (5, changed_after_signing, errors.SignatureInvalid, "/signatures"),
    (5, one_of_two_signatures_bad, errors.SignatureInvalid, "/signatures"),
    (6, not_a_cloudevent, errors.CloudEventMalformed, "/specversion"),
    (7, unknown_type, errors.UnknownEventType, "/type"),
    (8, missing_field, errors.FieldsInvalid, "/data/controller_id"),
    (9, tomorrow, errors.OccurredInFuture, "/occurredat"),
    (9, made_tomorrow, errors.OccurredInFuture, "/time"),
    (10, source_of_another, errors.NotAuthorisedToSign, "/source"),
    (10, a_service_enrols_a_key, errors.NotAuthorisedToSign, "/type"),
    (10, a_service_notes_a_checkpoint, errors.NotAuthorisedToSign, "/type"),
    (11, a_bsn, errors.PersonalDataInClear, "/data/summary_nl"),
    (11, an_address, errors.PersonalDataInClear, "/data/sender_claimed"),
    (11, a_number, errors.PersonalDataInClear, "/data/summary_nl"),
]


@pytest.mark.parametrize(
    ("number", "attack", "error", "pointer"), ATTACKS, ids=lambda v: getattr(v, "__name__", None)
)
def test_each_check_refuses_its_attack(
    producers: Producers,
    number: int,
    attack: Callable[[Producers], bytes],
    error: type[errors.Refused],
    pointer: str,
) -> None:
    """By its own error, with a pointer to the place, and without repeating what was sent."""
    with pytest.raises(error) as refused:
        producers.admit(attack(producers))
    assert type(refused.value) is error
    if pointer:
        assert refused.value.faults[0].field.startswith(pointer)
    told = f"{refused.value} {refused.value.faults}"
    for secret in ("111222333", "a@b.nl", "0612345678"):
        assert secret not in told


def test_the_clock_that_counts_is_the_ledgers(producers: Producers) -> None:
    """A key that is not yet, or no longer, in force is refused whatever the event claims (4)."""
    producers.enrol("k-new", "newsletter", valid_from="2026-04-01")
    producers.enrol("k-old", "newsletter", valid_until="2026-02-01")
    producers.enrol("k-gone", "newsletter")
    producers.ring.apply("SigningKeyRevoked", {"key_id": "k-gone"}, NOW - timedelta(days=1))
    for key_id in ("k-new", "k-old", "k-gone"):
        back_dated = payload(service="newsletter", occurred=NOW - timedelta(days=20))
        with pytest.raises(errors.KeyNotInForce):
            producers.admit(signed(producers.keys[key_id], back_dated))


def test_clocks_may_differ_a_little(producers: Producers) -> None:
    """The tolerance is a setting; just within passes, just beyond does not."""
    ahead = signed(producers.keys["k-help"], payload(occurred=NOW + timedelta(seconds=30)))
    assert producers.admit(ahead, future=timedelta(seconds=30))
    with pytest.raises(errors.OccurredInFuture):
        producers.admit(ahead, future=timedelta(seconds=29))


def test_a_key_signs_only_the_types_and_controllers_it_was_enrolled_for(
    producers: Producers,
) -> None:
    """Its own source is not enough."""
    producers.enrol(
        "k-mail", "mail", event_types=["InstructionReceived"], controller_ids=["C1", "C2"]
    )
    key = producers.keys["k-mail"]
    assert producers.admit(signed(key, payload(service="mail")))
    other = payload(service="mail", data={**INSTRUCTION, "controller_id": "C3"})
    with pytest.raises(errors.NotAuthorisedToSign, match="controller"):
        producers.admit(signed(key, other))
    verified = {"instruction_id": "I-1", "controller_id": "C1"}
    with pytest.raises(errors.NotAuthorisedToSign, match="event type"):
        producers.admit(signed(key, payload("InstructionVerified", verified, service="mail")))


def test_a_controller_can_countersign(producers: Producers) -> None:
    """A second signature by a known key is checked and kept; one signer may be the producer."""
    producers.enrol("k-c1", "controller-c1")
    made = producers.keys["k-help"].sign(payload())
    second = producers.keys["k-c1"].sign(made.payload).signatures
    both = Envelope(made.payload, made.payload_type, (*made.signatures, *second))
    admitted = producers.admit(envelope.format(both))
    assert [s.keyid for s in admitted.envelope.signatures] == ["k-help", "k-c1"]
    alone = Envelope(made.payload, made.payload_type, second)
    with pytest.raises(errors.NotAuthorisedToSign):
        producers.admit(envelope.format(alone))


def test_the_first_check_that_fails_answers(producers: Producers) -> None:
    """A stranger with a bad event learns only that its key is unknown."""
    with pytest.raises(errors.UnknownKey):
        producers.admit(signed(keys.make_key("k-stranger"), b"{}"))
    with pytest.raises(errors.SignatureInvalid):
        producers.admit(signed(keys.make_key("k-help"), b"{}"))


def test_url_safe_base64_is_read_as_well(producers: Producers) -> None:
    """DSSE asks verifiers to take both alphabets."""
    raw = json.loads(
        signed(producers.keys["k-help"], payload(data={**INSTRUCTION, "summary_nl": "é>?"}))
    )
    raw["payload"] = base64.urlsafe_b64encode(base64.b64decode(raw["payload"])).decode()
    assert producers.admit(json.dumps(raw).encode())


def test_an_entry_that_would_not_fit_is_refused_before_the_lock(producers: Producers) -> None:
    """Quotes double when text is quoted; with many countersignatures the entry grows too large."""
    facts = {f"k{n}": '"' * 3900 for n in range(4)}
    data = {"breach_id": "B-1", "update_no": 1, "delivered_to": [], "changed_facts": facts}
    facts["k4"] = '"' * (
        (cloudevent.MAX_PAYLOAD - len(payload("BreachUpdateIssued", data))) // 2 - 5
    )
    made = producers.keys["k-help"].sign(payload("BreachUpdateIssued", data))
    assert producers.admit(envelope.format(made))
    for number in range(15):
        producers.enrol(f"k-{number}", "countersigner")
    more = [producers.keys[f"k-{n}"].sign(made.payload).signatures[0] for n in range(15)]
    signatures = (*made.signatures, *more)
    with pytest.raises(errors.TooLarge, match="entry"):
        producers.admit(envelope.format(Envelope(made.payload, made.payload_type, signatures)))
