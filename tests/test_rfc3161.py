"""RFC 3161: what a real authority answers verifies, and nothing that somebody made to look like it.

The authority is `openssl ts`, with a CA of its own; the vectors are those of rfc3161-client. Which
of them must fail, its own tests say.
"""

from __future__ import annotations

import base64
import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import rfc3161
from ledger.errors import TimestampInvalid
from tests.authority import Authority, certificate, name, needs_openssl, pem
from tests.vectors import load

MESSAGE = b"a checkpoint"
DAY = timedelta(days=1)

pytestmark = needs_openssl


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority in good order."""
    return Authority(tmp_path_factory.mktemp("authority"))


def refused(answer: bytes, *trusted: x509.Certificate, message: bytes = MESSAGE) -> str:
    """Why an answer that must be refused is."""
    with pytest.raises(TimestampInvalid) as caught:
        rfc3161.check(answer, message, trusted)
    return str(caught.value)


def test_what_an_authority_answers_is_taken(authority: Authority) -> None:
    """With the time, the accuracy, the name in its certificate and the certificate trusted."""
    question = rfc3161.ask(MESSAGE)
    answer = authority.answer(question.der)
    found = rfc3161.check(answer, MESSAGE, [authority.root], question.nonce)
    assert abs(found.time - datetime.now(UTC)) < timedelta(minutes=1)
    assert found.accuracy == timedelta(seconds=1, milliseconds=500)
    assert found.authority == "CN=Test TSA"
    assert found.anchor == authority.root
    assert len(found.anchor_digest) == 64
    assert authority.verifies(answer, MESSAGE), "openssl is of another mind"


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_every_hash_of_the_library_is_taken(authority: Authority, algorithm: str) -> None:
    """A token that somebody else asked for may use another than ours."""
    answer = authority.stamp(MESSAGE, algorithm)
    assert rfc3161.check(answer, MESSAGE, [authority.root]).authority == "CN=Test TSA"
    assert rfc3161.covers(answer, MESSAGE)
    assert not rfc3161.covers(answer, MESSAGE + b"\n")


def test_questions_have_nonces_of_their_own() -> None:
    """So that no old answer fits a new question."""
    assert len({rfc3161.ask(MESSAGE).nonce for _ in range(50)}) == 50


def test_an_answer_to_another_question_is_refused(authority: Authority) -> None:
    """Another message, or the same one asked at another moment."""
    question = rfc3161.ask(MESSAGE)
    answer = authority.answer(question.der)
    assert "mismatch" in refused(answer, authority.root, message=b"another").lower()
    later = rfc3161.ask(MESSAGE)
    with pytest.raises(TimestampInvalid, match="nonce"):
        rfc3161.check(answer, MESSAGE, [authority.root], later.nonce)


def test_an_authority_whose_certificate_had_expired_is_refused(tmp_path: Path) -> None:
    """At the time of the token; so is one that is not valid yet."""
    now = datetime.now(UTC)
    late = Authority(tmp_path / "late", valid=(now - 9 * DAY, now - DAY))
    assert "expired" in refused(late.stamp(MESSAGE), late.root)
    early = Authority(tmp_path / "early", valid=(now + DAY, now + 9 * DAY))
    assert "not yet valid" in refused(early.stamp(MESSAGE), early.root)


STAMPING, SERVING = ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.SERVER_AUTH


@pytest.mark.parametrize(
    ("purpose", "critical"),
    [(None, True), ([SERVING], True), ([STAMPING], False), ([STAMPING, SERVING], True)],
    ids=["none", "another", "not critical", "one too many"],
)
def test_a_certificate_for_other_purposes_is_refused(
    authority: Authority,
    tmp_path: Path,
    purpose: list[x509.ObjectIdentifier] | None,
    critical: bool,
) -> None:
    """It must be for time-stamping, for nothing else, and say so critically (RFC 3161, 2.3)."""
    content = authority.content(authority.stamp(MESSAGE))
    other = Authority(tmp_path, purpose=purpose, critical=critical)
    assert "purpose" in refused(other.sign(content), other.root)
    good = Authority(tmp_path / "good")
    assert rfc3161.check(good.sign(content), MESSAGE, [good.root]), "precondition: signed this way"


def test_an_authority_that_nobody_trusts_is_refused(authority: Authority, tmp_path: Path) -> None:
    """Of another CA, of a CA with the same name, or one that signed its own certificate."""
    answer = authority.stamp(MESSAGE)
    content = authority.content(answer)
    assert refused(answer, Authority(tmp_path / "other", "Other TSA").root)
    assert refused(answer, Authority(tmp_path / "same").root)
    alone = Authority(tmp_path / "alone", self_signed=True)
    assert rfc3161.check(alone.sign(content), MESSAGE, [alone.root]), "precondition: it can sign"
    assert "self-signed" in refused(alone.sign(content), authority.root)


def test_trust_ends_in_a_certificate_that_signed_itself(authority: Authority) -> None:
    """The authority's own certificate helps to find the chain, and is no end of it."""
    answer = authority.stamp(MESSAGE)
    assert refused(answer, authority.certificate)
    assert refused(answer)
    assert rfc3161.check(answer, MESSAGE, [authority.certificate, authority.root])


def test_a_certificate_slipped_into_an_answer_lends_no_name(
    authority: Authority, tmp_path: Path
) -> None:
    """The bag of certificates is not signed: one that copies issuer and number of the real one must
    not give the token its name."""
    ca = Authority(tmp_path).ca_key
    now = datetime.now(UTC)
    spoofed = certificate(
        name("Bank of Spoof"), authority.root.subject, authority.key.public_key(), ca,
        (now - DAY, now + DAY), [STAMPING], serial=authority.certificate.serial_number,
    )  # fmt: skip
    authority.file("chain.pem", pem(spoofed))
    answer = authority.answer(rfc3161.ask(MESSAGE).der, "-chain", "chain.pem")
    assert b"Bank of Spoof" in answer, "precondition: it is in the bag"
    for _ in range(10):
        assert "2 certificates" in refused(answer, authority.root)


def test_a_forged_time_breaks_the_signature(authority: Authority) -> None:
    """The year of a token cannot be set back."""
    answer = authority.stamp(MESSAGE)
    year = datetime.now(UTC).strftime("%Y%m").encode()
    content = authority.content(answer)
    assert content.count(year) == 1, "precondition: the time is in clear"
    forged = answer.replace(content, content.replace(year, b"202001"))
    assert "failure" in refused(forged, authority.root)


def test_refusals_of_an_authority_are_told(authority: Authority) -> None:
    """With its words, when it cannot read the question."""
    assert "refused: status 2" in refused(authority.answer(b"\x30\x03\x02\x01\x01"), authority.root)


@pytest.mark.parametrize("answer", [b"", b"garbage", b"\x30\x80", b"<html>busy</html>"])
def test_garbage_is_refused(authority: Authority, answer: bytes) -> None:
    """Whatever a server sends instead."""
    assert "not an answer" in refused(answer, authority.root)
    assert not rfc3161.covers(answer, MESSAGE)


def test_an_answer_has_a_size(authority: Authority) -> None:
    """Larger ones are not parsed."""
    assert "larger" in refused(bytes(rfc3161.MAX_ANSWER + 1), authority.root)


# A changed byte can make the serial number of a certificate negative, which is only warned of.
@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_changed_answer_never_says_something_else(
    authority: Authority, data: st.DataObject
) -> None:
    """One other byte, one more or one less: refused, or it says what it said (the wrapping of a
    token is not signed)."""
    answer = _answer(authority)
    place = data.draw(st.integers(0, len(answer) - 1))
    cut = data.draw(st.integers(0, 2))
    changed = answer[:place] + data.draw(st.binary(max_size=2)) + answer[place + cut :]
    genuine = rfc3161.check(answer, MESSAGE, [authority.root])
    with contextlib.suppress(TimestampInvalid):
        assert rfc3161.check(changed, MESSAGE, [authority.root]) == genuine


ANSWERS: dict[Path, bytes] = {}


def _answer(authority: Authority) -> bytes:
    if authority.directory not in ANSWERS:
        ANSWERS[authority.directory] = authority.stamp(MESSAGE)
    return ANSWERS[authority.directory]


# The vectors of rfc3161-client. Every message is "hello", but for the mock of sigstore.


def _file(path: str) -> bytes:
    return base64.b64decode(load("rfc3161/rfc3161_client_fixtures.json")["files_b64"][path])


def _chain(folder: str) -> list[x509.Certificate]:
    raw = _file(f"{folder}/ts_chain.pem")
    if not raw.startswith(b"-----"):
        return [x509.load_der_x509_certificate(raw)]
    return x509.load_pem_x509_certificates(raw)


@pytest.mark.parametrize(
    ("path", "year"),
    [
        ("sigstage/response-sha256.tsr", 2025),
        ("sigstage/response-sha384.tsr", 2025),
        ("sigstage/response-sha512.tsr", 2025),
        ("sigstage/response-no-embedded-cert.tsr", 2025),
        ("test_tsa/response.tsr", 2024),
        ("test_tsa/response-injected-certs.tsr", 2024),
        ("identrust/issue-104.tsr", 2025),
        ("sigstore.mock/response-expired.tsr", 2023),
    ],
)
def test_answers_of_other_authorities_verify(path: str, year: int) -> None:
    """Also of one whose certificates have expired since, and with foreign certificates in the bag:
    then by the name of the real one."""
    folder = path.partition("/")[0]
    message = _file("sigstore.mock/payload") if folder == "sigstore.mock" else b"hello"
    found = rfc3161.check(_file(path), message, _chain(folder))
    assert found.time.year == year
    assert "Spoofed" not in found.authority


@pytest.mark.parametrize(
    ("path", "message", "words"),
    [
        ("sigstage/response-invalid-signature.tsr", b"hello", "failure"),
        ("sigstage/response-sha256.tsr", b"goodbye", "mismatch"),
        ("test_tsa/other_response.tsr", b"hello", "unable to get local issuer"),
    ],
)
def test_answers_of_other_authorities_that_must_fail(path: str, message: bytes, words: str) -> None:
    """A broken signature, another message, a chain of another authority of the same name."""
    chain = _chain(path.partition("/")[0])
    assert words in refused(_file(path), *chain, message=message).lower()


def test_an_answer_to_the_recorded_request_has_its_nonce() -> None:
    """And no other."""
    answer, chain = _file("test_tsa/response.tsr"), _chain("test_tsa")
    nonce = 3937359519792308179
    assert nonce.to_bytes(8, "big") in _file("test_tsa/request.der")
    assert rfc3161.check(answer, b"hello", chain, nonce)
    with pytest.raises(TimestampInvalid, match="nonce"):
        rfc3161.check(answer, b"hello", chain, nonce + 1)
