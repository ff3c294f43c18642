"""Taking away the triggers that refuse changes, as whoever owns the database can."""

from __future__ import annotations

import psycopg

from ledger import citus


def unguard(conn: psycopg.Connection, *tables: str) -> None:
    """No trigger of these tables refuses anything any more."""
    for table in tables:
        _alter(conn, table, "DISABLE")


def guard(conn: psycopg.Connection, *tables: str) -> None:
    """The triggers refuse again."""
    for table in tables:
        _alter(conn, table, "ENABLE")


def _alter(conn: psycopg.Connection, table: str, verb: str) -> None:
    if not citus.is_cluster(conn) or not _is_distributed(conn, table):
        conn.execute(f"ALTER TABLE {table} {verb} TRIGGER USER".encode())
        return
    # The coordinator refuses that; who owns the database sends it to the node of the log.
    (done,) = conn.execute(
        "SELECT success, result FROM run_command_on_shards(%s::regclass, %s)",
        (table, f"ALTER TABLE %s {verb} TRIGGER USER"),
    ).fetchall()
    assert done[0], done


def _is_distributed(conn: psycopg.Connection, table: str) -> bool:
    found = conn.execute(
        "SELECT FROM pg_dist_partition WHERE logicalrelid = %s::regclass", (table,)
    )
    return found.fetchone() is not None
