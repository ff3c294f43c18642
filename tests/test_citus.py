"""A log on a Citus cluster; skipped where VERANTWOORD_TEST_DATABASE_URL names none.

No package registry has Citus, so these ran on none when they were written. What can be said of a
plain server is said of it: that whatever is made could be moved.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest

from ledger import citus
from ledger.append import Appended
from ledger.isolation import OneController
from tests.check_ledger import check_ledger, check_registers
from tests.deployments import Deployment
from tests.ledgers import TestLedger


@pytest.fixture
def cluster(server_url: str) -> Iterator[psycopg.Connection]:
    """A connection to the coordinator."""
    with psycopg.connect(server_url, autocommit=True) as conn:
        if not citus.is_cluster(conn):
            pytest.skip(
                "no Citus: set VERANTWOORD_TEST_DATABASE_URL to the coordinator of a cluster"
            )
        yield conn


def test_a_log_is_on_one_node(cluster: psycopg.Connection, ledger: TestLedger) -> None:
    """Its schema is a unit of distribution; that of the sealing keys stays on the coordinator."""
    assert citus.node_of(cluster, ledger.home.schema) in citus.nodes(cluster)
    row = cluster.execute(
        "SELECT count(*) FROM citus_schemas WHERE schema_name = %s::regnamespace",
        (ledger.ledger.database.sealing_schema,),
    ).fetchone()
    assert row == (0,)


def test_a_log_is_sound_on_a_cluster(cluster: psycopg.Connection, ledger: TestLedger) -> None:
    """Appended to, checked, and its registers those of its entries."""
    check_ledger(ledger, ledger.fill(300))
    check_registers(ledger)


def test_one_controller_sees_itself_on_a_cluster(
    cluster: psycopg.Connection, ledger: TestLedger
) -> None:
    """Row-level security holds on the node of the log."""
    ledger.fill(2)
    seen = OneController(ledger.ledger.pool, ledger.ledger.database, "C1", 1000)
    with seen.connection() as conn:
        assert conn.execute("SELECT DISTINCT controller FROM numbers").fetchall() == [("C1",)]


def test_a_log_moves_while_it_is_appended_to(
    cluster: psycopg.Connection, deployed: Deployment
) -> None:
    """No append fails, nothing is lost, and the other log stays where it is."""
    schema = deployed.main.home.schema
    here, other = citus.node_of(cluster, schema), citus.node_of(cluster, deployed.part.home.schema)
    away = [node for node in citus.nodes(cluster) if node != here]
    if not away:
        pytest.skip("this cluster has one node alone")
    stop, given = threading.Event(), list[Appended]()

    def appends() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            given.extend(deployed.main.fill(1, start=number))

    thread = threading.Thread(target=appends)
    thread.start()
    try:
        with deployed.main.ledger.database.connect_as_owner() as conn:
            assert citus.move(conn, schema, str(away[0])) == away[0]
    finally:
        stop.set()
        thread.join()
    assert citus.node_of(cluster, schema) == away[0]
    assert citus.node_of(cluster, deployed.part.home.schema) == other
    assert given
    check_ledger(deployed.main, given)


def test_every_table_of_a_log_can_be_moved_while_it_is_written(
    ledger: TestLedger, server_url: str
) -> None:
    """It has a primary key, by which changes are carried along; no sequence, and no key into
    another schema."""
    with psycopg.connect(server_url) as conn:
        tables = conn.execute(
            "SELECT relname, EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND indisprimary)"
            " FROM pg_class c WHERE relnamespace = %s::regnamespace AND relkind IN ('r', 'p')",
            (ledger.home.schema,),
        ).fetchall()
        assert len(tables) > 15
        assert [name for name, keyed in tables if not keyed] == []
        for query in (
            "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind = 'S'",
            "SELECT conname FROM pg_constraint k JOIN pg_class c ON c.oid = k.confrelid"
            " WHERE k.connamespace = %s::regnamespace AND c.relnamespace <> k.connamespace",
        ):
            assert conn.execute(query.encode(), (ledger.home.schema,)).fetchall() == []
