"""Several processes serve one log: none loses anything when it is killed or outlives the first."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from api.state import State
from api.workers import AskFirst, Line
from ledger.authorities import Authority
from projections.follow import Follower
from tests.check_ledger import check_ledger
from tests.faults.scene import scene, template
from tests.faults.service import Service
from tests.ledgers import TestLedger
from tests.serving import listening_for, serving


def workers(service: Service) -> set[int]:
    """The serving processes beside the first."""
    assert service.process is not None
    threads = Path(f"/proc/{service.process.pid}/task").glob("*/children")
    children = {int(child) for thread in threads for child in thread.read_text().split()}
    return {child for child in children if b"spawn_main" in command(child)}


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""


def alive(pid: int) -> bool:
    return b"spawn_main" in command(pid)


def until(there: Callable[[], bool], within: float = 30) -> None:
    """Wait until something is so, at most so many seconds."""
    deadline = time.monotonic() + within
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def running(made: TestLedger, count: int) -> Iterator[Service]:
    """A service of so many processes."""
    service = Service(made.home.data, "--workers", str(count))
    service.start()
    try:
        until(lambda: len(workers(service)) == count - 1)
        yield service
    finally:
        assert service.process is not None
        service.process.terminate()
        service.process.communicate(timeout=20)


@pytest.mark.long
def test_a_killed_process_loses_nothing_and_is_replaced(tmp_path: Path) -> None:
    """Under load, twice; every receipt is right, each index is used once, and two serve again."""
    with template(tmp_path / "template") as made, scene(made, tmp_path / "data") as stage:
        service, clients = stage.service, stage.clients
        service.options = ("--workers", "2")
        service.start()
        until(lambda: len(workers(service)) == 1)
        for _ in range(2):
            (killed,) = workers(service)
            clients.start()
            time.sleep(2.5)  # it is served by both for a while
            os.kill(killed, signal.SIGKILL)
            time.sleep(0.3)
            clients.stop()
            clients.send_again()
            until(lambda gone=killed: bool(workers(service) - {gone}))  # type: ignore[misc]
        stage.check()


def test_none_outlives_the_first(tmp_path: Path) -> None:
    """Neither when it is killed nor when it is asked to end; and the port is free again."""
    with template(tmp_path / "data") as made:
        for end in (signal.SIGKILL, signal.SIGTERM):
            with running(made, 3) as service:
                others = workers(service)
                assert service.process is not None
                service.process.send_signal(end)
                service.process.communicate(timeout=20)
            until(lambda pids=others: not any(map(alive, pids)))  # type: ignore[misc]


@contextmanager
def beside(made: TestLedger, first: str, line: Line | None = None) -> Iterator[str]:
    """A process beside the first, here as a thread; its address."""
    follower = Follower(made.ledger.pool, made.ledger.listener)
    line = line or Line()
    port = int(first.rpartition(":")[2])
    app = AskFirst(create_app(State(made.ledger, follower)), port, line.tls)
    try:
        with listening_for(app, line) as url:
            yield url
    finally:
        follower.close()


def test_what_only_the_first_knows_is_asked_of_it(ledger: TestLedger) -> None:
    """With the token of whoever asks, and all else is answered here; 503 when the first is away."""
    authority = Authority("tsa", "http://127.0.0.1:1/", ())
    timestamps = ledger.ledger.timestamps([authority])
    token = {"Authorization": f"Bearer {ledger.home.token_file.read_text().strip()}"}
    with serving(ledger, timestamps=timestamps) as first:
        with beside(ledger, first) as url:
            found = httpx.get(f"{url}/v1/timestamps", headers=token)
            assert found.json() == httpx.get(f"{first}/v1/timestamps", headers=token).json()
            assert [one["name"] for one in found.json()["authorities"]] == ["tsa"]
            assert found.headers["content-type"] == "application/json"
            assert httpx.get(f"{url}/v1/timestamps").status_code == 401
            assert httpx.post(f"{url}/v1/events", content=ledger.instruction(1)).status_code == 201
    with beside(ledger, first) as url:
        away = httpx.get(f"{url}/v1/witnesses", headers=token)
        assert (away.status_code, away.json()["type"]) == (503, "/v1/problems/busy")
    check_ledger(ledger)
