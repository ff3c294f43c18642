"""A served ledger for tests: the real application, on a real port."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from starlette.types import ASGIApp

from api.app import create_app
from api.rate import Limits, Rates
from api.sign_in.provider import Provider
from api.state import State
from api.workers import Line, config
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
    limits: Limits | None = None,
    line: Line | None = None,
    provider: Provider | None = None,
    port: int = 0,
) -> Iterator[str]:
    """Serve a ledger on a free port of this machine; its address."""
    follower = follower or Follower(made.ledger.pool, made.ledger.listener)
    rates = Rates(limits) if limits else None
    state = State(
        made.ledger,
        follower,
        public_hashes,
        publishing,
        timestamps,
        inspections,
        rates,
        provider,
    )
    with _serving(state, line or Line(), port) as address:
        yield address


@contextmanager
def serving_ledger(ledger: Ledger) -> Iterator[str]:
    """Serve an open ledger, whoever made it; its address."""
    with _serving(State(ledger, Follower(ledger.pool, ledger.listener)), Line()) as address:
        yield address


@contextmanager
def _serving(state: State, line: Line, port: int = 0) -> Iterator[str]:
    try:
        with listening_for(create_app(state), line, port) as address:
            yield address
    finally:
        state.follower.close()


@contextmanager
def listening_for(app: ASGIApp, line: Line, port: int = 0) -> Iterator[str]:
    """Serve an application as the service does; its address."""
    listening = socket.create_server(("127.0.0.1", port))
    settings = config(app, line)
    settings.timeout_graceful_shutdown = 1
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"{'https' if line.tls else 'http'}://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


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
