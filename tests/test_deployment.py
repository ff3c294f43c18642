"""Making and opening a ledger: rights, refusals with the way out, nothing overwritten."""

from __future__ import annotations

import stat
from pathlib import Path

import psycopg
import pytest

from ledger import cloudevent, entry, keys
from ledger.database import Database, require_durable
from ledger.deployment import Home, init
from ledger.errors import ConfigurationError
from ledger.keyring import ADMINISTRATOR, LEDGER
from ledger.opening import open_ledger
from tests.check_ledger import check_ledger
from tests.ledgers import Clock, TestLedger, make_home


def test_a_new_log_begins_with_its_own_keys(home: Home) -> None:
    """Entry 0 enrols the administrator, signed by itself, entry 1 the ledger's own key."""
    make_home(home, Clock())
    with open_ledger(home, clock=Clock()) as ledger:
        events = [
            cloudevent.parse(entry.parse(ledger.reader.entry(n).leaf).payload) for n in (0, 1)
        ]
        assert [e.raw["data"]["key_id"] for e in events] == [ADMINISTRATOR, LEDGER]
        assert ledger.reader.size() == 2
        check_ledger(TestLedger(home, ledger, Clock()))


def test_what_is_secret_is_the_owners_alone(home: Home) -> None:
    """Keys and token have mode 0600; the token is stored as a digest."""
    make_home(home, Clock())
    for file in (*home.keys.glob("*.key"), home.token_file):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with open_ledger(home) as ledger:
        assert ledger.identity.read_token_sha256 == keys.token_digest(home.token_file.read_text())


def test_a_second_init_changes_nothing(home: Home) -> None:
    """It says that there is a log already."""
    make_home(home, Clock())
    before = {file: file.read_bytes() for file in home.data.rglob("*") if file.is_file()}
    with pytest.raises(ConfigurationError, match="holds a log already"):
        make_home(home, Clock())
    assert before == {file: file.read_bytes() for file in home.data.rglob("*") if file.is_file()}


@pytest.mark.parametrize(
    ("origin", "kvk", "schema", "finding"),
    [
        ("https://ledger.example", "12345678", "ok", "without scheme"),
        ("Ledger Example", "12345678", "ok", "without scheme"),
        ("ledger.example", "1234", "ok", "8 digits"),
        ("ledger.example", "12345678", 'x"; DROP', "lower-case"),
    ],
)
def test_names_that_would_not_do_are_refused(
    home: Home, origin: str, kvk: str, schema: str, finding: str
) -> None:
    """Before anything is made."""
    place = Home(home.data, home.database_url, schema)
    with pytest.raises(ConfigurationError, match=finding):
        init(place, origin=origin, kvk=kvk)
    assert not home.data.exists()


def test_opening_nothing_says_what_to_do(home: Home) -> None:
    """`verantwoord init`."""
    with pytest.raises(ConfigurationError, match="verantwoord init"), open_ledger(home):
        pass


def test_a_server_that_does_not_answer_is_a_clear_error(tmp_path: Path) -> None:
    """Without a trace of a driver."""
    home = Home(tmp_path, "postgresql://nobody@127.0.0.1:1/none?connect_timeout=2")
    with pytest.raises(ConfigurationError, match="cannot connect"), open_ledger(home):
        pass


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
def test_a_server_that_may_lose_what_it_acknowledged_is_refused(
    setting: str, server_url: str
) -> None:
    """The setting is named, and how to mend it."""
    with psycopg.connect(server_url, autocommit=True) as conn:
        try:
            conn.execute(f"SET {setting} = off".encode())
        except psycopg.errors.CantChangeRuntimeParam:
            pytest.skip(f"{setting} cannot be switched for one connection")
        with pytest.raises(ConfigurationError, match=f"Set {setting} = on"):
            require_durable(conn)


def test_the_serving_role_may_insert_and_read_no_more(ledger: TestLedger) -> None:
    """Not even its own schema can it change."""
    with ledger.ledger.database.connect() as conn:
        for statement in (
            "UPDATE log SET vkey = 'x'",
            "DELETE FROM head",
            "DROP TABLE entries",
            "ALTER TABLE entries DISABLE TRIGGER ALL",
            "CREATE TABLE mine (x int)",
            "DROP TRIGGER append_only ON entries",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(statement.encode())


def test_a_ledger_without_the_log_key_reads_and_does_not_sign(ledger: TestLedger) -> None:
    """A machine that only reads has no key; an append there is refused, and nothing is written."""
    key = keys.key_file(ledger.home.keys, "log")
    key.rename(key.with_suffix(".away"))
    size = ledger.ledger.reader.size()
    with open_ledger(ledger.home, clock=ledger.clock) as other:
        assert other.reader.size() == size
        with pytest.raises(ConfigurationError, match="private key of the log"):
            other.append([ledger.instruction(1)])
        assert other.reader.size() == size


def test_the_key_of_another_log_is_refused(ledger: TestLedger) -> None:
    """It would sign what nobody can verify."""
    key = keys.key_file(ledger.home.keys, "log")
    key.unlink()
    keys.save(ledger.home.keys, keys.make_key("log"))
    with pytest.raises(ConfigurationError, match="does not hold the private key of the log"):
        with open_ledger(ledger.home):
            pass


def test_names_in_the_database_follow_the_schema() -> None:
    """One log, one schema, one role, one channel."""
    database = Database("postgresql://", "clinic")
    assert (database.service_role, database.channel) == ("clinic_service", "clinic_head")
