"""Events that the ledger records of itself, signed with its own key.

What they are: checkpoints it notes (`ledger/noting.py`), who read it (`ledger/inspections.py`), who
may (`ledger/auditor_grants.py`), what was erased (`ledger/erasure.py`). `tests/test_noting.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ledger import cloudevent, envelope
from ledger.keyring import LEDGER
from ledger.keys import SigningKey
from ledger.opening import Ledger


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
