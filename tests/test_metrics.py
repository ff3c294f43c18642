"""Metrics say what is so: of the real service over HTTP, of several processes, and in each trouble
that an alert is for; and nothing about whom."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import psycopg
import pytest

from ledger import add_checkpoint, checkpoint, merkle
from ledger.checkpoint import Checkpoint
from ledger.errors import Refused
from ledger.publish import Publisher, Publishing
from projections.follow import Follower
from tests.authority import Authority, asking, named, needs_openssl
from tests.authority import serving as serving_authority
from tests.faults.service import Service
from tests.ledgers import TestLedger
from tests.seen import Numbers, look, seen
from tests.senders import prepared
from tests.test_kept import copy, set_back
from tests.test_publish import Served, policy, three
from tests.test_workers import until, workers

__all__ = ["three"]

Owner = Callable[[], psycopg.Connection]

LABELS = {"process", "reason", "status", "state", "version", "witness", "authority", "le"}


def test_what_is_appended_and_refused_is_counted(ledger: TestLedger) -> None:
    """Ten alone, five in a batch with one refused, one again, two refused before the lock, one
    under it: each where it belongs, and each once."""
    with seen(ledger) as service:
        before = service.now()
        first = [ledger.instruction(number) for number in range(10)]
        for envelope in first:
            assert httpx.post(f"{service.url}/v1/events", content=envelope).status_code == 201
        lines = [*(ledger.instruction(number) for number in range(10, 15)), b"no envelope"]
        httpx.post(f"{service.url}/v1/events:batch", content=b"\n".join(lines))
        assert httpx.post(f"{service.url}/v1/events", content=first[0]).status_code == 200
        assert httpx.post(f"{service.url}/v1/events", content=b"{}").status_code == 400
        other = ledger.sign("InstructionReceived", {"instruction_id": "I-0"}, id_="instruction-0")
        assert httpx.post(f"{service.url}/v1/events", content=other).status_code == 422
        used = ledger.sign(
            "InstructionReceived",
            {"instruction_id": "I-0", "controller_id": "C2", "channel": "email"},
            id_="instruction-0",
        )
        assert httpx.post(f"{service.url}/v1/events", content=used).status_code == 409
        after = service.now()

    def grown(name: str, **labels: str) -> float:
        return after.one(name, **labels) - (before.one(name, **labels) if before.of(name) else 0)

    assert grown("verantwoord_appended_events_total") == 15
    assert grown("verantwoord_repeated_events_total") == 1
    refused = {
        sample.labels["reason"]: grown("verantwoord_refused_events_total", **sample.labels)
        for metric in after.metrics()
        for sample in metric.samples
        if sample.name == "verantwoord_refused_events_total"
    }
    assert {reason: count for reason, count in refused.items() if count} == {
        "envelope-malformed": 2,
        "fields-invalid": 1,
        "id-already-used": 1,
    }
    assert set(refused) == {e.code for e in Refused.__subclasses__()} | {
        "unavailable",
        "signing-refused",
        "internal",
    }
    assert grown("verantwoord_append_seconds_count") == 15, "calls"
    assert grown("verantwoord_append_wait_seconds_count") == 13, "those that were admitted"
    assert grown("verantwoord_append_transaction_seconds_count") == 13
    assert grown("verantwoord_append_batch_events_sum") == 17
    assert grown("verantwoord_http_answers_total", status="201") == 10
    assert grown("verantwoord_http_answers_total", status="409") == 1
    assert after.one("verantwoord_append_queue_events") == 0
    assert after.one("verantwoord_log_entries") == ledger.ledger.reader.size()
    newest = ledger.ledger.reader.checkpoint().recorded_at.timestamp()
    assert after.one("verantwoord_log_last_entry_timestamp_seconds") == newest


def test_what_waits_is_the_length_of_the_queue(ledger: TestLedger, owner: Owner) -> None:
    """While somebody else holds the head, and then it is empty; the wait is in the histogram."""
    with seen(ledger) as service, owner() as conn:
        with conn.transaction():
            conn.execute("SELECT FROM head FOR UPDATE")
            futures = [ledger.ledger._committer.submit([_admitted(ledger, 1)])]
            until(lambda: service.now().one("verantwoord_append_queue_events") == 0)
            futures += [ledger.ledger._committer.submit([_admitted(ledger, n)]) for n in (2, 3)]
            assert service.now().one("verantwoord_append_queue_events") == 2
        for future in futures:
            future.result(30)
        after = service.now()
    assert after.one("verantwoord_append_queue_events") == 0
    assert after.one("verantwoord_append_batch_events_bucket", le="1.0") < after.one(
        "verantwoord_append_batch_events_count"
    ), "the two that waited were committed together"


def _admitted(made: TestLedger, number: int) -> object:
    return made.ledger.admit(made.instruction(number))


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[TestLedger, Service, str]]:
    """A service of two processes that shows its metrics."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with prepared(tmp_path / "data") as made:
        service = Service(made.home.data, "--workers", "2", "--metrics", f"127.0.0.1:{port}")
        service.start()
        assert service.process is not None
        try:
            yield made, service, f"http://127.0.0.1:{port}/metrics"
        finally:
            service.process.terminate()
            service.process.communicate(timeout=20)


def test_two_processes_add_up_and_a_replaced_one_begins_anew(
    two: tuple[TestLedger, Service, str],
) -> None:
    """Both count, together what was sent; a killed process is seen as one that begins at 0, so that
    no rate shows what never was."""
    made, service, address = two
    until(lambda: len(look(address).of("verantwoord_append_queue_events")) == 2, within=120)
    until(lambda: sends(made, service, 1) == 1 and both_count(look(address)), within=120)
    sent = look(address).one("verantwoord_appended_events_total")
    recorded = look(address).one("verantwoord_log_entries")
    assert sends(made, service, 10) == 10
    now = look(address)
    assert now.one("verantwoord_appended_events_total") == sent + 10
    assert now.one("verantwoord_log_entries") == recorded + 10
    assert now.of("verantwoord_processes") == [2]
    first = now.one("verantwoord_appended_events_total", process="1")
    (killed,) = workers(service)
    os.kill(killed, signal.SIGKILL)
    until(lambda: _begun(look(address), now), within=120)
    anew = look(address)
    assert anew.one("verantwoord_appended_events_total", process="1") == first
    assert anew.one("verantwoord_appended_events_total", process="2") == 0
    until(lambda: look(address).of("verantwoord_registers_lag_entries") == [0])


def _begun(now: Numbers, before: Numbers) -> bool:
    name = "process_start_time_seconds"
    return now.of(name, process="2") not in ([], before.of(name, process="2"))


def sends(made: TestLedger, service: Service, count: int) -> int:
    """How many of so many new events a service takes, each over a connection of its own."""
    answers = [
        httpx.post(
            f"{service.url}/v1/events", content=made.instruction(next(made.numbers)), timeout=20
        )
        for _ in range(count)
    ]
    return sum(answer.status_code == 201 for answer in answers)


def both_count(numbers: Numbers) -> bool:
    """Whether each process has appended."""
    found = [numbers.one("verantwoord_appended_events_total", process=process) for process in "12"]
    return min(found) > 0


def test_a_process_that_hangs_costs_its_own_numbers_alone(
    two: tuple[TestLedger, Service, str],
) -> None:
    """The answer comes in time and lacks it; when it goes on it is there again, with its own."""
    _, service, address = two
    until(lambda: len(look(address).of("verantwoord_append_queue_events")) == 2, within=120)
    (other,) = workers(service)
    os.kill(other, signal.SIGSTOP)
    began = time.monotonic()
    assert look(address).of("verantwoord_append_queue_events") == [0]
    assert time.monotonic() - began < 8, "Prometheus waits ten seconds"
    os.kill(other, signal.SIGCONT)
    until(lambda: len(look(address).of("verantwoord_append_queue_events")) == 2, within=120)


def test_the_registers_catch_up_and_one_that_stopped_is_seen(
    ledger: TestLedger, owner: Owner
) -> None:
    """The lag goes to 0; when a register cannot be kept, the process says so and the lag grows."""
    with seen(ledger) as service:
        ledger.fill(20)
        until(lambda: service.now().of("verantwoord_registers_lag_entries") == [0])
        assert service.now().of("verantwoord_registers_stopped") == [0]
        with owner() as conn:
            conn.execute("ALTER TABLE register_rows RENAME TO away")
        ledger.fill(7, start=100)
        until(lambda: service.now().of("verantwoord_registers_stopped") == [1])
        assert service.now().of("verantwoord_registers_lag_entries") == [7]
        assert httpx.get(f"{service.url}/readyz").status_code == 503
        with owner() as conn:
            conn.execute("ALTER TABLE away RENAME TO register_rows")


def test_a_follower_that_ended_is_seen_by_what_it_lacks(ledger: TestLedger) -> None:
    """Nothing says that it stopped, and the lag does."""
    follower = Follower(ledger.ledger.pool, ledger.ledger.listener)
    with seen(ledger, follower) as service:
        until(lambda: service.now().of("verantwoord_registers_lag_entries") == [0])
        follower.close()
        ledger.fill(3)
        assert service.now().of("verantwoord_registers_lag_entries") == [3]


def test_a_database_that_was_set_back_is_seen(ledger: TestLedger, owner: Owner) -> None:
    """It is set back and signs nothing, without an append having been tried."""
    with seen(ledger) as service:
        ledger.fill(3)
        copy(owner)
        ledger.fill(5, start=100)
        assert service.now().of("verantwoord_set_back") == [0]
        assert service.now().of("verantwoord_signs") == [1]
        set_back(owner)
        assert service.now().of("verantwoord_set_back") == [1]
        assert service.now().of("verantwoord_signs") == [0]
        refused = httpx.post(f"{service.url}/v1/events", content=ledger.instruction(900))
        assert refused.status_code == 503
        now = service.now()
    assert now.one("verantwoord_refused_events_total", reason="signing-refused") == 1


def test_a_ledger_that_signs_nothing_is_seen(ledger: TestLedger) -> None:
    """Without the kept checkpoint: it is not set back, and appends are refused; then all is well
    again."""
    (kept,) = ledger.home.kept_files
    with seen(ledger) as service:
        raw = kept.read_bytes()
        kept.unlink()
        now = service.now()
        assert (now.of("verantwoord_signs"), now.of("verantwoord_set_back")) == ([0], [0])
        kept.write_bytes(raw)
        assert service.now().of("verantwoord_signs") == [1]


def test_a_database_that_gives_no_connection_is_seen(ledger: TestLedger) -> None:
    """All of them are in use, and that is what is shown, in time; what is in it is not made up."""
    pool = ledger.ledger.pool
    with seen(ledger) as service:
        with ExitStack() as stack:
            for _ in range(pool.max_size):
                stack.enter_context(pool.connection())
            began = time.monotonic()
            now = service.now()
            assert time.monotonic() - began < 8, "Prometheus waits ten seconds"
            ready = httpx.get(f"{service.url}/readyz", timeout=20)
        assert now.of("verantwoord_database_up") == [0]
        assert now.of("verantwoord_log_entries") == []
        assert now.of("verantwoord_database_connections", state="used") == [pool.max_size]
        assert now.of("verantwoord_database_connections_limit") == [pool.max_size]
        assert (ready.status_code, ready.json()["detail"]) == (503, "The database does not answer.")
        again = service.now()
    assert again.of("verantwoord_database_up") == [1]
    assert again.one("verantwoord_database_timeouts_total") >= 1
    assert again.of("verantwoord_database_connections", state="used") == [0]


def test_each_witness_is_seen(ledger: TestLedger, three: list[Served]) -> None:
    """For each key what it cosigned and when, for each that is asked its failures; and what is
    published."""
    found = policy(three, 2)
    publishing = Publishing(Publisher(ledger.ledger, found, pause=0.1), ledger.ledger)
    try:
        with seen(ledger, publishing=publishing) as service:
            size = ledger.ledger.reader.size()
            until(lambda: service.now().of("verantwoord_log_published_entries") == [size])
            until(lambda: set(_cosigned(service.now()).values()) == {size})
            now = service.now()
    finally:
        publishing.close()
    assert set(_cosigned(now)) == {f"{name}{key}" for name in "ABC" for key in (1, 2)}
    moments = now.of("verantwoord_witness_cosigned_timestamp_seconds")
    assert all(abs(moment - time.time()) < 120 for moment in moments)
    assert set(now.of("verantwoord_witness_alarm")) == {0}
    assert set(now.of("verantwoord_witness_failures")) == {0}
    assert len(now.of("verantwoord_witness_failures")) == 6


def test_a_witness_that_holds_another_history_is_seen(
    ledger: TestLedger, three: list[Served]
) -> None:
    """Its alarm and its failures, and that it never cosigned; the others have none."""
    forged = checkpoint.sign(
        Checkpoint(ledger.verifier.name, 10_000, merkle.EMPTY_ROOT), ledger.log_signer
    )
    shown_first = add_checkpoint.format(add_checkpoint.Request(0, (), forged)).encode()
    assert three[1].witness.add_checkpoint(shown_first).status == 200
    publishing = Publishing(Publisher(ledger.ledger, policy(three, 2), pause=0.1), ledger.ledger)
    try:
        with seen(ledger, publishing=publishing) as service:
            until(lambda: service.now().one("verantwoord_witness_alarm") == 2)  # of both its keys
            now = service.now()
    finally:
        publishing.close()
    assert now.of("verantwoord_witness_alarm", witness="B1") == [1]
    assert now.one("verantwoord_witness_failures", witness="B1") >= 1
    assert now.of("verantwoord_witness_cosigned_timestamp_seconds", witness="B1") == [0]
    assert now.of("verantwoord_witness_failures", witness="A1") == [0]


def _cosigned(now: Numbers) -> dict[str, float]:
    return {
        sample.labels["witness"]: sample.value
        for metric in now.metrics()
        for sample in metric.samples
        if sample.name == "verantwoord_witness_cosigned_entries"
    }


@needs_openssl
def test_each_authority_is_seen(ledger: TestLedger, tmp_path: Path) -> None:
    """What it stamped last and when; one that is away never did, and its failures grow."""
    of = Authority(tmp_path)
    with serving_authority(of.answer) as url:
        timestamps = asking(
            ledger, named("tsa", url, of), named("gone", "http://127.0.0.1:1/", of), patience=2.0
        )
        standings = timestamps.ask_all()
        with seen(ledger, timestamps=timestamps) as service:
            now = service.now()
    stamped = next(s.last for s in standings if s.last is not None)
    name = "verantwoord_timestamped"
    assert now.of(f"{name}_entries", authority="tsa") == [stamped.size]
    assert now.of(f"{name}_timestamp_seconds", authority="tsa") == [stamped.time.timestamp()]
    assert now.of(f"{name}_timestamp_seconds", authority="gone") == [0]
    assert now.of("verantwoord_timestamp_failures", authority="gone") == [1]
    assert now.of("verantwoord_timestamp_failures", authority="tsa") == [0]
    assert now.of("verantwoord_timestamp_interval_seconds") == [3600]


def test_packs_and_overdue_clocks_are_seen(ledger: TestLedger, owner: Owner) -> None:
    """A pack that waits, and a request of a data subject that nobody answered in time."""
    with owner() as conn:
        conn.execute(
            "INSERT INTO packs (id, role, holder, asked, asked_at, state)"
            " VALUES ('pack-1', 'operator', 'x', '{}', now(), 'waiting')"
        )
    data = {"request_id": "R-1", "controller_id": "C1", "right": "erasure"}
    ledger.append("DataSubjectRequestReceived", data)
    ledger.clock.moment = ledger.clock.moment.replace(year=ledger.clock.moment.year + 1)
    with seen(ledger) as service:
        until(lambda: service.now().of("verantwoord_registers_lag_entries") == [0])
    with seen(ledger) as service:  # the clocks are counted once a minute
        now = service.now()
    assert now.of("verantwoord_packs", state="waiting") == [1]
    assert now.of("verantwoord_packs", state="running") == [0]
    assert now.one("verantwoord_clocks_overdue") >= 1


def test_no_metric_tells_anything_of_an_event_or_a_question(ledger: TestLedger) -> None:
    """Whatever is sent, no label is made of it: the series are those that were there."""
    token = ledger.home.token_file.read_text().strip()
    with seen(ledger) as service, httpx.Client(base_url=service.url) as client:
        client.post("/v1/events", content=ledger.instruction(4711, controller="C2"))
        client.post("/v1/events", content=b"{}")
        for path in ("/v1/registers/processing?controller=C2", "/v1/nothing", "/v1/x/jansen"):
            client.get(path, headers={"Authorization": f"Bearer {token}"})
            client.request("JANSEN", path)
        many = service.now()
        for number in range(50):
            client.get(f"/v1/registers/none-{number}")
            client.request(f"M{number}", f"/v1/events/{number}")
        most = service.now()
    labels = {label for metric in most.metrics() for s in metric.samples for label in s.labels}
    assert labels <= LABELS
    values = {v for m in most.metrics() for s in m.samples for v in s.labels.values()}
    assert not any(re.search(r"C2|4711|jansen|k-|helpdesk|vrw_|/", v, re.I) for v in values)
    assert token not in most.text
    assert ledger.ledger.identity.origin not in most.text
    shown = [sum(len(m.samples) for m in numbers.metrics()) for numbers in (many, most)]
    assert shown[1] <= shown[0] + 2, "a status that was not met before at the most"


def test_metrics_are_not_at_the_address_of_the_service(ledger: TestLedger) -> None:
    """Neither for strangers nor for the operator: they are where the operator says, or nowhere."""
    token = ledger.home.token_file.read_text().strip()
    with seen(ledger) as service:
        for headers in ({}, {"Authorization": f"Bearer {token}"}):
            assert httpx.get(f"{service.url}/metrics", headers=headers).status_code == 404


def test_an_unexpected_error_is_counted(ledger: TestLedger, owner: Owner) -> None:
    """Although it is answered by what stands around the application."""
    token = {"Authorization": f"Bearer {ledger.home.token_file.read_text().strip()}"}
    with seen(ledger) as service:
        with owner() as conn:
            conn.execute("ALTER TABLE entries RENAME TO away")
        assert httpx.get(f"{service.url}/v1/events", headers=token).status_code == 500
        with owner() as conn:
            conn.execute("ALTER TABLE away RENAME TO entries")
        assert service.now().of("verantwoord_http_answers_total", status="500") == [1]
