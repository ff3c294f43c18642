"""Messages are signed as Standard Webhooks says, and others verify them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from ledger import webhook
from ledger.webhook import sign, write_secret

SECRET = bytes(range(32))


def test_the_example_that_everybody_has_comes_out() -> None:
    """The test vector of the reference libraries: id, time, body, secret and signature."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = sign(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        b'{"test": 2432232314}',
        [secret],
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@given(st.text(max_size=300), st.binary(min_size=32, max_size=32))
def test_the_library_of_the_specification_verifies_it(text: str, secret: bytes) -> None:
    """Whatever is in it; and not with another secret, under another id, or changed."""
    now = datetime.now(UTC)
    body = webhook.write_body("entry.recorded", now, {"text": text})
    headers = sign("msg_1", now, body.encode(), [secret])
    verifier = Webhook(write_secret(secret))
    assert verifier.verify(body.encode(), headers)["data"] == {"text": text}
    other = Webhook(write_secret(bytes(b ^ 1 for b in secret)))
    for wrong, changed in (
        (other, headers),
        (verifier, {**headers, "webhook-id": "msg_2"}),
        (verifier, {**headers, "webhook-timestamp": str(int(now.timestamp()) + 1)}),
    ):
        with pytest.raises(WebhookVerificationError):
            wrong.verify(body.encode(), changed)
    with pytest.raises(WebhookVerificationError):
        verifier.verify(body.encode() + b" ", headers)


def test_an_old_message_is_not_taken_again() -> None:
    """Its time is signed."""
    headers = sign("msg_1", datetime.now(UTC) - timedelta(minutes=6), b"{}", [SECRET])
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(write_secret(SECRET)).verify(b"{}", headers)


def test_while_a_secret_is_replaced_either_verifies() -> None:
    """There is a signature of each."""
    secrets = [SECRET, bytes(32)]
    headers = sign("msg_1", datetime.now(UTC), b"{}", secrets)
    for secret in secrets:
        Webhook(write_secret(secret)).verify(b"{}", headers)


def test_the_id_is_that_of_what_is_told_and_to_whom() -> None:
    """The same for the same, another for another; and it has no full stop, which parts what is
    signed."""
    news = webhook.digest("entry.recorded", "7")
    first = webhook.message_id("w-1", news)
    assert first == webhook.message_id("w-1", webhook.digest("entry.recorded", "7"))
    assert first != webhook.message_id("w-2", news)
    assert first != webhook.message_id("w-1", webhook.digest("entry.recorded", "8"))
    assert "." not in first
