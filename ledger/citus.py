"""What a Citus cluster needs that one PostgreSQL server does not, and where a log is in it.

On Citus a schema is a unit of distribution: all tables of a log lie on one node, and move together
to another while they are served. The statements of this program are the same on both; what Citus
cannot run is used nowhere, and `tests/test_statements.py` reads them for it:

* a policy with a sub-select, or `set_config()`: row-level security is told by `SET LOCAL`, which
  goes along to the node, and carries the controllers as a column (`ledger/isolation.py`);
* an INSERT in a WITH, or a function in RETURNING that is not immutable;
* an INSERT … SELECT from arrays into a table with row-level security, without RETURNING: Citus
  makes a COPY of it, which PostgreSQL refuses there;
* advisory locks, which are of one node; what is counted under a lock takes the row of the head.

A log is made of plain tables, each statement by itself, and distributed when it is whole: to what
is distributed Citus does less, such as setting the storage of a column or disabling a trigger.
What comes later must do without (`tests/test_upgrade.py`).

An append is committed in two phases, by the node before the coordinator. If the node cannot be
reached for the second, the coordinator warns and goes on, which `database.acknowledged` takes for
an error.

`tests/test_citus.py` runs on a cluster when VERANTWOORD_TEST_DATABASE_URL names one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from ledger.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a cluster that holds schemas."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def is_cluster(conn: psycopg.Connection) -> bool:
    """Whether the database of a connection has the extension."""
    return conn.execute("SELECT FROM pg_extension WHERE extname = 'citus'").fetchone() is not None


_OF_A_LOST_NODE = (
    "DefaultCitusNoticeReceiver",
    "ReportResultError",
    "ReportConnectionError",
    "CheckRemoteTransactionsHealth",
)
"""Where in Citus an error is raised when a node goes away while it is asked."""


def lost_a_node(error: BaseException) -> bool:
    """Whether the coordinator lost the node of a log: for Citus that is an internal error."""
    return (
        isinstance(error, psycopg.errors.InternalError_)
        and error.diag.source_function in _OF_A_LOST_NODE
    )


def prepare(conn: psycopg.Connection) -> None:
    """Set what every connection to a cluster needs."""
    # SET LOCAL goes to the node as well: row-level security asks there whom it is for.
    conn.execute("SET citus.propagate_set_commands = 'local'")
    # A log is distributed when its tables are made (`distribute`); that of its keys never is.
    conn.execute("SET citus.enable_schema_based_sharding = off")
    # Those of a log refuse, whatever the row: they read no other node.
    conn.execute("SET citus.enable_unsafe_triggers = on")


def distribute(conn: psycopg.Connection, schema: str) -> None:
    """Make a schema a unit of distribution, with the tables that are in it."""
    conn.execute("SELECT citus_schema_distribute(%s::regnamespace)", (_quoted(conn, schema),))


def settings(conn: psycopg.Connection, name: str) -> list[tuple[str, str]]:
    """How a setting is on each node of a cluster, for the role that asks. Raises
    ConfigurationError."""
    rows = conn.execute(
        "SELECT nodename || ':' || nodeport, success, result"
        " FROM run_command_on_all_nodes(%s) JOIN pg_dist_node USING (nodeid)",
        (f"SELECT current_setting('{name}')",),
    ).fetchall()
    for node, answered, result in rows:
        if not answered:
            raise ConfigurationError(f"node {node} of the cluster does not answer: {result}")
    return [(node, value) for node, _, value in rows]


def nodes(conn: psycopg.Connection) -> list[Node]:
    """The nodes that hold schemas."""
    rows = conn.execute(
        "SELECT nodename, nodeport FROM pg_dist_node"
        " WHERE noderole = 'primary' AND isactive AND shouldhaveshards ORDER BY nodename, nodeport"
    )
    return [Node(*row) for row in rows]


def node_of(conn: psycopg.Connection, schema: str) -> Node | None:
    """Where the log of a schema is; None when that is no unit of distribution."""
    row = conn.execute(
        "SELECT n.nodename, n.nodeport FROM pg_dist_shard s"
        " JOIN pg_dist_placement p USING (shardid) JOIN pg_dist_node n USING (groupid)"
        " WHERE s.logicalrelid = to_regclass(%s) AND n.noderole = 'primary'",
        (f'"{schema}".head',),
    ).fetchone()
    return None if row is None else Node(*row)


def move(conn: psycopg.Connection, schema: str, roles: Sequence[str], to: str) -> Node:
    """Move a log, with its roles, to a node, `HOST` or `HOST:PORT`, while it is served. Raises
    ConfigurationError."""
    if not is_cluster(conn):
        raise ConfigurationError(
            "this database is no Citus cluster, and a log is moved between the nodes of one. On one"
            " PostgreSQL server, add processors and disks to it; a log goes to another server as a"
            " standby of the first that is promoted (docs/how-to/several-logs.md)"
        )
    there = nodes(conn)
    found = [node for node in there if to in (str(node), node.host)]
    if len(found) != 1:
        raise ConfigurationError(
            f"{to} names {len(found)} nodes; there are {', '.join(map(str, there)) or 'none'}"
        )
    if node_of(conn, schema) is None:
        raise ConfigurationError(
            f"the schema {schema} is not distributed: it was made before the extension was. Stop"
            " its services, run these and start them again:"
            + "".join(f' ALTER ROLE "{role}" LOGIN;' for role in roles)
            + f" SELECT citus_schema_distribute('{schema}');"
        )
    (node,) = found
    conn.execute(
        "SELECT citus_schema_move(%s::regnamespace, %s, %s)",
        (_quoted(conn, schema), node.host, node.port),
    )
    return node


def _quoted(conn: psycopg.Connection, name: str) -> str:
    return sql.Identifier(name).as_string(conn)
