"""Several processes that serve one log: `verantwoord serve --workers N`.

    the first process     follows, publishes, stamps and notes, and serves
    N - 1 beside it       serve on the same socket, over the same database

One interpreter computes on one core; the order of the log is kept by the lock of its head, whoever
appends. Every process follows as well: the one that is free takes the next batch. What only the
first one knows, what witnesses and authorities last answered it, the others ask of it, with the
token of whoever asked them. A process that ends is started again, and none outlives the first, also
when that is killed. `tests/test_workers.py` kills both kinds under load.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import connection
from pathlib import Path

import httpx
import structlog
import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api import logs, problems, refusing
from api.app import create_app
from api.connection import Connection
from api.metrics import Beside, answer, of_process
from api.rate import Limits, Rates, address
from api.sign_in import settings
from api.sign_in.provider import Provider
from api.state import State
from api.tls import Tls
from ledger.deployment import Home
from ledger.errors import ConfigurationError
from ledger.inspections import recording
from ledger.opening import open_ledger
from projections.follow import Follower
from projections.frameworks.framework import all_frameworks

OF_THE_FIRST = ("/v1/witnesses", "/v1/timestamps")
"""What is answered from the memory of the first process."""

PAUSE = 1.0
"""Seconds before a process that ended is started again."""

PATIENCE = 10.0
"""Seconds to wait for the first process."""

_HOP_BY_HOP = frozenset({"connection", "transfer-encoding", "content-length", "host"})

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class People:
    """How people come in: at the identity provider of a file, if there is one, and at which
    address."""

    provider_file: Path | None = None
    address: str = ""

    @contextmanager
    def provider(self) -> Iterator[Provider | None]:
        """The provider, as a process asks it. Raises ConfigurationError."""
        if self.provider_file is None:
            yield None
            return
        provider = Provider(settings.load(self.provider_file), self.address)
        try:
            yield provider
        finally:
            provider.close()


@dataclass(frozen=True, slots=True)
class Served:
    """What every process serves, and how: the ledger of a home, on a socket; the port of this
    machine at which the first process answers alone; and where traces go, if anywhere."""

    home: Home
    listening: socket.socket
    first: int
    public_hashes: bool
    limits: Limits
    line: Line
    people: People
    traces: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """How a service is reached: over TLS of its own, or not; and the addresses of proxies that are
    believed when they say for whom they ask (X-Forwarded-For, X-Forwarded-Proto)."""

    tls: Tls | None = None
    proxies: tuple[str, ...] = ("127.0.0.1",)


def config(app: ASGIApp, line: Line) -> uvicorn.Config:
    """How an application is served. Raises ConfigurationError."""
    serving = line.tls.serving() if line.tls else None
    return uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        log_config=None,  # logs are those of the program (`api/logs.py`)
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=5,
        forwarded_allow_ips=[*line.proxies],
        ssl_context_factory=(lambda *_: serving) if serving else None,
    )


def run(app: ASGIApp, line: Line, *listening: socket.socket) -> None:
    """Serve an application on sockets until the process is told to end."""
    uvicorn.Server(config(app, line)).run(sockets=list(listening))


def trace(url: str | None, process: int) -> None:
    """Send the traces of this process to an address, if there is one. Raises ConfigurationError."""
    if url is None:
        return
    try:
        traces = import_module("api.traces")
    except ModuleNotFoundError:
        raise ConfigurationError(
            "--traces needs the libraries of OpenTelemetry: pip install 'verantwoord[traces]'"
        ) from None
    traces.send_to(url, process)


@contextmanager
def beside(served: Served, count: int, others: Beside) -> Iterator[None]:
    """Let so many more processes serve until the block ends; `others` can ask each."""
    closing = threading.Event()
    # Nothing is sent: the pipe breaks when the first process is gone, however it went.
    alive, ours = multiprocessing.Pipe(duplex=False)
    keepers = [
        threading.Thread(
            target=_keep, args=(served, alive, closing, number, others), name=f"worker {number}"
        )
        for number in range(2, count + 2)
    ]
    for keeper in keepers:
        keeper.start()
    try:
        yield
    finally:
        closing.set()
        ours.close()
        alive.close()
        for keeper in keepers:
            keeper.join()


def _keep(
    served: Served,
    alive: connection.Connection,
    closing: threading.Event,
    number: int,
    others: Beside,
) -> None:
    """Have one process serve, and another when it ends."""
    while not closing.is_set():
        asked = others.line(number)
        process = multiprocessing.get_context("spawn").Process(
            target=_serve, args=(served, alive, number, asked), daemon=True
        )
        process.start()
        asked.close()
        process.join()
        if not closing.is_set():
            log.error("a serving process ended and is started again", status=process.exitcode)
            closing.wait(PAUSE)


def _serve(
    served: Served, alive: connection.Connection, number: int, asked: connection.Connection
) -> None:
    """One process beside the first."""
    logs.configure()
    os.setsid()  # an interrupt from the keyboard is for the first, which ends the others
    threading.Thread(target=_end_after, args=(alive,), daemon=True).start()
    trace(served.traces, number)
    with open_ledger(served.home) as ledger:
        follower = Follower(ledger.pool, ledger.listener)
        answer(asked, of_process(ledger, follower))
        try:
            with recording(ledger) as inspections, served.people.provider() as provider:
                state = State(
                    ledger,
                    follower,
                    served.public_hashes,
                    inspections=inspections,
                    rates=Rates(served.limits),
                    provider=provider,
                    frameworks=all_frameworks(served.home.frameworks),
                )
                app = AskFirst(create_app(state), served.first, served.line.tls)
                run(app, served.line, served.listening)
        finally:
            follower.close()


def _end_after(alive: connection.Connection) -> None:
    connection.wait([alive])
    os.kill(os.getpid(), signal.SIGTERM)


class AskFirst:
    """An application that has some of its answers from the first process."""

    def __init__(self, app: FastAPI, port: int, tls: Tls | None = None) -> None:
        self._app = app
        self._client = httpx.AsyncClient(
            base_url=f"{'https' if tls else 'http'}://127.0.0.1:{port}",
            verify=tls.beside() if tls else True,
            timeout=PATIENCE,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or live as long as the application does."""
        if scope["type"] == "lifespan":
            async with self._client:
                await self._app(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] in OF_THE_FIRST:
            response = await self._ask(Request(scope, receive))
            await response(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _ask(self, request: Request) -> Response:
        path = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
        try:
            headers = _passed_on(request.headers.items())
            headers["x-forwarded-for"] = address(request)
            answer = await self._client.request(request.method, path, headers=headers)
        except httpx.TransportError:
            told = "The first process of this service does not answer."
            return refusing.answer(problems.of_status(503, told))
        headers = _passed_on(answer.headers.items())
        return Response(answer.content, answer.status_code, headers)


def _passed_on(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name: value for name, value in headers if name.lower() not in _HOP_BY_HOP}
