"""Timestamps over checkpoints: kept when they verify, and no authority ever holds up the log.

The authority is `openssl ts` behind a real server; where it must misbehave, it does so itself.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from ledger import authorities, rfc3161
from ledger.deployment import now
from ledger.errors import VerificationFailed
from ledger.fsck import fsck
from ledger.timestamps import Kept, Stamper, Timestamps
from tests.authority import (
    Authority,
    Behaviour,
    asking,
    dripping,
    endless,
    forged,
    named,
    needs_openssl,
    serving,
)
from tests.check_ledger import check_ledger
from tests.guards import unguard
from tests.ledgers import TestLedger
from tests.serving import reader

pytestmark = needs_openssl

Owner = Callable[[], psycopg.Connection]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority in good order."""
    return Authority(tmp_path_factory.mktemp("authority"))


@contextmanager
def one(
    made: TestLedger, of: Authority, answer: Behaviour | None = None, **options: int
) -> Iterator[Timestamps]:
    """The timestamps of a ledger that asks one authority, which answers like this."""
    with serving(answer or of.answer, **options) as url:  # type: ignore[arg-type]
        yield asking(made, named("tsa", url, of), patience=2.0)


def tokens(owner: Owner) -> list[tuple[int, str, datetime, bytes]]:
    """What is kept."""
    with owner() as conn:
        return conn.execute(
            "SELECT size, authority, stamped_at, answer FROM timestamps ORDER BY size, authority"
        ).fetchall()


def test_the_latest_checkpoint_is_stamped_as_the_log_signed_it(
    ledger: TestLedger, authority: Authority, owner: Owner
) -> None:
    """What is kept verifies over the very text of the checkpoint, also for openssl."""
    with one(ledger, authority) as timestamps:
        (standing,) = timestamps.ask_all()
    ((size, name, at, answer),) = tokens(owner)
    checkpoint = ledger.ledger.reader.checkpoint()
    assert (size, name) == (checkpoint.size, "tsa")
    assert (standing.last, standing.failing) == (Kept(size, at), None)
    found = rfc3161.check(answer, checkpoint.note.encode(), [authority.root])
    assert found.time == at
    assert authority.verifies(answer, checkpoint.note.encode())


def test_authorities_are_asked_when_the_log_has_grown(
    ledger: TestLedger, authority: Authority, owner: Owner
) -> None:
    """A second round over the same checkpoint asks nobody; a larger log is stamped again."""
    asked: list[bytes] = []

    def answer(query: bytes) -> bytes:
        asked.append(query)
        return authority.answer(query)

    with one(ledger, authority, answer) as timestamps:
        timestamps.ask_all()
        timestamps.ask_all()
        assert len(asked) == 1
        ledger.fill(3)
        timestamps.ask_all()
    assert len(asked) == 2
    first, second = tokens(owner)
    assert second[0] == first[0] + 3


def stale(of: Authority) -> Behaviour:
    """Repeats an answer to another question about the same message."""
    kept: list[bytes] = []

    def answer(query: bytes) -> bytes:
        if not kept:
            # The same digest, another nonce: the last bytes of a query before `cert`.
            nonce = query[-11:-3]
            kept.append(of.answer(query.replace(nonce, bytes([nonce[0]]) + b"\x01" * 7)))
        return kept[0]

    return answer


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (stale, "nonce"),
        (lambda of: lambda query: of.stamp(b"another message"), "nonce"),
        (forged, "clock"),
        (lambda of: lambda query: b"<html>busy</html>", "not an answer"),
        (lambda of: lambda query: b"", "not an answer"),
        (lambda of: dripping, "took longer"),
        (lambda of: endless, "larger than"),
        (lambda of: lambda query: bytes(70_000), "larger than"),
    ],
    ids=["stale", "other", "forged time", "html", "empty", "slow", "endless", "huge"],
)
def test_an_authority_that_misbehaves_leaves_nothing_behind(
    ledger: TestLedger,
    authority: Authority,
    owner: Owner,
    behaviour: Callable[[Authority], Behaviour],
    words: str,
) -> None:
    """Nothing is kept, the reason is told, and the log goes on."""
    with one(ledger, authority, behaviour(authority)) as timestamps:
        (standing,) = timestamps.ask_all()
    assert standing.failing is not None
    assert words in standing.failing.reason.lower()
    assert tokens(owner) == []
    ledger.fill(1)
    check_ledger(ledger)


def test_an_answer_over_another_message_is_refused(ledger: TestLedger, tmp_path: Path) -> None:
    """With the right nonce: the imprint is what is wrong."""
    of = Authority(tmp_path)

    def answer(query: bytes) -> bytes:
        digest = query[query.index(b"\x04\x20") + 2 :][:32]
        return of.answer(query.replace(digest, bytes(32)))

    with one(ledger, of, answer) as timestamps:
        (standing,) = timestamps.ask_all()
    assert standing.failing is not None
    assert "messages" in standing.failing.reason


def test_an_authority_out_of_order_is_refused(ledger: TestLedger, tmp_path: Path) -> None:
    """An expired certificate, one for another purpose, one of another CA."""
    today = datetime.now(UTC)
    past = (today - timedelta(days=9), today - timedelta(days=1))
    late = Authority(tmp_path / "late", valid=past)
    unfit = Authority(tmp_path / "unfit", purpose=None)
    good = Authority(tmp_path / "good")
    with (
        serving(late.answer) as late_url,
        serving(lambda query: unfit.sign(good.content(good.answer(query)))) as unfit_url,
        serving(good.answer) as good_url,
    ):
        timestamps = asking(
            ledger,
            named("late", late_url, late),
            named("unfit", unfit_url, unfit),
            named("strange", good_url, late),
            named("good", good_url, good),
        )
        standings = timestamps.ask_all()
    reasons = {s.authority.name: s.failing.reason for s in standings if s.failing is not None}
    assert set(reasons) == {"late", "unfit", "strange"}
    assert "expired" in reasons["late"]
    assert "purpose" in reasons["unfit"]
    assert "signature failure" in reasons["strange"]


@pytest.mark.parametrize("status", [301, 404, 500])
def test_other_statuses_are_failures(ledger: TestLedger, authority: Authority, status: int) -> None:
    """Redirects are not followed: the operator named the address."""
    with one(ledger, authority, status=status) as timestamps:
        (standing,) = timestamps.ask_all()
    assert standing.failing is not None
    assert f"status {status}" in standing.failing.reason


def test_an_authority_that_is_away_does_not_keep_others_from_stamping(
    ledger: TestLedger, authority: Authority, owner: Owner
) -> None:
    """Each is asked by itself, and failures are counted until it answers again."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with serving(authority.answer) as url:
        timestamps = asking(
            ledger, named("away", nowhere, authority), named("here", url, authority)
        )
        timestamps.ask_all()
        away, here = timestamps.ask_all()
        assert away.failing is not None
        assert (away.failing.attempts, away.last) == (2, None)
        assert (here.failing, here.last is not None) == (None, True)
        assert [name for _, name, _, _ in tokens(owner)] == ["here"]


class SetClock:
    """A clock that is put where the test wants it."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def __call__(self) -> datetime:
        return now() + self.offset


def test_authorities_are_asked_on_a_schedule(
    ledger: TestLedger, authority: Authority, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before the time after the last token; after a failure, sooner."""
    clock, broken, asked = SetClock(), [False], [0]

    def answer(query: bytes) -> bytes:
        asked[0] += 1
        return b"broken" if broken[0] else authority.answer(query)

    # Tokens have the real time: here only the schedule is on a clock that is moved.
    monkeypatch.setattr("ledger.timestamps.SKEW", timedelta(days=1))
    with serving(answer) as url:
        timestamps = asking(ledger, named("tsa", url, authority), clock=clock)
        timestamps.ask_due()
        assert asked[0] == 1
        ledger.fill(1)
        for minutes, expected in [(0, 1), (59, 1), (61, 2), (120, 2)]:
            clock.offset = timedelta(minutes=minutes)
            timestamps.ask_due()
            assert asked[0] == expected, minutes
        broken[0] = True
        ledger.fill(1, start=2)
        for minutes, expected in [(130, 3), (133, 3), (136, 4)]:
            clock.offset = timedelta(minutes=minutes)
            timestamps.ask_due()
            assert asked[0] == expected, minutes
        broken[0] = False
        clock.offset = timedelta(minutes=142)
        (standing,) = timestamps.ask_due()
    assert standing.failing is None
    assert len(tokens(owner)) == 3


def test_a_service_stamps_by_itself(
    ledger: TestLedger, authority: Authority, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a thread of its own, until it is closed; a restart does not stamp again."""
    monkeypatch.setattr(Stamper, "LOOK", 0.05)
    with one(ledger, authority) as timestamps:
        stamper = Stamper(timestamps)
        try:
            for _ in range(200):
                if tokens(owner):
                    break
                time.sleep(0.05)
        finally:
            stamper.close()
        assert len(tokens(owner)) == 1
        ledger.fill(1)
        again = Stamper(asking(ledger, *(s.authority for s in timestamps.standings())))
        time.sleep(0.3)
        again.close()
    assert len(tokens(owner)) == 1


@pytest.mark.parametrize("change", ["UPDATE timestamps SET size = 1", "DELETE FROM timestamps"])
def test_tokens_are_never_changed_or_removed(
    ledger: TestLedger, authority: Authority, owner: Owner, change: str
) -> None:
    """Not by the service, which has no right to, nor by the owner, unless it takes the trigger
    away."""
    with one(ledger, authority) as timestamps:
        timestamps.ask_all()
    for connect in (ledger.ledger.pool.connection, owner):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connect() as conn:
            conn.execute(change.encode())
    assert len(tokens(owner)) == 1


def test_settings_lead_to_the_authority(
    ledger: TestLedger, authority: Authority, owner: Owner
) -> None:
    """The file that the operator writes is enough."""
    with serving(authority.answer) as url:
        file = authority.file("authorities", f"authority tsa.example {url} roots.pem\n".encode())
        asking(ledger, *authorities.load(file)).ask_all()
    assert [name for _, name, _, _ in tokens(owner)] == ["tsa.example"]


def test_fsck_finds_a_token_that_was_moved_to_another_checkpoint(
    ledger: TestLedger, authority: Authority, owner: Owner
) -> None:
    """An owner who takes the triggers away can move rows; what a token covers he cannot."""
    administrator = ledger.ledger.identity.administrator_key
    with one(ledger, authority) as timestamps:
        timestamps.ask_all()
    with owner() as conn:
        assert fsck(conn, ledger.verifier, administrator).size
        unguard(conn, "timestamps")
        conn.execute("UPDATE timestamps SET size = size - 1")
        with pytest.raises(VerificationFailed, match="timestamp of tsa is not over checkpoint"):
            fsck(conn, ledger.verifier, administrator)


def test_readers_see_how_it_stands_with_the_authorities(
    ledger: TestLedger, authority: Authority
) -> None:
    """Who stamped what and when, who does not answer and why; nobody, where nobody is asked."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with serving(authority.answer) as url:
        timestamps = asking(
            ledger, named("away", nowhere, authority), named("here", url, authority)
        )
        timestamps.ask_all()
        with reader(ledger, timestamps=timestamps) as http:
            told = http.get("/v1/timestamps").json()
            index = ledger.ledger.reader.size() - 1
            refreshed = http.get(f"/v1/events/{index}/proof", params={"latest": "true"}).text
            first = http.get(f"/v1/events/{index}/proof").text
    assert told["every_seconds"] == 3600
    away, here = told["authorities"]
    assert (away["name"], away["last"]) == ("away", None)
    assert away["failing"]["attempts"] == 1
    assert away["failing"]["reason"]
    assert (here["url"], here["failing"]) == (url, None)
    assert here["last"]["size"] == index + 1
    assert len(here["certificates"][0]) == 64
    assert refreshed.startswith(first), "what is new is a line at the end"
    assert refreshed != first
    with reader(ledger) as http:
        assert http.get("/v1/timestamps").json() == {"every_seconds": None, "authorities": []}


def run(made: TestLedger, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run `verantwoord timestamp` on a ledger."""
    where = ("--data", made.home.data, "--schema", made.home.schema)
    done = subprocess.run(
        [
            Path(sys.executable).with_name("verantwoord"), "timestamp", *where,
            "--database-url", str(made.home.database_url), *arguments,
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == status, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done


def test_one_round_from_the_command_line(
    ledger: TestLedger, authority: Authority, owner: Owner
) -> None:
    """With the file in the data directory or a given one; who fails is on stderr, with status 1."""
    assert "write" in run(ledger, status=2).stderr
    with serving(authority.answer) as url:
        (ledger.home.data / "roots.pem").write_bytes(authority.roots.read_bytes())
        ledger.home.authorities_file.write_text(f"authority here {url} roots.pem\n")
        assert "stamped  here: the checkpoint of 10 entries" in run(ledger).stdout
        other = ledger.home.data / "other"
        other.write_text(
            f"authority here {url} roots.pem\nauthority away http://127.0.0.1:1/ roots.pem\n"
        )
        done = run(ledger, "--authorities", str(other), status=1)
        assert "failed   away" in done.stderr
        told = run(ledger, "--authorities", str(other), "--format", "json", status=1)
    here, away = json.loads(told.stdout)["authorities"]
    assert (here["size"], here["failed"]) == (10, None)
    assert away["size"] is None
    assert away["failed"]
    assert len(tokens(owner)) == 1
