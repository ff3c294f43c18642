"""What is granted: shown once, kept as a digest, for a role, a scope and a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from ledger import granted_access
from ledger.errors import ConfigurationError
from ledger.granted_access import (
    LONGEST,
    Identity,
    Means,
    all_granted,
    find,
    find_identity,
    grant,
    let_sign_in,
    revoke,
)
from ledger.roles import Role
from tests.ledgers import START, TestLedger

Owner = Callable[[], psycopg.Connection]
TOMORROW = START + timedelta(days=1)


def granted(owner: Owner, **options: Any) -> tuple[granted_access.Access, str]:
    """A token of a privacy officer for a day, unless the options say otherwise."""
    asked = {"role": Role.PRIVACY_OFFICER, "holder": "officer-1", "expires_at": TOMORROW, **options}
    with owner() as conn:
        return grant(conn, START, **asked)


def test_a_token_is_found_until_it_ends(ledger: TestLedger, owner: Owner) -> None:
    """By itself, to the second; or when it is revoked, and then for ever."""
    made, token = granted(owner, controllers=["C2", "C1", "C2"])
    assert made.grants.controllers == ("C1", "C2")
    with ledger.ledger.pool.connection() as conn:
        assert find(conn, token, START) == made
        assert find(conn, token, TOMORROW - timedelta(seconds=1)) == made
        assert find(conn, token, TOMORROW) is None
        assert find(conn, token + "x", START) is None
        assert find(conn, "", START) is None
    with owner() as conn:
        first = revoke(conn, START, made.id)
        again = revoke(conn, TOMORROW, made.id)
    assert first.revoked_at == again.revoked_at == START
    with ledger.ledger.pool.connection() as conn:
        assert find(conn, token, START) is None
        assert [each.state(START) for each in all_granted(conn)] == ["revoked"]


def test_nothing_that_is_kept_shows_the_token(ledger: TestLedger, owner: Owner) -> None:
    """Whoever reads the table, or a copy of it, cannot ask anything with it."""
    made, token = granted(owner)
    with owner() as conn:
        dumped = conn.execute("SELECT granted_access::text FROM granted_access").fetchall()
    assert token not in str(dumped)
    assert token not in repr(made)


def test_who_serves_may_look_and_not_grant(ledger: TestLedger, owner: Owner) -> None:
    """The service cannot make itself, or anybody, a token; nor lengthen one, nor end one."""
    granted(owner)
    for statement in (
        "INSERT INTO granted_access SELECT 'x', means, digest, 'operator', holder, null, null,"
        " null, null, created_at, expires_at, null FROM granted_access",
        "UPDATE granted_access SET role = 'operator'",
        "DELETE FROM granted_access",
    ):
        with (
            ledger.ledger.pool.connection() as conn,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            conn.execute(statement.encode())


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"holder": "Jan de Vries"}, "holder"),
        ({"holder": "jan@example.nl"}, "holder"),
        ({"holder": "111222333"}, "holder"),
        ({"holder": ""}, "holder"),
        ({"expires_at": START}, "expires"),
        ({"expires_at": START + LONGEST + timedelta(seconds=1)}, "expires"),
        ({"controllers": ["C 1"]}, "controller"),
        ({"role": Role.CONTROLLER_READER}, "controller"),
        ({"role": Role.SERVICE}, "key"),
        ({"key_id": "k-crm"}, "key"),
        ({"role": Role.AUDITOR}, "grant auditor"),
        ({"grant_id": "G-1"}, "grant auditor"),
        ({"role": Role.OPERATOR, "controllers": ["C1"]}, "operator"),
        ({"role": Role.SERVICE, "key_id": "k-crm", "registers": ["processing"]}, "key"),
    ],
)
def test_a_grant_that_cannot_be_meant_is_refused(
    ledger: TestLedger, owner: Owner, options: dict[str, Any], named: str
) -> None:
    """With the field in the error, and nothing is granted."""
    with pytest.raises(ConfigurationError, match=named):
        granted(owner, **options)
    with owner() as conn:
        assert all_granted(conn) == []


def test_an_unknown_token_cannot_be_revoked(ledger: TestLedger, owner: Owner) -> None:
    """A slip of the pen must not look like a token that ended."""
    with owner() as conn, pytest.raises(ConfigurationError, match="t-nothing"):
        revoke(conn, START, "t-nothing")


def test_each_means_opens_its_own_door(ledger: TestLedger, owner: Owner) -> None:
    """What is in a link is no token, and a token no link; who signs in shows neither."""
    person = Identity("https://login.example", "subject-1")
    _, token = granted(owner)
    _, linked = granted(owner, means=Means.LINK)
    with owner() as conn:
        let_sign_in(
            conn, START, person, role=Role.OPERATOR, holder="operator-1", expires_at=TOMORROW
        )
    with ledger.ledger.pool.connection() as conn:
        assert find(conn, linked, START) is None
        assert find(conn, token, START, Means.LINK) is None
        assert find(conn, "https://login.example\0subject-1", START) is None
        found = [
            find(conn, token, START),
            find(conn, linked, START, Means.LINK),
            find_identity(conn, person, START),
        ]
        assert [each and each.means for each in found] == [*Means]
        for other in (Identity("https://login.example", "subject-2"), Identity("x", "subject-1")):
            assert find_identity(conn, other, START) is None


def test_a_person_is_let_in_once_at_a_time(ledger: TestLedger, owner: Owner) -> None:
    """Whoever has two roles has two pseudonyms and two ways in; one is revoked before another."""
    person = Identity("https://login.example", "subject-1")
    asked = {"role": Role.OPERATOR, "holder": "operator-1", "expires_at": TOMORROW}
    with owner() as conn:
        first = let_sign_in(conn, START, person, **asked)
        with pytest.raises(ConfigurationError, match="may sign in already"):
            let_sign_in(conn, START, person, **asked)
        revoke(conn, START, first.id)
        second = let_sign_in(conn, START, person, **{**asked, "role": Role.PRIVACY_OFFICER})
        assert find_identity(conn, person, START) == second
        dumped = conn.execute("SELECT granted_access::text FROM granted_access").fetchall()
    assert "subject-1" not in str(dumped)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"expires_at": START + timedelta(days=8)}, "within a week"),
        ({"expires_at": START}, "within a week"),
        ({"role": Role.SERVICE, "key_id": "k-crm"}, "no person"),
        ({"role": Role.AUDITOR}, "grant auditor"),
    ],
)
def test_a_link_is_for_a_person_and_a_while(
    ledger: TestLedger, owner: Owner, options: dict[str, Any], named: str
) -> None:
    """It lies in a mailbox."""
    with pytest.raises(ConfigurationError, match=named):
        granted(owner, means=Means.LINK, **options)
