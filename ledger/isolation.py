"""Connections that see one controller: its own rows, and those that every controller may read.

PostgreSQL holds to it, whatever a statement asks for: the connection takes a role that row-level
security binds, and two settings say whose rows it sees and how far into the log (`sql/access.sql`).
Whoever asks through them filters as well, so a leak takes two mistakes. A setting that is not there
shows nothing. `tests/test_isolation.py`.
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
        """A connection of the pool that sees no more than this until the block ends."""
        with self.pool.connection() as conn:
            conn.execute(
                "SELECT set_config('verantwoord.controller', %s, false),"
                " set_config('verantwoord.upto', %s, false)",
                (self.controller, str(self.upto)),
            )
            conn.execute(_SET_ROLE.format(sql.Identifier(self.database.controller_role)))
            try:
                yield conn
            finally:
                self._give_back(conn)

    def _give_back(self, conn: psycopg.Connection) -> None:
        # A connection that cannot take its role again is of no use to the next one that borrows it.
        try:
            conn.rollback()
            conn.execute(_SET_ROLE.format(sql.Identifier(self.database.service_role)))
            conn.execute(
                "SELECT set_config('verantwoord.controller', '', false),"
                " set_config('verantwoord.upto', '', false)"
            )
        except psycopg.Error:
            conn.close()


_SET_ROLE = sql.SQL("SET ROLE {}")
