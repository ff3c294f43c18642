"""The least an HTTP client can do: requests as bytes, answers by their length.

What drives a service must cost less than the service, or it is the client that is measured.
`http.client` takes as long for a request as many an answer takes.
"""

from __future__ import annotations

import socket
from typing import Self


def request(method: str, path: str, body: bytes = b"", token: str | None = None) -> bytes:
    """A request of HTTP/1.1 on a connection that stays open."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join([*lines, "", ""]).encode() + body


class Connection:
    """One connection to a service on this machine, for one thread."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, raw: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to a request. Raises OSError."""
        self._socket.sendall(raw)
        received = self._more(b"")
        while (end := received.find(b"\r\n\r\n")) < 0:
            received = self._more(received)
        head, body = received[:end].lower(), received[end + 4 :]
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        while len(body) < length:
            body = self._more(body)
        return int(head[9:12]), body

    def expect(self, raw: bytes, *statuses: int) -> bytes:
        """The body of the answer to a request. Raises RuntimeError for another status."""
        status, body = self.send(raw)
        if status not in statuses:
            raise RuntimeError(f"answered with {status}: {body[:200]!r}")
        return body

    def _more(self, received: bytes) -> bytes:
        more = self._socket.recv(1 << 18)
        if not more:
            raise ConnectionError("the service closed the connection")
        return received + more
