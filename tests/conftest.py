"""Fixtures: a real PostgreSQL for the session, a new log for each test.

The server is the embedded one, or that of VERANTWOORD_TEST_DATABASE_URL; every test has a schema of
its own in it, so tests do not see each other and may run side by side.
"""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from api.tls import Tls
from ledger.deployment import DATABASE, Home
from ledger.embedded import EmbeddedServer
from tests.deployments import Deployment, deployment
from tests.ledgers import TestLedger, make_ledger
from tests.two_servers import OWNER, Pair, prepare_log, two_servers

NUMBERS = itertools.count(1)

# The programs that tests start keep what they compile, as a user's do: without it each of them
# takes seconds to begin, where whoever runs the tests has this set.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--of-the-server`: what is worth another run on another PostgreSQL."""
    parser.addoption(
        "--of-the-server",
        action="store_true",
        help="only tests that use the session's PostgreSQL, and no server of their own",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the option leaves out."""
    if config.getoption("--of-the-server"):
        left_out = [each for each in items if "server_url" not in getattr(each, "fixturenames", ())]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [each for each in items if "server_url" in getattr(each, "fixturenames", ())]


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server to make schemas in."""
    given = os.environ.get("VERANTWOORD_TEST_DATABASE_URL")
    if given is not None:
        yield given
        return
    with EmbeddedServer.open(tmp_path_factory.mktemp("server") / "postgres") as server:
        with psycopg.connect(server.url(), autocommit=True) as conn:
            conn.execute(f"CREATE DATABASE {DATABASE}".encode())
        yield server.url(dbname=DATABASE)


@pytest.fixture
def home(server_url: str, tmp_path: Path) -> Iterator[Home]:
    """Places for a new log; the schema is dropped afterwards."""
    home = Home(tmp_path / "data", server_url, f"t{os.getpid()}_{next(NUMBERS)}")
    yield home
    with psycopg.connect(server_url, autocommit=True) as conn:
        drop_log(conn, home.schema)


def drop_log(conn: psycopg.Connection, schema: str) -> None:
    """Drop a log with what stands beside it, as far as it is there."""
    for name in (schema, f"{schema}_sealing"):
        conn.execute(f'DROP SCHEMA IF EXISTS "{name}" CASCADE'.encode())
    for role in ("service", "controller", "erasing"):
        conn.execute(f'DROP ROLE IF EXISTS "{schema}_{role}"'.encode())


@pytest.fixture
def ledger(home: Home) -> Iterator[TestLedger]:
    """An open log with a processor, controllers C1 to C3 and keys of some services."""
    with make_ledger(home) as made:
        yield made


@pytest.fixture(scope="session")
def pair() -> Iterator[Pair]:
    """A primary and its standby."""
    with two_servers() as servers:
        yield servers


@pytest.fixture
def paired(pair: Pair, tmp_path: Path) -> Iterator[TestLedger]:
    """As `ledger`, on a primary and a standby, of which it needs both."""
    home = Home(tmp_path / "paired", pair.url(OWNER), f"log{next(NUMBERS)}")
    prepare_log(pair.primary.ask, home)
    with make_ledger(home) as made:
        yield made


@pytest.fixture
def deployed(server_url: str, tmp_path: Path) -> Iterator[Deployment]:
    """Two open logs of one processor in one deployment; their schemas are dropped afterwards."""
    main, part = (f"t{os.getpid()}_{next(NUMBERS)}" for _ in range(2))
    try:
        with deployment(tmp_path / "several", server_url, main, part) as made:
            yield made
    finally:
        with psycopg.connect(server_url, autocommit=True) as conn:
            for schema in (main, part):
                drop_log(conn, schema)


@pytest.fixture
def owner(home: Home) -> Callable[[], psycopg.Connection]:
    """Connections with the rights of the database's owner: the strongest attacker."""

    def connect() -> psycopg.Connection:
        return psycopg.connect(
            home.database_url or "",
            autocommit=True,
            options=f"-c search_path={home.schema}",
        )

    return connect


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    """A certificate for this machine, made by openssl, that signed itself."""
    certificate, key = tmp_path / "tls.pem", tmp_path / "tls.key"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=ledger"
        f" -addext subjectAltName=IP:127.0.0.1 -out {certificate} -keyout {key}"
    )
    subprocess.run(command.split(), check=True, capture_output=True)
    key.chmod(0o600)
    return Tls(certificate, key)


@pytest.fixture
def twin(ledger: TestLedger, home: Home, owner: Callable[[], psycopg.Connection]) -> Iterator[Home]:
    """A second database restored from a copy of the first, with the same files."""
    other = replace(home, schema=f"{home.schema}_twin")
    with owner() as conn:
        twin_role = f'"{other.schema}_service"'
        conn.execute(f"CREATE ROLE {twin_role} NOLOGIN".encode())
        conn.execute(f'CREATE SCHEMA "{other.schema}"'.encode())
        conn.execute(f'GRANT USAGE ON SCHEMA "{other.schema}" TO {twin_role}'.encode())
        tables = conn.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = %s", (home.schema,)
        ).fetchall()
        for (table,) in tables:
            name = f'"{other.schema}".{table}'
            conn.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)".encode())
            conn.execute(f"INSERT INTO {name} TABLE {table}".encode())
            conn.execute(f"GRANT ALL ON {name} TO {twin_role}".encode())
    yield other
    with owner() as conn:
        conn.execute(f'DROP SCHEMA "{other.schema}" CASCADE'.encode())
        conn.execute(f"DROP ROLE {twin_role}".encode())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of what an evil server did, and who caught it (tests/test_evil_server.py)."""
    rows = [
        text
        for report in terminalreporter.getreports("passed")
        for name, text in getattr(report, "user_properties", ())
        if name == "evil server" and report.when == "call"
    ]
    if rows:
        terminalreporter.section("a server with the key of the log")
        terminalreporter.line(f"{'':40}client   verifier monitor  by what")
        for text in rows:
            terminalreporter.line(text)
