"""Witnesses for tests: open ones in memory of this process, and served ones on a real port."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from api.witness import create_app
from ledger.note import Verifier
from ledger.policy import LogKey
from ledger.witness import Witness
from ledger.witness.home import WitnessHome, open_witness

NAME = "witness.example/w"


class Seconds:
    """A clock that stands where it is put, in seconds since 1970."""

    def __init__(self, now: float = 1_700_000_000) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@contextmanager
def served(app: Starlette) -> Iterator[str]:
    """Serve an application on a free port of this machine; its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


@contextmanager
def serving_witness(
    data: Path, logs: Iterable[LogKey | Verifier], name: str = NAME
) -> Iterator[tuple[Witness, str]]:
    """A witness of these logs, and its address."""
    with open_witness(WitnessHome(data), logs, name=name) as witness:
        with served(create_app(witness)) as url:
            yield witness, url


@contextmanager
def raw(send: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that reads each request and then sends what it likes."""

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):  # the other side had enough
            _read_request(connection)
            send(connection)

    def run() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def _read_request(connection: socket.socket) -> None:
    # All of it: closing a connection with something unread resets it, whatever was sent.
    raw = b""
    while b"\r\n\r\n" not in raw:
        raw += _some(connection)
    head, _, body = raw.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *([0-9]+)", head)
    while length and len(body) < int(length[1]):
        body += _some(connection)


def _some(connection: socket.socket) -> bytes:
    more = connection.recv(65_536)
    if not more:
        raise ConnectionResetError
    return more


def dripping(connection: socket.socket) -> None:
    """An answer that never ends, a little at a time."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    for _ in range(100):
        connection.sendall(b"x")
        time.sleep(0.05)
