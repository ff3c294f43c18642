"""The envelope of a signed event: DSSE v1.0.2.

    {"payload": base64, "payloadType": "application/cloudevents+json",
     "signatures": [{"keyid": "k-crm", "sig": base64}, …]}

A signature covers the pre-authentication encoding of type and payload,
`DSSEv1 LEN(type) type LEN(body) body` with lengths in bytes, so of the exact bytes received: they
are stored as they came and never made anew. `keyid` is not covered; it only says which key to try.
DSSE leaves it open; here it is required, and a field that DSSE does not name is refused, since no
signature would cover it. `tests/test_envelope.py` runs the vectors of DSSE.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger import strict_json
from ledger.errors import EnvelopeMalformed, Fault, SignatureInvalid
from ledger.key_holder import KeyHolder

PAYLOAD_TYPE = "application/cloudevents+json"
MAX_SIGNATURES = 16
MAX_KEY_ID = 128
"""Characters."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature: 64 bytes of Ed25519, and the id of the key it claims."""

    keyid: str
    sig: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload and who signed it; nothing is verified yet."""

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...]


def pae(payload_type: str, payload: bytes) -> bytes:
    """The bytes a signature covers."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def parse(raw: bytes) -> Envelope:
    """Read an envelope. Raises EnvelopeMalformed, which names the field."""
    try:
        value = strict_json.loads(raw)
    except ValueError as error:
        raise _malformed("", "json", f"not JSON as it is read here: {_reason(error)}") from None
    fields = _fields(value, "", ("payload", "payloadType", "signatures"))
    payload_type = fields["payloadType"]
    if payload_type != PAYLOAD_TYPE:
        raise _malformed("/payloadType", "payload-type", f"must be {PAYLOAD_TYPE}")
    signatures = fields["signatures"]
    if not isinstance(signatures, list) or not 1 <= len(signatures) <= MAX_SIGNATURES:
        raise _malformed("/signatures", "count", f"must be a list of 1 to {MAX_SIGNATURES}")
    signed = tuple(_signature(item, f"/signatures/{n}") for n, item in enumerate(signatures))
    if len({signature.keyid for signature in signed}) < len(signed):
        raise _malformed("/signatures", "one-per-key", "must not have two of the same key")
    return Envelope(_base64(fields["payload"], "/payload"), payload_type, signed)


def format(envelope: Envelope) -> bytes:
    """The envelope as JSON."""
    return json.dumps(
        {
            "payload": base64.b64encode(envelope.payload).decode(),
            "payloadType": envelope.payload_type,
            "signatures": [
                {"keyid": s.keyid, "sig": base64.b64encode(s.sig).decode()}
                for s in envelope.signatures
            ],
        }
    ).encode()


def sign(payload: bytes, keyid: str, private_key: KeyHolder) -> Envelope:
    """Sign a payload with one key."""
    signature = private_key.sign(pae(PAYLOAD_TYPE, payload))
    return Envelope(payload, PAYLOAD_TYPE, (Signature(keyid, signature),))


def check_signature(payload: bytes, signature: Signature, public_key: Ed25519PublicKey) -> None:
    """Check one signature over a payload of our type. Raises SignatureInvalid."""
    try:
        public_key.verify(signature.sig, pae(PAYLOAD_TYPE, payload))
    except InvalidSignature:
        raise SignatureInvalid(
            f"the signature of key {signature.keyid!r} does not verify over the payload",
            Fault("/signatures", "signature", "does not verify over the exact payload bytes"),
        ) from None


def _signature(value: Any, pointer: str) -> Signature:
    fields = _fields(value, pointer, ("keyid", "sig"))
    keyid = fields["keyid"]
    if not isinstance(keyid, str) or not 0 < len(keyid) <= MAX_KEY_ID:
        raise _malformed(f"{pointer}/keyid", "key-id", f"must be 1 to {MAX_KEY_ID} characters")
    sig = _base64(fields["sig"], f"{pointer}/sig")
    if len(sig) != 64:
        raise _malformed(f"{pointer}/sig", "ed25519", "must be 64 bytes")
    return Signature(keyid, sig)


def _fields(value: Any, pointer: str, names: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _malformed(pointer, "object", "must be an object")
    for name in names:
        if name not in value:
            raise _malformed(f"{pointer}/{name}", "required", "is missing")
    if len(value) > len(names):
        raise _malformed(pointer, "unknown-field", f"must have no fields but {', '.join(names)}")
    return value


def _base64(value: Any, pointer: str) -> bytes:
    """Standard or URL-safe base64 (DSSE asks for both), padded, and not a mixture."""
    if not isinstance(value, str):
        raise _malformed(pointer, "base64", "must be text in base64")
    try:
        encoded = value.encode("ascii")
        raw = base64.b64decode(encoded.translate(_STANDARD), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise _malformed(pointer, "base64", "is not base64") from None
    if encoded not in (base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
        raise _malformed(pointer, "base64", "is not base64 as it is written")
    return raw


_STANDARD = bytes.maketrans(b"-_", b"+/")


def _reason(error: ValueError) -> str:
    # The parser's own messages quote nothing of the text but the position.
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)


def _malformed(pointer: str, rule: str, detail: str) -> EnvelopeMalformed:
    where = pointer or "the envelope"
    return EnvelopeMalformed(f"{where}: {detail}", Fault(pointer, rule, detail))
