"""Patroni fails over a ledger by itself, with the configuration that comes with it.

Neither Patroni nor etcd is a requirement of the project: VERANTWOORD_TEST_PATRONI names the program
of one, VERANTWOORD_TEST_ETCD that of the other (`.ci/patroni` installs both where it may).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psycopg
import pytest

from ledger.deployment import Home
from ledger.embedded import binaries, cluster
from tests.ledgers import make_ledger
from tests.senders import Senders, check
from tests.test_standby import Watcher, check_one_history, running
from tests.two_servers import OWNER, free_port, prepare_log, until

CONFIGURATION = Path(__file__).parents[1] / "operations" / "patroni" / "verantwoord.yml"
PROGRAMS = ("VERANTWOORD_TEST_PATRONI", "VERANTWOORD_TEST_ETCD")

FASTER = {
    "ttl: 30": "ttl: 20",
    "loop_wait: 10": "loop_wait: 1",
    "retry_timeout: 10": "retry_timeout: 3",
    "- hostssl verantwoord": "- host verantwoord",
}
"""Other than where it is used: there is no certificate here, and nobody wants to wait."""

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        any(name not in os.environ for name in PROGRAMS), reason="needs Patroni and etcd"
    ),
]


class Node:
    """One Patroni with its PostgreSQL."""

    def __init__(self, directory: Path, name: str, etcd: int) -> None:
        self.name = name
        self.port, self.rest = free_port(), free_port()
        self.directory = directory / name
        self.account = cluster.account()
        programs = binaries.usable_by(binaries.find(), self.account)
        self.environment = {
            "PATH": os.defpath,
            "HOME": str(directory),
            "PATRONI_NAME": name,
            "PATRONI_POSTGRESQL_LISTEN": f"127.0.0.1:{self.port}",
            "PATRONI_POSTGRESQL_CONNECT_ADDRESS": f"127.0.0.1:{self.port}",
            "PATRONI_POSTGRESQL_DATA_DIR": str(self.directory / "data"),
            "PATRONI_POSTGRESQL_PGPASS": str(self.directory / "pgpass"),
            "PATRONI_POSTGRESQL_BIN_DIR": str(programs),
            "PATRONI_RESTAPI_LISTEN": f"127.0.0.1:{self.rest}",
            "PATRONI_RESTAPI_CONNECT_ADDRESS": f"127.0.0.1:{self.rest}",
            "PATRONI_ETCD3_HOSTS": f"127.0.0.1:{etcd}",
            "PATRONI_SUPERUSER_PASSWORD": "superuser",
            "PATRONI_REPLICATION_PASSWORD": "replication",
            "PATRONI_REWIND_PASSWORD": "rewind",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, configuration: Path) -> None:
        self.configuration = configuration
        self.directory.mkdir(exist_ok=True)
        if self.account:
            os.chown(self.directory, self.account.uid, self.account.gid)
        with (self.directory.with_suffix(".log")).open("ab") as out:
            self.process = subprocess.Popen(
                [os.environ[PROGRAMS[0]], str(configuration)],
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                user=self.account.uid if self.account else None,
                group=self.account.gid if self.account else None,
                extra_groups=[] if self.account else None,
            )

    def kill(self) -> None:
        """SIGKILL to Patroni and PostgreSQL, as when the machine is gone."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(30)
        with suppress(FileNotFoundError, ProcessLookupError):  # it may have ended by itself
            server = int((self.directory / "data" / "postmaster.pid").read_text().splitlines()[0])
            children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
            for pid in (server, *map(int, children)):
                os.kill(pid, signal.SIGKILL)

    def role(self) -> str:
        try:
            return str(httpx.get(f"http://127.0.0.1:{self.rest}/patroni").json().get("role"))
        except (httpx.TransportError, json.JSONDecodeError):
            return "away"

    def ask(self, query: str, dbname: str = "postgres") -> object:
        where = f"host=127.0.0.1 port={self.port} user=postgres password=superuser dbname={dbname}"
        with psycopg.connect(where, autocommit=True) as conn:
            found = conn.execute(query.encode())
            return (found.fetchone() or (None,))[0] if found.description else None


def primary(nodes: Sequence[Node]) -> Node | None:
    found = [node for node in nodes if node.role() in ("primary", "master")]
    return found[0] if len(found) == 1 else None


def is_followed(node: Node) -> bool:
    try:
        found = node.ask("SELECT count(*) FROM pg_stat_replication WHERE sync_state <> 'async'")
    except psycopg.OperationalError:
        return False  # Patroni starts it again when the cluster is new
    return found == 1


@contextmanager
def a_cluster() -> Iterator[list[Node]]:
    """etcd, and two servers that Patroni keeps."""
    directory = Path(tempfile.mkdtemp(prefix="verantwoord-patroni-"))
    directory.chmod(0o755)
    port, peer = free_port(), free_port()
    urls = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer}"
    with (directory / "etcd.log").open("ab") as out:
        etcd = subprocess.Popen(
            [
                os.environ[PROGRAMS[1]], "--data-dir", directory / "etcd", "--name", "etcd",
                "--listen-client-urls", urls[0], "--advertise-client-urls", urls[0],
                "--listen-peer-urls", urls[1], "--initial-advertise-peer-urls", urls[1],
                "--initial-cluster", f"etcd={urls[1]}",
            ],
            stdout=out,
            stderr=out,
        )  # fmt: skip
    configuration = directory / "verantwoord.yml"
    text = CONFIGURATION.read_text("utf-8")
    for said, here in FASTER.items():
        assert said in text
        text = text.replace(said, here)
    configuration.write_text(text)
    nodes = [Node(directory, name, port) for name in ("a", "b")]
    try:
        nodes[0].start(configuration)
        until(lambda: primary(nodes) is nodes[0], 90)
        nodes[1].start(configuration)
        until(lambda: is_followed(nodes[0]), 90)
        yield nodes
    finally:
        for node in nodes:
            if node.process is not None and node.process.poll() is None:
                node.kill()
        etcd.kill()
        etcd.wait(30)
        shutil.rmtree(directory)


def test_patroni_fails_over_and_the_service_follows(tmp_path: Path) -> None:
    """The primary is killed with its Patroni under load; the other takes over, the first rejoins by
    itself, and every receipt holds."""
    with a_cluster() as nodes:
        first, second = nodes
        first.ask(f"CREATE ROLE {OWNER} LOGIN PASSWORD 'owner'")
        first.ask(f"CREATE DATABASE verantwoord OWNER {OWNER}")
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
        asked = "target_session_attrs=read-write&connect_timeout=3"
        url = f"postgresql://{OWNER}:owner@{hosts}/verantwoord?{asked}"
        home = Home(tmp_path / "data", url)
        prepare_log(first.ask, home)
        with make_ledger(home) as made:
            pass
        with running(made) as service:
            senders = Senders(made, service, seed=36)
            watcher = Watcher(service, home.token_file.read_text().strip())
            senders.start()
            try:
                until(lambda: len(senders.given) > 50)
                first.kill()
                until(lambda: primary(nodes) is second, 90)
                first.start(first.configuration)
                until(lambda: is_followed(second), 90)
                given = len(senders.given)
                until(lambda: len(senders.given) > given + 50)
            finally:
                senders.stop()
                watcher.close()
            senders.send_again()
        check(made, senders)
        check_one_history(made, watcher.seen)
