"""Who may read: until people have roles, whoever holds the read token of `verantwoord init`.

Appending needs no token: an event carries the signature of its producer. What is made of hashes
alone may be public, when the operator says so. Every route declares one of these ways or that it is
public; `tests/test_api.py` walks all routes. Nothing here waits for anything, so it is done on the
event loop.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.state import ledger_of, state_of
from ledger.keys import token_matches

_bearer = HTTPBearer(
    auto_error=False, scheme_name="read-token", description="The token in DIR/read.token"
)


Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def reader(request: Request, credentials: Credentials) -> None:
    """Let a holder of the read token pass; 401 otherwise."""
    expected = ledger_of(request).identity.read_token_sha256
    if credentials is None or not token_matches(credentials.credentials, expected):
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})


READS = Depends(reader)
"""The dependency of every route that reads."""


async def hash_reader(request: Request, credentials: Credentials) -> None:
    """Let everybody pass where hashes are public; elsewhere as `reader`."""
    if not state_of(request).public_hashes:
        await reader(request, credentials)


READS_HASHES = Depends(hash_reader)
"""The dependency of routes that tell hashes, sizes and keys of the log, and no event."""
