"""Whether the service lives, and whether it can do its work. Public; tells nothing else.

`tests/test_api.py`.
"""

from __future__ import annotations

import psycopg
from fastapi import APIRouter, HTTPException, Request

from api.access import PUBLIC
from api.state import state_of

router = APIRouter(tags=["health"], dependencies=[PUBLIC])


@router.get("/healthz")
def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
def ready(request: Request) -> dict[str, str]:
    """The database answers, was not set back and has the standby that it needs, and the registers
    follow; 503 otherwise."""
    state = state_of(request)
    try:
        set_back, replicated = state.ledger.set_back(), state.ledger.replicated()
    except psycopg.OperationalError:
        raise HTTPException(503, "The database does not answer.") from None
    if set_back:
        raise HTTPException(503, "The database was set back.")
    if not replicated:
        raise HTTPException(503, "No standby holds what is committed.")
    if state.follower.error is not None:
        raise HTTPException(503, "The registers have stopped following the log.")
    return {"status": "ok"}
