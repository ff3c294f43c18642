"""What is read of a connection before it brings a request: so much, and for so long."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

import api.body
from api import connection
from api.connection import HEADERS
from tests.ledgers import TestLedger
from tests.serving import serving


@pytest.fixture
def url(ledger: TestLedger) -> Iterator[str]:
    """Where a ledger is served."""
    with serving(ledger) as address:
        yield address


def connect(url: str) -> socket.socket:
    """A connection that says nothing yet."""
    parts = urlsplit(url)
    return socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=20)


def answered(line: socket.socket) -> tuple[int, dict[str, object]]:
    """The status of an answer, and its problem document."""
    received = b""
    while piece := line.recv(65536):
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    return int(head.split()[1]), json.loads(body)


def sent(url: str, *pieces: bytes) -> tuple[int, dict[str, object]]:
    """What bytes are answered with; the server may hang up before all of them are sent."""
    with connect(url) as line:
        try:
            for piece in pieces:
                line.sendall(piece)
                time.sleep(0.001)
        except OSError:
            pass
        return answered(line)


START = b"GET /healthz HTTP/1.1\r\nhost: ledger\r\n"
CHUNKED = b"POST /v1/events HTTP/1.1\r\nhost: ledger\r\ntransfer-encoding: chunked\r\n\r\n"
ENDLESS = [b"x" * 4096] * 16


@pytest.mark.parametrize(
    "pieces",
    [
        [START, *[b"x-%d: y\r\n" % n * 400 for n in range(16)]],
        [START, b"x: ", *ENDLESS],
        [START, *ENDLESS],
        [b"GET /", *ENDLESS],
        [*ENDLESS],
        [START + b"x: " + b"y" * HEADERS + b"\r\n\r\n"],
        [CHUNKED + b"1\r\n{\r\n0\r\n", b"x: ", *ENDLESS],
        [CHUNKED + b"1;", *ENDLESS],
    ],
    ids=["many", "a value", "a name", "a path", "no request", "all at once", "after", "chunk"],
)
def test_headers_without_an_end_are_cut_off(url: str, pieces: list[bytes]) -> None:
    """With a problem document, or as no request; what is kept of them does not grow."""
    status, problem = sent(url, *pieces)
    assert status in {400, 431}
    assert problem["status"] == status
    assert httpx.get(f"{url}/healthz").status_code == 200


def test_large_headers_are_said_to_be_too_large(url: str) -> None:
    """431, which tells the client what to do about it."""
    status, problem = sent(url, START, b"x: ", *ENDLESS)
    assert (status, problem["type"]) == (431, "/v1/problems/headers-too-large")


def test_what_fits_is_let_in_again_and_again(url: str) -> None:
    """Each request of a connection has the whole room; and a body is none of it."""
    with httpx.Client(base_url=url, headers={"x": "y" * (HEADERS - 1000)}) as client:
        for _ in range(5):
            assert client.get("/healthz").status_code == 200
            assert client.post("/v1/events", content=b"x" * 100_000).status_code == 413
    pipelined = b"".join([START + b"\r\n"] * 2000) + START + b"connection: close\r\n\r\n"
    with connect(url) as line:
        line.sendall(pipelined)
        received = b""
        while piece := line.recv(65536):
            received += piece
    assert received.count(b"HTTP/1.1 200") == 2001


@pytest.mark.parametrize("begun", [b"", START, START + b"x"], ids=["nothing", "a line", "half"])
def test_a_connection_that_brings_no_request_is_closed(
    url: str, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    """However slowly it goes on; one that brought one is not."""
    monkeypatch.setattr(connection, "PATIENCE", 0.3)
    with connect(url) as line:
        line.sendall(begun)
        assert line.recv(1) == b""
    with connect(url) as line:
        line.sendall(START + b"\r\n")
        assert line.recv(12) == b"HTTP/1.1 200"


def test_a_request_that_waits_for_its_answer_is_not_closed(
    ledger: TestLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time is for the headers, and not for what is asked."""
    monkeypatch.setattr(connection, "PATIENCE", 0.3)
    token = ledger.home.token_file.read_text()
    with serving(ledger) as url:
        size = ledger.ledger.reader.size()
        found = httpx.get(
            f"{url}/v1/events",
            params={"after": size, "wait": 1},
            headers={"Authorization": f"Bearer {token}"},
        )
    assert found.json()["events"] == []


def test_tls_spoken_to_plain_http_is_no_request(url: str) -> None:
    """Whoever forgot a letter of the address gets an end, and no silence."""
    with connect(url) as line, pytest.raises(ssl.SSLError):
        ssl.create_default_context().wrap_socket(line, server_hostname="ledger")


def test_a_body_that_does_not_come_is_given_up(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It held a place among those that are worked on."""
    monkeypatch.setattr(api.body, "PATIENCE", 0.3)
    head = b"POST /v1/events HTTP/1.1\r\nhost: ledger\r\ncontent-length: 2\r\n\r\n"
    status, problem = sent(url, head, b"{")
    assert (status, problem["type"]) == (408, "/v1/problems/body-too-slow")
