"""Events that the ledger records of itself, signed with its own key.

What they are: checkpoints it notes (`ledger/noting.py`), who read it (`ledger/inspections.py`), who
may (`ledger/auditor_grants.py`), what was erased (`ledger/erasure.py`); and what people say on its
pages: declarations (`ledger/declarations.py`), requests for evidence and notes
(`api/desk/requests.py`). `tests/test_noting.py`.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ledger import cloudevent, envelope
from ledger.errors import Refused
from ledger.keyring import LEDGER
from ledger.keys import SigningKey
from ledger.opening import Ledger
from ledger.reader import StoredEntry


def sign(
    ledger: Ledger, key: SigningKey, type: str, id: str, at: datetime, data: Mapping[str, Any]
) -> bytes:
    """The envelope of an event of the ledger itself that happened at a moment."""
    payload = cloudevent.format(
        id=id,
        source=ledger.own_source(LEDGER),
        type=type,
        time=ledger.clock(),
        occurred_at=at,
        data=data,
    )
    return envelope.format(key.sign(payload))


def record(ledger: Ledger, type: str, id: str, data: Mapping[str, Any]) -> int:
    """Record one that happens now, under an id of its own; its leaf index.

    Raises Refused (IdAlreadyUsed for another one of this id), Unavailable, SigningRefused, and
    ConfigurationError where the ledger records nothing by itself.
    """
    key = ledger.require_own_key()
    (answer,) = ledger.append([sign(ledger, key, type, f"{type}-{id}", ledger.clock(), data)])
    if isinstance(answer, Refused):
        raise answer
    return answer.index


def recorded(ledger: Ledger, type: str, id: str) -> StoredEntry | None:
    """What was recorded under an id; None when nothing was."""
    tag = f"source-id:{ledger.own_source(LEDGER)} {type}-{id}"
    return ledger.reader.tagged([tag]).get(tag)


def new_id() -> str:
    """An id for what is about to be confirmed: base32 of five bytes, which holds no number that may
    be anybody's."""
    return base64.b32encode(secrets.token_bytes(5)).decode().lower()


ID = re.compile(r"[a-z2-7]{8}")
"""The form of such an id."""
