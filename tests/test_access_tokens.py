"""Access tokens: shown once, kept as a digest, for a role, a scope and a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from ledger import access_tokens
from ledger.access_tokens import LONGEST, all_tokens, find, grant, revoke
from ledger.errors import ConfigurationError
from ledger.roles import Role
from tests.ledgers import START, TestLedger

Owner = Callable[[], psycopg.Connection]
TOMORROW = START + timedelta(days=1)


def granted(owner: Owner, **options: Any) -> tuple[access_tokens.AccessToken, str]:
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
        assert [each.state(START) for each in all_tokens(conn)] == ["revoked"]


def test_nothing_that_is_kept_shows_the_token(ledger: TestLedger, owner: Owner) -> None:
    """Whoever reads the table, or a copy of it, cannot ask anything with it."""
    made, token = granted(owner)
    with owner() as conn:
        dumped = conn.execute("SELECT access_tokens::text FROM access_tokens").fetchall()
    assert token not in str(dumped)
    assert token not in repr(made)


def test_who_serves_may_look_and_not_grant(ledger: TestLedger, owner: Owner) -> None:
    """The service cannot make itself, or anybody, a token; nor lengthen one, nor end one."""
    granted(owner)
    for statement in (
        "INSERT INTO access_tokens SELECT 'x', digest, 'operator', holder, null, null, null,"
        " null, created_at, expires_at, null FROM access_tokens",
        "UPDATE access_tokens SET role = 'operator'",
        "DELETE FROM access_tokens",
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
        assert all_tokens(conn) == []


def test_an_unknown_token_cannot_be_revoked(ledger: TestLedger, owner: Owner) -> None:
    """A slip of the pen must not look like a token that ended."""
    with owner() as conn, pytest.raises(ConfigurationError, match="t-nothing"):
        revoke(conn, START, "t-nothing")
