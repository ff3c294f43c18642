"""A served ledger for tests: the real application, on a real port."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn

from api.app import create_app
from api.state import State
from ledger.inspections import Inspections
from ledger.opening import Ledger
from ledger.publish import Publishing
from ledger.timestamps import Timestamps
from projections.follow import Follower
from tests.ledgers import TestLedger


@contextmanager
def serving(
    made: TestLedger,
    follower: Follower | None = None,
    publishing: Publishing | None = None,
    *,
    public_hashes: bool = False,
    timestamps: Timestamps | None = None,
    inspections: Inspections | None = None,
) -> Iterator[str]:
    """Serve a ledger on a free port of this machine; its address."""
    follower = follower or Follower(made.ledger.pool, made.ledger.listener)
    state = State(made.ledger, follower, public_hashes, publishing, timestamps, inspections)
    with _serving(state) as address:
        yield address


@contextmanager
def serving_ledger(ledger: Ledger) -> Iterator[str]:
    """Serve an open ledger, whoever made it; its address."""
    with _serving(State(ledger, Follower(ledger.pool, ledger.listener))) as address:
        yield address


@contextmanager
def _serving(state: State) -> Iterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(state), log_level="critical", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
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
        state.follower.close()


@contextmanager
def reader(
    made: TestLedger,
    follower: Follower | None = None,
    publishing: Publishing | None = None,
    timestamps: Timestamps | None = None,
) -> Iterator[httpx.Client]:
    """A client of a served ledger that holds the read token."""
    token = made.home.token_file.read_text()
    headers = {"Authorization": f"Bearer {token}"}
    with (
        serving(made, follower, publishing, timestamps=timestamps) as url,
        httpx.Client(base_url=url, headers=headers, timeout=40) as client,
    ):
        yield client
