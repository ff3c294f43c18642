"""Delivering webhooks: beside the service, in threads and over connections of its own.

Lanes send what waits, each to another subscription at a time; a watch looks every minute for clocks
that are about to be due and findings that began to hold. Whoever sends to a subscription holds its
row until the receiver has answered, so of several services one does; the lock goes with the
connection, so another goes on when that one is killed. Appends wait for none of it.
`tests/test_delivering.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from ledger import deliveries, subscriptions, webhook, webhook_secrets
from ledger.background import Background
from ledger.database import Connections
from ledger.deliveries import MOST_WAITING, Delivery
from ledger.errors import ConfigurationError, LedgerError
from ledger.inspections import RECORDS_INSPECTED, Inspection, Inspections
from ledger.opening import Ledger
from ledger.outbound import Attempt, Outbound
from ledger.subscriptions import Kind, Subscription
from projections import news

LANES = 4
"""Receivers that may be slow at once without holding up the others."""

LOOK = 1.0
"""Seconds between looks at what waits."""

WATCH = 60.0
"""Seconds between looks at clocks and findings: what is due is asked of all that is judged."""

AT_ONCE = 20
"""Entries that are put in line together."""

READ_AS = {Kind.ENTRY: "events", Kind.CLOCK: "clocks", Kind.FINDING: "findings"}
"""As what it is recorded that somebody was told."""

log = structlog.get_logger(__name__)


class Sender:
    """Sends what waits for subscriptions, and looks what is due. `connections` are those that stay
    taken until a receiver has answered."""

    def __init__(
        self,
        ledger: Ledger,
        connections: Connections,
        outbound: Outbound,
        inspections: Inspections | None = None,
    ) -> None:
        self._ledger = ledger
        self._connections = connections
        self._outbound = outbound
        self._inspections = inspections

    def due(self) -> list[str]:
        """The subscriptions that have something to be done."""
        with self._connections.connection() as conn:
            return deliveries.due(conn, self._ledger.clock())

    def turn(self, id: str) -> bool:
        """Send the next message of a subscription, or put entries in line; whether there was
        anything to do."""
        with self._connections.connection() as conn, conn.transaction():
            to = subscriptions.take(conn, id)
            if to is None:
                return False
            now = self._ledger.clock()
            next = deliveries.first(conn, id, now)
            if next is None:
                return self._put_in_line(conn, to)
            if next.next_at > now:
                return False
            try:
                attempt = send(self._ledger, conn, self._outbound, to, next.id, next.body)
            except ConfigurationError as error:
                attempt = Attempt(failure=f"cannot be signed: {error}")
            self._settle(conn, to, next, attempt)
            return True

    def watch(self, id: str) -> None:
        """Put clocks that are about to be due, and findings that began to hold, in line."""
        with self._connections.connection() as conn:
            to = subscriptions.find(conn, id)
            messages = news.judged(self._ledger, to)
            with conn.transaction():
                if subscriptions.take(conn, id, wait=True):
                    deliveries.put_once(conn, to, messages, self._ledger.clock())

    def watching(self) -> list[str]:
        """The subscriptions that are told of clocks or findings."""
        with self._connections.connection() as conn:
            return subscriptions.told_of(conn, Kind.CLOCK, Kind.FINDING)

    def _put_in_line(self, conn: psycopg.Connection, to: Subscription) -> bool:
        room = min(AT_ONCE, MOST_WAITING - deliveries.waiting(conn, to.id))
        if room <= 0 or Kind.ENTRY not in to.kinds:
            return False
        messages, position = news.entries(self._ledger, to, room)
        deliveries.put(conn, to, messages, self._ledger.clock())
        subscriptions.move_on(conn, to.id, position)
        return position > to.position

    def _settle(
        self, conn: psycopg.Connection, to: Subscription, sent: Delivery, attempt: Attempt
    ) -> None:
        now = self._ledger.clock()
        dead = deliveries.settle(conn, sent, attempt, now)
        if attempt.gone:
            subscriptions.disable(conn, to.id, now, "the receiver answered 410: Gone")
        if attempt.status is not None:
            self._record(to, sent)
        if not attempt.delivered:
            # No address and no word of the receiver: either may hold a secret.
            log.warning(
                "a webhook was not delivered",
                subscription=to.id,
                delivery=sent.id,
                attempts=sent.attempts + 1,
                reason=attempt.said,
                state="disabled" if attempt.gone else "dead" if dead else "waiting",
            )

    def _record(self, to: Subscription, sent: Delivery) -> None:
        # What tells of this very recording is not recorded: it would go on without end.
        if self._inspections is None or sent.event_type == RECORDS_INSPECTED:
            return
        asked = Inspection(to.reader, READ_AS[Kind(sent.kind)], f"webhook {sent.id}")
        self._inspections.note(asked)


class Delivering:
    """Delivers what is new, until it is closed; what is being sent then is waited for."""

    def __init__(
        self,
        ledger: Ledger,
        inspections: Inspections | None = None,
        outbound: Outbound | None = None,
        *,
        look: float = LOOK,
        watch: float = WATCH,
    ) -> None:
        self._pool = ledger.database.pool(LANES + 1)
        sender = Sender(ledger, self._pool, outbound or Outbound.trusting(), inspections)
        self._closing = threading.Event()
        self._threads = [
            *(_Lane(sender, number, self._closing, look) for number in range(LANES)),
            _Watch(sender, self._closing, watch),
        ]

    def close(self) -> None:
        """Stop."""
        self._closing.set()  # of all, before the first is waited for
        for thread in self._threads:
            thread.close()
        self._pool.close()


class _Lane(Background):
    """Sends to one subscription after another; each lane begins with another one."""

    def __init__(
        self, sender: Sender, number: int, all_closing: threading.Event, look: float
    ) -> None:
        self._sender = sender
        self._number = number
        self._all_closing = all_closing
        super().__init__("delivering webhooks", self._send, look)

    def _send(self) -> None:
        while due := self._sender.due():
            begin = self._number % len(due)
            done = [self._turn(id) for id in due[begin:] + due[:begin]]
            if not any(done):
                return

    def _turn(self, id: str) -> bool:
        done: list[bool] = []
        if not self._all_closing.is_set():
            # What is wrong with one subscription is not wrong with the next.
            self.attempt(lambda: done.append(_unharmed(self._sender.turn, id)))
        return any(done)


class _Watch(Background):
    """Looks at clocks and findings for one subscription after another."""

    def __init__(self, sender: Sender, all_closing: threading.Event, look: float) -> None:
        self._sender = sender
        self._all_closing = all_closing
        super().__init__("looking for what is due", self._watch, look)

    def _watch(self) -> None:
        for id in self._sender.watching():
            if not self._all_closing.is_set():
                self.attempt(lambda id=id: _unharmed(self._sender.watch, id))  # type: ignore[misc]


def _unharmed(step: Callable[[str], bool | None], id: str) -> bool:
    """A step for one subscription; a mistake of ours in it ends no thread that others need."""
    try:
        return bool(step(id))
    except (LedgerError, psycopg.Error, PoolTimeout):
        raise
    except Exception as error:
        # Without its words and its trace, in which there could be somebody's data.
        log.error("a webhook failed", subscription=id, error=type(error).__name__)  # noqa: TRY400
        return False


def send(
    ledger: Ledger,
    conn: psycopg.Connection,
    outbound: Outbound,
    to: Subscription,
    id: str,
    body: str,
) -> Attempt:
    """Send a message to a subscription, once. Raises ConfigurationError when it cannot be
    signed."""
    now = ledger.clock()
    secrets = webhook_secrets.in_force(conn, ledger.master_keys(), to.id, now)
    if not secrets:
        raise ConfigurationError(
            f"{to.id} has no secret to sign with: `verantwoord hooks rotate {to.id}` makes one"
        )
    content = body.encode()
    return outbound.post(to.destination, webhook.sign(id, now, content, secrets), content)


@contextmanager
def delivering(ledger: Ledger, inspections: Inspections | None) -> Iterator[None]:
    """Deliver what is new until the block ends, where the ledger is served and not only read."""
    if not ledger.signs:
        yield
        return
    running = Delivering(ledger, inspections)
    try:
        yield
    finally:
        running.close()
