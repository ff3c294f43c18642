"""Reading from a replica, as far as it holds what was told.

A replica is a copy of the database that PostgreSQL keeps up: behind by a moment, or by hours when
something is wrong, or a server that went another way before a failover. So before a connection to
it is lent it must show the very checkpoint that this log keeps outside its database
(`ledger/kept.py`): then it has whatever anybody was told, also a moment ago by another process, and
no other history up to there. Otherwise the primary is asked, as it is while the replica is away. So
nobody meets an older log at one question than at the one before.

A replica may also be ahead, of what the primary's synchronous standby does not hold yet. A
checkpoint beyond what was kept is read from the primary. Who listens, follows or writes uses the
primary: a replica has no NOTIFY. `tests/test_replica.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import structlog
from psycopg_pool import ConnectionPool

from ledger import checkpoint as checkpoints
from ledger import note
from ledger.checkpoint import Checkpoint
from ledger.database import Connections, Database
from ledger.reader import Reader, StoredCheckpoint

SOON = 0.5
"""Seconds that somebody waits for a connection to a replica before the primary is asked."""

AWAY = 5.0
"""Seconds for which a replica that did not answer is not asked again."""

Told = Callable[[], Checkpoint]
"""The checkpoint that is kept now: what anybody was told lies under it."""

log = structlog.get_logger(__name__)


class Replica:
    """Lends connections to a replica, and those of the primary when it will not do."""

    def __init__(self, database: Database, size: int, primary: Connections, told: Told) -> None:
        self._pool: ConnectionPool = database.pool(size)
        self._primary = primary
        self._told = told
        self._away_until = 0.0

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """A connection that only reads, to a server that holds what was told, until the block
        ends."""
        with ExitStack() as lent:
            found = self._lend(lent)
            yield found or lent.enter_context(self._primary.connection())

    def close(self) -> None:
        """Let go of the replica."""
        self._pool.close()

    def _lend(self, lent: ExitStack) -> psycopg.Connection | None:
        if time.monotonic() < self._away_until:
            return None
        try:
            conn = lent.enter_context(self._pool.connection(timeout=SOON))
            if self._holds(conn, self._told()):
                return conn
        except psycopg.OperationalError as error:
            self._away_until = time.monotonic() + AWAY
            log.warning("the replica does not answer", error=type(error).__name__)
        lent.close()
        return None

    def _holds(self, conn: psycopg.Connection, told: Checkpoint) -> bool:
        # Each time, also when it has shown it before: the server may be gone since.
        row = conn.execute("SELECT note FROM checkpoints WHERE size = %s", (told.size,)).fetchone()
        return row is not None and checkpoints.parse(note.parse(row[0]).text).root == told.root


class ReplicaReader(Reader):
    """Reads a log from a replica. `primary` reads what is beyond what was told."""

    def __init__(self, replica: Replica, told: Told, primary: Reader) -> None:
        super().__init__(replica)
        self._told = told
        self._primary = primary

    def _checkpoint(self, condition: str, *args: object) -> StoredCheckpoint:
        told = self._told()  # before a connection is lent: that one holds it
        found = super()._checkpoint(condition, *args)
        return found if found.size <= told.size else self._primary._checkpoint(condition, *args)

    def _recorded(self, index: int) -> tuple[bytes, int, str]:
        told = self._told()
        found = super()._recorded(index)
        return found if found[1] <= told.size else self._primary._recorded(index)
