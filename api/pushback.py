"""Push-back: more requests than can be worked on are told to come back, at once.

A request that waits holds memory and a connection, and a queue of them only grows; 503 with
Retry-After lets the client wait instead. There are too many when too many are inside, or when the
event loop keeps coming round so late that those outside wait longer than they should: what is bound
by the processor never gets far inside. Late once is a hiccup, which is over before anybody could
come back; late twice in a row is a queue. `tests/test_pushback.py` sends more than there is room
for, and keeps the loop busy.
"""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

from api import problems, refusing

ALWAYS = "/healthz"
"""The address that is always let in: a process that is busy is not one to be ended."""

RETRY_AFTER = "1"
"""Seconds."""


BEAT = 0.05
"""Seconds between two looks at how late the event loop is."""


class PushBack:
    """Lets at most `most` requests in at a time, and none while the event loop was more than `late`
    seconds late at each of the last two looks; answers the others with a problem document."""

    def __init__(self, app: ASGIApp, most: int, late: float) -> None:
        self._app = app
        self._most = most
        self._late = late
        self._inside = 0
        self._lateness = self._before = 0.0
        self._beats = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if not self._beats:
            self._beats = True
            self._beat(asyncio.get_running_loop().time())
        if scope["type"] != "http" or scope.get("path") == ALWAYS:
            await self._app(scope, receive, send)
        elif self._inside >= self._most or min(self._before, self._lateness) > self._late:
            headers = {"Retry-After": RETRY_AFTER, "Connection": "close"}
            await refusing.answer(problems.of_status(503), headers)(scope, receive, send)
        else:
            self._inside += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._inside -= 1

    def _beat(self, due: float) -> None:
        """Look how late it is, and again in a while."""
        loop = asyncio.get_running_loop()
        self._before, self._lateness = self._lateness, loop.time() - due
        due = loop.time() + BEAT
        loop.call_at(due, self._beat, due)
