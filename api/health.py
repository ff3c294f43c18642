"""Whether the service lives, and whether it can do its work. Public; tells nothing else.

`tests/test_health.py`.
"""

from __future__ import annotations

import psycopg
from fastapi import APIRouter, HTTPException, Request

from api.access import PUBLIC
from api.state import state_of
from ledger.errors import LedgerError

router = APIRouter(tags=["health"], dependencies=[PUBLIC])


PATIENCE = 2.0
"""Seconds for a connection: who asks does not wait long."""


@router.get("/healthz")
async def live() -> dict[str, str]:
    """The process answers. It waits for no thread and no database, and is asked also when the
    service turns others away: ending a process that is busy makes the next one busier."""
    return {"status": "ok"}


@router.get("/readyz")
def ready(request: Request) -> dict[str, str]:
    """The database answers, the log would be signed and has the standby that it needs, and the
    registers follow; 503 otherwise."""
    state = state_of(request)
    try:
        with state.ledger.pool.connection(timeout=PATIENCE):
            pass
        if state.ledger.set_back():
            raise HTTPException(503, "The database was set back.")
        state.ledger.require_signing()
        replicated = state.ledger.replicated()
    except psycopg.Error:
        raise HTTPException(503, "The database does not answer.") from None
    except LedgerError:
        # Why is for the operator: `verantwoord kept show`, and any append.
        raise HTTPException(503, "The ledger signs nothing.") from None
    if not replicated:
        raise HTTPException(503, "No standby holds what is committed.")
    if state.follower.error is not None:
        raise HTTPException(503, "The registers have stopped following the log.")
    return {"status": "ok"}
