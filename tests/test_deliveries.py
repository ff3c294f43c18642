"""What waits is sent in order, again after ever longer pauses, and is dead after the tenth time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from ledger import deliveries, webhook
from ledger.deliveries import HOLDS, JITTER, PAUSES, Delivery, Message
from ledger.errors import ConfigurationError
from ledger.outbound import Attempt
from ledger.subscriptions import Kind, Subscription
from tests.ledgers import TestLedger
from tests.subscribed import Standing, subscribe

FAILED, TAKEN = Attempt(500), Attempt(204)


class Line:
    """The line before a receiver, at moments that the test sets."""

    def __init__(self, made: TestLedger, conn: psycopg.Connection) -> None:
        self.clock = Standing(made.clock.moment)
        self.to: Subscription = subscribe(made.ledger, "https://hooks.example/").to
        self.conn = conn

    def put(self, *numbers: int) -> int:
        """Have messages wait."""
        messages = [
            Message(Kind.ENTRY, webhook.digest(str(n)), self.clock(), {"n": n}) for n in numbers
        ]
        return deliveries.put(self.conn, self.to, messages, self.clock())

    def first(self) -> Delivery | None:
        """What is first in line, if it may be sent now."""
        found = deliveries.first(self.conn, self.to.id, self.clock())
        due = self.to.id in deliveries.due(self.conn, self.clock())
        sendable = found is not None and found.next_at <= self.clock()
        assert due == (sendable or found is None)
        return found if sendable else None

    def number(self) -> int | None:
        """The number of the message that is first."""
        found = self.first()
        return int(found.body.rpartition(":")[2].rstrip("}")) if found else None

    def settle(self, attempt: Attempt, chance: float = 0.0) -> bool:
        """Let an attempt at the first end so; whether it is dead."""
        found = self.first()
        assert found is not None
        return deliveries.settle(self.conn, found, attempt, self.clock(), lambda: chance)

    def later(self, **time: float) -> None:
        """Let time pass."""
        self.clock.moment += timedelta(**time)


@pytest.fixture
def line(ledger: TestLedger) -> Iterator[Line]:
    with ledger.ledger.pool.connection() as conn:
        yield Line(ledger, conn)


def test_they_go_in_order_and_each_once(line: Line) -> None:
    """What waits already is not put in line a second time."""
    assert line.put(1, 2, 3) == 3
    assert line.put(2, 3, 4) == 1
    sent = []
    while (number := line.number()) is not None:
        sent.append(number)
        line.settle(TAKEN)
    assert sent == [1, 2, 3, 4]
    assert deliveries.waiting(line.conn, line.to.id) == 0


@pytest.mark.parametrize("chance", [0.0, 0.999])
def test_it_is_tried_again_as_the_specification_recommends(line: Line, chance: float) -> None:
    """After 5 seconds, 5 minutes, half an hour, 2, 5, 10, 14, 20 and 24 hours, and up to a fifth
    more by chance, never earlier; then it is dead, and nothing is sent of it any more."""
    line.put(1)
    begin = line.clock()
    for pause in PAUSES:
        assert not line.settle(FAILED, chance)
        longest = pause * (1 + JITTER * chance)
        line.clock.moment += longest - timedelta(milliseconds=1)
        assert line.first() is None
        line.later(milliseconds=2)
        assert line.first() is not None
    assert [p.total_seconds() for p in PAUSES[:3]] == [5, 300, 1800]
    assert line.clock() - begin >= timedelta(hours=75, minutes=35)
    assert line.settle(FAILED)
    line.later(days=365)
    assert line.first() is None
    (dead,) = deliveries.failing(line.conn, dead=True)
    assert (dead.attempts, dead.failure) == (10, "status 500")
    assert deliveries.waiting(line.conn, line.to.id) == 0


def test_a_receiver_that_starts_anew_gets_all_in_order(line: Line) -> None:
    """The first that failed holds the others, for its first attempts."""
    line.put(1, 2)
    line.settle(FAILED)
    assert line.first() is None
    line.later(seconds=6)
    assert line.number() == 1
    line.settle(FAILED)
    line.later(seconds=6)
    assert line.first() is None
    line.later(minutes=6)
    line.settle(TAKEN)
    assert line.number() == 2


def test_one_that_never_arrives_does_not_hold_the_others_for_long(line: Line) -> None:
    """After some attempts it is overtaken, and tried again beside them."""
    line.put(1, 2, 3)
    for _ in range(HOLDS):
        assert line.number() == 1
        line.settle(FAILED)
        line.later(minutes=6 if line.first() is None and _ < HOLDS - 1 else 0)
    assert line.number() == 2
    line.settle(TAKEN)
    line.later(minutes=31)
    assert line.number() == 1
    line.settle(TAKEN)
    assert line.number() == 3


def test_a_pause_that_the_receiver_asks_for_is_kept(line: Line) -> None:
    """When it is longer than ours, and at most a day."""
    line.put(1)
    line.settle(Attempt(429, pause=600))
    line.later(seconds=599)
    assert line.first() is None
    line.later(seconds=2)
    line.settle(Attempt(503, pause=10**8))
    line.later(hours=24, seconds=1)
    assert line.first() is not None
    line.settle(Attempt(503, pause=1))
    line.later(minutes=29)
    assert deliveries.failing(line.conn, dead=False)[0].next_at > line.clock()


def test_the_dead_are_sent_again_when_somebody_says_so(line: Line) -> None:
    """One, or all of a subscription, as if for the first time and under the same id."""
    line.put(1, 2, 3)
    ids = []
    while (found := line.first()) is not None:
        ids.append(found.id)
        tenth = replace(found, attempts=9)
        assert deliveries.settle(line.conn, tenth, FAILED, line.clock())
    assert [d.id for d in deliveries.failing(line.conn, dead=True)] == ids
    assert deliveries.again(line.conn, ids[1], line.clock()) == 1
    assert line.number() == 2
    assert deliveries.again(line.conn, line.to.id, line.clock()) == 2
    assert line.number() == 1
    assert not line.settle(FAILED)
    with pytest.raises(ConfigurationError, match="hooks dead"):
        deliveries.again(line.conn, "msg_none", line.clock())


def test_what_is_told_once_is_not_told_again_after_it_arrived(line: Line) -> None:
    """Nor to anybody twice at once; another subscription is told by itself."""
    message = Message(Kind.CLOCK, webhook.digest("clock"), line.clock(), {})
    assert deliveries.put_once(line.conn, line.to, [message], line.clock()) == 1
    line.settle(TAKEN)
    assert deliveries.put_once(line.conn, line.to, [message], line.clock()) == 0
    assert deliveries.first(line.conn, line.to.id, line.clock()) is None
