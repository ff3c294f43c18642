"""A receiver of webhooks for tests: a real HTTPS server, with a certificate of its own authority.

It answers as it is told, keeps what it got, and verifies it with the library that comes with the
Standard Webhooks specification.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from standardwebhooks.webhooks import Webhook

HOST = "hooks.example.test"


@dataclass(frozen=True)
class Got:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: str

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def told(self) -> dict[str, Any]:
        """The body, read and not verified."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    def verified(self, secret: str) -> dict[str, Any]:
        """The body. Raises WebhookVerificationError."""
        found: dict[str, Any] = Webhook(secret).verify(self.body, self.headers)
        return found


Answering = Callable[[BaseHTTPRequestHandler, Got], None]


def status(number: int, **headers: str) -> Answering:
    """Answer with a status."""

    def answer(handler: BaseHTTPRequestHandler, got: Got) -> None:
        handler.send_response(number)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


@dataclass
class Receiver:
    """A server on one or more addresses of this machine, at one port."""

    authority: Path
    port: int = 0
    got: list[Got] = field(default_factory=list)
    answering: Answering = field(default_factory=lambda: status(204))
    trusted: ssl.SSLContext = field(init=False)

    def __post_init__(self) -> None:
        self.trusted = ssl.create_default_context(cafile=self.authority)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/hook"

    @property
    def named(self) -> str:
        """The same, by its name."""
        return f"https://{HOST}:{self.port}/hook"

    def wait_for(self, count: int, seconds: float = 30) -> None:
        """Until so many requests came."""
        deadline = time.monotonic() + seconds
        while len(self.got) < count:
            assert time.monotonic() < deadline, f"{len(self.got)} of {count} came"
            time.sleep(0.02)


@contextmanager
def receiving(directory: Path, *addresses: str, secure: bool = True) -> Iterator[Receiver]:
    """A receiver until the block ends."""
    certificate, key = directory / "receiver.pem", directory / "receiver.key"
    if not certificate.exists():
        names = f"subjectAltName=DNS:{HOST},IP:127.0.0.1,IP:127.0.0.2"
        command = (
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=hooks"
            f" -addext {names} -out {certificate} -keyout {key}"
        )
        subprocess.run(command.split(), check=True, capture_output=True)
    made = Receiver(certificate)
    servers: list[ThreadingHTTPServer] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    for address in addresses or ("127.0.0.1",):
        server = _Server((address, made.port), _handler(made, address))
        if secure:
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        made.port = server.server_address[1]
        servers.append(server)
    threads = [threading.Thread(target=server.serve_forever, args=(0.05,)) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever sends may go away."""


def _handler(made: Receiver, address: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            got = Got(self.path, headers, body, address)
            made.got.append(got)
            made.answering(self, got)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler
