"""A log on a Citus cluster; skipped where VERANTWOORD_TEST_DATABASE_URL names none.

They ran on Citus 13.2.2 with PostgreSQL 15: a coordinator and two nodes on one machine. No package
registry has Citus, so elsewhere it is only said of a plain server that whatever is made could be
moved.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import psycopg
import pytest

from ledger import citus
from ledger.append import Appended
from ledger.database import require_durable
from ledger.deployment import Home
from ledger.errors import ConfigurationError
from ledger.isolation import OneController
from ledger.opening import open_ledger
from projections.follow import Follower, catch_up
from tests.check_ledger import check_ledger, check_registers
from tests.deployments import Deployment
from tests.faults.service import Service
from tests.ledgers import TestLedger, make_ledger
from tests.serving import serving
from tests.test_cli import run
from tests.test_upgrade import answered
from tests.test_workers import until


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
        roles = deployed.main.ledger.database.roles
        with deployed.main.ledger.database.connect_as_owner() as conn:
            assert citus.move(conn, schema, roles, str(away[0])) == away[0]
    finally:
        stop.set()
        thread.join()
    assert citus.node_of(cluster, schema) == away[0]
    assert citus.node_of(cluster, deployed.part.home.schema) == other
    assert given
    check_ledger(deployed.main, given)


def test_a_log_moves_while_it_is_served(
    cluster: psycopg.Connection, deployed: Deployment, server_url: str
) -> None:
    """By the real service and the real command, while clients append over HTTP: each gets its
    receipt, and on the new node the same rights, policies and triggers hold."""
    made, database = deployed.main, ["--database-url", server_url]
    here = citus.node_of(cluster, made.home.schema)
    away = [str(node) for node in citus.nodes(cluster) if node != here]
    if not away:
        pytest.skip("this cluster has one node alone")
    service = Service(made.home.data, *database)
    service.start()
    stop, answers = threading.Event(), list[httpx.Response]()

    def appends(client: int) -> None:
        for number in itertools.count(1000 * client):
            if stop.is_set():
                return
            answers.append(httpx.post(f"{service.url}/v1/events", content=made.instruction(number)))

    try:
        with ThreadPoolExecutor() as clients:
            running = [clients.submit(appends, number) for number in (1, 2)]
            try:
                run(
                    "logs",
                    "move",
                    made.home.schema,
                    "--to",
                    away[0],
                    "--data",
                    deployed.data,
                    *database,
                )
                before = len(answers)
                until(lambda: len(answers) > before + 5)  # it is appended to on its new node
            finally:
                stop.set()
            for each in running:
                each.result()
    finally:
        service.stop()
    assert str(citus.node_of(cluster, made.home.schema)) == away[0]
    assert {answer.status_code for answer in answers} == {201}
    check_ledger(made, [answered(answer.json()["receipt"], made.ledger) for answer in answers])
    size = made.ledger.reader.size()
    with OneController(made.ledger.pool, made.ledger.database, "C2", size).connection() as conn:
        assert conn.execute("SELECT FROM numbers WHERE controller = 'C1'").fetchall() == []
        assert conn.execute("SELECT FROM entries WHERE 'C1' = ANY(controllers)").fetchall() == []
    with made.ledger.database.connect_as_owner() as conn:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="never changed"):
            conn.execute("UPDATE entries SET type = 'another'")


def test_what_the_node_of_a_log_refuses_at_its_commit_is_not_acknowledged(
    cluster: psycopg.Connection, ledger: TestLedger
) -> None:
    """The coordinator lets the node prepare before it commits: nobody gets a receipt, and the log
    is as before."""
    size, schema = ledger.ledger.reader.size(), ledger.home.schema
    refusing = "refuse_at_commit"

    def on_the_node(command: str) -> None:
        (done,) = cluster.execute(
            "SELECT success, result FROM run_command_on_shards(%s::regclass, %s)",
            (f'"{schema}".checkpoints', command),
        ).fetchall()
        assert done[0], done

    on_the_node(
        f"CREATE CONSTRAINT TRIGGER {refusing} AFTER INSERT ON %s DEFERRABLE INITIALLY DEFERRED"
        f' FOR EACH ROW EXECUTE FUNCTION "{schema}".refuse_change()'
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="never changed"):
        ledger.fill(1)
    assert ledger.ledger.reader.size() == size
    on_the_node(f"DROP TRIGGER {refusing} ON %s")
    check_ledger(ledger, ledger.fill(1))


def test_a_node_that_goes_away_is_waited_for(
    cluster: psycopg.Connection, ledger: TestLedger
) -> None:
    """Its connections are cut again and again: nothing that was acknowledged is lost, the registers
    go on, and the service asks to try again."""
    cut = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        f" WHERE usename = '{ledger.ledger.database.service_role}'"
        " AND application_name LIKE 'citus_internal%'"
    )
    stop = threading.Event()

    def cuts() -> None:
        while not stop.wait(0.5):
            cluster.execute("SELECT run_command_on_workers(%s)", (cut,))

    follower = Follower(ledger.ledger.pool, ledger.ledger.listener)
    try:
        with serving(ledger, follower) as address, ThreadPoolExecutor() as cutting:
            cutting.submit(cuts)
            receipts, statuses = list[str](), set[int]()
            try:
                for number in range(1, 60):
                    answer = httpx.post(
                        f"{address}/v1/events", content=ledger.instruction(number), timeout=60
                    )
                    statuses.add(answer.status_code)
                    if answer.status_code == 201:
                        receipts.append(answer.json()["receipt"])
            finally:
                stop.set()
        assert statuses <= {200, 201, 503}
        assert receipts
        assert follower.error is None
    finally:
        follower.close()
    with open_ledger(ledger.home, clock=ledger.clock) as again:
        made = replace(ledger, ledger=again)
        catch_up(again.pool)
        check_ledger(made, [answered(text, again) for text in receipts])
        check_registers(made)


def test_a_node_that_may_lose_what_it_acknowledged_is_refused(
    cluster: psycopg.Connection, home: Home
) -> None:
    """Although this connection to the coordinator would not."""
    role = f"{home.schema}_service"  # dropped with the schema
    cluster.execute(f'CREATE ROLE "{role}" LOGIN'.encode())
    cluster.execute(f'ALTER ROLE "{role}" SET synchronous_commit = off'.encode())
    require_durable(cluster)
    # This connection was made before, those to the nodes are made for the role.
    cluster.execute(f'SET ROLE "{role}"'.encode())
    try:
        with pytest.raises(ConfigurationError, match=r"synchronous_commit is off on \S+:\d+: "):
            require_durable(cluster)
    finally:
        cluster.execute("RESET ROLE")


def test_a_log_that_looks_for_its_standby_is_not_opened_on_a_cluster(
    cluster: psycopg.Connection, ledger: TestLedger
) -> None:
    """It is the node that has one, and the coordinator that is asked."""
    ledger.home.standby_file.write_text("wait 1\n")
    with pytest.raises(ConfigurationError, match="standby of a node"), open_ledger(ledger.home):
        pass


def test_a_log_is_distributed_also_where_schemas_are_by_default(
    cluster: psycopg.Connection, home: Home
) -> None:
    """With its tables and not before, which Citus would not let it make; its keys are not."""
    options = "-c citus.enable_schema_based_sharding=on"
    url = psycopg.conninfo.make_conninfo(home.database_url or "", options=options)
    with make_ledger(replace(home, database_url=url)) as made:
        check_ledger(made, made.fill(3))
    assert citus.node_of(cluster, home.schema) in citus.nodes(cluster)


def test_a_log_of_before_the_extension_is_distributed_as_the_error_says(
    cluster: psycopg.Connection, ledger: TestLedger
) -> None:
    """It is whole afterwards, and served as one that always was."""
    database, to = ledger.ledger.database, str(citus.nodes(cluster)[0])
    given = ledger.fill(3)
    cluster.execute("SELECT citus_schema_undistribute(%s)", (database.schema,))
    for role in database.roles:
        cluster.execute(f'ALTER ROLE "{role}" NOLOGIN'.encode())
    with database.connect_as_owner() as conn:
        with pytest.raises(ConfigurationError, match="is not distributed") as refused:
            citus.move(conn, database.schema, database.roles, to)
        for statement in str(refused.value).partition("again: ")[2].split("; "):
            conn.execute(statement.encode())
    assert citus.node_of(cluster, database.schema) in citus.nodes(cluster)
    check_ledger(ledger, [*given, *ledger.fill(3, start=10)])


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
