"""A log that an earlier program made gets what came since, and stays what it was."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from ledger.deployment import SCHEMA_VERSION
from ledger.errors import ConfigurationError
from ledger.isolation import OneController
from ledger.opening import open_ledger
from tests.check_ledger import check_ledger
from tests.ledgers import TestLedger

Owner = Callable[[], psycopg.Connection]

BACK_TO_4 = """
    ALTER POLICY own_and_shared ON entries USING (false);
    UPDATE log SET schema_version = 4;
"""

BACK_TO_3 = """
    DROP TABLE pack_pieces;
    DROP TABLE packs;
    UPDATE log SET schema_version = 3;
"""

BACK_TO_2 = f"""
    {BACK_TO_3}
    DROP TABLE sessions;
    DROP TABLE granted_access;
    DROP SCHEMA SEALING CASCADE;
    DROP POLICY served ON entries;
    DROP POLICY own_and_shared ON entries;
    DROP POLICY served ON numbers;
    DROP POLICY own ON numbers;
    DROP POLICY served ON register_rows;
    DROP POLICY own_and_shared ON register_rows;
    ALTER TABLE entries DISABLE ROW LEVEL SECURITY;
    ALTER TABLE numbers DISABLE ROW LEVEL SECURITY;
    ALTER TABLE register_rows DISABLE ROW LEVEL SECURITY;
    UPDATE log SET schema_version = 2;
"""


def test_a_log_of_version_2_is_opened(ledger: TestLedger, owner: Owner) -> None:
    """Once, with its entries as they were; then one controller can be read."""
    ledger.fill(3)
    head = ledger.ledger.reader.checkpoint()
    role = ledger.ledger.database.controller_role
    with owner() as conn:
        sealing = f'"{ledger.ledger.database.sealing_schema}"'
        conn.execute(BACK_TO_2.replace("SEALING", sealing).encode())
        conn.execute(f'DROP OWNED BY "{role}"'.encode())
        conn.execute(f'DROP ROLE "{role}"'.encode())
    for _ in range(2):
        with open_ledger(ledger.home, clock=ledger.clock) as again:
            assert again.reader.checkpoint() == head
            seen = OneController(again.pool, again.database, "C1", again.reader.size())
            with seen.connection() as conn:
                assert conn.execute("SELECT DISTINCT controller FROM numbers").fetchall() == [
                    ("C1",)
                ]
    with owner() as conn:
        assert conn.execute("SELECT schema_version FROM log").fetchone() == (SCHEMA_VERSION,)
    ledger.fill(2, start=10)
    check_ledger(ledger)


def test_a_log_of_version_3_gets_what_came_since(ledger: TestLedger, owner: Owner) -> None:
    """Its entries, and who was let in, stay as they are."""
    ledger.fill(2)
    with owner() as conn:
        before = conn.execute("SELECT count(*) FROM granted_access").fetchone()
        conn.execute(BACK_TO_3.encode())
    for _ in range(2):
        with open_ledger(ledger.home, clock=ledger.clock) as again, again.pool.connection() as conn:
            assert conn.execute("SELECT count(*) FROM packs").fetchone() == (0,)
    with owner() as conn:
        assert conn.execute("SELECT count(*) FROM granted_access").fetchone() == before
        assert conn.execute("SELECT schema_version FROM log").fetchone() == (SCHEMA_VERSION,)
    check_ledger(ledger)


def test_a_log_of_version_4_shows_controllers_what_they_all_may_read(
    ledger: TestLedger, owner: Owner
) -> None:
    """Also types that came since, such as the loss of entries."""
    with owner() as conn:
        conn.execute(BACK_TO_4.encode())
    with open_ledger(ledger.home, clock=ledger.clock) as again:
        seen = OneController(again.pool, again.database, "C1", again.reader.size())
        with seen.connection() as conn:
            found = {type_ for (type_,) in conn.execute("SELECT type FROM entries")}
    assert "nl.verwerkersovereenkomsten.processor-registered.v1" in found
    with owner() as conn:
        (policy,) = conn.execute(
            "SELECT qual FROM pg_policies WHERE schemaname = current_schema()"
            " AND policyname = 'own_and_shared' AND tablename = 'entries'"
        )
        assert conn.execute("SELECT schema_version FROM log").fetchone() == (SCHEMA_VERSION,)
    assert "entries-lost" in policy[0]


@pytest.mark.parametrize("version", [1, SCHEMA_VERSION + 1])
def test_a_log_of_a_version_that_is_not_known_is_not_opened(
    ledger: TestLedger, owner: Owner, version: int
) -> None:
    """It is left as it is, and the error says which program to use."""
    with owner() as conn:
        conn.execute("UPDATE log SET schema_version = %s", (version,))
    with pytest.raises(ConfigurationError, match=f"version {version}"), open_ledger(ledger.home):
        pass
    with owner() as conn:
        assert conn.execute("SELECT schema_version FROM log").fetchone() == (version,)
