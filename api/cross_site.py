"""Turns away what another site has a browser send: a form of its own, with the cookie of this one.

A browser says where a request comes from (Fetch Metadata, `Sec-Fetch-Site`), or at least from which
origin (RFC 6454); a program says neither, and shows a token or a signature, which no browser adds
by itself. The cookie says the same once more (`SameSite`). `tests/test_cross_site.py`.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api import problems, refusing

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, 9.2.1)."""


class CrossSite:
    """An application that other sites cannot have changed by somebody's browser."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if (
            scope["type"] == "http"
            and scope["method"] not in SAFE
            and foreign(Headers(scope=scope))
        ):
            refusal = problems.of_status(403, "Another site had your browser send this.")
            await refusing.answer(refusal)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def foreign(headers: Headers) -> bool:
    """Whether a browser sends it for another site, or cannot say for which."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc != headers.get("host")
    except ValueError:
        return True
