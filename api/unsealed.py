"""Answers with the text of sealed fields, for those who may read it.

The operator, the privacy officer, and a controller reader of what is its controller's: these ask
with `unsealed=true`, and that they did is recorded. An auditor sees that text was sealed, and a
service has sealed it itself. `tests/test_unsealing.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import HTTPException, Query, Request

from api.access import holder_of
from api.state import ledger_of
from ledger import unsealing
from ledger.errors import ConfigurationError
from ledger.roles import Role
from ledger.unsealing import Show

UNSEALS = frozenset({Role.OPERATOR, Role.PRIVACY_OFFICER, Role.CONTROLLER_READER})
"""Roles that may read sealed text, of what they may read at all."""

Unsealed = Annotated[
    bool, Query(description="With the text of sealed fields, for roles that may read it")
]


def require_unsealing(request: Request, unsealed: bool) -> None:
    """403 for whoever may not read the text that it asks for."""
    if not unsealed:
        return
    if holder_of(request).role not in UNSEALS:
        raise HTTPException(403)
    request.state.unsealed = True


def opener(request: Request, values: Iterable[Any]) -> Show:
    """What shows these values with their text. 503 when a master key is not here."""
    ledger = ledger_of(request)
    try:
        with ledger.pool.connection() as conn:
            return unsealing.opener(conn, ledger.master_keys(), values)
    except ConfigurationError:
        raise HTTPException(503, "The master key of sealed text is not here.") from None
