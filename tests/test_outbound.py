"""Sending one webhook to a real HTTPS server: within limits, to the address that was looked at."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from ledger.destination import Lookup, parse
from ledger.outbound import Attempt, Outbound
from tests.receiver import HOST, Got, Receiver, receiving, status

HERE = ("127.0.0.1/32",)
BODY = b'{"type":"webhook.tried"}'


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with receiving(tmp_path) as made:
        yield made


def post(
    receiver: Receiver,
    url: str = "",
    *,
    networks: tuple[str, ...] = HERE,
    lookup: Lookup = lambda host, port: ["127.0.0.1"],
    tls: ssl.SSLContext | None = None,
    patience: float = 10,
) -> Attempt:
    """Send something to a receiver."""
    outbound = Outbound(tls or receiver.trusted, lookup, patience)
    return outbound.post(parse(url or receiver.url, networks), {"webhook-id": "msg_1"}, BODY)


def test_it_arrives_as_it_was_made(receiver: Receiver) -> None:
    """Body and headers, at the path and query of the address, under the name that was asked for."""
    assert post(receiver, f"{receiver.named}?code=1") == Attempt(204)
    (got,) = receiver.got
    assert (got.path, got.body, got.id) == ("/hook?code=1", BODY, "msg_1")
    assert got.headers["content-type"] == "application/json"
    assert got.headers["host"] == f"{HOST}:{receiver.port}"


def test_the_certificate_is_verified_for_the_name(receiver: Receiver) -> None:
    """An authority that nobody named, and a certificate of another name, get nothing."""
    for sent in (
        post(receiver, tls=ssl.create_default_context()),
        post(receiver, f"https://other.example.test:{receiver.port}/"),
    ):
        assert sent.failure is not None
        assert sent.failure.startswith("TLS")
    assert receiver.got == []


def test_this_machine_is_reached_only_where_it_was_allowed(receiver: Receiver) -> None:
    """Without that, nothing is connected to, by address or by name."""
    for url in (receiver.url, receiver.named):
        sent = post(receiver, url, networks=())
        assert sent.failure == "leads to 127.0.0.1, which is not allowed"
    assert receiver.got == []


def test_a_name_that_leads_elsewhere_at_the_next_look_up_does_not_get_there(tmp_path: Path) -> None:
    """DNS rebinding: it is looked up once, and what was looked at is connected to. The next time it
    is looked at anew, and refused."""
    answers = iter(["127.0.0.2", "127.0.0.1", "127.0.0.1"])
    looked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        looked.append(host)
        return [next(answers)]

    with receiving(tmp_path, "127.0.0.2", "127.0.0.1") as receiver:
        allowed = ("127.0.0.2/32",)
        sent = post(receiver, receiver.named, networks=allowed, lookup=rebinding)
        assert sent == Attempt(204)
        assert [got.at for got in receiver.got] == ["127.0.0.2"]
        assert looked == [HOST]
        again = post(receiver, receiver.named, networks=allowed, lookup=rebinding)
        assert again.failure == "leads to 127.0.0.1, which is not allowed"
        assert len(receiver.got) == 1


def test_another_address_is_tried_when_one_cannot_be_reached(receiver: Receiver) -> None:
    """As far as they are allowed."""
    found = ["127.0.0.3", "127.0.0.1"]
    sent = post(receiver, receiver.named, networks=("127.0.0.0/8",), lookup=lambda h, p: found)
    assert sent == Attempt(204)


@pytest.mark.parametrize("number", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver: Receiver, number: int) -> None:
    """Wherever it leads."""
    receiver.answering = status(number, Location=f"{receiver.url}/elsewhere")
    sent = post(receiver)
    assert (sent.status, sent.delivered) == (number, False)
    assert len(receiver.got) == 1


def test_the_proxies_of_the_environment_are_not_asked(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would connect to an address that nobody looked at."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert post(receiver) == Attempt(204)


def test_a_receiver_that_does_not_answer_is_given_up(receiver: Receiver) -> None:
    """After a while for all of it."""
    free = threading.Event()
    receiver.answering = lambda handler, got: bool(free.wait(20)) and None
    begin = time.monotonic()
    assert post(receiver, patience=1).failure == "no answer within 1 s"
    assert time.monotonic() - begin < 5
    free.set()


def test_a_receiver_that_lets_bytes_fall_is_given_up(receiver: Receiver) -> None:
    """The time is for the whole answer, not for each byte of it."""

    def dripping(handler: BaseHTTPRequestHandler, got: Got) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        for _ in range(100):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.1)

    receiver.answering = dripping
    begin = time.monotonic()
    assert post(receiver, patience=1).failure == "no answer within 1 s"
    assert time.monotonic() - begin < 5


def test_an_answer_without_end_is_not_read(receiver: Receiver) -> None:
    """The status is all that is looked at; headers without end are given up."""
    sent = [0, 0]

    def endless(handler: BaseHTTPRequestHandler, got: Got) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n")
        for _ in range(1000):
            sent[0] += handler.wfile.write(bytes(1_000_000))

    receiver.answering = endless
    begin = time.monotonic()
    assert post(receiver) == Attempt(200)
    assert time.monotonic() - begin < 5

    def many_headers(handler: BaseHTTPRequestHandler, got: Got) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(1_000_000):
            sent[1] += handler.wfile.write(b"X-%d: %s\r\n" % (number, bytes(1000).hex().encode()))

    receiver.answering = many_headers
    assert post(receiver).failure == "cannot be reached, or makes no sense"
    time.sleep(0.5)
    assert all(count < 100_000_000 for count in sent)


def test_what_is_no_http_is_a_failure(receiver: Receiver) -> None:
    """And so is nobody there, and a name that has no address."""
    receiver.answering = lambda handler, got: (
        handler.wfile.write(b"220 smtp ready\r\n\r\n") and None
    )
    assert post(receiver).failure == "cannot be reached, or makes no sense"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    assert post(receiver, f"https://127.0.0.1:{free}/").failure is not None

    def nowhere(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    assert post(receiver, receiver.named, lookup=nowhere).failure == "the name has no address"


@pytest.mark.parametrize(
    ("said", "pause"), [("120", 120), ("soon", None), ("-1", None), ("9" * 40, None)]
)
def test_a_pause_that_is_asked_for_is_told(
    receiver: Receiver, said: str, pause: int | None
) -> None:
    """In seconds, when it is a number."""
    receiver.answering = status(503, Retry_After=said)
    assert post(receiver) == Attempt(503, pause=pause)


def test_a_program_beside_the_ledger_may_be_sent_to_without_tls(tmp_path: Path) -> None:
    """On this machine, where that was allowed."""
    with receiving(tmp_path, secure=False) as receiver:
        assert post(receiver, f"http://127.0.0.1:{receiver.port}/hook") == Attempt(204)
