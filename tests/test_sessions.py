"""Sessions: started once by a link, as often as one likes by a sign-in, and over in time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from ledger import granted_access, sessions
from ledger.granted_access import Access, Identity, Means
from ledger.roles import Role
from ledger.sessions import IDLE, KEPT, LONGEST, LinkUsed
from tests.ledgers import START, TestLedger

Owner = Callable[[], psycopg.Connection]

PERSON = Identity("https://login.example", "subject-1")
MINUTE = timedelta(minutes=1)


def linked(owner: Owner) -> Access:
    """A link for a privacy officer, good for a day."""
    with owner() as conn:
        made, _ = granted_access.grant(
            conn,
            START,
            role=Role.PRIVACY_OFFICER,
            holder="officer-1",
            expires_at=START + timedelta(days=1),
            means=Means.LINK,
        )
    return made


def let_in(owner: Owner, **options: Any) -> Access:
    """A person who may sign in for a month."""
    asked: dict[str, Any] = {
        "role": Role.PRIVACY_OFFICER,
        "holder": "officer-1",
        "expires_at": START + timedelta(days=30),
        **options,
    }
    with owner() as conn:
        return granted_access.let_sign_in(conn, START, PERSON, **asked)


def found(ledger: TestLedger, secret: str, now: datetime) -> sessions.Session | None:
    """The session of a cookie, as the service looks it up."""
    with ledger.ledger.pool.connection() as conn:
        return sessions.find(conn, secret, now)


def started(
    ledger: TestLedger, access: Access, now: datetime = START, provider_id: bytes | None = None
) -> str:
    """Start a session as the service does."""
    with ledger.ledger.pool.connection() as conn:
        return sessions.start(conn, access, now, provider_id)


def test_it_lasts_while_somebody_works(ledger: TestLedger, owner: Owner) -> None:
    """Half a day, with no half hour of silence in it; after that, never again."""
    access = let_in(owner)
    secret = started(ledger, access)
    moment = START
    while moment + IDLE - MINUTE < START + LONGEST:
        moment += IDLE - MINUTE
        assert found(ledger, secret, moment) == sessions.Session(access, START + LONGEST)
    assert found(ledger, secret, START + LONGEST) is None
    silent = started(ledger, access)
    assert found(ledger, silent, START + IDLE) is None
    assert found(ledger, "vrw_other", START) is None


def test_it_does_not_outlast_what_was_granted(ledger: TestLedger, owner: Owner) -> None:
    """Neither its end, nor that it is revoked."""
    access = let_in(owner, expires_at=START + 5 * MINUTE)
    secret = started(ledger, access)
    assert found(ledger, secret, START + 4 * MINUTE)
    assert found(ledger, secret, START + 5 * MINUTE) is None
    with owner() as conn:
        granted_access.revoke(conn, START, access.id)
    assert found(ledger, secret, START) is None


def test_a_link_starts_one_session(ledger: TestLedger, owner: Owner) -> None:
    """Of several that open it at once, one; it may be used till its end, and then lasts on."""
    access = linked(owner)
    late = access.expires_at - MINUTE
    made: list[str] = []
    refused: list[LinkUsed] = []

    def open_it() -> None:
        try:
            made.append(started(ledger, access, late))
        except LinkUsed as error:
            refused.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), len(refused)) == (1, 5)
    assert found(ledger, made[0], late + 20 * MINUTE)
    with ledger.ledger.pool.connection() as conn:
        sessions.end(conn, made[0], late)
    with pytest.raises(LinkUsed):
        started(ledger, access, late)


def test_it_is_ended_by_whoever_has_it_or_by_the_provider(ledger: TestLedger, owner: Owner) -> None:
    """Itself, all of one session at the provider, or all of one person; and no others."""
    access, other = let_in(owner), linked(owner)
    at_provider = sessions.provider_session("https://login.example", "sid-1")
    elsewhere = sessions.provider_session("https://other.example", "sid-1")
    assert at_provider != elsewhere
    secrets = [
        started(ledger, access),
        started(ledger, access, provider_id=at_provider),
        started(ledger, access, provider_id=elsewhere),
        started(ledger, other),
    ]

    def in_force() -> list[bool]:
        return [found(ledger, secret, START) is not None for secret in secrets]

    with ledger.ledger.pool.connection() as conn:
        sessions.end(conn, secrets[0], START)
        conn.commit()
        assert in_force() == [False, True, True, True]
        sessions.end_at_provider(conn, at_provider, START)
        conn.commit()
        assert in_force() == [False, False, True, True]
        sessions.end_all(conn, access.id, START)
        conn.commit()
        assert in_force() == [False, False, False, True]


def test_nothing_that_is_kept_shows_the_cookie_and_old_ones_go(
    ledger: TestLedger, owner: Owner
) -> None:
    """A copy of the table opens nothing, and what is over is not kept for ever."""
    access = let_in(owner, expires_at=START + timedelta(days=300))
    secret = started(ledger, access)
    with owner() as conn:
        dumped = conn.execute("SELECT sessions::text FROM sessions").fetchall()
        assert secret not in str(dumped)
        assert "sid-1" not in str(dumped)
    started(ledger, access, START + LONGEST + KEPT + MINUTE)
    with owner() as conn:
        assert conn.execute("SELECT count(*) FROM sessions").fetchone() == (1,)


def test_who_serves_cannot_lengthen_a_session(ledger: TestLedger, owner: Owner) -> None:
    """Nor let somebody else have it."""
    started(ledger, let_in(owner))
    for change in ("ends_at = now()", "access_id = 'x'", "digest = digest", "link_id = null"):
        with (
            ledger.ledger.pool.connection() as conn,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            conn.execute(f"UPDATE sessions SET {change}".encode())
