"""Connections that see one controller: its own rows, and those that every controller may read.

PostgreSQL holds to it, whatever a statement asks for: for one transaction the connection takes a
role that row-level security binds, and two settings say whose rows it sees and how far into the log
(`sql/access.sql`, `sql/concerned.sql`). Whoever asks through them filters as well, so a leak takes
two mistakes. A setting that is not there shows nothing. `tests/test_isolation.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql

from ledger.database import Connections, Database


@dataclass(frozen=True, slots=True)
class OneController:
    """What one controller may read of a log, in its first `upto` entries.

    `pool` lends connections of the service, which see everything.
    """

    pool: Connections
    database: Database
    controller: str
    upto: int

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """A connection of the pool that sees no more than this until the block ends: one view of
        the log, in which nothing can be written."""
        with self.pool.connection() as conn, conn.transaction(force_rollback=True):
            # One by one: on a cluster each goes on to the node of the log as it was sent.
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            conn.execute(_CONTROLLER.format(sql.Literal(self.controller)))
            conn.execute(_UPTO.format(sql.Literal(str(self.upto))))
            conn.execute(_ROLE.format(sql.Identifier(self.database.controller_role)))
            yield conn


_CONTROLLER = sql.SQL("SET LOCAL verantwoord.controller = {}")
_UPTO = sql.SQL("SET LOCAL verantwoord.upto = {}")
_ROLE = sql.SQL("SET LOCAL ROLE {}")
