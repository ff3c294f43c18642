"""A message to somebody's address, signed as Standard Webhooks 1.0.0 says.

    webhook-id          the same however often it is sent: whoever gets it twice knows it
    webhook-timestamp   seconds since 1970, of this attempt
    webhook-signature   `v1,BASE64` for each secret: HMAC-SHA256 over ID.TIMESTAMP.BODY

A secret is 32 random bytes, shown as `whsec_` and their base64. While one takes the place of
another there are two, and a signature of each. `tests/test_webhook.py` has them verified by the
library that the specification comes with.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ledger.cloudevent import write_instant

PREFIX = "whsec_"

TRIED = "webhook.tried"
"""The kind of a message that only tells whether messages arrive."""


def sign(id: str, at: datetime, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """The headers of one attempt."""
    seconds = str(int(at.timestamp()))
    signed = b".".join((id.encode(), seconds.encode(), body))
    return {
        "webhook-id": id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(f"v1,{_mac(secret, signed)}" for secret in secrets),
    }


def write_secret(secret: bytes) -> str:
    """A secret as whoever verifies is told it."""
    return PREFIX + base64.b64encode(secret).decode()


def write_body(kind: str, at: datetime, data: Mapping[str, Any]) -> str:
    """The body of a message: what happened, when, and what it is about."""
    told = {"type": kind, "timestamp": write_instant(at.astimezone(UTC)), "data": data}
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False)


def digest(*words: str) -> bytes:
    """What tells one thing that is told of from every other: SHA-256 over its words."""
    return hashlib.sha256("\0".join(words).encode()).digest()


def message_id(subscription: str, news: bytes) -> str:
    """The id of the message that tells a subscription of something: always the same one."""
    return f"msg_{hashlib.sha256(subscription.encode() + news).hexdigest()[:32]}"


def _mac(secret: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()
