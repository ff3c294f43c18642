"""Subscriptions for tests: made as the operator makes them, and served one step at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.delivering import Sender
from ledger import subscriptions, webhook, webhook_secrets
from ledger.inspections import Inspections
from ledger.opening import Ledger
from ledger.outbound import Outbound
from ledger.subscriptions import Subscription
from projections import news
from projections.follow import catch_up

HERE = ("127.0.0.0/8",)


@dataclass(frozen=True)
class Subscribed:
    """A subscription, and the secret that its receiver was given."""

    to: Subscription
    secret: str


def subscribe(ledger: Ledger, address: str, **asked: Any) -> Subscribed:
    """Make a subscription; it is told of all entries unless something else is asked."""
    with ledger.database.connect_as_owner() as conn, conn.transaction():
        to = subscriptions.add(
            conn,
            asked.pop("now", None) or ledger.now(),
            address=address,
            **{"holder": "receiver-1", "networks": HERE, "position": 0, **asked},
        )
        secret = webhook_secrets.make(conn, ledger.master_keys, to.id)
        news.begin(conn, ledger, to)
    return Subscribed(to, webhook.write_secret(secret))


def sender(ledger: Ledger, outbound: Outbound, inspections: Inspections | None = None) -> Sender:
    """What sends, over the connections of the ledger itself."""
    return Sender(ledger, ledger.pool, outbound, inspections)


def send_all(by: Sender) -> int:
    """Send what can be sent now; how many turns that took."""
    turns = 0
    while sum(by.turn(id) for id in by.due()):
        turns += 1
        assert turns < 1000
    return turns


def watch(ledger: Ledger, by: Sender) -> None:
    """Look once what is due, with the registers up to date."""
    catch_up(ledger.pool)
    for id in by.watching():
        by.watch(id)


class Standing:
    """A clock that stands until it is moved."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment
