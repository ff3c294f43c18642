"""Witnesses for tests: open ones in memory of this process, and served ones on a real port."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
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
