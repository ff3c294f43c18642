"""A log that an earlier program made gets what came since, and stays what it was."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from ledger.deployment import SCHEMA_VERSION
from ledger.errors import ConfigurationError
from ledger.isolation import OneController
from ledger.opening import open_ledger
from projections.clocks import ask_clocks, clocks_at
from projections.folds import FOLDS
from projections.follow import catch_up
from projections.question import Moment, ask_all
from projections.rules import JUDGED
from tests.check_ledger import check_ledger
from tests.ledgers import TestLedger

Owner = Callable[[], psycopg.Connection]

EMAIL = {"channel": "email"}

OLD_POLICY = """
    EXISTS (
        SELECT FROM numbers n WHERE n.position = entries.position
        AND n.controller = nullif(current_setting('verantwoord.controller', true), '')
    )
"""

BACK_TO_4 = f"""
    ALTER TABLE register_rows DROP COLUMN open_until, DROP COLUMN finding, DROP COLUMN rule,
        DROP COLUMN severity, DROP COLUMN found_at, DROP COLUMN holds_from,
        DROP COLUMN subject, DROP COLUMN rests_on,
        DROP COLUMN since, DROP COLUMN until;
    DROP TABLE told;
    DROP TABLE deliveries;
    DROP TABLE subscriptions;
    DROP TABLE SEALING.webhook_secrets;
    DROP POLICY own_and_shared ON entries;
    ALTER TABLE entries DROP COLUMN controllers;
    CREATE POLICY own_and_shared ON entries FOR SELECT USING ({OLD_POLICY});
    UPDATE log SET schema_version = 4;
"""

BACK_TO_3 = f"""
    {BACK_TO_4}
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


def go_back(conn: psycopg.Connection, ledger: TestLedger, steps: str) -> None:
    """Make a log what it was in an earlier version."""
    sealing = f'"{ledger.ledger.database.sealing_schema}"'
    conn.execute(steps.replace("SEALING", sealing).encode())


def test_a_log_of_version_2_is_opened(ledger: TestLedger, owner: Owner) -> None:
    """Once, with its entries as they were; then one controller can be read."""
    ledger.fill(3)
    head = ledger.ledger.reader.checkpoint()
    role = ledger.ledger.database.controller_role
    with owner() as conn:
        go_back(conn, ledger, BACK_TO_2)
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
        go_back(conn, ledger, BACK_TO_3)
    for _ in range(2):
        with open_ledger(ledger.home, clock=ledger.clock) as again, again.pool.connection() as conn:
            assert conn.execute("SELECT count(*) FROM packs").fetchone() == (0,)
    with owner() as conn:
        assert conn.execute("SELECT count(*) FROM granted_access").fetchone() == before
        assert conn.execute("SELECT schema_version FROM log").fetchone() == (SCHEMA_VERSION,)
    check_ledger(ledger)


def test_the_registers_of_a_log_of_version_4_are_made_anew(
    ledger: TestLedger, owner: Owner
) -> None:
    """Its rows do not say until when a clock is open; those of later folds do."""
    ledger.fill(2)
    with owner() as conn:
        go_back(conn, ledger, BACK_TO_4)
        conn.execute("UPDATE followed SET folds = %s", (FOLDS - 1,))
    with open_ledger(ledger.home, clock=ledger.clock) as again:
        catch_up(again.pool)
        moment = ledger.clock()
        _, rows = ask_all(again.pool, [*JUDGED.values()])
        expected = [clock for clock in clocks_at(rows, moment) if clock.open]
        assert expected
        assert ask_clocks(again.pool, moment, Moment()).clocks == expected
    check_ledger(ledger)


def test_a_log_of_version_4_can_tell_of_what_is_new(ledger: TestLedger, owner: Owner) -> None:
    """Nobody is told of anything before it is asked for; keys of sealed text stay."""
    ledger.fill(2)
    with owner() as conn:
        go_back(conn, ledger, BACK_TO_4)
    for _ in range(2):
        with open_ledger(ledger.home, clock=ledger.clock) as again, again.pool.connection() as conn:
            assert conn.execute("SELECT count(*) FROM subscriptions").fetchone() == (0,)
            assert conn.execute("SELECT count(*) FROM webhook_secrets").fetchone() == (0,)
    check_ledger(ledger)


def test_a_log_of_version_4_says_whom_each_entry_concerns(ledger: TestLedger, owner: Owner) -> None:
    """As if it had from the beginning; nothing that was committed to changes, and the entries are
    as much out of reach as before."""
    ledger.fill(3)
    ledger.append("InstructionReceived", {"instruction_id": "I-9", "controller_id": "C2"} | EMAIL)
    said = "SELECT position, controllers FROM entries ORDER BY position"
    with owner() as conn:
        before = conn.execute(said).fetchall()
        go_back(conn, ledger, BACK_TO_4)
    with open_ledger(ledger.home, clock=ledger.clock) as again:
        seen = OneController(again.pool, again.database, "C2", again.reader.size())
        with seen.connection() as conn:
            (count,) = conn.execute(
                "SELECT count(*) FROM entries WHERE 'C1' = ANY (controllers)"
            ).fetchone() or (None,)
            assert count == 0
    with owner() as conn:
        assert conn.execute(said).fetchall() == before
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="never changed"):
            conn.execute("UPDATE entries SET controllers = '{C1}'")
    check_ledger(ledger)
    check_ledger(ledger)


def test_a_log_of_version_4_shows_controllers_what_they_all_may_read(
    ledger: TestLedger, owner: Owner
) -> None:
    """Also types that came since, such as the loss of entries."""
    with owner() as conn:
        go_back(conn, ledger, BACK_TO_4)
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
