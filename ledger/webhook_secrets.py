"""The secrets that webhooks are signed with: kept wrapped, and used by whoever serves.

They are needed in clear for every delivery, so no digest will do. As the keys of sealed text they
are in the schema beside that of the log, wrapped (RFC 3394) under the master key, which is in no
database; unlike those no service can ask for them. `verantwoord sealing rotate` wraps them anew.
`tests/test_webhook_secrets.py`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

import psycopg

from ledger import sealing
from ledger.master_keys import MasterKeys
from ledger.sealing import BYTES, SealingKey

OVERLAP = timedelta(hours=24)
"""For how long a secret that was replaced signs as well."""


def make(
    conn: psycopg.Connection,
    masters: Callable[[], MasterKeys],
    subscription: str,
    *,
    others_end: datetime | None = None,
) -> bytes:
    """Make a secret of a subscription and keep it; those before it end at a moment. As the owner,
    in one transaction. Raises ConfigurationError without a master key."""
    secret = secrets.token_bytes(BYTES)
    with conn.transaction():
        # Whoever replaces the master key waits for this, or was before it.
        conn.execute("LOCK TABLE webhook_secrets IN ROW EXCLUSIVE MODE")
        used = masters()
        conn.execute(
            "UPDATE webhook_secrets SET ends_at = least(ends_at, %s) WHERE subscription = %s",
            (others_end, subscription),
        )
        conn.execute(
            "INSERT INTO webhook_secrets (subscription, number, wrapped, master)"
            " SELECT %(of)s, coalesce(max(number), 0) + 1, %(wrapped)s, %(master)s"
            " FROM webhook_secrets WHERE subscription = %(of)s",
            {
                "of": subscription,
                "wrapped": sealing.wrap(
                    SealingKey(subscription, secret), used.secret(used.current)
                ),
                "master": used.current,
            },
        )
    return secret


def in_force(
    conn: psycopg.Connection, masters: MasterKeys, subscription: str, now: datetime
) -> list[bytes]:
    """The secrets that sign, the latest first. Raises ConfigurationError."""
    rows = conn.execute(
        "SELECT wrapped, master FROM webhook_secrets"
        " WHERE subscription = %s AND (ends_at IS NULL OR %s < ends_at) ORDER BY number DESC",
        (subscription, now),
    )
    return [
        sealing.unwrap(subscription, wrapped, masters.secret(master)).secret
        for wrapped, master in rows
    ]


def remove(conn: psycopg.Connection, subscription: str) -> None:
    """Remove the secrets of a subscription. As the owner."""
    conn.execute("DELETE FROM webhook_secrets WHERE subscription = %s", (subscription,))


def wrap_anew(conn: psycopg.Connection, masters: MasterKeys) -> int:
    """Wrap every secret under the master key in use; how many were under another. As the role that
    erases, in one transaction; none is made meanwhile. Raises ConfigurationError."""
    with conn.transaction():
        conn.execute("LOCK TABLE webhook_secrets IN EXCLUSIVE MODE")
        old = conn.execute(
            "SELECT subscription, number, wrapped, master FROM webhook_secrets WHERE master <> %s",
            (masters.current,),
        ).fetchall()
        for subscription, number, wrapped, master in old:
            secret = sealing.unwrap(subscription, wrapped, masters.secret(master))
            conn.execute(
                "UPDATE webhook_secrets SET wrapped = %s, master = %s"
                " WHERE subscription = %s AND number = %s",
                (
                    sealing.wrap(secret, masters.secret(masters.current)),
                    masters.current,
                    subscription,
                    number,
                ),
            )
    return len(old)
