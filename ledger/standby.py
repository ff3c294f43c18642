"""A log that is answered for only when a standby holds it.

    DIR/standby      wait 10      whoever appends is told after 10 seconds that no standby holds it

PostgreSQL waits for its synchronous standby by itself, and stops waiting without an error in three
cases: somebody cancels the wait (the commit then *succeeds*, with a warning), the server starts
again, or `synchronous_standby_names` is emptied, as a failover manager may do while no standby is
there. So the server is asked: does a synchronous standby have on its disk all that was committed
here? `ledger/kept.py` asks before it writes anything and again before the new checkpoint is kept
and told, so a failover to that standby loses nothing that anybody was told.

Only a standby that follows this server says yes. After a failover the old primary has none, and
answers for nothing, whoever still reaches it. `tests/test_standby.py` has two real servers.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

from ledger import citus
from ledger.errors import ConfigurationError, NotReplicated

LONGEST = 600
"""Seconds that can be asked to wait."""

LOOK = 0.002, 0.1
"""Seconds between two looks at what the standby holds: at first, and at last."""

HELD = """
    SELECT count(*) FILTER (WHERE flush_lsn >= %(upto)s::pg_lsn) >= coalesce(
        (regexp_match(
            current_setting('synchronous_standby_names'),
            '^\\s*(?:first\\s+|any\\s+)?(\\d+)\\s*\\(', 'i'
        ))[1]::int, 1)
    FROM pg_stat_get_wal_senders() WHERE sync_state IN ('sync', 'quorum')
"""
"""Whether as many synchronous standbys as the server is told to wait for have flushed so far. Not
pg_stat_replication: within a transaction that does not see a standby that comes back."""

_LINE = re.compile(r"wait\s+([0-9]{1,3})")


@dataclass(frozen=True, slots=True)
class Standby:
    """That a standby is needed, and for how many seconds an append waits for it."""

    wait: float

    def require(self, conn: psycopg.Connection) -> None:
        """Raises ConfigurationError when the server has no synchronous standby by its settings, or
        does not let us see what it holds, or is the coordinator of a cluster."""
        if citus.is_cluster(conn):
            raise ConfigurationError(
                "this log needs a standby (DIR/standby), and what the standby of a node of a Citus"
                " cluster holds cannot be seen from its coordinator: remove the file, and set"
                " synchronous_standby_names on each node, whose commits then wait"
            )
        names, allowed, role = _row(
            conn,
            "SELECT current_setting('synchronous_standby_names'),"
            " pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'), current_user",
        )
        if not names:
            raise ConfigurationError(
                "this log needs a standby (DIR/standby), and synchronous_standby_names is empty on"
                " this server: set it, as docs/how-to/run-a-standby.md says"
            )
        if not allowed:
            raise ConfigurationError(
                "what the standby holds cannot be seen; let an administrator of the server run:"
                f' GRANT pg_read_all_stats TO "{role}";'
            )

    def begin(self, conn: psycopg.Connection) -> None:
        """Begin a transaction whose commit waits for the standby, once that holds what was
        committed before. What else is written may be lost in a failover, and waits for none
        (`Database.pool`). Raises NotReplicated."""
        conn.execute("SET LOCAL synchronous_commit TO DEFAULT")
        self.await_held(conn)

    def await_held(self, conn: psycopg.Connection, within: float | None = None) -> None:
        """Wait until the standby holds all that is committed on this server now, `within` seconds
        or as long as an append waits. Raises NotReplicated."""
        within = self.wait if within is None else within
        deadline = time.monotonic() + within
        (upto,) = _row(conn, "SELECT pg_current_wal_flush_lsn()::text")
        pause, longest = LOOK
        while not _row(conn, HELD, upto)[0]:
            if time.monotonic() > deadline:
                raise NotReplicated(within)
            time.sleep(pause)
            pause = min(2 * pause, longest)


def read(file: Path) -> Standby | None:
    """What the file of a ledger says; None when there is none. Raises ConfigurationError."""
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {file}: {error}") from None
    lines = [said for line in text.splitlines() if (said := line.partition("#")[0].strip())]
    found = _LINE.fullmatch(lines[0]) if len(lines) == 1 else None
    if found is None or not 1 <= int(found[1]) <= LONGEST:
        raise ConfigurationError(
            f"{file}: one line, the seconds that an append waits for a standby: `wait 10`, up to"
            f" {LONGEST}"
        )
    return Standby(float(found[1]))


def _row(conn: psycopg.Connection, query: str, upto: object = None) -> tuple[object, ...]:
    (row,) = conn.execute(query.encode(), {"upto": upto})
    return tuple(row)
