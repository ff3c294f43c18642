"""Turns away an address that holds a NUL: no text here does, and PostgreSQL takes none in a text.

`tests/test_plain.py` asks every route with one.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from api import problems, refusing


class Plain:
    """An application that is asked for nothing with a NUL in its path or query."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] == "http" and ("\x00" in scope["path"] or b"%00" in scope["query_string"]):
            refusal = problems.of_status(422, "An address holds no NUL (%00).")
            await refusing.answer(refusal)(scope, receive, send)
        else:
            await self._app(scope, receive, send)
