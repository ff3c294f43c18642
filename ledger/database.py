"""Connections to the PostgreSQL schema that holds one log.

One log is one schema; statements name tables without it, and every connection sets `search_path`
and the role that serves. That role may insert and read entries, no more (`sql/schema.sql`). A
server that does not keep what it acknowledges is refused (`tests/test_deployment.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol
from weakref import WeakKeyDictionary

import psycopg
from psycopg import sql
from psycopg.errors import Diagnostic
from psycopg_pool import ConnectionPool

from ledger import citus
from ledger.errors import ConfigurationError

OLDEST_SERVER = 150000
"""PostgreSQL 15, as `server_version_num`."""

DURABLE = {
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "remote_apply"),
}

TRUSTED = 1.0
"""Seconds for which a connection is not asked again whether it still works: asking takes as long as
reading an entry. Whoever gets a broken one has an OperationalError, as when it breaks later."""


class Connections(Protocol):
    """Lends connections to a log: a pool, or what sees a part of it (`ledger/isolation.py`)."""

    def connection(self) -> AbstractContextManager[psycopg.Connection]:
        """A connection until the block ends."""


@dataclass(frozen=True, slots=True)
class Database:
    """Where a log lives. `url` is a libpq connection string or URI, `schema` one log; `revive`
    starts a server of our own again when it was killed."""

    url: str
    schema: str
    revive: Callable[[], None] = lambda: None

    @property
    def service_role(self) -> str:
        """The role that serves: INSERT and SELECT on what is committed to the log."""
        return f"{self.schema}_service"

    @property
    def controller_role(self) -> str:
        """The role that reads for one controller, bound by row-level security."""
        return f"{self.schema}_controller"

    @property
    def erasing_role(self) -> str:
        """The role that destroys the keys of sealed text, and can do nothing else."""
        return f"{self.schema}_erasing"

    @property
    def roles(self) -> tuple[str, ...]:
        """Every role of this log."""
        return (self.service_role, self.controller_role, self.erasing_role)

    @property
    def sealing_schema(self) -> str:
        """Where the keys of sealed text are: apart from the log, and from its dumps."""
        return f"{self.schema}_sealing"

    @property
    def application_name(self) -> str:
        """What PostgreSQL shows of a connection, unless the URL says something else."""
        return f"verantwoord {self.schema}"

    @property
    def channel(self) -> str:
        """The channel on which an append tells the new size."""
        return f"{self.schema}_head"

    def connect_as_owner(self) -> psycopg.Connection:
        """A connection with the rights of the URL, to make or check a schema."""
        try:
            conn = psycopg.connect(
                self.url, autocommit=True, fallback_application_name=self.application_name
            )
        except psycopg.OperationalError as error:
            raise ConfigurationError(f"cannot connect to the PostgreSQL server: {error}") from None
        self._find_tables(conn)
        return conn

    def connect_to_erase(self) -> psycopg.Connection:
        """A connection as the role that erases, in autocommit mode."""
        conn = self.connect_as_owner()
        conn.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(self.erasing_role)))
        return conn

    def connect(self) -> psycopg.Connection:
        """A connection as the role that serves, in autocommit mode."""
        conn = self.connect_as_owner()
        self._serve(conn)
        return conn

    def pool(self, size: int, *, local: bool = False) -> ConnectionPool:
        """A pool of up to `size` serving connections, which are checked before they are lent, when
        nobody used them lately. With `local` a commit waits for no standby, unless its transaction
        says otherwise."""

        def configure(conn: psycopg.Connection) -> None:
            self._find_tables(conn)
            self._serve(conn)
            if local:
                conn.execute("SET synchronous_commit = local")

        return ConnectionPool(
            self.url,
            min_size=1,
            max_size=size,
            kwargs={"autocommit": True, "fallback_application_name": self.application_name},
            configure=configure,
            check=self._check(),
            timeout=10,
            # Whoever wants a connection then begins to try anew: psycopg's pauses grow to minutes,
            # and a standby takes over in seconds.
            reconnect_timeout=2,
            open=True,
        )

    def _check(self) -> Callable[[psycopg.Connection], None]:
        checked: WeakKeyDictionary[psycopg.Connection, float] = WeakKeyDictionary()

        def check(conn: psycopg.Connection) -> None:
            now = time.monotonic()
            if now - checked.get(conn, 0.0) > TRUSTED or conn.closed:
                ConnectionPool.check_connection(conn)
                checked[conn] = now

        return check

    def _find_tables(self, conn: psycopg.Connection) -> None:
        if citus.is_cluster(conn):
            citus.prepare(conn)
        names = (sql.Identifier(self.schema), sql.Identifier(self.sealing_schema))
        conn.execute(sql.SQL("SET search_path = {}, {}").format(*names))

    def _serve(self, conn: psycopg.Connection) -> None:
        conn.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(self.service_role)))
        # A plan made while the tables were empty would be kept for years.
        conn.execute("SET plan_cache_mode = force_custom_plan")
        # Else the warning that a commit stopped waiting for its standby could be switched off.
        conn.execute("SET client_min_messages = warning")


def require_durable(conn: psycopg.Connection) -> None:
    """Refuse a server that is too old, read-only, or may lose what it acknowledged."""
    if conn.info.server_version < OLDEST_SERVER:
        raise ConfigurationError("the server is older than PostgreSQL 15; use 15 or later")
    if _scalar(conn, "SELECT pg_is_in_recovery()"):
        raise ConfigurationError("the server is a standby; give the address of the primary")
    cluster = citus.is_cluster(conn)
    for setting, wanted in DURABLE.items():
        found = [("this server", _scalar(conn, "SELECT current_setting(%s)", setting))]
        if cluster:
            found += citus.settings(conn, setting)
        for where, value in found:
            if value not in wanted:
                raise ConfigurationError(
                    f"{setting} is {value} on {where}: an acknowledged event could be lost. "
                    f"Set {setting} = on and start again."
                )


def is_away(error: BaseException) -> bool:
    """Whether an error says that the database, or what holds the log in it, cannot be reached: what
    was asked may be tried again."""
    return isinstance(error, psycopg.OperationalError) or citus.lost_a_node(error)


@contextmanager
def acknowledged(conn: psycopg.Connection) -> Iterator[None]:
    """One transaction that counts as committed only when its standby holds it, if it has one.

    PostgreSQL reports a cancelled wait for a synchronous standby as success with a warning; here it
    is an error, since the caller would acknowledge what a failover can lose. The coordinator of a
    cluster reports a commit that the node of the log refused in the same way (`ledger/citus.py`).
    Nothing else warns at a commit, and its message is in the language of the server: so any warning
    is taken for one of these.
    """
    warnings: list[str] = []

    def note(diagnostic: Diagnostic) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            warnings.append(diagnostic.message_primary or "")

    with ExitStack() as committing, conn.transaction():
        yield
        conn.add_notice_handler(note)
        committing.callback(conn.remove_notice_handler, note)
    if warnings:
        raise psycopg.OperationalError(f"not committed as it must be: {warnings[0]}")


def _scalar(conn: psycopg.Connection, query: str, *args: object) -> object:
    row = conn.execute(query.encode(), args).fetchone()
    return row[0] if row else None
