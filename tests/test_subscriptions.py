"""Who is told of what: made by the operator, and never changed by whoever serves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from ledger import subscriptions
from ledger.errors import ConfigurationError
from ledger.roles import Role
from ledger.subscriptions import Kind
from tests.ledgers import TestLedger
from tests.subscribed import subscribe

URL = "https://hooks.example/"


def test_what_is_made_is_read_back(ledger: TestLedger) -> None:
    """With its scope, its kinds, its networks and how far it is."""
    asked: dict[str, Any] = {
        "controller": "C1",
        "kinds": [Kind.ENTRY, Kind.CLOCK],
        "types": ["a.v1"],
        "within": timedelta(hours=3),
        "position": 4,
        "networks": ("10.0.0.0/8",),
    }
    made = subscribe(ledger.ledger, URL, **asked).to
    with ledger.ledger.pool.connection() as conn:
        found = subscriptions.find(conn, made.id)
        assert subscriptions.all_subscriptions(conn) == [found]
        assert subscriptions.told_of(conn, Kind.CLOCK, Kind.FINDING) == [found.id]
        assert subscriptions.told_of(conn, Kind.FINDING) == []
    assert found == made
    assert (found.controller, found.kinds, found.types) == (
        "C1",
        (Kind.ENTRY, Kind.CLOCK),
        ("a.v1",),
    )
    assert (found.within, found.position, found.networks) == (
        timedelta(hours=3),
        4,
        ("10.0.0.0/8",),
    )
    assert (found.reader.role, found.reader.controllers) == (Role.CONTROLLER_READER, ("C1",))
    assert subscribe(ledger.ledger, URL).to.reader.role is Role.PRIVACY_OFFICER


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"holder": "Jan Jansen"}, "pseudonym"),
        ({"holder": "jan@example.nl"}, "pseudonym"),
        ({"within": timedelta()}, "within"),
        ({"within": timedelta(days=400)}, "within"),
        ({"networks": ("here",)}, "no network"),
        ({"address": "http://hooks.example/"}, "https"),
    ],
)
def test_what_is_asked_wrongly_is_refused(
    ledger: TestLedger, asked: dict[str, Any], said: str
) -> None:
    """By field and rule, and nothing is made."""
    address = asked.pop("address", URL)
    with pytest.raises(ConfigurationError, match=said):
        subscribe(ledger.ledger, address, **asked)
    with ledger.ledger.pool.connection() as conn:
        assert subscriptions.all_subscriptions(conn) == []
        assert conn.execute("SELECT FROM webhook_secrets").fetchall() == []


def test_one_that_is_removed_leaves_nothing(ledger: TestLedger) -> None:
    """Neither what waited nor its secret; and there is nothing to remove a second time."""
    made = subscribe(ledger.ledger, URL).to
    with ledger.ledger.database.connect_as_owner() as conn:
        subscriptions.remove(conn, made.id)
        for table in ("subscriptions", "deliveries", "told", "webhook_secrets"):
            assert conn.execute(f"SELECT FROM {table}".encode()).fetchall() == []
        for act in (subscriptions.remove, subscriptions.find, subscriptions.enable):
            with pytest.raises(ConfigurationError, match="hooks list"):
                act(conn, made.id)


def test_one_that_is_disabled_goes_on_when_it_is_enabled(ledger: TestLedger) -> None:
    """From where it was."""
    made = subscribe(ledger.ledger, URL, position=3).to
    with ledger.ledger.pool.connection() as conn:
        subscriptions.disable(conn, made.id, ledger.clock(), "gone")
        assert subscriptions.told_of(conn, *Kind) == []
        assert subscriptions.take(conn, made.id) is None
        assert subscriptions.enable(conn, made.id) == made


def test_one_has_it_at_a_time(ledger: TestLedger) -> None:
    """Until its transaction ends, however that ends; what waits can be added meanwhile."""
    made = subscribe(ledger.ledger, URL).to
    database = ledger.ledger.database
    with database.connect() as first, database.connect() as second:
        with first.transaction():
            assert subscriptions.take(first, made.id) == made
            assert subscriptions.take(second, made.id) is None
            second.execute("SET statement_timeout = '2s'")
            second.execute("INSERT INTO told VALUES (%s, %s)", (made.id, bytes(32)))
        assert subscriptions.take(second, made.id) == made


REFUSED = (
    "INSERT INTO subscriptions SELECT * FROM subscriptions",
    "DELETE FROM subscriptions",
    "UPDATE subscriptions SET address = 'https://evil.example/'",
    "UPDATE subscriptions SET networks = '{0.0.0.0/0}'",
    "UPDATE subscriptions SET controller = NULL",
    "UPDATE subscriptions SET kinds = '{entry.recorded}'",
    "UPDATE subscriptions SET holder = 'other'",
    "UPDATE deliveries SET body = ''",
    "UPDATE deliveries SET subscription = 'w-2'",
    "DELETE FROM told",
    "INSERT INTO webhook_secrets VALUES ('w-1', 1, '', 1, NULL)",
    "UPDATE webhook_secrets SET wrapped = ''",
    "DELETE FROM webhook_secrets",
)


@pytest.mark.parametrize("statement", REFUSED)
def test_who_serves_leads_it_nowhere_else(ledger: TestLedger, statement: str) -> None:
    """It has no right to, nor to make or remove one, or a secret."""
    subscribe(ledger.ledger, URL)
    with (
        ledger.ledger.database.connect() as conn,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        conn.execute(statement.encode())


@pytest.mark.parametrize("role", ["controller_role", "erasing_role"])
def test_other_roles_do_not_see_who_is_told(ledger: TestLedger, role: str) -> None:
    """Neither the one that reads for a controller nor the one that erases, but for the secrets
    that this one wraps anew."""
    with ledger.ledger.database.connect_as_owner() as conn:
        conn.execute(f'SET ROLE "{getattr(ledger.ledger.database, role)}"'.encode())
        for table in ("subscriptions", "deliveries", "told"):
            with pytest.raises(
                (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable)
            ):
                conn.execute(f"SELECT FROM {table}".encode())
        if role == "controller_role":
            with pytest.raises(
                (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable)
            ):
                conn.execute("SELECT FROM webhook_secrets")
