"""What waits to be delivered to subscriptions: an outbox in the database.

    waiting ── delivered (and removed)
       │ └──── tried again, after ever longer pauses
       └────── dead, after the tenth attempt, until somebody says: again

A message is kept with its subscription's progress in one transaction, and removed when the receiver
took it: so none is lost, and one that was sent when this process was killed is sent again under the
same id. They go in order; one that failed holds those behind it for its first attempts, through a
receiver that starts anew, and is overtaken after that. `tests/test_deliveries.py`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from ledger import webhook
from ledger.errors import ConfigurationError
from ledger.outbound import Attempt
from ledger.subscriptions import Kind, Subscription

PAUSES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""Between attempts, as Standard Webhooks gives them for an example: three days in all."""

JITTER = 0.2
"""How much longer a pause may be by chance, of itself: receivers that fail together are not asked
together again."""

LONGEST_PAUSE = timedelta(hours=24)
"""However long a receiver asks to wait."""

HOLDS = 3
"""Attempts that hold what is behind."""

MOST_WAITING = 100
"""Messages of one subscription; the rest stays in the log until then."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a subscription is told once. `news` tells it from everything else."""

    kind: str
    news: bytes
    at: datetime
    data: dict[str, Any]
    event_type: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that is not delivered yet."""

    id: str
    subscription: str
    kind: str
    event_type: str | None
    body: str
    made_at: datetime
    attempts: int
    next_at: datetime
    failure: str | None
    dead_at: datetime | None


_COLUMNS = "id, subscription, kind, event_type, body, made_at, attempts, next_at, failure, dead_at"


def put(
    conn: psycopg.Connection, subscription: Subscription, messages: Iterable[Message], now: datetime
) -> int:
    """Have messages wait, in order; how many were not waiting already."""
    added = 0
    for message in messages:
        added += conn.execute(
            "INSERT INTO deliveries"
            " (id, number, subscription, kind, event_type, body, made_at, next_at)"
            " SELECT %s, coalesce(max(number), 0) + 1, %s, %s, %s, %s, %s, %s FROM deliveries"
            " WHERE subscription = %s ON CONFLICT (id) DO NOTHING",
            (
                webhook.message_id(subscription.id, message.news),
                subscription.id,
                message.kind,
                message.event_type,
                webhook.write_body(message.kind, message.at, message.data),
                now,
                now,
                subscription.id,
            ),
        ).rowcount
    return added


def put_once(
    conn: psycopg.Connection, subscription: Subscription, messages: Sequence[Message], now: datetime
) -> int:
    """The same for what is never told again, also after it was delivered."""
    news = mark_told(conn, subscription, (message.news for message in messages))
    return put(conn, subscription, (m for m in messages if m.news in news), now)


def mark_told(
    conn: psycopg.Connection, subscription: Subscription, news: Iterable[bytes]
) -> set[bytes]:
    """Note that a subscription knows something; which of it is new."""
    rows = conn.execute(
        "INSERT INTO told (subscription, news) SELECT %s, unnest(%s::bytea[])"
        " ON CONFLICT DO NOTHING RETURNING news",
        (subscription.id, list(news)),
    )
    return {bytes(each) for (each,) in rows}


_DUE = """
    SELECT s.id FROM subscriptions s LEFT JOIN LATERAL (
        SELECT next_at FROM deliveries d WHERE d.subscription = s.id AND d.dead_at IS NULL
        AND NOT (d.attempts >= %(holds)s AND d.next_at > %(now)s) ORDER BY d.number LIMIT 1
    ) AS first ON true
    WHERE s.disabled_at IS NULL AND (
        first.next_at <= %(now)s OR (
            first.next_at IS NULL AND %(entry)s = ANY (s.kinds)
            AND s.position < (SELECT size FROM head)
        )
    ) ORDER BY s.id
"""


def due(conn: psycopg.Connection, now: datetime) -> list[str]:
    """The subscriptions to which something is to be sent now, or that did not look at all
    entries."""
    rows = conn.execute(_DUE, {"holds": HOLDS, "now": now, "entry": Kind.ENTRY})
    return [id for (id,) in rows]


def first(conn: psycopg.Connection, id: str, now: datetime) -> Delivery | None:
    """What is to be sent next to a subscription, now or later; None when nothing holds the line."""
    found = _select(
        conn,
        "WHERE subscription = %s AND dead_at IS NULL AND NOT (attempts >= %s AND next_at > %s)"
        " ORDER BY number LIMIT 1",
        id,
        HOLDS,
        now,
    )
    return found[0] if found else None


def waiting(conn: psycopg.Connection, id: str) -> int:
    """How many messages wait for a subscription."""
    row = conn.execute(
        "SELECT count(*) FROM deliveries WHERE subscription = %s AND dead_at IS NULL", (id,)
    ).fetchone()
    return int(row[0]) if row else 0


def settle(
    conn: psycopg.Connection,
    delivery: Delivery,
    attempt: Attempt,
    now: datetime,
    chance: Callable[[], float] = random.random,
) -> bool:
    """Note what came of an attempt; whether the message is dead now."""
    if attempt.delivered:
        conn.execute("DELETE FROM deliveries WHERE id = %s", (delivery.id,))
        return False
    attempts = delivery.attempts + 1
    dead = attempts > len(PAUSES)
    pause = timedelta() if dead else PAUSES[attempts - 1] * (1 + JITTER * chance())
    asked = min(timedelta(seconds=attempt.pause or 0), LONGEST_PAUSE)
    conn.execute(
        "UPDATE deliveries SET attempts = %s, next_at = %s, failure = %s, dead_at = %s"
        " WHERE id = %s",
        (attempts, now + max(pause, asked), attempt.said, now if dead else None, delivery.id),
    )
    return dead


def failing(conn: psycopg.Connection, *, dead: bool) -> list[Delivery]:
    """What could not be delivered: the dead, or what is tried again; the oldest first."""
    condition = "dead_at IS NOT NULL" if dead else "dead_at IS NULL AND attempts > 0"
    return _select(conn, f"WHERE {condition} ORDER BY made_at, number, id")


def again(conn: psycopg.Connection, id: str, now: datetime) -> int:
    """Have a delivery, or all that are dead of a subscription, sent again now, with all attempts
    before them; how many. Raises ConfigurationError when there is none."""
    done = conn.execute(
        "UPDATE deliveries SET attempts = 0, next_at = %(now)s, dead_at = NULL"
        " WHERE id = %(id)s OR (subscription = %(id)s AND dead_at IS NOT NULL)",
        {"now": now, "id": id},
    ).rowcount
    if not done:
        raise ConfigurationError(
            f"nothing waits under the id {id}; `verantwoord hooks dead` shows what could not be"
            " delivered"
        )
    return done


def _select(conn: psycopg.Connection, rest: str, *args: object) -> list[Delivery]:
    rows = conn.execute(f"SELECT {_COLUMNS} FROM deliveries {rest}".encode(), args)  # noqa: S608
    return [Delivery(*row) for row in rows]
