"""Sessions of people: started by a sign-in or a link, shown by a cookie, ended by themselves.

A session lasts while somebody works with it, half a day at most, and never longer than what was
granted; revoking that ends its sessions at their next request. What its role and scope are, is read
from what was granted each time, and not kept here. Of the cookie a digest is kept, as of tokens.
`tests/test_sessions.py`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from ledger import granted_access, keys
from ledger.granted_access import Access, Means

IDLE = timedelta(minutes=30)
"""After so long without a request a session is over."""

LONGEST = timedelta(hours=12)

NOTED = timedelta(minutes=1)
"""A request is noted when the last one was so long ago: not each needs a write."""

KEPT = timedelta(days=30)
"""How long a session is kept that is over; longer than any link can be used (`LONGEST_LINK`)."""


class LinkUsed(Exception):
    """A link was opened a second time, or by two at once."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session that is in force: under what it is, and until when at the latest."""

    access: Access
    ends_at: datetime


def start(
    conn: psycopg.Connection, access: Access, now: datetime, provider_id: bytes | None = None
) -> str:
    """Start a session under what was granted; the secret of its cookie, which nothing shows again.

    Raises LinkUsed.
    """
    secret = keys.make_token()
    link = access.id if access.means is Means.LINK else None
    # A link is to be used in time; what it starts may last beyond that.
    until = now + LONGEST if link else min(now + LONGEST, access.expires_at)
    conn.execute("DELETE FROM sessions WHERE ends_at < %s", (now - KEPT,))
    started = conn.execute(
        "INSERT INTO sessions (digest, access_id, link_id, provider_id, started_at, seen_at,"
        " ends_at) VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (link_id) DO NOTHING",
        (keys.token_digest(secret), access.id, link, provider_id, now, now, until),
    )
    if started.rowcount == 0:
        raise LinkUsed
    return secret


def find(conn: psycopg.Connection, secret: str, now: datetime) -> Session | None:
    """The session of a cookie; None when there is none such, or it is over."""
    digest = keys.token_digest(secret)
    row = conn.execute(
        f"SELECT s.seen_at, s.ends_at, {COLUMNS}"  # noqa: S608
        " FROM sessions s JOIN granted_access a ON a.id = s.access_id"
        " WHERE s.digest = %s AND s.ended_at IS NULL AND %s < s.ends_at AND %s < s.seen_at"
        " AND a.revoked_at IS NULL".encode(),
        (digest, now, now - IDLE),
    ).fetchone()
    if row is None:
        return None
    seen_at, ends_at, *access = row
    if now - seen_at >= NOTED:
        conn.execute("UPDATE sessions SET seen_at = %s WHERE digest = %s", (now, digest))
    return Session(granted_access.read(access), ends_at)


def end(conn: psycopg.Connection, secret: str, now: datetime) -> None:
    """End the session of a cookie, if it is one."""
    conn.execute(
        "UPDATE sessions SET ended_at = %s WHERE digest = %s AND ended_at IS NULL",
        (now, keys.token_digest(secret)),
    )


def end_at_provider(conn: psycopg.Connection, provider_id: bytes, now: datetime) -> None:
    """End what belongs to a session at the provider (`provider_session`)."""
    conn.execute(
        "UPDATE sessions SET ended_at = %s WHERE provider_id = %s AND ended_at IS NULL",
        (now, provider_id),
    )


def end_all(conn: psycopg.Connection, access_id: str, now: datetime) -> None:
    """End every session under what was granted."""
    conn.execute(
        "UPDATE sessions SET ended_at = %s WHERE access_id = %s AND ended_at IS NULL",
        (now, access_id),
    )


def provider_session(issuer: str, sid: str) -> bytes:
    """What is kept of a session at a provider: SHA-256 of its issuer and its id, 32 bytes."""
    return hashlib.sha256(f"{issuer}\0{sid}".encode()).digest()


COLUMNS = ", ".join(f"a.{column}" for column in granted_access.COLUMNS.split(", "))
