"""Secrets of webhooks: wrapped apart from the log, replaced with overlap, and nowhere shown."""

from __future__ import annotations

import base64
import threading
from datetime import timedelta

import pytest

from api.delivering import send
from ledger import erasure, master_keys, sealing_keys, webhook, webhook_secrets
from ledger.errors import ConfigurationError
from ledger.outbound import Outbound
from tests.ledgers import TestLedger
from tests.subscribed import Subscribed, subscribe

URL = "https://hooks.example/"


def raw(made: Subscribed) -> bytes:
    return base64.b64decode(made.secret.removeprefix("whsec_"))


def test_it_is_kept_wrapped_beside_the_log(ledger: TestLedger) -> None:
    """Neither it nor what it is shown as is in the database; the master key opens it."""
    made = subscribe(ledger.ledger, URL)
    assert len(raw(made)) == 32
    with ledger.ledger.database.connect_as_owner() as conn:
        tables = conn.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY(%s)",
            ([ledger.home.schema, ledger.ledger.database.sealing_schema],),
        ).fetchall()
        for schema, table in tables:
            for (row,) in conn.execute(
                f'SELECT t::text FROM "{schema}"."{table}" t'.encode()
            ).fetchall():
                assert raw(made).hex() not in row
                assert made.secret.removeprefix("whsec_") not in row
        where = {schema for schema, table in tables if table == "webhook_secrets"}
        assert where == {ledger.ledger.database.sealing_schema}
        masters = ledger.ledger.master_keys()
        found = webhook_secrets.in_force(conn, masters, made.to.id, ledger.clock())
    assert found == [raw(made)]


def test_no_service_is_given_it(ledger: TestLedger) -> None:
    """What services may ask for, a key of sealed text, is another key, whatever they ask."""
    made = subscribe(ledger.ledger, URL)
    with ledger.ledger.pool.connection() as conn:
        for subject in (f"webhook:{made.to.id}", f"subject:{made.to.id}"):
            key = sealing_keys.key_for(conn, ledger.ledger.master_keys, subject, ledger.clock())
            assert key.secret != raw(made)


def test_two_sign_while_one_is_replaced(ledger: TestLedger) -> None:
    """The newest first; the old one until its end, which a second replacement does not put off."""
    made, of = subscribe(ledger.ledger, URL), ledger.ledger
    end = ledger.clock() + timedelta(hours=1)
    with of.database.connect_as_owner() as conn:
        second = webhook_secrets.make(conn, of.master_keys, made.to.id, others_end=end)
        third = webhook_secrets.make(
            conn, of.master_keys, made.to.id, others_end=end + timedelta(hours=5)
        )

        def at(hours: float) -> list[bytes]:
            moment = end + timedelta(hours=hours)
            return webhook_secrets.in_force(conn, of.master_keys(), made.to.id, moment)

        assert at(-0.1) == [third, second, raw(made)]
        assert at(0) == [third, second]
        assert at(6) == [third]


def test_a_new_master_key_wraps_every_secret_anew(ledger: TestLedger) -> None:
    """Also one that is made at that very moment; without the old file all are opened."""
    of = ledger.ledger
    made = [subscribe(of, URL)]
    making = threading.Thread(target=lambda: made.extend(subscribe(of, URL) for _ in range(20)))
    making.start()
    master_keys.make(ledger.home.keys)
    with of.database.connect_to_erase() as conn:
        assert webhook_secrets.wrap_anew(conn, of.master_keys()) >= 1
        making.join()
        assert webhook_secrets.wrap_anew(conn, of.master_keys()) == 0
    master_keys.forget(ledger.home.keys, of.master_keys().current)
    with of.pool.connection() as conn:
        for each in made:
            found = webhook_secrets.in_force(conn, of.master_keys(), each.to.id, ledger.clock())
            assert found == [raw(each)]
    erasure.write_anew(of)


def test_without_a_secret_nothing_is_sent(ledger: TestLedger) -> None:
    """A message that nobody can verify is worse than none; and the way out is told."""
    made, of = subscribe(ledger.ledger, URL), ledger.ledger
    with of.database.connect_as_owner() as conn:
        webhook_secrets.remove(conn, made.to.id)
    with of.pool.connection() as conn, pytest.raises(ConfigurationError, match="hooks rotate"):
        send(of, conn, Outbound.trusting(), made.to, "msg_1", "{}")


def test_no_text_of_it_shows_it(ledger: TestLedger) -> None:
    """Neither what is told of a subscription nor an error."""
    made = subscribe(ledger.ledger, URL)
    assert made.secret not in repr(made.to)
    assert webhook.write_secret(raw(made)) == made.secret
    masters = master_keys.MasterKeys({1: bytes(32)})
    with (
        ledger.ledger.pool.connection() as conn,
        pytest.raises(ConfigurationError) as refused,
    ):
        webhook_secrets.in_force(conn, masters, made.to.id, ledger.clock())
    assert made.secret not in str(refused.value)
