"""Sealed text: only with a key that the ledger keeps, opened with that alone, and wrapped apart."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap
from hypothesis import given
from hypothesis import strategies as st

from ledger import master_keys, sealing, sealing_keys
from ledger.errors import (
    ConfigurationError,
    FieldsInvalid,
    FormRuleViolated,
    KeyDestroyed,
    MasterKeyMissing,
    PersonalDataInClear,
)
from ledger.sealed_text import kid_of, sealed_in
from ledger.sealing import SealingKey, seal, unseal
from tests.check_ledger import check_ledger
from tests.ledgers import TestLedger
from tests.sealed import TEXT, key_for, request

Owner = Callable[[], psycopg.Connection]

KEY = SealingKey("s-" + 16 * "5e", bytes(range(32)))


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@given(st.text(max_size=300))
def test_what_is_sealed_is_opened(text: str) -> None:
    """By its key alone, whatever was written; and nobody sees whether two texts are the same."""
    sealed = seal(text, KEY)
    assert unseal(sealed, KEY) == text
    assert unseal(sealed, SealingKey(KEY.kid, bytes(32))) is None
    assert kid_of(sealed) == KEY.kid
    assert seal(text, KEY) != sealed


def test_it_is_a_jwe_that_others_open() -> None:
    """RFC 7516, 5.2, step by step with nothing but AES: unwrap (RFC 3394), decrypt with the header
    as additional data."""
    header, wrapped, iv, text, tag = seal(TEXT, KEY).split(".")
    assert json.loads(unpadded(header)) == {"alg": "A256KW", "enc": "A256GCM", "kid": KEY.kid}
    content_key = aes_key_unwrap(KEY.secret, unpadded(wrapped))
    opened = AESGCM(content_key).decrypt(
        unpadded(iv), unpadded(text) + unpadded(tag), header.encode()
    )
    assert opened.decode() == TEXT


@given(st.integers(0, 10_000), st.sampled_from("AZaz09-_"))
def test_a_changed_character_opens_nothing_else(place: int, other: str) -> None:
    """Whatever is changed, there is no other text."""
    sealed = seal(TEXT, KEY)
    place %= len(sealed)
    changed = sealed[:place] + other + sealed[place + 1 :]
    assert unseal(changed, KEY) in (None, TEXT)


def test_sealed_text_is_found_wherever_it_is() -> None:
    """By its place, in lists and objects."""
    sealed = seal(TEXT, KEY)
    value = {"a": sealed, "b": [{"c/d": sealed}, "eyJ no"], "e": 1}
    assert list(sealed_in(value)) == [("/a", KEY.kid), ("/b/0/c~1d", KEY.kid)]


def test_a_key_is_made_once_for_each_subject(ledger: TestLedger) -> None:
    """Also when several ask at once; it is stored wrapped, and no two are the same."""
    found: list[SealingKey] = []
    threads = [
        threading.Thread(target=lambda: found.append(key_for(ledger, "request:V-1")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len({(key.kid, key.secret) for key in found}) == 1
    assert key_for(ledger, "request:V-2").secret != found[0].secret
    with ledger.ledger.pool.connection() as conn:
        (kept, _) = sealing_keys.all_keys(conn)
    assert kept.wrapped is not None
    assert found[0].secret not in kept.wrapped
    assert repr(found[0]) == f"SealingKey({found[0].kid!r})"


@pytest.mark.parametrize(
    "subject", ["", "V-1", "request:", "Request:V-1", "request:111222333", "request:a b", "a" * 99]
)
def test_a_subject_is_a_kind_and_an_id(ledger: TestLedger, subject: str) -> None:
    """And holds no number of a person."""
    with pytest.raises(FieldsInvalid, match="kind and an id"):
        key_for(ledger, subject)


def test_an_event_with_sealed_text_is_taken_and_found(ledger: TestLedger) -> None:
    """By a tag for its key; what it holds is not searched for personal data."""
    appended = request(ledger, 1, text="BSN 111222333, mail@patient.example")
    key = key_for(ledger, "request:V-1")
    stored = ledger.ledger.reader.entry(appended.index)
    assert f"sealed:{key.kid}" in stored.tags
    assert b"111222333" not in stored.leaf
    check_ledger(ledger)


@pytest.mark.parametrize("state", ["unknown", "destroyed"])
def test_text_that_cannot_be_forgotten_is_refused(ledger: TestLedger, state: str) -> None:
    """A key that is not the ledger's, or no more: the fault names the field."""
    key = key_for(ledger, "request:V-1") if state == "destroyed" else KEY
    if state == "destroyed":
        with ledger.ledger.database.connect_to_erase() as conn:
            sealing_keys.destroy(conn, key.kid, ledger.clock())
    data = {"request_id": "V-1", "controller_id": "C1", "right": "access"}
    for field in ("request_text", "subject_contact"):
        with pytest.raises(FormRuleViolated) as refused:
            ledger.append("DataSubjectRequestReceived", {**data, field: seal(TEXT, key)})
        (fault,) = refused.value.faults
        assert (fault.field, fault.rule) == (f"/data/{field}", "sealed-with-a-key-that-stands")
    with pytest.raises(FormRuleViolated):
        ledger.append(
            "InstructionReceived",
            {
                "instruction_id": "I-1",
                "controller_id": "C1",
                "channel": "email",
                "summary_nl": seal(TEXT, key),
            },
        )


@pytest.mark.parametrize("text", [TEXT, "eyJ.a.b.c.d", "111222333"])
def test_a_field_for_sealed_text_takes_no_other(ledger: TestLedger, text: str) -> None:
    """In clear it is refused, and not repeated in the error."""
    data = {
        "request_id": "V-1",
        "controller_id": "C1",
        "right": "access",
        "request_text": text,
    }
    with pytest.raises((FieldsInvalid, PersonalDataInClear)) as refused:
        ledger.append("DataSubjectRequestReceived", data)
    assert "sealed" in str(refused.value)
    assert text not in str(refused.value)


def test_a_destroyed_key_is_not_made_again(ledger: TestLedger, owner: Owner) -> None:
    """Asked for again it is refused, and neither role nor owner brings its row back or away."""
    key = key_for(ledger, "request:V-1")
    with ledger.ledger.database.connect_to_erase() as conn:
        sealing_keys.destroy(conn, key.kid, ledger.clock())
        first = sealing_keys.of_subject(conn, "request:V-1")
        sealing_keys.destroy(conn, key.kid, ledger.clock())
        assert sealing_keys.of_subject(conn, "request:V-1") == first
    assert first is not None
    assert (first.wrapped, first.open(ledger.ledger.master_keys())) == (None, None)
    with pytest.raises(KeyDestroyed, match="request:V-1"):
        key_for(ledger, "request:V-1")
    table = f'"{ledger.ledger.database.sealing_schema}".sealing_keys'
    for statement in (
        f"UPDATE {table} SET destroyed_at = NULL, wrapped = '\\x{'00' * 40}'",
        f"DELETE FROM {table}",
    ):
        with owner() as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(statement.encode())


STATEMENTS = {
    "service": ["UPDATE sealing_keys SET wrapped = NULL", "DELETE FROM sealing_keys"],
    "erasing": [
        "INSERT INTO sealing_keys VALUES ('s-1', 'request:V-9', NULL, 1, now(), now())",
        "DELETE FROM sealing_keys",
        "UPDATE sealing_keys SET subject = 'request:V-2'",
        "SELECT FROM entries",
        "SELECT FROM granted_access",
    ],
    "controller": ["SELECT FROM sealing_keys"],
}


@pytest.mark.parametrize(
    ("role", "statement"), [(r, s) for r, every in STATEMENTS.items() for s in every]
)
def test_each_role_can_do_no_more_than_its_part(
    ledger: TestLedger, role: str, statement: str
) -> None:
    """The one that serves destroys nothing, the one that erases reads no event."""
    key_for(ledger, "request:V-1")
    database = ledger.ledger.database
    with database.connect_as_owner() as conn:
        conn.execute(f'SET ROLE "{database.schema}_{role}"'.encode())
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable)):
            conn.execute(statement.encode())


def test_a_new_master_key_wraps_every_key_anew(ledger: TestLedger) -> None:
    """The old one opens nothing any more; a destroyed key stays as it is; and whoever asks
    meanwhile gets a key that is wrapped with the new one."""
    made = [key_for(ledger, f"request:V-{n}") for n in range(5)]
    old = ledger.ledger.master_keys()
    with ledger.ledger.database.connect_to_erase() as conn:
        sealing_keys.destroy(conn, made[4].kid, ledger.clock())
        assert master_keys.make(ledger.home.keys) == 2
        asked: list[SealingKey] = []
        asking = threading.Thread(target=lambda: asked.append(key_for(ledger, "request:V-9")))
        with conn.transaction():
            conn.execute("LOCK TABLE sealing_keys IN EXCLUSIVE MODE")
            asking.start()
            assert sealing_keys.wrap_anew(conn, ledger.ledger.master_keys()) == 4
        asking.join(20)
        assert sealing_keys.wrap_anew(conn, ledger.ledger.master_keys()) == 0
    assert master_keys.forget(ledger.home.keys, 2) == [1]
    assert [key_for(ledger, f"request:V-{n}") for n in range(4)] == made[:4]
    assert [key_for(ledger, "request:V-9")] == asked
    with ledger.ledger.pool.connection() as conn:
        for kept in sealing_keys.all_keys(conn):
            if kept.wrapped is not None:
                with pytest.raises(ConfigurationError):
                    sealing.unwrap(kept.kid, kept.wrapped, old.secret(1))


def test_a_key_made_while_the_master_key_is_replaced_is_not_lost(ledger: TestLedger) -> None:
    """Between looking up the master key and writing, another took its place: it begins anew."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    looked: list[int] = []

    def masters() -> Any:
        looked.append(1)
        if len(looked) == 2:
            master_keys.make(ledger.home.keys)
        return master_keys.load(ledger.home.keys)

    with ledger.ledger.pool.connection() as conn:
        key = sealing_keys.key_for(conn, masters, "request:V-1", now)
        (kept,) = sealing_keys.all_keys(conn)
    assert kept.master == 2
    assert kept.open(master_keys.load(ledger.home.keys)) == key


def test_without_a_master_key_nothing_is_sealed(ledger: TestLedger) -> None:
    """It says how to make one; with another in its place, that it is another."""
    key_for(ledger, "request:V-1")
    (ledger.home.keys / "sealing-1.key").unlink()
    with pytest.raises(MasterKeyMissing, match="sealing rotate"):
        key_for(ledger, "request:V-2")
    master_keys.make(ledger.home.keys)
    with pytest.raises(ConfigurationError, match="not the one"):
        key_for(ledger, "request:V-1")
