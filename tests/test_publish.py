"""Publishing: cosignatures are kept with the checkpoint, and no witness holds up an append."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from ledger import add_checkpoint, checkpoint, merkle, note, publish, receipt
from ledger.checkpoint import Checkpoint
from ledger.cosignature import CosignatureSigner
from ledger.errors import (
    ConfigurationError,
    SigningRefused,
    VerificationFailed,
    WitnessAlarm,
)
from ledger.export import export_log
from ledger.fsck import fsck
from ledger.note import Signer
from ledger.opening import open_ledger
from ledger.policy import Policy
from ledger.publish import Publisher, Publishing, learn_from_witnesses
from ledger.report import Pins
from ledger.verify import verify
from ledger.witness import Witness
from tests.check_ledger import check_ledger
from tests.guards import unguard
from tests.ledgers import TestLedger
from tests.log_builder import private_key
from tests.serving import reader
from tests.test_kept import Owner, copy, set_back
from tests.witnessing import served, serving_witness


@dataclass
class Served:
    """A witness that a test runs: its name in policies, itself, its address."""

    name: str
    witness: Witness
    url: str

    @property
    def lines(self) -> str:
        """Its lines in a policy: both keys, and a group of either."""
        keys = [signer.verifier for signer in self.witness.signers]
        return (
            f"witness {self.name}1 {keys[0].vkey} {self.url}\n"
            f"witness {self.name}2 {keys[1].vkey} {self.url}\n"
            f"group {self.name} any {self.name}1 {self.name}2\n"
        )

    @property
    def held(self) -> list[int]:
        """The sizes it holds."""
        return [tree.size for tree in self.witness.state.all_held()]


@pytest.fixture
def three(ledger: TestLedger, tmp_path: Path) -> Iterator[list[Served]]:
    """Three witnesses of the ledger."""
    with ExitStack() as stack:
        yield [
            Served(name, *stack.enter_context(
                serving_witness(tmp_path / name, [ledger.verifier], f"{name}.example")
            ))
            for name in ("A", "B", "C")
        ]  # fmt: skip


def policy(witnesses: list[Served], needed: int | str, more: str = "") -> Policy:
    """k of these."""
    names = " ".join(w.name for w in witnesses)
    lines = "".join(w.lines for w in witnesses)
    return Policy.parse(f"{lines}{more}group W {needed} {names}\nquorum W\n")


@contextmanager
def publisher(
    made: TestLedger,
    found: Policy,
    pause: float = 0.01,
    ticks: Callable[[], float] = time.monotonic,
) -> Iterator[Publisher]:
    """A publisher of a policy."""
    opened = Publisher(made.ledger, found, pause=pause, ticks=ticks)
    yield opened
    opened.close()


def judged(made: TestLedger, found: Policy) -> tuple[int, list[str], bool]:
    """The published checkpoint as a stranger sees it: size, who cosigned, whether the quorum is."""
    signed = made.ledger.reader.published().note
    judgement = found.judge(signed, [made.verifier])
    cosigned = [by.witness.name for by in judgement.cosigned]
    return judgement.checkpoint.size, cosigned, judgement.quorum_met


def test_a_checkpoint_is_published_under_its_cosignatures(
    ledger: TestLedger, three: list[Served]
) -> None:
    """All keys of all three, over the newest checkpoint, each time the log grows."""
    found = policy(three, 2)
    with publisher(ledger, found) as opened:
        for number in range(3):
            given = ledger.fill(30, start=1 + 30 * number)
            done = opened.round()
            assert (done.size, done.published) == (ledger.ledger.reader.size(), True)
            names = ["A1", "A2", "B1", "B2", "C1", "C2"]
            assert judged(ledger, found) == (done.size, names, True)
            assert [w.held for w in three] == [[done.size]] * 3
            assert all(s.error is None for s in opened.standings)
    assert check_ledger(ledger, given).cosignatures == 18


def test_what_is_cosigned_is_not_asked_again(ledger: TestLedger, three: list[Served]) -> None:
    """A second round without growth sends nothing; a second publisher does not either."""
    found = policy(three, 3)
    with publisher(ledger, found) as opened:
        assert opened.round().published
        for served_ in three:
            served_.witness.add_checkpoint = refuse  # type: ignore[method-assign]
        assert opened.round().published
    with publisher(ledger, found) as other:
        assert other.round().published


def refuse(body: bytes) -> object:
    """Fails the test when a witness is asked."""
    raise AssertionError("the witness was asked")


@pytest.mark.parametrize("needed", [1, 2, 3])
def test_the_quorum_decides_what_is_published(
    ledger: TestLedger, three: list[Served], needed: int
) -> None:
    """With one of three gone, one or two of three are met and three of three is not."""
    before = ledger.ledger.reader.checkpoint().size
    found = policy(three, needed)
    with publisher(ledger, found) as opened:
        assert opened.round().published
        three[2].witness.logs = {}  # it does not know this log any more
        ledger.fill(10)
        done = opened.round()
    size = ledger.ledger.reader.size()
    assert (done.size, done.published) == (size, needed < 3)
    assert judged(ledger, found)[0] == (size if needed < 3 else before)
    last = ledger.ledger.reader.cosigned(ledger.ledger.reader.checkpoint())
    assert len(found.judge(last.note, [ledger.verifier]).cosigned) == 4


def test_the_first_published_checkpoint_that_covers_an_entry(
    ledger: TestLedger, three: list[Served]
) -> None:
    """For receipts: the earliest witnessed time, not the latest."""
    found = policy(three, 1)
    sizes = []
    with publisher(ledger, found) as opened:
        for number in range(3):
            ledger.fill(5, start=1 + 10 * number)  # not published
            ledger.fill(5, start=6 + 10 * number)
            sizes.append(opened.round().size)
    for index in range(ledger.ledger.reader.size()):
        covering = ledger.ledger.reader.published(index)
        assert covering.size == next(size for size in sizes if size > index)
        assert receipt.check(ledger.ledger.reader.receipt(index, covering), ledger.verifier)
    with pytest.raises(LookupError):
        ledger.ledger.reader.published(ledger.ledger.reader.size())


def test_nothing_is_published_at_first(ledger: TestLedger) -> None:
    """Then the latest checkpoint is given, without cosignatures."""
    with pytest.raises(LookupError):
        ledger.ledger.reader.published()
    latest = ledger.ledger.reader.checkpoint()
    assert ledger.ledger.reader.published_or_latest() == latest


def test_a_published_checkpoint_is_exported(
    ledger: TestLedger, three: list[Served], tmp_path: Path
) -> None:
    """With its cosignatures, and what is newer only when asked for; both verify."""
    ledger.fill(300)
    found = policy(three, 2)
    with publisher(ledger, found) as opened:
        size = opened.round().size
    ledger.fill(20, start=400)
    for latest, wanted, cosignatures in ((False, size, 6), (True, size + 20, 0)):
        directory = tmp_path / f"export-{latest}"
        keys, vkey = ledger.ledger.vkeys(), ledger.ledger.identity.vkey
        assert export_log(ledger.ledger.reader, keys, directory, latest=latest) == wanted
        signed = (directory / "checkpoint").read_text()
        assert len(found.judge(signed, [ledger.verifier]).cosigned) == cosignatures
        files = partial(file_of, directory)
        assert verify(files, Pins(vkey)).size == wanted


def test_an_export_does_not_go_back_to_the_published_checkpoint(
    ledger: TestLedger, three: list[Served], tmp_path: Path
) -> None:
    """Over an export of the latest, the published one says what to do, and leaves it as it is."""
    with publisher(ledger, policy(three, 2)) as opened:
        opened.round()
    ledger.fill(20)
    keys, vkey = ledger.ledger.vkeys(), ledger.ledger.identity.vkey
    size = export_log(ledger.ledger.reader, keys, tmp_path, latest=True)
    with pytest.raises(ConfigurationError, match="--latest"):
        export_log(ledger.ledger.reader, keys, tmp_path)
    assert verify(partial(file_of, tmp_path), Pins(vkey)).size == size


def file_of(directory: Path, path: str) -> bytes:
    """A file of an export."""
    return (directory / path).read_bytes()


def test_a_reader_asks_for_either_checkpoint(ledger: TestLedger, three: list[Served]) -> None:
    """The published one, or with `latest` the latest; the standing of every witness beside it."""
    found = policy(three, 2)
    publishing = Publishing(Publisher(ledger.ledger, found, pause=0.01), ledger.ledger)
    with reader(ledger, publishing=publishing) as http:
        size = ledger.ledger.reader.size()
        until(lambda: http.get("/v1/witnesses").json()["published"] == size)
        for served_ in three[1:]:
            served_.witness.logs = {}
        ledger.fill(10)

        def after_the_outage() -> bool:
            a, _, *others = http.get("/v1/witnesses").json()["witnesses"]
            return a["cosigned"]["size"] == size + 10 and all(w["trouble"] for w in others)

        until(after_the_outage)
        told = http.get("/v1/witnesses").json()
        published = http.get("/v1/checkpoint").text
        latest = http.get("/v1/checkpoint?latest=true").text
        assert http.get("/log/checkpoint").text == published
    publishing.close()
    assert found.judge(published, [ledger.verifier]).checkpoint.size == size
    assert found.judge(published, [ledger.verifier]).quorum_met
    assert found.judge(latest, [ledger.verifier]).checkpoint.size == size + 10
    assert (told["rule"], told["latest"], told["published"], told["error"]) == (
        "2 of (A, B, C)", size + 10, size, None,
    )  # fmt: skip
    assert [(w["name"], w["algorithm"], w["cosigned"]["size"]) for w in told["witnesses"]] == [
        (f"{name}{number}", algorithm, size + 10 if name == "A" else size)
        for name in "ABC"
        for number, algorithm in ((1, "Ed25519"), (2, "ML-DSA-44"))
    ]
    assert [w["trouble"] and w["trouble"]["code"] for w in told["witnesses"]] == (
        [None] * 2 + ["witness-refused"] * 4
    )
    assert "404" in told["witnesses"][2]["trouble"]["detail"]


def until(condition: Callable[[], bool]) -> None:
    """Wait until something that happens in another thread has happened."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def test_without_a_policy_there_is_nothing_to_tell(ledger: TestLedger) -> None:
    """The address answers all the same, and the checkpoint is the latest."""
    with reader(ledger) as http:
        told = http.get("/v1/witnesses").json()
        assert (told["rule"], told["published"], told["witnesses"]) == (None, None, [])
        assert http.get("/v1/checkpoint").text == ledger.ledger.reader.checkpoint().note


def test_a_witness_that_hangs_holds_up_neither_appends_nor_the_others(
    ledger: TestLedger, three: list[Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes the connection and says nothing: the quorum of the others is published, appends go
    on meanwhile, and the round ends without it."""
    monkeypatch.setattr(publish, "ROUND", 3.0)
    silent = CosignatureSigner("silent.example", private_key("silent")).verifier
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        found = policy(three, 3, f"witness silent {silent.vkey} {url}\n")
        with publisher(ledger, found) as opened:
            size = ledger.ledger.reader.size()
            rounds = threading.Thread(target=opened.round)
            rounds.start()
            until(lambda: published(ledger) == size)
            assert rounds.is_alive()  # the silent one is still waited for
            ledger.fill(10)
            rounds.join()
            by_name = {s.target.name: s for s in opened.standings}
            assert "no answer within" in str(by_name["silent"].error)
            assert by_name["silent"].busy
            started = time.monotonic()
            assert opened.round().published  # it is not asked again while it hangs
            assert opened.next_try() is None
            assert time.monotonic() - started < 60


def published(made: TestLedger) -> int | None:
    """The size of the published checkpoint."""
    try:
        return made.ledger.reader.published().size
    except LookupError:
        return None


def test_a_witness_that_fails_is_asked_ever_less(ledger: TestLedger, three: list[Served]) -> None:
    """Each failure doubles the pause, up to the longest; once it answers all is well again."""
    clock = [1000.0]
    found = policy(three, 2)
    keys, three[2].witness.logs = three[2].witness.logs, {}
    pauses = []
    with publisher(ledger, found, pause=5, ticks=lambda: clock[0]) as opened:
        for _ in range(9):
            opened.round()
            wait = opened.next_try()
            assert wait is not None
            pauses.append(wait)
            assert opened.round().published  # too early: it is left alone
            assert opened.next_try() == wait
            clock[0] += wait
        assert pauses == [10, 20, 40, 80, 160, 320, 600, 600, 600]
        three[2].witness.logs = keys
        opened.round()
        assert opened.next_try() is None
        assert all(s.error is None for s in opened.standings)
        assert judged(ledger, found)[1] == ["A1", "A2", "B1", "B2", "C1", "C2"]


def test_what_a_witness_forges_is_not_kept(ledger: TestLedger, three: list[Served]) -> None:
    """Neither its cosignature nor a publication; the others' are."""
    liar = CosignatureSigner("liar.example", private_key("liar"))
    text = checkpoint.format(Checkpoint(ledger.verifier.name, 1, bytes(32)))
    line = liar.cosign(text, int(time.time()))
    routes = [Route("/add-checkpoint", lambda r: Response(line), methods=["POST"])]
    with served(Starlette(routes=routes)) as url:
        more = f"witness liar {liar.verifier.vkey} {url}\n"
        names = "group all all W liar\nquorum all\n"
        text_ = "".join(w.lines for w in three) + more + "group W all A B C\n" + names
        with publisher(ledger, Policy.parse(text_)) as opened:
            assert not opened.round().published
            assert "no cosignature" in str(opened.standings[3].error)
    assert published(ledger) is None
    assert check_ledger(ledger).cosignatures == 6


def test_an_alarm_is_seen_and_appends_go_on(ledger: TestLedger, three: list[Served]) -> None:
    """A fork that the log's own key signed is shown to one witness first. The log that is served
    then learns of it, keeps the proof in sight, and records events as before."""
    signer = Signer(ledger.verifier.name, key_of_log(ledger))
    forged = checkpoint.sign(Checkpoint(signer.name, 10_000, merkle.EMPTY_ROOT), signer)
    body = add_checkpoint.format(add_checkpoint.Request(0, (), forged)).encode()
    assert three[1].witness.add_checkpoint(body).status == 200
    found = policy(three, 2)
    publishing = Publishing(Publisher(ledger.ledger, found, pause=0.01), ledger.ledger)
    with reader(ledger, publishing=publishing) as http:
        until(lambda: http.get("/v1/witnesses").json()["witnesses"][2]["trouble"] is not None)
        trouble = http.get("/v1/witnesses").json()["witnesses"][2]["trouble"]
        assert http.post("/v1/events", content=ledger.instruction(1)).status_code == 201
        until(lambda: published(ledger) == ledger.ledger.reader.size())
    publishing.close()
    assert trouble["code"] == "witness-alarm"
    assert "set back, or the key signs elsewhere" in trouble["detail"]
    assert checkpoint.open(trouble["held"], ledger.verifier).size == 10_000


def key_of_log(made: TestLedger):  # type: ignore[no-untyped-def]
    """The stolen key of the log."""
    return made.log_signer.private_key


def test_a_witness_restored_from_a_backup_is_an_alarm(
    ledger: TestLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes back to a smaller tree than the one whose cosignature we keep."""
    with serving_witness(tmp_path / "w", [ledger.verifier]) as (witness, url):
        found = policy([Served("A", witness, url)], 1)
        with publisher(ledger, found) as opened:
            assert opened.round().published
    backup = (tmp_path / "w" / "witness.db").read_bytes()
    with serving_witness(tmp_path / "w", [ledger.verifier]) as (witness, url):
        ledger.fill(5)
        with publisher(ledger, policy([Served("A", witness, url)], 1)) as opened:
            assert opened.round().published
    (tmp_path / "w" / "witness.db").write_bytes(backup)
    with serving_witness(tmp_path / "w", [ledger.verifier]) as (witness, url):
        ledger.fill(5, start=100)
        with publisher(ledger, policy([Served("A", witness, url)], 1)) as opened:
            assert not opened.round().published
            assert isinstance(opened.standings[0].error, WitnessAlarm)
            assert "lost its state" in str(opened.standings[0].error)
            witness.logs = {}  # it goes away, or says something else: the alarm stays
            opened.standings[0].asked_again = 0
            opened.round()
            assert opened.standings[0].failures == 2
            assert "lost its state" in str(opened.standings[0].error)


def test_a_policy_of_another_log_is_refused(ledger: TestLedger) -> None:
    """As is a witness that has the log's own key."""
    other = Signer("other.example", private_key("other")).verifier
    with pytest.raises(ConfigurationError, match="is not among them"):
        Publisher(ledger.ledger, Policy.parse(f"log {other.vkey}\nquorum none\n"))
    Publisher(ledger.ledger, Policy.parse(f"log {ledger.verifier.vkey}\nquorum none\n")).close()
    own = CosignatureSigner("w.example", key_of_log(ledger)).verifier
    with pytest.raises(ConfigurationError, match="key of this log"):
        Publisher(ledger.ledger, Policy.parse(f"witness w {own.vkey} http://w\nquorum w\n"))


def test_without_a_quorum_everything_is_published(ledger: TestLedger) -> None:
    """`quorum none` asks nobody, and says so."""
    with publisher(ledger, Policy.parse("quorum none\n")) as opened:
        assert opened.round().published
    assert published(ledger) == ledger.ledger.reader.size()


def test_publishing_survives_an_error_and_shows_it(
    ledger: TestLedger, three: list[Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not a witness's fault is tried again, and is in sight until it went well."""
    opened = Publisher(ledger.ledger, policy(three, 2), pause=0.01)
    failing = threading.Event()
    failing.set()
    real = opened.round

    def round_() -> publish.Round:
        if failing.is_set():
            raise RuntimeError("no")
        return real()

    monkeypatch.setattr(opened, "round", round_)
    publishing = Publishing(opened, ledger.ledger)
    with reader(ledger, publishing=publishing) as http:
        until(lambda: http.get("/v1/witnesses").json()["error"] == "RuntimeError")
        failing.clear()
        until(lambda: published(ledger) == ledger.ledger.reader.size())
        until(lambda: http.get("/v1/witnesses").json()["error"] is None)
    publishing.close()


TAMPERING = {
    "line of another checkpoint": (
        "UPDATE cosignatures SET size = 6 WHERE size = (SELECT max(size) FROM cosignatures)",
        "checkpoint 6: ",
    ),
    "another time": (
        "UPDATE cosignatures SET cosigned_at = '2020-01-01T09:00:00Z'",
        "kept otherwise",
    ),
    "another key": (
        "UPDATE witness_keys SET vkey = replace(vkey, 'A.example', 'B.example')",
        "no such owner",
    ),
    "a key that is gone": ("DELETE FROM witness_keys", "no such owner"),
    "no line": ("UPDATE cosignatures SET line = ''", "cosignature of checkpoint"),
    "two lines": ("UPDATE cosignatures SET line = line || line", "kept otherwise"),
    "a checkpoint that is not there": (
        "UPDATE cosignatures SET size = 100000", "no such owner",
    ),
    "a publication of nothing": (
        "INSERT INTO publications VALUES (100000, now())", "published and is not there",
    ),
}  # fmt: skip


@pytest.mark.parametrize("move", TAMPERING)
def test_fsck_finds_changed_cosignatures(
    ledger: TestLedger,
    three: list[Served],
    owner: Callable[[], psycopg.Connection],
    move: str,
) -> None:
    """Whoever owns the database changes what witnesses signed."""
    with publisher(ledger, policy(three[:1], 1)) as opened:
        assert opened.round().published
    statement, finding = TAMPERING[move]
    with owner() as conn:
        unguard(conn, "witness_keys", "cosignatures", "publications")
        conn.execute(statement.encode())
        with pytest.raises(VerificationFailed, match=finding):
            fsck(conn, ledger.verifier, ledger.ledger.identity.administrator_key)


def test_two_publishers_keep_each_cosignature_once(ledger: TestLedger, three: list[Served]) -> None:
    """Two processes publish one growing log at the same time; nobody raises an alarm by it."""
    found = policy(three, 2)
    failures: list[object] = []

    def run() -> None:
        with publisher(ledger, found) as opened:
            for _ in range(8):
                opened.round()
                failures.extend(
                    s.error for s in opened.standings if isinstance(s.error, WitnessAlarm)
                )

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(10):
        ledger.fill(3, start=1 + 3 * number)
    for thread in threads:
        thread.join()
    assert failures == []
    with publisher(ledger, found) as opened:
        assert opened.round().published
    check_ledger(ledger)


def test_the_key_of_a_witness_is_kept_once(ledger: TestLedger, three: list[Served]) -> None:
    """Under the SHA-256 of its vkey, however often it cosigns."""
    with publisher(ledger, policy(three, 2)) as opened:
        for number in range(3):
            ledger.fill(1, start=1 + number)
            opened.round()
    with ledger.ledger.pool.connection() as conn:
        rows = conn.execute("SELECT id, vkey FROM witness_keys").fetchall()
    assert len(rows) == 6
    assert all(hashlib.sha256(vkey.encode()).digest() == key for key, vkey in rows)


def test_the_limits_fit_each_other() -> None:
    """A whole policy of ML-DSA-44 cosignatures fits in a note, a request and an answer."""
    line = len(note.format_line(note.SignatureLine("w" * 60, bytes(4), bytes(8 + 2420))).encode())
    assert 64 * line < add_checkpoint.MAX_BODY < note.MAX_NOTE


def test_a_service_does_not_sign_over_what_its_witnesses_hold(
    ledger: TestLedger, three: list[Served], owner: Owner
) -> None:
    """The database and every file were set back together; one witness that answers is enough, and
    once it was asked no other process signs either."""
    found = policy(three, 2)
    copy(owner)
    before = ledger.home.kept_files[0].read_bytes()
    ledger.fill(5)
    with publisher(ledger, found) as opened:
        opened.round()
    size = ledger.ledger.reader.size()
    learn_from_witnesses(ledger.ledger, found)
    set_back(owner)
    ledger.home.kept_files[0].write_bytes(before)
    with open_ledger(ledger.home, clock=ledger.clock) as again:
        # Two of the three are silent.
        silent = Policy.parse(
            "".join(w.lines.replace(w.url, "http://127.0.0.1:1") for w in three[:2])
            + f"{three[2].lines}quorum C\n"
        )
        with pytest.raises(SigningRefused, match=f"signed a tree of {size}: it was set back"):
            learn_from_witnesses(again, silent)
        with pytest.raises(SigningRefused, match="set back"):
            again.append([ledger.instruction(900)])
    with pytest.raises(SigningRefused, match="set back"), open_ledger(ledger.home):
        pass


def test_witnesses_that_know_nothing_let_a_service_start(
    ledger: TestLedger, three: list[Served]
) -> None:
    """A new log was never cosigned, and a witness may be away."""
    learn_from_witnesses(ledger.ledger, policy(three, 2))
    learn_from_witnesses(ledger.ledger, Policy.parse("quorum none\n"))
    check_ledger(ledger, ledger.fill(1))
