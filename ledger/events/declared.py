"""What an event has more when a controller declared it on a page of the ledger.

*Schriftelijk* (clause 1) takes a message of which the identity of the sender and the integrity are
established, each with a method and evidence. The ledger signs such an event for the person who was
signed in (`ledger/declarations.py`); `tests/test_declarations.py`.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

DECLARATION: Any = Field(
    None, description="The words that were shown and confirmed, when it was declared on a page"
)
DECLARED_BY: Any = Field(None, description="Who declared it, as a pseudonym")
IDENTITY: Any = Field(
    None, description="How the identity of the sender was established (Schriftelijk)"
)
INTEGRITY: Any = Field(
    None, description="How the integrity of the message was established (Schriftelijk)"
)
