"""Deliveries to a real receiver: signed, at least once, in order, and nobody else's."""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from api.cli.serve import delivering
from api.delivering import Delivering, Sender
from ledger import cloudevent, deliveries, entry, subscriptions, webhook_secrets
from ledger.deployment import now
from ledger.events import versions
from ledger.inspections import Inspections
from ledger.opening import open_ledger
from ledger.outbound import Outbound
from ledger.subscriptions import Kind
from tests.check_ledger import check_ledger
from tests.faults.service import Service
from tests.ledgers import TestLedger
from tests.receiver import Got, Receiver, receiving, status
from tests.senders import prepared
from tests.subscribed import Standing, Subscribed, send_all, sender, subscribe


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with receiving(tmp_path) as made:
        yield made


@pytest.fixture
def by(ledger: TestLedger, receiver: Receiver) -> Sender:
    """What sends from a ledger that goes by the clock of this machine."""
    ledger.ledger.clock = now
    return sender(ledger.ledger, Outbound(receiver.trusted))


def indexes(got: list[Got]) -> list[int]:
    """The entries that messages tell of."""
    return [each.told["data"]["index"] for each in got]


def test_every_new_entry_is_told_of_and_whoever_gets_it_can_verify_it(
    ledger: TestLedger, receiver: Receiver, by: Sender
) -> None:
    """In order, under ids of their own, with where to read it and nothing of what it says."""
    made = subscribe(ledger.ledger, receiver.url, position=ledger.ledger.reader.size())
    added = ledger.fill(5)
    send_all(by)
    assert indexes(receiver.got) == [answer.index for answer in added]
    assert len({got.id for got in receiver.got}) == 5
    told = receiver.got[0].verified(made.secret)
    assert told["type"] == "entry.recorded"
    assert told["data"] == {
        "index": added[0].index,
        "event_type": "InstructionReceived",
        "controllers": ["C1"],
        "href": f"/v1/events/{added[0].index}",
    }
    assert told["timestamp"] == added[0].recorded_at.isoformat().replace("+00:00", "Z")
    assert b"I-1" not in receiver.got[0].body
    with pytest.raises(WebhookVerificationError):
        receiver.got[0].verified("whsec_" + 43 * "A" + "=")
    send_all(by)
    assert len(receiver.got) == 5
    check_ledger(ledger, added)


def test_only_the_types_that_were_asked_for_are_told(
    ledger: TestLedger, receiver: Receiver, by: Sender
) -> None:
    """And others are passed over for good, however many there are."""
    types = [each.topic for each in versions("ControllerRegistered")]
    made = subscribe(ledger.ledger, receiver.url, types=types, kinds=[Kind.ENTRY])
    ledger.fill(50)
    send_all(by)
    assert {got.told["data"]["event_type"] for got in receiver.got} == {"ControllerRegistered"}
    assert len(receiver.got) == 3
    with ledger.ledger.pool.connection() as conn:
        assert subscriptions.find(conn, made.to.id).position == ledger.ledger.reader.size()
        assert deliveries.due(conn, now()) == []


def test_a_receiver_that_is_away_gets_all_of_it_later(
    ledger: TestLedger, receiver: Receiver, by: Sender
) -> None:
    """What waits is bounded, the rest is in the log; what failed comes again under its own id."""
    subscribe(ledger.ledger, receiver.url)
    clock = ledger.ledger.clock = Standing(datetime.now(UTC))
    added = ledger.fill(150)
    receiver.answering = status(503)
    for _ in range(30):
        send_all(by)
        clock.moment += timedelta(minutes=7)
    with ledger.ledger.pool.connection() as conn:
        (count,) = conn.execute("SELECT count(*) FROM deliveries").fetchone() or ()
        assert count <= deliveries.MOST_WAITING
    failed = {got.id for got in receiver.got}
    receiver.got.clear()
    receiver.answering = status(200)
    for _ in range(12):
        send_all(by)
        clock.moment += timedelta(hours=6)
    found = indexes(receiver.got)
    assert sorted(found) == list(range(ledger.ledger.reader.size()))
    assert failed <= {got.id for got in receiver.got}
    assert {answer.index for answer in added} <= {*found}


def test_each_attempt_is_signed_anew(ledger: TestLedger, receiver: Receiver, by: Sender) -> None:
    """With its own time, the same id and the same body."""
    made = subscribe(ledger.ledger, receiver.url, position=ledger.ledger.reader.size())
    clock = ledger.ledger.clock = Standing(datetime.now(UTC) - timedelta(seconds=30))
    ledger.fill(1)
    receiver.answering = status(500)
    send_all(by)
    clock.moment += timedelta(seconds=10)
    send_all(by)
    first, second = receiver.got
    assert (first.id, first.body) == (second.id, second.body)
    times = [int(got.headers["webhook-timestamp"]) for got in receiver.got]
    assert times[1] - times[0] == 10
    assert first.verified(made.secret) == second.verified(made.secret)


def test_what_cannot_be_signed_is_not_sent_and_waits(
    ledger: TestLedger, receiver: Receiver, by: Sender
) -> None:
    """Until the operator has put the key back; others get theirs meanwhile, and nobody tries every
    second."""
    made = subscribe(ledger.ledger, receiver.url)
    kept = ledger.home.keys / "sealing-1.key"
    kept.rename(kept.with_suffix(".away"))
    send_all(by)
    with ledger.ledger.pool.connection() as conn:
        (tried,) = deliveries.failing(conn, dead=False)
        assert tried.failure is not None
        assert tried.failure.startswith("cannot be signed: there is no master key")
        assert deliveries.due(conn, now()) == []
    kept.with_suffix(".away").rename(kept)
    ledger.ledger.clock = Standing(now() + timedelta(seconds=10))
    send_all(by)
    assert receiver.got[0].id == tried.id
    assert len(receiver.got) == ledger.ledger.reader.size()
    assert _of(receiver.got[0], made)


def test_one_that_is_gone_is_sent_nothing_more(
    ledger: TestLedger, receiver: Receiver, by: Sender
) -> None:
    """410; until the operator enables it, and then it gets what it missed."""
    made = subscribe(ledger.ledger, receiver.url, position=ledger.ledger.reader.size())
    other = subscribe(ledger.ledger, receiver.url, position=ledger.ledger.reader.size())
    receiver.answering = lambda handler, got: status(410 if _of(got, made) else 204)(handler, got)
    ledger.fill(3)
    send_all(by)
    assert [_of(got, made) for got in receiver.got].count(True) == 1
    assert [_of(got, other) for got in receiver.got].count(True) == 3
    with ledger.ledger.pool.connection() as conn:
        found = subscriptions.find(conn, made.to.id)
        assert found.disabled_why == "the receiver answered 410: Gone"
    receiver.got.clear()
    receiver.answering = status(204)
    with ledger.ledger.database.connect_as_owner() as conn:
        subscriptions.enable(conn, made.to.id)
        deliveries.again(conn, receiver_first(ledger, made), now())
    send_all(by)
    assert len(receiver.got) == 3


def receiver_first(ledger: TestLedger, made: Subscribed) -> str:
    """The id of what is tried again."""
    with ledger.ledger.pool.connection() as conn:
        (tried,) = deliveries.failing(conn, dead=False)
    assert tried.subscription == made.to.id
    return tried.id


def _of(got: Got, made: Subscribed) -> bool:
    try:
        got.verified(made.secret)
    except WebhookVerificationError:
        return False
    return True


def test_a_secret_that_was_replaced_verifies_for_a_while(
    ledger: TestLedger, receiver: Receiver, by: Sender
) -> None:
    """So the receiver can change at its own time."""
    made, of = subscribe(ledger.ledger, receiver.url), ledger.ledger
    with of.database.connect_as_owner() as conn:
        end = now() + timedelta(hours=1)
        webhook_secrets.make(conn, of.master_keys, made.to.id, others_end=end)
    by.turn(made.to.id)
    by.turn(made.to.id)
    assert _of(receiver.got[0], made)
    assert receiver.got[0].headers["webhook-signature"].count("v1,") == 2


def test_a_slow_receiver_holds_up_no_other_and_no_append(
    ledger: TestLedger, receiver: Receiver, tmp_path: Path
) -> None:
    """While one does not answer, another gets its messages, and events are appended at once."""
    ledger.ledger.clock = now
    free = threading.Event()
    slow = subscribe(ledger.ledger, receiver.url, kinds=[Kind.ENTRY])
    subscribe(ledger.ledger, receiver.url, kinds=[Kind.ENTRY])

    def answer(handler: BaseHTTPRequestHandler, got: Got) -> None:
        if _of(got, slow):
            free.wait(30)
        status(204)(handler, got)

    receiver.answering = answer
    running = Delivering(ledger.ledger, outbound=Outbound(receiver.trusted), look=0.05)
    try:
        receiver.wait_for(ledger.ledger.reader.size() + 1)
        begin = time.monotonic()
        ledger.fill(3)
        assert time.monotonic() - begin < 2
        receiver.wait_for(ledger.ledger.reader.size() + 1)
        assert [_of(got, slow) for got in receiver.got].count(True) == 1
    finally:
        free.set()
        running.close()
    check_ledger(ledger)


def test_a_mistake_with_one_subscription_ends_nothing_for_the_others(
    ledger: TestLedger, receiver: Receiver, capfd: pytest.CaptureFixture[str]
) -> None:
    """Here one of which the database says what no program knows; nothing of it is in the log but
    its id."""
    ledger.ledger.clock = now
    broken = subscribe(ledger.ledger, receiver.url).to
    with ledger.ledger.database.connect_as_owner() as conn:
        conn.execute(
            "UPDATE subscriptions SET id = 'w-0', kinds = '{s3cr3t,entry.recorded,clock.due}'"
            " WHERE id = %s",
            (broken.id,),
        )
    subscribe(ledger.ledger, receiver.url)
    running = Delivering(ledger.ledger, outbound=Outbound(receiver.trusted), look=0.05)
    receiver.wait_for(ledger.ledger.reader.size())
    ledger.fill(1)
    receiver.wait_for(ledger.ledger.reader.size())
    running.close()
    said = "".join(capfd.readouterr())
    assert "a webhook failed" in said
    assert "w-0" in said
    assert "s3cr3t" not in said


def test_two_services_send_each_message_once(ledger: TestLedger, receiver: Receiver) -> None:
    """Whoever has a subscription has it alone: with several services, and several lanes of each,
    nothing is doubled while none of them dies."""
    ledger.ledger.clock = now
    for _ in range(3):
        subscribe(ledger.ledger, receiver.url, kinds=[Kind.ENTRY])
    ledger.fill(20)
    size = ledger.ledger.reader.size()
    outbound = Outbound(receiver.trusted)
    with open_ledger(ledger.home) as other:
        services = [Delivering(of, outbound=outbound, look=0.05) for of in (ledger.ledger, other)]
        receiver.wait_for(3 * size)
        time.sleep(0.5)
        for service in services:
            service.close()
    assert len(receiver.got) == 3 * size
    assert len({got.id for got in receiver.got}) == 3 * size


def test_a_service_that_stops_ends_what_it_was_sending(
    ledger: TestLedger, receiver: Receiver
) -> None:
    """What was taken is not sent again; and nothing is left running."""
    ledger.ledger.clock = now
    subscribe(ledger.ledger, receiver.url, kinds=[Kind.ENTRY])
    receiver.answering = lambda handler, got: (time.sleep(0.5), status(204)(handler, got))[1]
    before = threading.active_count()
    running = Delivering(ledger.ledger, outbound=Outbound(receiver.trusted), look=0.05)
    receiver.wait_for(1)
    running.close()
    assert len(receiver.got) == 1
    with ledger.ledger.pool.connection() as conn:
        assert deliveries.failing(conn, dead=False) == []
    deadline = time.monotonic() + 5
    while threading.active_count() > before + 2 and time.monotonic() < deadline:
        time.sleep(0.05)  # the pool of connections, and the receiver's own
    running = Delivering(ledger.ledger, outbound=Outbound(receiver.trusted), look=0.05)
    receiver.wait_for(ledger.ledger.reader.size())
    running.close()
    assert len({got.id for got in receiver.got}) == len(receiver.got)


def test_nothing_of_a_subscription_is_in_the_log_of_the_service(
    ledger: TestLedger, receiver: Receiver, by: Sender, capfd: pytest.CaptureFixture[str]
) -> None:
    """When it fails in every way: neither its secret, nor what follows the host of its address, nor
    what the receiver said."""
    made = subscribe(ledger.ledger, f"{receiver.url}/s3cr3t-path?code=s3cr3t-code")
    receiver.answering = status(418, X_Said="s3cr3t-word")
    by.turn(made.to.id)
    by.turn(made.to.id)
    refused = subscribe(ledger.ledger, f"{receiver.url}/s3cr3t-path", networks=())
    by.turn(refused.to.id)
    by.turn(refused.to.id)
    with ledger.ledger.pool.connection() as conn:
        failures = [each.failure for each in deliveries.failing(conn, dead=False)]
    assert failures == ["status 418", "leads to 127.0.0.1, which is not allowed"]
    said = "".join(capfd.readouterr())
    assert "a webhook was not delivered" in said
    for secret in (made.secret, refused.secret, "whsec_", "s3cr3t"):
        assert secret not in said


def test_it_is_recorded_who_was_told(ledger: TestLedger, receiver: Receiver) -> None:
    """As every reader is: by pseudonym and role, the first at once and the others as a count; and
    what tells of that recording is not recorded, or it would never end."""
    ledger.ledger.clock = now
    key = ledger.ledger.own_key()
    assert key is not None
    inspections = Inspections(ledger.ledger, key, look=3600)
    by = sender(ledger.ledger, Outbound(receiver.trusted), inspections)
    size = ledger.ledger.reader.size()
    asked: dict[str, Any] = {"controller": "C1", "holder": "practice-c1", "position": size}
    subscribe(ledger.ledger, receiver.url, **asked)
    subscribe(ledger.ledger, receiver.url, position=size, kinds=[Kind.ENTRY])
    ledger.fill(3)
    for _ in range(4):
        send_all(by)
        inspections.record(all=True)
    topics = [each.topic for each in versions("RecordsInspected")]
    told = [
        cloudevent.parse(entry.parse(each.leaf).payload).raw["data"]
        for each in ledger.ledger.reader.events(types=topics)
    ]
    assert sorted((e["reader"], e["role"], e["projection"], e["count"]) for e in told) == [
        ("practice-c1", "controller-reader", "events", 3),
        ("receiver-1", "privacy-officer", "events", 3),
    ]
    inspections.close()
    check_ledger(ledger)


def test_a_demonstration_records_nothing_and_one_that_only_reads_sends_nothing(
    ledger: TestLedger, receiver: Receiver
) -> None:
    """Whoever looks at a ledger without its keys does not speak for it."""
    ledger.ledger.clock = now
    subscribe(ledger.ledger, receiver.url)
    with open_ledger(ledger.home, signs=False) as reading, delivering(reading, None):
        time.sleep(1.5)
    assert receiver.got == []


# Kills.


@pytest.mark.long
def test_a_kill_in_the_middle_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real service, killed while a receiver is about to answer, and again: every entry is told
    of, and what came twice came under one id."""
    numbers = itertools.count(1)
    reached, free = threading.Event(), threading.Event()

    def answer(handler: BaseHTTPRequestHandler, got: Got) -> None:
        if next(numbers) in (4, 9):
            reached.set()
            free.wait(20)  # the service is killed before this is answered
        status(204)(handler, got)

    with prepared(tmp_path / "data") as made, receiving(tmp_path) as receiver:
        receiver.answering = answer
        monkeypatch.setenv("SSL_CERT_FILE", str(receiver.authority))
        with open_ledger(made.home) as ledger:
            subscribed = subscribe(ledger, receiver.url, kinds=[Kind.ENTRY])
        service = Service(made.home.data)
        for _ in range(2):
            service.start()
            assert reached.wait(30)
            service.kill()
            free.set()
            time.sleep(0.2)
            reached.clear()
            free.clear()
        service.start()
        assert service.process is not None
        size = 0
        with open_ledger(made.home, signs=False) as ledger:
            size = ledger.reader.size()
            deadline = time.monotonic() + 60
            while {*indexes(receiver.got)} < {*range(size)} and time.monotonic() < deadline:
                time.sleep(0.1)
        service.process.send_signal(signal.SIGTERM)
        service.process.communicate(timeout=30)
    told: dict[int, set[str]] = {}
    for got in receiver.got:
        assert got.verified(subscribed.secret)
        told.setdefault(got.told["data"]["index"], set()).add(got.id)
    assert {*told} >= {*range(size)}
    assert all(len(ids) == 1 for ids in told.values())
    assert len(receiver.got) > len(told)
