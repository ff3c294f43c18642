"""Envelopes: the vectors of DSSE, one reading of a body, and forged signatures."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import envelope
from ledger.envelope import PAYLOAD_TYPE, Envelope, Signature, pae
from ledger.errors import EnvelopeMalformed, SignatureInvalid
from tests.log_builder import private_key, sign
from tests.vectors import load

ORDER = 2**252 + 27742317777372353535851937790883648493
"""Of the group of Ed25519 (RFC 8032 section 5.1)."""


def test_vectors_of_the_signed_bytes() -> None:
    """All 3 encodings, with lengths in bytes, are those of the specification."""
    vector = load("dsse/dsse_vector.json")
    assert len(vector["pae_edge_cases"]) == 2
    found = pae(vector["payloadType"], vector["payload_utf8"].encode())
    assert found == vector["pae_utf8"].encode()
    for case in vector["pae_edge_cases"]:
        wanted = bytes.fromhex(case["pae_hex"]) if "pae_hex" in case else case["pae_utf8"].encode()
        assert pae(case["type"], bytes.fromhex(case["body_hex"])) == wanted


def test_vector_of_the_signature() -> None:
    """The ECDSA signature of the specification's envelope is over our encoding of it."""
    vector = load("dsse/dsse_vector.json")
    body = vector["envelope"]
    raw = base64.b64decode(body["signatures"][0]["sig"])
    der = utils.encode_dss_signature(
        int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    )
    numbers = ec.EllipticCurvePublicNumbers(int(vector["x"]), int(vector["y"]), ec.SECP256R1())
    message = pae(body["payloadType"], base64.b64decode(body["payload"]))
    numbers.public_key().verify(der, message, ec.ECDSA(SHA256()))


@given(st.text(max_size=20), st.binary(max_size=40), st.text(max_size=20), st.binary(max_size=40))
def test_no_two_messages_have_the_same_signed_bytes(
    kind: str, payload: bytes, other_kind: str, other: bytes
) -> None:
    """Bytes cannot move between type and payload."""
    if (kind, payload) != (other_kind, other):
        assert pae(kind, payload) != pae(other_kind, other)


@given(st.binary(max_size=200), st.sets(st.sampled_from(["a", "b", "é-key"]), min_size=1))
def test_an_envelope_is_read_as_it_was_written(payload: bytes, key_ids: set[str]) -> None:
    """Payload, key ids and signatures come back, in order, and each signature verifies."""
    made = sign(payload, *sorted(key_ids))
    found = envelope.parse(envelope.format(made))
    assert found == made
    for signature in found.signatures:
        public_key = private_key(signature.keyid).public_key()
        envelope.check_signature(found.payload, signature, public_key)


def test_url_safe_base64_is_read() -> None:
    """DSSE asks for both alphabets."""
    made = sign(b"\xfb\xff\xbf" * 10, "k")
    body = body_of(made)
    body["payload"] = base64.urlsafe_b64encode(made.payload).decode()
    body["signatures"][0]["sig"] = base64.urlsafe_b64encode(made.signatures[0].sig).decode()
    assert "-" in body["payload"]
    assert envelope.parse(json.dumps(body).encode()) == made


def body_of(made: Envelope) -> Any:
    """The JSON of an envelope."""
    return json.loads(envelope.format(made))


GOOD = body_of(sign(b"payload!", "k", "l"))
SIG = GOOD["signatures"][0]


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"payload": None}, "/payload", "base64"),
        ({"payload": "cGF5bG9hZCE"}, "/payload", "base64"),  # no padding
        ({"payload": "cGF5bG9hZCF="}, "/payload", "base64"),  # loose bits
        ({"payload": "cGF5bG9h\nZCE="}, "/payload", "base64"),
        ({"payload": "cGF5bG9hZCE=cGF5"}, "/payload", "base64"),
        ({"payload": "+-+-"}, "/payload", "base64"),  # both alphabets
        ({"payload": "é"}, "/payload", "base64"),
        ({"payloadType": "application/json"}, "/payloadType", "payload-type"),
        ({"payloadType": PAYLOAD_TYPE.upper()}, "/payloadType", "payload-type"),
        ({"payloadType": 1}, "/payloadType", "payload-type"),
        ({"signatures": []}, "/signatures", "count"),
        ({"signatures": {}}, "/signatures", "count"),
        ({"signatures": [SIG] * 17}, "/signatures", "count"),
        ({"signatures": [SIG, SIG]}, "/signatures", "one-per-key"),
        ({"signatures": ["k"]}, "/signatures/0", "object"),
        ({"signatures": [SIG, {"sig": SIG["sig"]}]}, "/signatures/1/keyid", "required"),
        ({"signatures": [{"keyid": "k"}]}, "/signatures/0/sig", "required"),
        ({"signatures": [SIG | {"keyid": ""}]}, "/signatures/0/keyid", "key-id"),
        ({"signatures": [SIG | {"keyid": 7}]}, "/signatures/0/keyid", "key-id"),
        ({"signatures": [SIG | {"keyid": "k" * 129}]}, "/signatures/0/keyid", "key-id"),
        ({"signatures": [SIG | {"sig": "AAAA"}]}, "/signatures/0/sig", "ed25519"),
        ({"signatures": [SIG | {"sig": 1}]}, "/signatures/0/sig", "base64"),
        ({"signatures": [SIG | {"cert": ""}]}, "/signatures/0", "unknown-field"),
        ({"payload_type": PAYLOAD_TYPE}, "", "unknown-field"),
    ],
)
def test_a_faulty_field_is_named(change: dict[str, Any], field: str, rule: str) -> None:
    """Each refusal points at the field and names the rule."""
    with pytest.raises(EnvelopeMalformed) as caught:
        envelope.parse(json.dumps(GOOD | change).encode())
    assert [(fault.field, fault.rule) for fault in caught.value.faults] == [(field, rule)]


@pytest.mark.parametrize("name", ["payload", "payloadType", "signatures"])
def test_a_missing_field_is_named(name: str) -> None:
    """All three fields are required."""
    body = {key: value for key, value in GOOD.items() if key != name}
    with pytest.raises(EnvelopeMalformed) as caught:
        envelope.parse(json.dumps(body).encode())
    assert caught.value.faults[0].field == f"/{name}"


def test_a_second_payload_is_not_hidden_behind_a_repeated_key() -> None:
    """Readers differ on which of two equal keys counts, so there is never a second one."""
    raw = envelope.format(sign(b"seen", "k"))
    doubled = raw.replace(b'{"payload"', b'{"payload": "aGlkZGVu", "payload"', 1)
    assert json.loads(doubled) == json.loads(raw)  # an ordinary reader does not notice
    with pytest.raises(EnvelopeMalformed, match="twice"):
        envelope.parse(doubled)


body_like = st.recursive(
    st.one_of(
        st.none(), st.integers(), st.text(max_size=5), st.sampled_from([PAYLOAD_TYPE, "AAAA"])
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["payload", "payloadType", "signatures", "keyid", "sig"]), inner
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=80), body_like.map(lambda v: json.dumps(v).encode())))
def test_any_bytes_are_an_envelope_or_refused(raw: bytes) -> None:
    """Whatever comes in, nothing but EnvelopeMalformed is raised, and it names a rule."""
    with pytest.raises(EnvelopeMalformed) as caught:
        envelope.parse(raw)
    assert caught.value.faults[0].rule


def test_a_refusal_does_not_repeat_the_refused_value() -> None:
    """What may not be stored may not come back in an error either."""
    raw = json.dumps(GOOD | {"payload": "123456782!", "payloadType": "123456782"}).encode()
    with pytest.raises(EnvelopeMalformed) as caught:
        envelope.parse(raw)
    assert "123456782" not in str(caught.value) + repr(caught.value.faults)


def test_a_signature_covers_the_payload_and_nothing_else_verifies() -> None:
    """Another payload, key, or signature over the bare payload is refused."""
    signed = sign(b"payload", "k")
    public_key = private_key("k").public_key()
    envelope.check_signature(b"payload", signed.signatures[0], public_key)
    bare = Signature("k", private_key("k").sign(b"payload"))
    foreign = Signature("k", private_key("k").sign(pae("text/plain", b"payload")))
    for payload, signature, key in (
        (b"payloae", signed.signatures[0], public_key),
        (b"payload", signed.signatures[0], private_key("l").public_key()),
        (b"payload", bare, public_key),
        (b"payload", foreign, public_key),
    ):
        with pytest.raises(SignatureInvalid):
            envelope.check_signature(payload, signature, key)


def test_a_signature_has_no_second_form() -> None:
    """Adding the group order to S, cutting or lengthening gives no other valid signature."""
    signed = sign(b"payload", "k").signatures[0].sig
    larger = int.from_bytes(signed[32:], "little") + ORDER
    forms = [
        signed[:32] + larger.to_bytes(32, "little"),
        signed[:63],
        signed + b"\x00",
        bytes(64),
        b"",
    ]
    for form in forms:
        with pytest.raises(SignatureInvalid):
            envelope.check_signature(
                b"payload", Signature("k", form), private_key("k").public_key()
            )
