"""Push-back: more requests than can be worked on are told to come back, at once.

A request that waits holds memory and a connection, and a queue of them only grows; 503 with
Retry-After lets the client wait instead. `tests/test_pushback.py` sends more than there is room
for.
"""

from __future__ import annotations

import json

from starlette.types import ASGIApp, Receive, Scope, Send

from api import problems

RETRY_AFTER = b"1"
"""Seconds."""


class PushBack:
    """Lets at most `most` requests in at a time; answers the others with a problem document."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif self._inside >= self._most:
            await _refuse(send)
        else:
            self._inside += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._inside -= 1


async def _refuse(send: Send) -> None:
    body = json.dumps(problems.of_status(503)).encode()
    headers = [
        (b"content-type", problems.MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", RETRY_AFTER),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})
