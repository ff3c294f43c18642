"""RFC 3161: what a time-stamping authority is asked, and what its answer shows.

The authority is sent the SHA-256 digest of a message, and answers with a token that it signed: this
digest was here at this time. Over which bytes of a checkpoint, and where tokens are kept, is in
`ledger/tokens.py`. `tests/test_rfc3161.py` runs the vectors of rfc3161-client and a real authority
(`openssl ts`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from ledger.errors import TimestampInvalid
from ledger.tokens import self_signed

MAX_ANSWER = 65_536
"""Bytes of an answer. Real ones have 1 to 8 thousand."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is sent to an authority, and the nonce that its answer must repeat."""

    der: bytes
    nonce: int


@dataclass(frozen=True, slots=True)
class Timestamp:
    """What a verified token says: the message was there at `time`, within `accuracy` if it says so.

    `authority` is the subject of the certificate that signed, `anchor` the trusted certificate that
    its chain ends in, `serial` the number of the token.
    """

    time: datetime
    accuracy: timedelta | None
    authority: str
    anchor: x509.Certificate
    serial: int

    @property
    def anchor_digest(self) -> str:
        """SHA-256 of the trusted certificate, in hexadecimal."""
        return self.anchor.fingerprint(hashes.SHA256()).hex()


def ask(message: bytes) -> Question:
    """The question for a token over a message: SHA-256, a random nonce, certificates wanted."""
    builder = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256)
    request = builder.nonce(nonce=True).cert_request(cert_request=True).build()
    assert request.nonce is not None  # noqa: S101 - it was asked for
    return Question(request.as_bytes(), request.nonce)


def check(
    answer: bytes,
    message: bytes,
    certificates: Sequence[x509.Certificate],
    nonce: int | None = None,
) -> Timestamp:
    """Check an answer against the message and the certificates that are trusted.

    (1) It is a TimeStampResp of at most `MAX_ANSWER` bytes, granted, with one signer.
    (2) The signature over the token verifies, and the signer's certificate leads to a certificate
        of `certificates` that signed itself; all of the chain was valid at the time of the token.
    (3) That certificate is for time-stamping and nothing else, and says so critically.
    (4) The token is over this message (SHA-256, SHA-384 or SHA-512).
    (5) It repeats the nonce, when one is given: the answer was made for this question.

    Raises TimestampInvalid. Whether a certificate was revoked is not checked.
    """
    if len(answer) > MAX_ANSWER:
        raise TimestampInvalid(f"the answer of the authority is larger than {MAX_ANSWER} bytes")
    try:
        response = decode_timestamp_response(answer)  # (1)
        if response.status != 0:
            raise TimestampInvalid(f"the authority refused: {_reason(response)}")
        return _check(response, message, certificates, nonce)
    except ValueError:  # also what is wrong inside the token or one of its certificates
        raise TimestampInvalid("not an answer of a time-stamping authority") from None


def covers(answer: bytes, message: bytes) -> bool:
    """Whether a token names the digest of the message; who signed the token is not looked at."""
    try:
        imprint = decode_timestamp_response(answer).tst_info.message_imprint
    except ValueError:
        return False
    names = {"2.16.840.1.101.3.4.2.1": "sha256", "2.16.840.1.101.3.4.2.2": "sha384"}
    names |= {"2.16.840.1.101.3.4.2.3": "sha512"}
    algorithm = names.get(imprint.hash_algorithm.dotted_string)
    return algorithm is not None and hashlib.new(algorithm, message).digest() == imprint.message


def _check(
    response: TimeStampResponse,
    message: bytes,
    certificates: Sequence[x509.Certificate],
    nonce: int | None,
) -> Timestamp:
    embedded = [x509.load_der_x509_certificate(c) for c in response.signed_data.certificates]
    signer = _signer(response, [*certificates, *embedded])
    refused = "no trusted certificate is given"
    for anchor in filter(self_signed, certificates):
        verifier = VerifierBuilder(
            roots=[anchor],
            intermediates=[c for c in certificates if not self_signed(c)],
            # The library trusts what it is given here: never a certificate out of the token.
            tsa_certificate=signer if signer in certificates else None,
            nonce=nonce,
        ).build()
        try:
            verifier.verify_message(response, message)  # (2) (3) (4) (5)
        except VerificationError as error:
            refused = _sentence(error)
            continue
        info = response.tst_info
        return Timestamp(
            time=info.gen_time,
            accuracy=_accuracy(response),
            authority=signer.subject.rfc4514_string(),
            anchor=anchor,
            serial=info.serial_number,
        )
    raise TimestampInvalid(f"the timestamp does not verify: {refused}")


def _signer(response: TimeStampResponse, known: Sequence[x509.Certificate]) -> x509.Certificate:
    """The certificate that the signer names by issuer and number."""
    signers = response.signed_data.signer_infos
    if len(signers) != 1:
        raise TimestampInvalid(f"a timestamp has one signer, not {len(signers)}")
    (named,) = signers
    wanted = (named.issuer, named.serial_number)
    found = {c for c in known if (c.issuer, c.serial_number) == wanted}
    if len(found) != 1:
        # With two, the one whose name is told here may not be the one that was verified.
        raise TimestampInvalid(f"{len(found)} certificates at hand are that of its signer")
    return found.pop()


def _accuracy(response: TimeStampResponse) -> timedelta | None:
    said = response.tst_info.accuracy
    if said is None:
        return None
    return timedelta(
        seconds=said.seconds or 0, milliseconds=said.millis or 0, microseconds=said.micros or 0
    )


def _sentence(error: Exception) -> str:
    """What OpenSSL says is wrong with a chain or signature, out of its stack of errors."""
    text = str(error)
    found = re.search(r'Verify error: ([^"]*)"', text) or re.search(r'reason: "([^"]*)"', text)
    return found[1] if found else text[:1].lower() + text[1:]


def _reason(response: TimeStampResponse) -> str:
    said = "; ".join(response.status_string)
    return f"status {response.status}" + (f", {said[:200]!r}" if said else "")
