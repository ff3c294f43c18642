"""Sealed text for tests: a request of a data subject, whose text is to be forgotten later."""

from __future__ import annotations

from ledger import sealing, sealing_keys
from ledger.append import Appended
from ledger.sealing import SealingKey
from tests.ledgers import TestLedger

TEXT = "Mevrouw Ønskebeek wil haar dossier inzien"
"""A name that occurs nowhere else."""


def key_for(made: TestLedger, subject: str) -> SealingKey:
    """The key of a subject, as the service that seals gets it."""
    ledger = made.ledger
    with ledger.pool.connection() as conn:
        return sealing_keys.key_for(conn, ledger.master_keys, subject, ledger.clock())


def request(
    made: TestLedger, number: int, controller: str = "C1", text: str = TEXT, **more: str
) -> Appended:
    """A request whose text is sealed under the key of its case."""
    key = key_for(made, f"request:V-{number}")
    data = {
        "request_id": f"V-{number}",
        "controller_id": controller,
        "right": "access",
        "request_text": sealing.seal(text, key),
        **{name: sealing.seal(value, key) for name, value in more.items()},
    }
    return made.append("DataSubjectRequestReceived", data)
