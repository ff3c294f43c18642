"""Asking a witness: an honest one, one that is behind or ahead, and every kind of dishonest one."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ledger import add_checkpoint, checkpoint, note, witnesses
from ledger.add_checkpoint import MAX_BODY, SIZE_TYPE
from ledger.cosignature import CosignatureSigner
from ledger.errors import (
    ConfigurationError,
    WitnessAlarm,
    WitnessRefused,
    WitnessUnavailable,
)
from ledger.note import Signer
from ledger.policy import Policy
from ledger.witnesses import Submission, Target, ask
from tests.foreign_log import ForeignLog
from tests.log_builder import private_key
from tests.witnessing import dripping, raw, served, serving_witness

LOG = ForeignLog()
FORK = ForeignLog(history="other ")
W = CosignatureSigner("w.example", private_key("w"))
PQ = CosignatureSigner("w.example", MLDSA44PrivateKey.generate())
NOW = 1_700_000_000


def submission(size: int, log: ForeignLog = LOG, grown: int | None = None) -> Submission:
    """The checkpoint of a size; the log has `grown` entries by now."""
    signed = log.signed(size)
    return Submission(
        signed,
        checkpoint.open(signed, log.signer.verifier),
        log.signer.verifier,
        log.proof,
        lambda: grown or size,
    )


def target(url: str, *signers: CosignatureSigner) -> Target:
    """A witness with these keys at an address."""
    lines = [f"witness w{i} {s.verifier.vkey} {url}\n" for i, s in enumerate(signers)]
    (found,) = witnesses.targets(Policy.parse("".join(lines) + "quorum none\n"))
    return found


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    """The client that the service uses."""
    with witnesses.make_client() as client:
        yield client


Answering = Callable[[add_checkpoint.Request], Response]


@contextmanager
def answering(post: Answering, held: str | None = None) -> Iterator[str]:
    """A witness that answers what it is told to; `held` is at its monitoring address."""

    async def add(request: Request) -> Response:
        return post(add_checkpoint.parse(await request.body()))

    def get(_: Request) -> Response:
        return Response(status_code=404) if held is None else Response(held)

    routes = [
        Route("/add-checkpoint", add, methods=["POST"]),
        Route(f"/{add_checkpoint.origin_hash(LOG.signer.name)}/checkpoint", get),
    ]
    with served(Starlette(routes=routes)) as url:
        yield url


def conflict(size: int | str) -> Response:
    """A 409."""
    return Response(f"{size}\n", 409, media_type=SIZE_TYPE)


def cosigning(text: str, time: int = NOW, *signers: CosignatureSigner) -> Response:
    """A 200 with cosignatures of a text."""
    return Response("".join(signer.cosign(text, time) for signer in signers or (W,)))


def text_of(request: add_checkpoint.Request) -> str:
    """The text of the checkpoint in a request."""
    return note.split(request.checkpoint)[0]


def test_an_honest_witness_cosigns_a_growing_log(http: httpx.Client, tmp_path: Path) -> None:
    """Our own witness, with both keys, whatever we think it holds: at most one question more."""
    with serving_witness(tmp_path, [LOG.signer.verifier]) as (witness, url):
        asked = target(url, *witness.signers)
        for size, known in ((1, 0), (5, 1), (8, 0), (8, 8), (8, 5), (40, 8), (64, 0)):
            found = ask(http, asked, submission(size), known=known)
            assert [made.by for made in found] == [w.key for w in asked.witnesses]
            for made in found:
                made.by.check(note.split(LOG.signed(size))[0].encode(), signature_of(made.line))


def signature_of(line: str) -> bytes:
    """The bytes of a signature line."""
    (parsed,) = note.parse(f"text\n\n{line}").unverified
    return parsed.signature


def test_one_key_of_a_witness_that_has_two_is_enough(http: httpx.Client, tmp_path: Path) -> None:
    """Cosignatures of keys that the policy does not name are left alone."""
    with serving_witness(tmp_path, [LOG.signer.verifier]) as (witness, url):
        for signer in witness.signers:
            (made,) = ask(http, target(url, signer), submission(5), known=0)
            assert made.by == signer.verifier
        both = target(url, witness.signers[0], W)  # W is not a key of this witness
        assert len(ask(http, both, submission(8), known=5)) == 1


def test_the_first_question_is_from_the_size_we_know(http: httpx.Client) -> None:
    """With its proof; and from its own size when it tells another."""
    asked: list[tuple[int, int]] = []

    def post(request: add_checkpoint.Request) -> Response:
        asked.append((request.old, len(request.proof)))
        return cosigning(text_of(request)) if request.old == 12 else conflict(12)

    with answering(post) as url:
        ask(http, target(url, W), submission(20), known=7, now=lambda: NOW)
    assert asked == [(7, len(LOG.proof(7, 20))), (12, len(LOG.proof(12, 20)))]


@pytest.mark.parametrize(
    ("name", "answer", "says"),
    [
        ("nothing", lambda r: Response(""), "no cosignature"),
        ("of another key", lambda r: cosigning(text_of(r), NOW, PQ), "no known key"),
        ("of another origin", lambda r: cosigning(text_of(r).replace("for", "mor")), "verify"),
        ("of another size", lambda r: cosigning(text_of(r).replace("8", "9", 1)), "verify"),
        ("of another root", lambda r: cosigning(note.split(FORK.signed(8))[0]), "verify"),
        ("replayed", lambda r: cosigning(note.split(LOG.signed(7))[0]), "verify"),
        ("of yesterday", lambda r: cosigning(text_of(r), NOW - 86_400), "-86400 seconds"),
        ("of tomorrow", lambda r: cosigning(text_of(r), NOW + 86_400), r"\+86400 seconds"),
        ("of the year 292 billion", lambda r: cosigning(text_of(r), 2**63 - 1), "dated"),
        ("the log's own line", lambda r: Response(r.checkpoint.split("\n\n")[1]), "no known key"),
        ("text", lambda r: Response("thank you\n"), "no cosignature"),
        ("no UTF-8", lambda r: Response(b"\xff\xfe"), "UTF-8"),
        ("no newline", lambda r: Response(W.cosign(text_of(r), NOW)[:-1]), "no cosignature"),
        ("a whole note", lambda r: Response(r.checkpoint + W.cosign(text_of(r), NOW)), "no cosig"),
        ("a hundred lines", lambda r: Response(W.cosign(text_of(r), NOW) * 101), "100"),
        ("too much", lambda r: Response("x" * (MAX_BODY + 1)), str(MAX_BODY)),
        ("one good, one forged", lambda r: Response(
            W.cosign(text_of(r), NOW) + W.cosign(note.split(FORK.signed(8))[0], NOW)), "verify"),
        ("400", lambda r: Response("bad\n", 400), "400: bad"),
        ("403", lambda r: Response("no\n", 403), "403: no"),
        ("404", lambda r: Response("who?\n", 404), "404.*URL is wrong"),
        ("a redirect", lambda r: Response("", 307, {"Location": "/elsewhere"}), "307"),
        ("a wicked text", lambda r: Response("\x1b[31mred\n", 400), r"400:  \[31mred"),
        ("409 without a size", lambda r: Response("soon\n", 409, media_type=SIZE_TYPE), "no size"),
        ("409 of another type", lambda r: Response("5\n", 409), "media type"),
        ("409 with a sign", lambda r: conflict("+5"), "no size"),
    ],
)  # fmt: skip
def test_what_is_no_cosignature_is_refused(
    http: httpx.Client, name: str, answer: Answering, says: str
) -> None:
    """Nothing of it is kept, and the message says what was wrong."""
    with answering(answer) as url:
        with pytest.raises(WitnessRefused, match=says):
            ask(http, target(url, W), submission(8), known=0, now=lambda: NOW)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_witness_that_cannot_now_is_unavailable(http: httpx.Client, status: int) -> None:
    """It is not blamed for it."""
    with answering(lambda r: Response("later\n", status)) as url:
        with pytest.raises(WitnessUnavailable, match=str(status)):
            ask(http, target(url, W), submission(8), known=0)


def test_a_witness_that_is_not_there_is_unavailable(http: httpx.Client) -> None:
    """A closed port, and a name that does not exist."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}", "http://witness.invalid"):
        with pytest.raises(WitnessUnavailable):
            ask(http, target(url, W), submission(8), known=0)


@pytest.mark.parametrize(
    ("send", "says"),
    [
        (lambda c: c.sendall(b"SMTP ready\r\n\r\n"), "RemoteProtocolError"),
        (lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"), "Protocol"),
        (lambda c: None, "disconnected"),
        (lambda c: time.sleep(1), "Timeout"),
        (dripping, "takes more than"),
    ],
    ids=["no HTTP", "half an answer", "hangs up", "silence", "a byte at a time"],
)
def test_a_connection_that_fails_is_given_up(
    monkeypatch: pytest.MonkeyPatch, send: Callable[[socket.socket], None], says: str
) -> None:
    """Within the time for an answer, whatever is sent meanwhile."""
    monkeypatch.setattr(witnesses, "TIMEOUT", 0.3)
    with witnesses.make_client() as impatient, raw(send) as url:
        with pytest.raises(WitnessUnavailable, match=says):
            ask(impatient, target(url, W), submission(8), known=0)


def test_a_compressed_answer_is_not_unpacked(http: httpx.Client) -> None:
    """It has the size that came over the network, and is then no cosignature."""
    body, gzip = b"\x1f\x8b" + bytes(1000), {"Content-Encoding": "gzip"}
    with answering(lambda r: Response(body, 200, gzip)) as url:
        with pytest.raises(WitnessRefused):
            ask(http, target(url, W), submission(8), known=0)


def test_a_witness_that_never_agrees_is_refused(http: httpx.Client) -> None:
    """It names a size up to the log's, another one every time."""
    sizes = iter([3, 5, 4, 6, 7, 2])
    with answering(lambda r: conflict(next(sizes))) as url:
        with pytest.raises(WitnessRefused, match="another size"):
            ask(http, target(url, W), submission(8), known=0)
    assert next(sizes) == 7  # four questions, no more


def test_a_witness_that_forgot_is_an_alarm(http: httpx.Client) -> None:
    """It cosigned 5 entries for us and says that it holds 3, or nothing."""
    for held in (0, 3, 4):
        with answering(lambda r, held=held: conflict(held)) as url:  # type: ignore[misc]
            with pytest.raises(WitnessAlarm, match=f"holds a tree of {held} .* lost its state"):
                ask(http, target(url, W), submission(8), known=5)


def test_a_witness_that_holds_more_than_the_log_is_an_alarm(http: httpx.Client) -> None:
    """With the checkpoint that it shows and our key signed as proof; without one it is a claim."""
    with answering(lambda r: conflict(20), LOG.signed(20)) as url:
        with pytest.raises(WitnessAlarm, match="set back") as alarm:
            ask(http, target(url, W), submission(8), known=0)
    assert alarm.value.held == LOG.signed(20)
    mallory = Signer(LOG.signer.name, private_key("mallory"))
    forged = note.sign(note.split(LOG.signed(20))[0], mallory)
    for shown in (None, "", forged, LOG.signed(8), ForeignLog("o.example").signed(20)):
        with answering(lambda r: conflict(20), shown) as url:
            with pytest.raises(WitnessAlarm, match="the witness errs") as alarm:
                ask(http, target(url, W), submission(8), known=0)
        assert alarm.value.held is None


def test_a_witness_that_holds_what_the_log_grew_to_is_asked_later(http: httpx.Client) -> None:
    """Another process published a newer checkpoint meanwhile: no alarm."""
    with answering(lambda r: conflict(20), LOG.signed(20)) as url:
        with pytest.raises(WitnessUnavailable, match="newer tree"):
            ask(http, target(url, W), submission(8, grown=20), known=0)


@pytest.mark.parametrize("known", [0, 5, 8])
def test_a_second_history_is_an_alarm_with_its_proof(
    http: httpx.Client, tmp_path: Path, known: int
) -> None:
    """Our own witness saw the fork first; what it shows is signed by our key and does not fit."""
    with serving_witness(tmp_path, [LOG.signer.verifier]) as (witness, url):
        ask(http, target(url, *witness.signers), submission(known or 3, FORK), known=0)
        with pytest.raises(WitnessAlarm, match="two histories") as alarm:
            ask(http, target(url, *witness.signers), submission(8), known=0)
        assert alarm.value.held is not None
        shown = checkpoint.open(alarm.value.held, LOG.signer.verifier)
        assert shown.root == FORK.root(known or 3) != LOG.root(known or 3)


def test_a_refusal_that_shows_nothing_is_an_alarm_too(http: httpx.Client) -> None:
    """422, or 409 with the very size that was sent (as the protocol once had it)."""
    for answer in (Response("no\n", 422), conflict(0), conflict(8)):
        with answering(lambda r, answer=answer: answer) as url:  # type: ignore[misc]
            with pytest.raises(WitnessAlarm, match="shows no checkpoint") as alarm:
                ask(http, target(url, W), submission(8), known=0)
        assert alarm.value.held is None


def test_a_refusal_of_a_right_proof_is_the_witness_s_fault(http: httpx.Client) -> None:
    """It shows a tree of ours and refuses the proof from it: no alarm about this log."""
    for size in (0, 3, 8):
        with answering(lambda r: Response("no\n", 422), LOG.signed(size)) as url:
            with pytest.raises(WitnessRefused, match="which is right"):
                ask(http, target(url, W), submission(8), known=0)


def test_witnesses_are_asked_once_at_each_address() -> None:
    """Two keys at one address are one witness; one without an address is not asked."""
    keys = [CosignatureSigner(f"k{i}.example", private_key(f"k{i}")).verifier for i in range(4)]
    policy = Policy.parse(
        f"witness a {keys[0].vkey} https://w.example/\n"
        f"witness b {keys[1].vkey} https://other.example/w\n"
        f"witness c {keys[2].vkey} https://w.example\n"
        f"witness d {keys[3].vkey}\n"
        "quorum none\n"
    )
    found = witnesses.targets(policy)
    assert [(t.url, t.name) for t in found] == [
        ("https://w.example", "a, c"),
        ("https://other.example/w", "b"),
    ]


@pytest.mark.parametrize(
    "url",
    ["w.example", "ftp://w.example", "https://", "https:///x", "https://w.example?x", "http://w#f"],
)
def test_a_bad_address_is_a_setting_to_be_mended(url: str) -> None:
    """Named before anybody is asked."""
    policy = Policy.parse(f"witness a {W.verifier.vkey} {url}\nquorum none\n")
    with pytest.raises(ConfigurationError, match="witness a"):
        witnesses.targets(policy)
