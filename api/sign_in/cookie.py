"""The cookie of a session: of this host alone, over TLS alone, and out of reach of scripts.

It lasts as long as the browser; how long the session does, the ledger knows
(`ledger/sessions.py`). `tests/test_sign_in.py` holds its flags.
"""

from __future__ import annotations

from fastapi import Request, Response

COOKIE = "__Host-session"


def read(request: Request) -> str | None:
    """The secret of the session that a browser shows."""
    return request.cookies.get(COOKIE)


def give(response: Response, secret: str) -> None:
    """Have the browser show it from now on."""
    response.set_cookie(COOKIE, secret, secure=True, httponly=True, samesite="lax")


def take(response: Response) -> None:
    """Have the browser forget it."""
    response.delete_cookie(COOKIE, secure=True, httponly=True, samesite="lax")
