"""One connection of a client: what is read of it before a request is known, and for how long.

The parser of HTTP keeps whatever headers it is sent, and waits for them for ever. Here a request
whose headers are too large is answered with 431, and a connection that does not bring them in time
is closed, so that neither memory nor places can be used up before anybody is asked who they are.
`tests/test_connection.py` sends both, byte by byte.
"""

from __future__ import annotations

import asyncio
import json

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api import problems

HEADERS = 32 * 1024
"""Bytes of the request line and the headers of a request, and of what follows its body."""

PATIENCE = 10.0
"""Seconds in which the headers come."""


class Connection(HttpToolsProtocol):
    """A connection that reads headers up to a size and a time."""

    _beside_body = 0
    _closing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody connects, and is to send something."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless what is no body has grown too large: a header may have no end."""
        self._beside_body += len(data)
        super().data_received(data)
        if self._beside_body > HEADERS and not self.transport.is_closing():
            self._refuse(431)

    def on_message_begin(self) -> None:
        """A request begins; it may be another one on this connection."""
        super().on_message_begin()
        self._wait()

    def on_headers_complete(self) -> None:
        """The headers are there. Raises ValueError when they are too large, which the parser hands
        on as an error of its own."""
        self._stop_waiting()
        if self._too_large():
            raise ValueError
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """How much of a body is read, is for whoever answers (`api/body.py`)."""
        self._beside_body = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is there."""
        self._beside_body = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What came is no request, or one with too many headers."""
        self._refuse(431 if self._too_large() else 400)

    def _too_large(self) -> bool:
        return sum(len(name) + len(value) for name, value in self.headers or ()) > HEADERS

    def _wait(self) -> None:
        self._stop_waiting()
        self._closing = self.loop.call_later(PATIENCE, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None

    def _refuse(self, status: int) -> None:
        body = json.dumps(problems.of_status(status)).encode()
        self.transport.write(
            b"HTTP/1.1 %d \r\ncontent-type: %b\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b"
            % (status, problems.MEDIA_TYPE.encode(), len(body), body)
        )
        self.transport.close()
