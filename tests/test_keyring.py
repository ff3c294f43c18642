"""Keys: who may sign what and when, judged by recorded time and never by what an event claims."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from ledger import keyring
from ledger.errors import FieldsInvalid, FormRuleViolated, KeyNotInForce
from ledger.keyring import ENROLLED, REVOKED, EnrolledKey, KeyRing
from tests.log_builder import enrolment, public_bytes

NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)
FIELD_PRIME = 2**255 - 19


def ring_of(**fields: Any) -> KeyRing:
    """A ring with one key, `k`, of the service `crm`."""
    ring = KeyRing()
    ring.apply(ENROLLED, enrolment("k", "crm", **fields), NOON)
    return ring


def key_of(ring: KeyRing) -> EnrolledKey:
    """The key `k` of a ring."""
    key = ring.find("k")
    assert key is not None
    return key


def in_force(key: EnrolledKey, at: datetime) -> bool:
    """Whether the key is in force."""
    try:
        key.check_in_force(at)
    except KeyNotInForce:
        return False
    return True


def moment(text: str) -> datetime:
    """An instant."""
    return datetime.fromisoformat(text)


def test_an_enrolled_key_is_found_by_its_id() -> None:
    """With its service and its 32 bytes; any other id is unknown."""
    ring = ring_of()
    key = key_of(ring)
    assert (key.service, key.public_key) == ("crm", public_bytes("k"))
    assert key.verifier().public_bytes_raw() == public_bytes("k")
    assert ring.find("l") is None
    assert [k.key_id for k in ring] == ["k"]


@pytest.mark.parametrize(
    ("fields", "first", "last"),
    [
        # A day is a civil day in Amsterdam, in winter and in summer.
        ({"valid_from": "2026-02-01"}, "2026-02-01T00:00:00+01:00", None),
        ({"valid_from": "2026-07-01"}, "2026-07-01T00:00:00+02:00", None),
        ({"valid_until": "2026-02-28"}, None, "2026-02-28T23:59:59.999999+01:00"),
        ({"valid_until": "2026-06-30"}, None, "2026-06-30T23:59:59.999999+02:00"),
        # The days on which the clock changes have 23 and 25 hours.
        ({"valid_until": "2026-03-29"}, None, "2026-03-29T23:59:59.999999+02:00"),
        ({"valid_until": "2026-10-25"}, None, "2026-10-25T23:59:59.999999+01:00"),
        # An instant is itself.
        ({"valid_from": "2026-02-01T12:00:00Z"}, "2026-02-01T12:00:00+00:00", None),
        ({"valid_until": "2026-02-01T12:00:00+01:00"}, None, "2026-02-01T10:59:59.999999+00:00"),
    ],
)
def test_the_first_and_last_moment_of_a_key(
    fields: dict[str, str], first: str | None, last: str | None
) -> None:
    """In force at the first and last moment, and not a microsecond outside them."""
    key, tick = key_of(ring_of(**fields)), timedelta(microseconds=1)
    if first is not None:
        assert in_force(key, moment(first))
        assert not in_force(key, moment(first) - tick)
    if last is not None:
        assert in_force(key, moment(last))
        assert not in_force(key, moment(last) + tick)


def test_a_revoked_key_is_not_in_force_from_the_moment_the_ledger_recorded_it() -> None:
    """Whatever the revocation says of itself."""
    ring = ring_of()
    ring.apply(REVOKED, {"key_id": "k", "revoked_at": "2026-01-01"}, NOON)
    assert in_force(key_of(ring), NOON - timedelta(microseconds=1))
    assert not in_force(key_of(ring), NOON)


def test_what_a_key_signed_since_the_suspicion_is_suspect() -> None:
    """From the first moment of the day of suspicion on; without a suspicion, nothing is."""
    ring = ring_of()
    assert not key_of(ring).suspect(NOON)
    ring.apply(REVOKED, {"key_id": "k", "suspect_since": "2026-01-31"}, NOON)
    begin = moment("2026-01-31T00:00:00+01:00")
    assert key_of(ring).suspect(begin)
    assert not key_of(ring).suspect(begin - timedelta(microseconds=1))


def test_a_key_found_earlier_does_not_change() -> None:
    """A revocation makes a new record; whoever holds the old one sees what was true then."""
    ring = ring_of()
    before = key_of(ring)
    ring.apply(REVOKED, {"key_id": "k"}, NOON)
    assert before.revoked_at is None


def test_a_key_id_is_enrolled_once_and_revoked_once_after_that() -> None:
    """A second key under an old id could pass for the first."""
    ring = ring_of()
    with pytest.raises(FormRuleViolated, match="before"):
        ring.apply(ENROLLED, enrolment("k", "crm"), NOON)
    with pytest.raises(FormRuleViolated, match="no key"):
        ring.apply(REVOKED, {"key_id": "l"}, NOON)
    ring.apply(REVOKED, {"key_id": "k"}, NOON)
    for event, data in ((REVOKED, {"key_id": "k"}), (ENROLLED, enrolment("k", "crm"))):
        with pytest.raises(FormRuleViolated, match="before"):
            ring.apply(event, data, NOON)


def test_a_refused_event_leaves_the_ring_as_it_was() -> None:
    """Nothing is half applied."""
    ring = ring_of()
    for event, data in (
        (ENROLLED, enrolment("l", "crm", valid_until="soon")),
        (REVOKED, {"key_id": "k", "suspect_since": 7}),
    ):
        with pytest.raises(FieldsInvalid):
            ring.apply(event, data, NOON)
    assert [k.key_id for k in ring] == ["k"]
    assert key_of(ring).revoked_at is None


def test_other_events_change_nothing() -> None:
    """A ring can be fed a whole log."""
    ring = ring_of()
    ring.apply("BreachConfirmed", {"key_id": "k"}, NOON)
    assert key_of(ring) == key_of(ring_of())


@pytest.mark.parametrize(
    ("key_id", "service", "fields", "may"),
    [
        ("k", "crm", {}, {"BreachConfirmed"}),
        ("k", "crm", {"event_types": ["BreachConfirmed"]}, {"BreachConfirmed"}),
        ("k", "crm", {"event_types": ["DataReturned"]}, set()),
        ("k", "crm", {"event_types": []}, set()),
        ("k", "crm", {"event_types": [ENROLLED]}, set()),
        ("ledger", "crm", {}, {"BreachConfirmed", "CheckpointSigned"}),
        (
            "administrator",
            "crm",
            {},
            {"BreachConfirmed", "CheckpointSigned", ENROLLED, REVOKED},
        ),
        ("k", "helpdesk", {}, set()),
        ("administrator", "helpdesk", {}, set()),
    ],
)
def test_who_may_produce_what(
    key_id: str, service: str, fields: dict[str, Any], may: set[str]
) -> None:
    """Of events from the system `crm`: keys are the administrator's, checkpoints the ledger's."""
    ring = KeyRing()
    ring.apply(ENROLLED, enrolment(key_id, service, **fields), NOON)
    key = ring.find(key_id)
    assert key is not None
    asked = ("BreachConfirmed", "CheckpointSigned", ENROLLED, REVOKED)
    assert {name for name in asked if key.may_sign(name, "crm")} == may


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"key_id": ""}, "key_id"),
        ({"key_id": 7}, "key_id"),
        ({"service": None}, "service"),
        ({"algorithm": "rsa"}, "algorithm"),
        ({"algorithm": None}, "algorithm"),
        ({"public_key": ""}, "public_key"),
        ({"public_key": "AAAA"}, "public_key"),
        ({"public_key": "é"}, "public_key"),
        ({"public_key": base64.b64encode(bytes(33)).decode()}, "public_key"),
        ({"public_key": base64.urlsafe_b64encode(b"\xff" * 32).decode()}, "public_key"),
        ({"public_key": base64.b64encode(bytes(31) + b"\x04").decode()[:-2] + "F="}, "public_key"),
        ({"event_types": "BreachConfirmed"}, "event_types"),
        ({"controller_ids": [1]}, "controller_ids"),
        ({"valid_from": "2026-2-1"}, "valid_from"),
        ({"valid_from": "2026-02-30"}, "valid_from"),
        ({"valid_from": "20260201"}, "valid_from"),
        ({"valid_from": "2026-02-01T12:00:00"}, "valid_from"),
        ({"valid_from": "0001-01-01"}, "valid_from"),
        ({"valid_until": "9999-12-31"}, "valid_until"),
        ({"valid_until": 20260201}, "valid_until"),
        ({"valid_until": "2026-02-01T12:00:00+99:00"}, "valid_until"),
    ],
)
def test_a_faulty_field_is_named(change: dict[str, Any], field: str) -> None:
    """An enrolment that cannot be read enrols nothing."""
    with pytest.raises(FieldsInvalid) as caught:
        keyring.enrolled_key(enrolment("k", "crm") | change)
    assert [fault.field for fault in caught.value.faults] == [f"/data/{field}"]


values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=12), st.lists(st.text(max_size=3))
)
fields = st.sampled_from(
    ["key_id", "service", "algorithm", "public_key", "valid_from", "valid_until", "event_types"]
)


@given(st.sampled_from([ENROLLED, REVOKED]), st.dictionaries(fields, values))
def test_any_data_is_applied_or_refused(event: str, change: dict[str, Any]) -> None:
    """Nothing but the two errors of the docstring is raised."""
    data = enrolment("k", "crm") | change
    try:
        KeyRing().apply(event, data, NOON)
    except (FieldsInvalid, FormRuleViolated):
        return
    assert event == ENROLLED


Point = tuple[int, int]
D = -121665 * pow(121666, -1, FIELD_PRIME) % FIELD_PRIME


def added(a: Point, b: Point) -> Point:
    """The sum of two points of the curve of Ed25519 (RFC 8032 section 5.1.4)."""
    (x1, y1), (x2, y2) = a, b
    k = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + k, -1, FIELD_PRIME)
    y = (y1 * y2 + x1 * x2) * pow(1 - k, -1, FIELD_PRIME)
    return x % FIELD_PRIME, y % FIELD_PRIME


def point_of(encoded: bytes) -> Point:
    """The point of an encoding, with x of either sign."""
    y = int.from_bytes(encoded, "little") % 2**255 % FIELD_PRIME
    square = (y * y - 1) * pow(D * y * y + 1, -1, FIELD_PRIME) % FIELD_PRIME
    root = pow(square, (FIELD_PRIME + 3) // 8, FIELD_PRIME)
    if root * root % FIELD_PRIME != square:
        root = root * pow(2, (FIELD_PRIME - 1) // 4, FIELD_PRIME) % FIELD_PRIME
    assert root * root % FIELD_PRIME == square
    return root, y


def small_order_encodings() -> set[bytes]:
    """Every 32 bytes that stand for a point of order 1, 2, 4 or 8: computed, not listed."""
    # A point of the curve times the order of the large group is of small order; one of order 8
    # gives all of them.
    order = 2**252 + 27742317777372353535851937790883648493
    y, torsion = 2, {(0, 1)}
    while len(torsion) < 8:
        y += 1
        try:
            point = point_of(y.to_bytes(32, "little"))
        except AssertionError:
            continue
        small = (0, 1)
        for bit in bin(order)[2:]:
            small = added(small, small)
            small = added(small, point) if bit == "1" else small
        multiple, torsion = small, {(0, 1)}
        while multiple not in torsion:
            torsion.add(multiple)
            multiple = added(multiple, small)
    heights = {y for _, y in torsion} | {y + FIELD_PRIME for _, y in torsion}
    return {
        (y | sign << 255).to_bytes(32, "little") for y in heights if y < 2**255 for sign in (0, 1)
    }


def test_a_key_that_binds_nobody_is_not_enrolled() -> None:
    """Under a key of small order one signature fits many messages: its holder could deny any.

    The first assertion shows the attack: a signature made without knowing the message.
    """
    identity = (1).to_bytes(32, "little")
    Ed25519PublicKey.from_public_bytes(identity).verify(identity + bytes(32), b"any message")
    encodings = small_order_encodings()
    assert len(encodings) == 14
    for encoded in encodings:
        with pytest.raises(FieldsInvalid, match="bind nobody"):
            keyring.enrolled_key(
                enrolment("k", "crm") | {"public_key": base64.b64encode(encoded).decode()}
            )
