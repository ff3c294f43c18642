"""Looking up what an auditor was granted, as the log has it now. `tests/test_auditor_grants.py`."""

from __future__ import annotations

import psycopg

from projections import history
from projections.facts import effective
from projections.grants import GRANT_EVENTS, Grant, grant_of


def find(conn: psycopg.Connection, grant_id: str) -> Grant | None:
    """The grant of an id; None when there is none, or it was retracted."""
    case = f"grant:{grant_id}"
    events = history.of_cases(conn, [case], GRANT_EVENTS, upto=history.size(conn))
    facts = [
        fact
        for fact in effective(events)
        if fact.type in GRANT_EVENTS and fact.data.get("grant_id") == grant_id
    ]
    return grant_of(grant_id, facts)
