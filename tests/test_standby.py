"""A log with a standby: a failover loses nothing that anybody was told, and forks nothing.

Two real servers that follow each other in turn, the real service and real clients; the primary is
killed under load, the standby taken away, a wait cancelled, the old primary brought back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import httpx
import psycopg
import pytest

from ledger import checkpoint
from ledger import standby as standbys
from ledger.append import Appended
from ledger.database import Database, acknowledged
from ledger.errors import ConfigurationError, NotReplicated
from ledger.merkle import check_consistency
from ledger.opening import open_ledger
from tests.check_ledger import check_ledger
from tests.faults.service import Service
from tests.ledgers import TestLedger
from tests.senders import Senders, check
from tests.serving import serving
from tests.two_servers import OWNER, WAIT, Pair, until


@pytest.fixture
def ledger(paired: TestLedger) -> TestLedger:
    """An open log on two servers that needs a standby."""
    return paired


class Watcher:
    """Somebody who keeps every checkpoint that the service shows."""

    def __init__(self, service: Service, token: str) -> None:
        self.seen: set[str] = set()
        self._service = service
        self._token = token
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        with httpx.Client(base_url=self._service.url, headers=headers, timeout=30) as http:
            while not self._ending.is_set():
                try:
                    answer = http.get("/v1/checkpoint?latest=true")
                except httpx.TransportError:
                    continue  # asked again
                if answer.status_code == 200:
                    self.seen.add(answer.text)
                else:
                    assert answer.status_code == 503, answer.text
                time.sleep(0.02)


def check_one_history(made: TestLedger, seen: set[str]) -> None:
    """The log goes on from every checkpoint that was shown."""
    with open_ledger(made.home) as ledger:
        newest = checkpoint.open(ledger.reader.checkpoint().note, made.verifier)
        for text in seen:
            old = checkpoint.open(text, made.verifier)
            proof = ledger.reader.prove_consistency(old.size, newest.size)
            check_consistency(old.size, newest.size, old.root, newest.root, proof)


@contextmanager
def running(made: TestLedger, *options: str) -> Iterator[Service]:
    """The service on a log."""
    home = made.home
    where = ("--database-url", home.database_url or "", "--schema", home.schema)
    service = Service(home.data, *where, *options)
    service.start()
    try:
        yield service
    finally:
        assert service.process is not None
        service.process.terminate()
        service.process.communicate(timeout=20)


def fail_over_under_load(pair: Pair, made: TestLedger, rounds: int, *options: str) -> None:
    """Kill the primary while everybody writes and reads, and have the other take over."""
    with running(made, *options) as service:
        senders = Senders(made, service, seed=36)
        watcher = Watcher(service, made.home.token_file.read_text().strip())
        try:
            for _ in range(rounds):
                given = len(senders.given)
                senders.start()
                until(lambda before=given: len(senders.given) > before + 50)  # type: ignore[misc]
                pair.fail_over()
                time.sleep(0.5)  # clients meet a primary without a standby
                pair.rejoin()
                given = len(senders.given)
                until(lambda before=given: len(senders.given) > before + 50)  # type: ignore[misc]
                senders.stop()
                senders.send_again()
        finally:
            senders.stop()
            watcher.close()
    check(made, senders)
    assert len(watcher.seen) > rounds * 5
    check_one_history(made, watcher.seen)


def test_a_killed_primary_loses_nothing_that_was_acknowledged(
    pair: Pair, ledger: TestLedger
) -> None:
    """SIGKILL under load, the standby promoted, the old one following after pg_rewind: the running
    service goes on by itself, every receipt holds, and no two checkpoints contradict each other."""
    ledger.ledger.close()
    fail_over_under_load(pair, ledger, 1)


@pytest.mark.long
def test_primaries_that_are_killed_in_turn_lose_nothing(pair: Pair, ledger: TestLedger) -> None:
    """Six failovers, with two serving processes."""
    ledger.ledger.close()
    fail_over_under_load(pair, ledger, 6, "--workers", "2")


def waiting(pair: Pair) -> list[int]:
    """The connections whose commit waits for the standby."""
    found = pair.primary.ask(
        "SELECT array_agg(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    )
    return found or []


@contextmanager
def losing_the_standby(pair: Pair, made: TestLedger) -> Iterator[None]:
    """The standby dies in the middle of the next transaction, when it had been looked for."""

    def clock() -> datetime:
        if threading.current_thread().name == "committer" and pair.standby.is_running:
            pair.standby.kill()
        return made.clock()

    made.ledger.clock = clock
    try:
        yield
    finally:
        made.ledger.clock = made.clock


def append_without_standby(pair: Pair, made: TestLedger, envelope: bytes) -> None:
    """The standby dies while this is appended: whoever appends is told so within the limit, and
    the commit goes on waiting."""
    with losing_the_standby(pair, made):
        begin = time.monotonic()
        with pytest.raises(NotReplicated, match="not acknowledged; send the same again"):
            made.ledger.append([envelope])
        assert time.monotonic() - begin < WAIT + 2
    until(lambda: len(waiting(pair)) == 1)


def bring_back(pair: Pair) -> None:
    pair.standby.start()
    until(pair.primary.is_followed)


def kept(made: TestLedger) -> bytes:
    return made.home.kept_files[0].read_bytes()


def test_without_its_standby_a_ledger_takes_nothing_and_goes_on_when_it_is_back(
    pair: Pair, ledger: TestLedger
) -> None:
    """503 within the limit and nothing is written, `readyz` says why, and reading goes on; then
    the same request is answered."""
    before, envelope = ledger.ledger.reader.size(), ledger.instruction(1)
    with serving(ledger) as url:
        pair.standby.stop()
        begin = time.monotonic()
        refused = httpx.post(f"{url}/v1/events", content=envelope, timeout=30)
        assert time.monotonic() - begin < WAIT + 2
        problem = refused.json()
        assert (refused.status_code, problem["type"]) == (503, "/v1/problems/not-replicated")
        assert "send the same again" in problem["detail"]
        assert int(refused.headers["retry-after"]) > 0
        ready = httpx.get(f"{url}/readyz")
        assert (ready.status_code, "standby" in ready.json()["detail"]) == (503, True)
        assert ledger.ledger.reader.checkpoint().size == before
        with open_ledger(ledger.home, clock=ledger.clock) as other:
            assert other.reader.receipt(before - 1), "a service that starts now can be read"
        bring_back(pair)
        assert httpx.get(f"{url}/readyz").status_code == 200
        taken = httpx.post(f"{url}/v1/events", content=envelope, timeout=30)
        assert (taken.status_code, taken.json()["index"]) == (201, before)
    check_ledger(ledger)


@pytest.mark.long
def test_a_commit_that_waits_for_the_standby_is_seen_by_nobody_and_answered_later(
    pair: Pair, ledger: TestLedger
) -> None:
    """Who appended is told that it is not acknowledged; when the standby is back it is there once,
    for whoever sends it again."""
    before, envelope, held = ledger.ledger.reader.size(), ledger.instruction(1), kept(ledger)
    append_without_standby(pair, ledger, envelope)
    assert ledger.ledger.reader.checkpoint().size == before
    assert kept(ledger) == held
    bring_back(pair)
    (answer,) = ledger.ledger.append([envelope])
    assert isinstance(answer, Appended)
    assert (answer.index, answer.created) == (before, False)
    check_ledger(ledger, [answer])


def cancel_the_wait(pair: Pair, made: TestLedger) -> None:
    """What waits is committed here alone, and PostgreSQL calls it a success."""
    size = made.ledger.reader.size()
    (pid,) = waiting(pair)
    pair.primary.ask(f"SELECT pg_cancel_backend({pid})")
    until(lambda: made.ledger.reader.size() == size + 1)


@pytest.mark.long
def test_a_cancelled_wait_is_not_acknowledged_and_what_it_left_is_told_to_nobody(
    pair: Pair, ledger: TestLedger
) -> None:
    """No receipt, no checkpoint and no answer rests on it, and the file outside the database does
    not have it, until a standby does."""
    before, envelope, held = ledger.ledger.reader.size(), ledger.instruction(1), kept(ledger)
    append_without_standby(pair, ledger, envelope)
    cancel_the_wait(pair, ledger)
    with pytest.raises(NotReplicated):
        ledger.ledger.append([envelope])
    with serving(ledger) as url:
        headers = {"Authorization": f"Bearer {ledger.home.token_file.read_text().strip()}"}
        with httpx.Client(base_url=url, headers=headers) as http:
            for path in (
                "/log/checkpoint",
                f"/v1/events/{before}/proof",
                f"/v1/registers/breaches?known_at={before + 1}",
                f"/v1/findings?known_at={before + 1}",
            ):
                assert http.get(path).status_code == 503, path
            assert http.get(f"/v1/registers/breaches?known_at={before}").status_code == 200
            assert http.get("/v1/events/0/proof").status_code == 200
            assert kept(ledger) == held
            bring_back(pair)
            until(lambda: http.get("/readyz").status_code == 200)
            assert http.get(f"/v1/events/{before}/proof").status_code == 200
    (answer,) = ledger.ledger.append([envelope])
    assert isinstance(answer, Appended)
    assert (answer.index, answer.created) == (before, False)
    check_ledger(ledger, [answer])


@pytest.mark.long
def test_what_the_standby_never_held_is_overtaken_and_the_old_primary_signs_nothing(
    pair: Pair, ledger: TestLedger
) -> None:
    """After the failover another event takes its place, on a log that was not set back. The old
    primary, brought back as one beside it, acknowledges nothing, and follows after pg_rewind."""
    before, lost, held = ledger.ledger.reader.size(), ledger.instruction(1), kept(ledger)
    append_without_standby(pair, ledger, lost)
    cancel_the_wait(pair, ledger)
    pair.primary.kill()
    pair.standby.start()
    pair.standby.promote()
    pair.primary, pair.standby = pair.standby, pair.primary
    pair.standby.start()  # as the primary that it was
    assert pair.standby.ask("SELECT pg_is_in_recovery()") is False
    alone = replace(ledger.home, database_url=pair.url(OWNER, pair.standby))
    with open_ledger(alone, clock=ledger.clock) as old:
        assert old.reader.size() == before + 1
        with pytest.raises(NotReplicated):
            old.append([lost])
        with pytest.raises(NotReplicated):
            old.reader.checkpoint()
    assert kept(ledger) == held
    pair.standby.stop()
    pair.rejoin()
    assert ledger.ledger.reader.size() == before
    (answer,) = ledger.ledger.append([ledger.instruction(2)])
    assert isinstance(answer, Appended)
    assert (answer.index, answer.created) == (before, True)
    assert pair.standby.ask("SELECT pg_is_in_recovery()") is True
    check_ledger(ledger, [answer, *ledger.fill(3, start=10)])


@pytest.mark.long
def test_a_server_that_is_told_to_wait_no_more_has_nothing_acknowledged(
    pair: Pair, ledger: TestLedger
) -> None:
    """`synchronous_standby_names` is emptied: PostgreSQL lets the waiting commits go without a
    warning. Nothing is kept or told until a standby holds it, and nothing else is written."""
    before, envelope, held = ledger.ledger.reader.size(), ledger.instruction(1), kept(ledger)
    append_without_standby(pair, ledger, envelope)
    with pair.primary.setting("synchronous_standby_names", ""):
        until(lambda: not waiting(pair))
        assert ledger.ledger.reader.size() == before + 1
        bring_back_as = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'async'"
        pair.standby.start()
        until(lambda: pair.primary.ask(bring_back_as) == 1)
        with pytest.raises(NotReplicated):
            ledger.ledger.append([ledger.instruction(2)])
        with pytest.raises(ConfigurationError, match="synchronous_standby_names is empty"):
            with open_ledger(ledger.home):
                pass
        assert ledger.ledger.reader.size() == before + 1
        assert kept(ledger) == held
    until(pair.primary.is_followed)
    (answer,) = ledger.ledger.append([envelope])
    assert isinstance(answer, Appended)
    assert (answer.index, answer.created) == (before, False)
    check_ledger(ledger, [answer])


def test_what_the_standby_holds_must_be_seen(pair: Pair, ledger: TestLedger) -> None:
    """Without the right to, the ledger does not start, and says which one."""
    role = f"{ledger.home.schema}_service"
    pair.primary.ask(f"REVOKE pg_read_all_stats FROM {role}")
    with pytest.raises(ConfigurationError, match=f'GRANT pg_read_all_stats TO "{role}"'):
        with open_ledger(ledger.home):
            pass


@pytest.mark.parametrize("how", ["pg_cancel_backend", "pg_terminate_backend"])
def test_a_log_that_asks_for_no_standby_takes_a_cancelled_wait_for_an_error(
    pair: Pair, how: str
) -> None:
    """Whatever the language of the server, and whatever it is told not to send."""
    pair.standby.stop()
    failed: list[BaseException] = []

    def commit() -> None:
        database = Database(pair.url("postgres"), "public")
        with database.connect_as_owner() as conn:
            try:
                with acknowledged(conn):
                    conn.execute(f"CREATE TABLE {how} (x int)".encode())
            except psycopg.OperationalError as error:
                failed.append(error)

    thread = threading.Thread(target=commit)
    thread.start()
    try:
        until(lambda: len(waiting(pair)) == 1)
        (pid,) = waiting(pair)
        pair.primary.ask(f"SELECT {how}({pid})")
    finally:
        thread.join(30)
        bring_back(pair)
    assert len(failed) == 1
    if how == "pg_cancel_backend":
        assert "not committed as it must be" in str(failed[0])


@pytest.mark.parametrize("text", ["", "wait", "wait 0", "wait 601", "wait 5s", "wait 5\nwait 6"])
def test_a_file_that_says_something_else_is_refused(text: str, tmp_path: Path) -> None:
    """It names the file and what may stand in it."""
    file = tmp_path / "standby"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"one line, the seconds .* `wait 10`"):
        standbys.read(file)


def test_a_file_says_how_long_an_append_waits(tmp_path: Path) -> None:
    """Comments are for people; without the file nothing is asked for."""
    file = tmp_path / "standby"
    assert standbys.read(file) is None
    file.write_text("# Patroni has two of them\nwait 10   # seconds\n")
    assert standbys.read(file) == standbys.Standby(10)
