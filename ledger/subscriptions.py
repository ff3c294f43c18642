"""Who is told of what is new, at which address: subscriptions to webhooks.

A subscription is of the whole ledger, for the processor's own people, or of one controller, and
then tells no more than that one may read. The operator makes it on the machine, with the rights of
the owner; the role that serves reads it, moves it on and disables it, and can lead it nowhere else.
`tests/test_subscriptions.py`.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import psycopg

from ledger import destination, webhook_secrets
from ledger.destination import Destination
from ledger.errors import ConfigurationError
from ledger.granted_access import check_pseudonym
from ledger.roles import Holder, Role

USUAL = timedelta(hours=24)
"""How long before it is due a clock is told of."""

LONGEST = timedelta(days=366)


class Kind(StrEnum):
    """What a subscription is told of."""

    ENTRY = "entry.recorded"
    CLOCK = "clock.due"
    FINDING = "finding.held"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription. `controller` is None for the whole ledger, `types` are event types as entries
    have them, None for all; entries up to `position` were looked at."""

    id: str
    address: str
    networks: tuple[str, ...]
    holder: str
    controller: str | None
    kinds: tuple[Kind, ...]
    types: tuple[str, ...] | None
    within: timedelta
    created_at: datetime
    position: int
    disabled_at: datetime | None
    disabled_why: str | None

    @property
    def destination(self) -> Destination:
        """Where it leads."""
        return destination.parse(self.address, self.networks)

    @property
    def reader(self) -> Holder:
        """Whom it tells, as a reader of the ledger."""
        if self.controller is None:
            return Holder(Role.PRIVACY_OFFICER, self.holder)
        return Holder(Role.CONTROLLER_READER, self.holder, (self.controller,))


COLUMNS = (
    "id, address, networks, holder, controller, kinds, types, within, created_at, position,"
    " disabled_at, disabled_why"
)


def add(
    conn: psycopg.Connection,
    now: datetime,
    *,
    address: str,
    holder: str,
    position: int,
    networks: Sequence[str] = (),
    controller: str | None = None,
    kinds: Sequence[Kind] = tuple(Kind),
    types: Sequence[str] = (),
    within: timedelta = USUAL,
) -> Subscription:
    """Make a subscription that is told of entries after a position.

    `conn` has the rights of the owner. Raises ConfigurationError that names the field and the rule.
    """
    destination.parse(address, networks)
    check_pseudonym(holder)
    if not timedelta() < within <= LONGEST:
        raise ConfigurationError("within is a time from an hour to a year")
    row = conn.execute(
        "INSERT INTO subscriptions (id, address, networks, holder, controller, kinds, types,"  # noqa: S608
        " within, created_at, position) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        f" RETURNING {COLUMNS}".encode(),
        (
            f"w-{secrets.token_hex(4)}",
            address,
            list(networks),
            holder,
            controller,
            [*dict.fromkeys(kinds)],
            list(types) or None,
            within,
            now,
            position,
        ),
    ).fetchone()
    return _read(row or ())


def remove(conn: psycopg.Connection, id: str) -> None:
    """Remove a subscription, what waits for it and its secrets. As the owner. Raises
    ConfigurationError when there is none of this id."""
    with conn.transaction():
        if not conn.execute("DELETE FROM subscriptions WHERE id = %s", (id,)).rowcount:
            raise _unknown(id)
        webhook_secrets.remove(conn, id)


def find(conn: psycopg.Connection, id: str) -> Subscription:
    """One of them. Raises ConfigurationError when there is none of this id."""
    found = _select(conn, "WHERE id = %s", id)
    if not found:
        raise _unknown(id)
    return found[0]


def all_subscriptions(conn: psycopg.Connection) -> list[Subscription]:
    """All of them, the oldest first."""
    return _select(conn, "ORDER BY created_at, id")


def told_of(conn: psycopg.Connection, *kinds: Kind) -> list[str]:
    """The ids of those that are told of any of some kinds, and not disabled."""
    rows = conn.execute(
        "SELECT id FROM subscriptions WHERE disabled_at IS NULL AND kinds && %s ORDER BY id",
        (list(kinds),),
    )
    return [id for (id,) in rows]


def take(conn: psycopg.Connection, id: str, *, wait: bool = False) -> Subscription | None:
    """Have an active subscription to oneself until the transaction ends; None when it is not
    active any more, or, unless one waits, another has it."""
    # A server may end a transaction that waits for so long as a receiver may take.
    conn.execute("SET LOCAL idle_in_transaction_session_timeout = '60s'")
    # Not FOR UPDATE, which would keep others from adding what waits for it.
    how = "FOR NO KEY UPDATE" + ("" if wait else " SKIP LOCKED")
    found = _select(conn, f"WHERE id = %s AND disabled_at IS NULL {how}", id)
    return found[0] if found else None


def move_on(conn: psycopg.Connection, id: str, position: int) -> None:
    """Say up to where the entries were looked at."""
    conn.execute("UPDATE subscriptions SET position = %s WHERE id = %s", (position, id))


def disable(conn: psycopg.Connection, id: str, now: datetime, why: str) -> None:
    """Send nothing more, until the operator enables it."""
    conn.execute(
        "UPDATE subscriptions SET disabled_at = %s, disabled_why = %s WHERE id = %s", (now, why, id)
    )


def enable(conn: psycopg.Connection, id: str) -> Subscription:
    """Go on where it was. Raises ConfigurationError when there is none of this id."""
    conn.execute(
        "UPDATE subscriptions SET disabled_at = NULL, disabled_why = NULL WHERE id = %s", (id,)
    )
    return find(conn, id)


def _select(conn: psycopg.Connection, rest: str, *args: object) -> list[Subscription]:
    rows = conn.execute(f"SELECT {COLUMNS} FROM subscriptions {rest}".encode(), args)  # noqa: S608
    return [_read(row) for row in rows]


def _read(row: Sequence[Any]) -> Subscription:
    id, address, networks, holder, controller, kinds, types, *rest = row
    return Subscription(
        id,
        address,
        tuple(networks),
        holder,
        controller,
        tuple(map(Kind, kinds)),
        types and tuple(types),
        *rest,
    )


def _unknown(id: str) -> ConfigurationError:
    return ConfigurationError(
        f"no subscription has the id {id}; `verantwoord hooks list` shows them"
    )
