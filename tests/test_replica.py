"""Reading from a replica: the same bytes, never less than was told, and no rights that the primary
does not give."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import psycopg
import pytest

from ledger.append import Appended
from ledger.errors import ConfigurationError
from ledger.isolation import OneController
from ledger.opening import Ledger, open_ledger
from ledger.reader import Reader
from projections.follow import catch_up
from projections.registers import REGISTERS
from tests.ledgers import TestLedger
from tests.serving import serving, serving_ledger
from tests.two_servers import OWNER, Pair, until


@contextmanager
def with_replica(pair: Pair, made: TestLedger) -> Iterator[Ledger]:
    """A process that serves the log of `made`, and reads from the standby what that holds."""
    home = replace(made.home, read_url=pair.url(OWNER, pair.standby, "any"))
    with open_ledger(home, clock=made.clock) as ledger:
        yield ledger


def reads_from_replica(ledger: Ledger) -> bool:
    """Whether the next one to read is lent a connection to the replica."""
    with ledger.replicas.connection() as conn:
        row = conn.execute("SELECT pg_is_in_recovery()").fetchone()
    assert row is not None
    return bool(row[0])


def test_a_replica_answers_with_the_bytes_of_the_primary(pair: Pair, paired: TestLedger) -> None:
    """Events, proofs, tiles, checkpoints and registers of one size; also when the primary is gone,
    for whatever needs no more than what was told."""
    paired.fill(300)
    catch_up(paired.ledger.pool)
    size = paired.ledger.reader.size()
    headers = {"Authorization": f"Bearer {paired.home.token_file.read_text().strip()}"}
    paths = (
        "/v1/events?limit=1000", "/v1/events/7", f"/v1/events/{size - 1}/proof",
        "/v1/events/3/proof?latest=true", f"/v1/consistency?old=5&new={size}", "/log/checkpoint",
        "/log/tile/0/000", "/log/tile/entries/000", "/v1/checkpoint?latest=true",
    )  # fmt: skip
    registers = tuple(f"/v1/registers/{name}?known_at={size}" for name in REGISTERS)
    with serving(paired) as url, httpx.Client(base_url=url, headers=headers) as http:
        wanted = {path: http.get(path) for path in (*paths, *registers)}
        assert {answer.status_code for answer in wanted.values()} == {200}
    with with_replica(pair, paired) as ledger:
        until(lambda: reads_from_replica(ledger))
        with serving_ledger(ledger) as url, httpx.Client(base_url=url, headers=headers) as http:
            for path, answer in wanted.items():
                assert http.get(path).content == answer.content, path
            pair.primary.kill()
            try:
                for path in paths:
                    if not path.startswith(("/v1/events?", "/v1/consistency")):  # they ask the size
                        assert http.get(path).content == wanted[path].content, path
            finally:
                pair.primary.start()
                until(pair.primary.is_followed)


def test_whoever_just_appended_finds_it(pair: Pair, paired: TestLedger) -> None:
    """The replica holds it on its disk and does not show it yet: the primary is asked, whichever
    process of the machine took the event; and the replica again when it has caught up."""
    with with_replica(pair, paired) as ledger, serving_ledger(ledger) as url:
        until(lambda: reads_from_replica(ledger))
        pair.standby.ask("SELECT pg_wal_replay_pause()")
        try:
            headers = {"Authorization": f"Bearer {paired.home.token_file.read_text().strip()}"}
            for number in range(3):
                (told,) = paired.fill(1, start=number + 1)
                answer = httpx.get(f"{url}/v1/events/{told.index}/proof", headers=headers)
                assert answer.text == told.receipt
                assert not reads_from_replica(ledger)
        finally:
            pair.standby.ask("SELECT pg_wal_replay_resume()")
        until(lambda: reads_from_replica(ledger))


def test_a_replica_that_is_away_is_not_missed(pair: Pair, paired: TestLedger) -> None:
    """The primary answers for it, and nobody waits long."""
    with with_replica(pair, paired) as ledger:
        until(lambda: reads_from_replica(ledger))
        pair.standby.stop()
        try:
            assert ledger.replica_reader.checkpoint() == paired.ledger.reader.checkpoint()
            assert not reads_from_replica(ledger)
        finally:
            pair.standby.start()
            until(pair.primary.is_followed)
        until(lambda: reads_from_replica(ledger))


def test_a_replica_of_another_history_is_not_asked(
    pair: Pair, paired: TestLedger, tmp_path: Path
) -> None:
    """A copy that went its own way, as a server that was not rewound: it has as many entries, and
    checkpoints that the log signed."""
    paired.ledger.close()
    url = paired.home.database_url or ""
    copy = url.replace("/verantwoord?", "/other?")
    pair.primary.ask(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'verantwoord'"
    )
    pair.primary.ask("CREATE DATABASE other TEMPLATE verantwoord")
    try:
        shutil.copytree(paired.home.data, tmp_path / "other")
        home = replace(paired.home, read_url=copy)
        beside = replace(paired.home, data=tmp_path / "other", database_url=copy)
        with open_ledger(home, clock=paired.clock) as ledger:
            until(lambda: database_of(ledger) == "other")
            with open_ledger(beside, clock=paired.clock) as second:
                second.append([paired.instruction(2)])
            (answer,) = ledger.append([paired.instruction(1)])
            assert isinstance(answer, Appended)
            assert database_of(ledger) == "verantwoord"
            assert ledger.replica_reader.receipt(answer.index) == answer.receipt
            assert ledger.replica_reader.checkpoint() == ledger.reader.checkpoint()
    finally:
        pair.primary.ask("DROP DATABASE other WITH (FORCE)")


def database_of(ledger: Ledger) -> str:
    """Which database the next one to read is lent a connection to."""
    with ledger.replicas.connection() as conn:
        return conn.info.dbname


def test_a_checkpoint_beyond_what_is_kept_is_the_primarys(pair: Pair, paired: TestLedger) -> None:
    """A replica that is ahead shows what might be lost: it is read, and looked up again."""
    with with_replica(pair, paired) as ledger:
        early = ledger.signing.kept.last()
        latest = paired.fill(1)[-1]
        until(lambda: reads_from_replica(ledger))
        asked: list[int] = []
        ledger.reader._before_showing = asked.append
        ledger.replica_reader._told = lambda: early  # type: ignore[attr-defined]
        assert ledger.replica_reader.checkpoint().size == latest.index + 1
        assert ledger.replica_reader.receipt(latest.index) == latest.receipt
        assert asked == [latest.index + 1] * 2


def test_a_replica_gives_no_more_rights(pair: Pair, paired: TestLedger) -> None:
    """The role that serves, and for one controller the role that sees one."""
    (of_another,) = paired.fill(1)
    (own,) = paired.ledger.append([paired.instruction(5, "C2")])
    assert isinstance(own, Appended)
    with with_replica(pair, paired) as ledger:
        until(lambda: reads_from_replica(ledger))
        with ledger.replicas.connection() as conn:
            row = conn.execute("SELECT current_user, pg_is_in_recovery()").fetchone()
            assert row == (f"{paired.home.schema}_service", True)
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                conn.execute("UPDATE head SET size = 0")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute("SELECT * FROM pg_authid")
        one = OneController(ledger.replicas, ledger.database, "C2", ledger.reader.size())
        with one.connection() as conn:
            row = conn.execute("SELECT current_user, pg_is_in_recovery()").fetchone()
            assert row == (f"{paired.home.schema}_controller", True)
        assert Reader(one).entry(own.index).position == own.index + 1
        with pytest.raises(LookupError):
            Reader(one).entry(of_another.index)


def test_who_keeps_nothing_reads_no_replica(pair: Pair, paired: TestLedger) -> None:
    """Without the key nothing says what a replica must hold."""
    home = replace(paired.home, read_url=pair.url(OWNER, pair.standby, "any"))
    (home.keys / "log.key").rename(home.keys / "log.key.away")
    with pytest.raises(ConfigurationError, match="--read-url is for a service that signs"):
        with open_ledger(home):
            pass
