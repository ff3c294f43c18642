"""Who may read: until people have roles, whoever holds the read token of `verantwoord init`.

Appending needs no token: an event carries the signature of its producer. Every route declares one
of the two ways or that it is public; `tests/test_api.py` walks all routes.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.state import ledger_of
from ledger.keys import token_matches

_bearer = HTTPBearer(
    auto_error=False, scheme_name="read-token", description="The token in DIR/read.token"
)


def reader(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> None:
    """Let a holder of the read token pass; 401 otherwise."""
    expected = ledger_of(request).identity.read_token_sha256
    if credentials is None or not token_matches(credentials.credentials, expected):
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})


READS = Depends(reader)
"""The dependency of every route that reads."""
