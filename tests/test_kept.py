"""The checkpoint kept outside the database: what was told is never signed over.

`tests/dying.py` kills a ledger at every step of an append. The other tests set its database back,
swap it for another, and take its files away.
"""

from __future__ import annotations

import base64
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from ledger import checkpoint, deployment, receipt
from ledger.append import Appended
from ledger.checkpoint import Checkpoint
from ledger.deployment import Home
from ledger.errors import ConfigurationError, SigningRefused, Unavailable
from ledger.merkle import check_consistency
from ledger.opening import Ledger, open_ledger
from tests.check_ledger import check_ledger
from tests.guards import guard, unguard
from tests.ledgers import KVK, Clock, TestLedger, make_home, make_ledger
from tests.serving import reader

TABLES = (
    "entries", "tags", "numbers", "tiles", "checkpoints", "head", "witness_keys", "cosignatures",
    "publications", "timestamps",
)  # fmt: skip
Owner = Callable[[], psycopg.Connection]


def copy(owner: Owner, name: str = "copy") -> None:
    """Keep a copy of the log in the database."""
    with owner() as conn:
        for table in TABLES:
            conn.execute(f"CREATE TABLE {name}_{table} AS TABLE {table}".encode())


def set_back(owner: Owner, name: str = "copy") -> None:
    """Set the log back to a copy, as a restore of a backup does."""
    with owner() as conn:
        unguard(conn, *TABLES)
        with conn.transaction():
            for table in TABLES:
                conn.execute(f"DELETE FROM {table}".encode())
                conn.execute(f"INSERT INTO {table} TABLE {name}_{table}".encode())
        guard(conn, *TABLES)


def kept(made: TestLedger, number: int = 0) -> Checkpoint:
    """What a file keeps."""
    text = made.home.kept_files[number].read_text()
    return checkpoint.open(text, made.verifier)


def covered(answer: Appended, made: TestLedger) -> Checkpoint:
    """The checkpoint that a producer was given."""
    return receipt.check(answer.receipt, made.verifier).checkpoint


def reopened(made: TestLedger) -> TestLedger:
    """The ledger as a process opens it that begins now."""
    with open_ledger(made.home, clock=made.clock) as ledger:
        return replace(made, ledger=ledger)


def appending(made: TestLedger) -> subprocess.Popen[str]:
    """A process of `tests/dying.py` for a ledger."""
    home = made.home
    return subprocess.Popen(
        [sys.executable, "-m", "tests.dying", home.database_url or "", home.data, home.schema],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def send(child: subprocess.Popen[str], step: int, envelope: bytes) -> None:
    """Have an envelope appended by a process that dies at a step."""
    assert child.stdin is not None
    child.stdin.write(f"{step} {base64.b64encode(envelope).decode()}\n")
    child.stdin.flush()


def test_a_new_log_is_kept_from_its_first_entries_on(home: Home) -> None:
    """The files are there before anything can be appended."""
    make_home(home, Clock())
    with open_ledger(home, clock=Clock()) as ledger:
        assert home.kept_files[0].read_text() == ledger.reader.checkpoint().note


def test_what_was_told_is_kept(ledger: TestLedger) -> None:
    """After every answer the file holds the checkpoint of it, as the log signed it."""
    for count in (1, 3, 300):
        given = ledger.fill(count, start=count * 1000)
        assert kept(ledger) == covered(given[-1], ledger)
    assert ledger.home.kept_files[0].read_text() == ledger.ledger.reader.checkpoint().note


def test_a_kill_at_any_step_neither_stops_an_honest_ledger_nor_doubles_an_event(
    ledger: TestLedger,
) -> None:
    """SIGKILL at every step of an append: the next process opens the ledger, the same event sent
    again is recorded once, and what is kept covers whatever was answered."""
    child = appending(ledger)
    assert child.stdout is not None
    steps: list[str] = []
    given: list[Appended] = []
    while not steps or steps[-1] != "answered":
        sent = ledger.instruction(len(steps))
        before = ledger.ledger.reader.size()
        send(child, len(steps), sent)
        steps.append(child.stdout.readline().strip())
        wait_for_the_lock(ledger)
        behind = kept(ledger).size
        recorded = ledger.ledger.reader.size()
        assert before <= behind <= recorded <= before + 1, steps[-1]
        with open_ledger(ledger.home, clock=ledger.clock) as again:
            assert kept(ledger).size == recorded
            (answer,) = again.append([sent])
            assert isinstance(answer, Appended)
            assert (answer.index, answer.created) == (before, recorded == before)
            given.append(answer)
            assert kept(ledger) == covered(answer, ledger)
    child.communicate()
    assert steps[0] == "killed before flock"
    assert {"killed before __exit__", "killed after __exit__"} < set(steps)
    assert steps.count("killed before fsync") == 2, "the file and its directory"
    assert steps.index("killed after __exit__") < steps.index("killed before rename")
    check_ledger(ledger, given)


def wait_for_the_lock(made: TestLedger) -> None:
    """Until the server has ended the transaction of a process that was killed."""
    with made.ledger.pool.connection() as conn, conn.transaction():
        conn.execute("SELECT FROM head FOR UPDATE")


def test_a_database_set_back_signs_nothing(ledger: TestLedger, owner: Owner) -> None:
    """Neither a process that runs nor one that is started; both sizes are said, and what to do."""
    ledger.fill(20)
    copy(owner)
    told = ledger.fill(5, start=100)[-1]
    set_back(owner)
    size = ledger.ledger.reader.size()
    with pytest.raises(SigningRefused, match=f"{size} entries .* tree of {size + 5}: .*recover.md"):
        ledger.ledger.append([ledger.instruction(900)])
    with pytest.raises(SigningRefused, match=f"{size} entries .* tree of {size + 5}: .*recover.md"):
        reopened(ledger)
    assert ledger.ledger.set_back()
    assert ledger.ledger.reader.size() == size, "nothing was written"
    assert kept(ledger) == covered(told, ledger)


def test_a_service_over_a_database_set_back_says_so(ledger: TestLedger, owner: Owner) -> None:
    """One that ran meanwhile: it is not ready, and an append is a problem that names the cause."""
    copy(owner)
    with reader(ledger) as http:
        ledger.fill(5)
        assert http.get("/readyz").status_code == 200
        set_back(owner)
        assert http.get("/readyz").status_code == 503
        sent = http.post(
            "/v1/events",
            content=ledger.instruction(900),
            headers={"Content-Type": "application/vnd.dsse+json"},
        )
        assert sent.status_code == 503
        assert sent.json()["type"].endswith("signing-refused")


def test_a_database_set_back_can_still_be_read(ledger: TestLedger, owner: Owner) -> None:
    """To see what is there is the first step of recovering."""
    copy(owner)
    ledger.fill(5)
    set_back(owner)
    with open_ledger(ledger.home, signs=False) as reading:
        assert reading.reader.checkpoint().size == reading.reader.size()
        with pytest.raises(ConfigurationError, match="this ledger reads"):
            reading.append([ledger.instruction(1)])


def test_what_is_restored_in_full_goes_on(ledger: TestLedger, owner: Owner) -> None:
    """Only what is missing stops a ledger: the same database again is as good as before."""
    copy(owner, "early")
    given = ledger.fill(5)
    copy(owner, "whole")
    set_back(owner, "early")
    with pytest.raises(SigningRefused):
        ledger.ledger.append([ledger.instruction(900)])
    set_back(owner, "whole")
    check_ledger(ledger, [*given, *ledger.fill(3, start=50)])


def test_what_nobody_was_told_may_be_lost(
    ledger: TestLedger, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit whose checkpoint was not kept was not answered: set back to before it, the ledger
    goes on, and no two receipts differ."""
    copy(owner)
    with monkeypatch.context() as patched:
        patched.setattr(ledger.ledger.signing.kept, "keep", failing_to_keep)
        with pytest.raises(Unavailable, match="cannot write"):
            ledger.ledger.append([ledger.instruction(1)])
    set_back(owner)
    check_ledger(ledger, ledger.fill(3, start=50))


def failing_to_keep(signed: str) -> None:
    raise Unavailable("cannot write the file")


def test_another_history_of_the_same_size_signs_nothing(ledger: TestLedger, owner: Owner) -> None:
    """The entry that was told is replaced by another one, under a checkpoint that fits: with the
    log's own key, and by somebody who does not know of the file."""
    copy(owner)
    ledger.fill(1)
    told = ledger.home.kept_files[0].read_bytes()
    set_back(owner)
    ledger.home.kept_files[0].write_text(ledger.ledger.reader.checkpoint().note)
    ledger.fill(1, start=50)  # the second tree, and more on top of it
    for more in (0, 3):
        if more:
            ledger.home.kept_files[0].write_text(ledger.ledger.reader.checkpoint().note)
            ledger.fill(more, start=60)
        ledger.home.kept_files[0].write_bytes(told)
        with pytest.raises(SigningRefused, match="another history"):
            ledger.ledger.append([ledger.instruction(70)])
        with pytest.raises(SigningRefused, match="another history"):
            reopened(ledger)


@contextmanager
def two_files(home: Home, tmp_path: Path) -> Iterator[TestLedger]:
    """A ledger that keeps its checkpoint on a second disk as well."""
    (tmp_path / "disk").mkdir()
    with make_ledger(replace(home, keep=(tmp_path / "disk" / "ledger.checkpoint",))) as made:
        yield made


def test_every_file_gets_every_checkpoint(home: Home, tmp_path: Path) -> None:
    """Both are the same note."""
    with two_files(home, tmp_path) as made:
        made.fill(3)
        first, second = (file.read_text() for file in made.home.kept_files)
        assert first == second == made.ledger.reader.checkpoint().note


@pytest.mark.parametrize("which", [0, 1])
def test_one_file_is_enough_to_stop_a_database_set_back(
    which: int, home: Home, tmp_path: Path, owner: Owner
) -> None:
    """Whichever of them was restored, lost, or set back together with the database."""
    with two_files(home, tmp_path) as made:
        copy(owner)
        old = made.home.kept_files[which].read_bytes()
        made.fill(5)
        set_back(owner)
        made.home.kept_files[which].write_bytes(old)
        with pytest.raises(SigningRefused, match="set back"):
            reopened(made)
        made.home.kept_files[which].unlink()
        with pytest.raises(SigningRefused, match="set back"):
            reopened(made)


def test_a_new_disk_is_filled_at_the_next_start(home: Home, tmp_path: Path) -> None:
    """One file that is not there is written again, as long as there is another."""
    with two_files(home, tmp_path) as made:
        made.fill(3)
        made.home.kept_files[1].unlink()
        reopened(made)
        assert kept(made, 1) == kept(made, 0)


def test_without_any_file_nothing_is_signed(ledger: TestLedger) -> None:
    """After a disaster the database may be from any backup: nothing says that it is the latest."""
    ledger.home.kept_files[0].unlink()
    with pytest.raises(SigningRefused, match=r"no last.checkpoint"):
        reopened(ledger)
    with pytest.raises(SigningRefused, match=r"no last.checkpoint"):
        ledger.ledger.append([ledger.instruction(1)])


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"log\n1\n", b"x" * 2_000_000], ids=["empty", "bytes", "text", "long"]
)
def test_a_file_that_is_no_checkpoint_stops_the_ledger(ledger: TestLedger, content: bytes) -> None:
    """It is not taken for an old one, and never overwritten."""
    ledger.home.kept_files[0].write_bytes(content)
    with pytest.raises(SigningRefused, match=r"last.checkpoint is none that this log signed"):
        ledger.ledger.append([ledger.instruction(1)])
    assert ledger.home.kept_files[0].read_bytes() == content


def test_the_file_of_another_log_stops_the_ledger(ledger: TestLedger) -> None:
    """Two logs that were given one path would each take the other for set back."""
    signer = ledger.log_signer
    other = replace(signer, name="other.example/log")
    text = checkpoint.sign(Checkpoint(other.name, 1, bytes(32)), other)
    ledger.home.kept_files[0].write_text(text)
    with pytest.raises(SigningRefused, match="none that this log signed"):
        reopened(ledger)


def test_a_disk_that_cannot_be_written_stops_the_answers_and_loses_nothing(
    home: Home, tmp_path: Path
) -> None:
    """The event is not answered as long as its checkpoint cannot be kept; no second one is signed
    meanwhile; sent again when the disk is back, it is answered with its one entry."""
    with two_files(home, tmp_path) as made:
        size, events = made.ledger.reader.size(), [made.instruction(1), made.instruction(2)]
        disk, away = tmp_path / "disk", tmp_path / "away"
        disk.rename(away)
        for sent in events:
            with pytest.raises(Unavailable, match=r"cannot lock ledger\.checkpoint"):
                made.ledger.append([sent])
        away.rename(disk)
        (disk / "ledger.checkpoint.new").mkdir()  # now the lock can be had, and no file be written
        for sent in events:
            with pytest.raises(Unavailable, match=r"cannot write ledger\.checkpoint"):
                made.ledger.append([sent])
        assert made.ledger.reader.size() == size + 1
        (disk / "ledger.checkpoint.new").rmdir()
        given = [made.ledger.append([sent])[0] for sent in events]
        assert [(a.index, a.created) for a in given if isinstance(a, Appended)] == [
            (size, False),
            (size + 1, True),
        ]
        check_ledger(made, [a for a in given if isinstance(a, Appended)])


def test_a_checkpoint_is_kept_before_it_is_shown(ledger: TestLedger, owner: Owner) -> None:
    """A process died between its commit and the file: whoever reads the checkpoint, or a receipt
    under it, from another process of the service finds it kept."""
    file = ledger.home.kept_files[0]
    before = file.read_bytes()
    ledger.fill(1)
    with open_ledger(ledger.home, clock=ledger.clock) as other:
        file.write_bytes(before)  # as it is after such a death
        signing = other.signing
        signing.kept._size = checkpoint.open(before.decode(), ledger.verifier).size
        shown = checkpoint.open(other.reader.checkpoint().note, ledger.verifier)
        assert kept(ledger) == shown
        file.write_bytes(before)
        signing.kept._size = -1
        other.reader.receipt(shown.size - 1)
        assert kept(ledger) == shown


def test_two_processes_on_one_log_sign_one_tree(ledger: TestLedger) -> None:
    """Twelve events through each, at the same time: all are recorded once, every checkpoint is of
    one tree, and the file holds its head."""
    before = ledger.ledger.reader.size()
    children = [appending(ledger), appending(ledger)]
    for number in range(12):
        for name, child in enumerate(children):
            send(child, 10**6, ledger.instruction(100 * name + number))
    for child in children:
        told, _ = child.communicate()
        assert told == "answered\n" * 12
    assert ledger.ledger.reader.size() == before + 24
    assert kept(ledger).size == before + 24
    assert check_ledger(ledger).checkpoints > 24


def test_the_second_of_two_databases_from_one_copy_signs_nothing(
    ledger: TestLedger, twin: Home
) -> None:
    """Both go on from the kept checkpoint at first; the one that signs first is the log."""
    with open_ledger(twin, clock=ledger.clock) as second:
        given = ledger.fill(1)
        with pytest.raises(SigningRefused, match="set back"):
            second.append([ledger.instruction(50)])
    with pytest.raises(SigningRefused), open_ledger(twin, clock=ledger.clock):
        pass
    check_ledger(ledger, given)


def test_two_databases_at_the_same_moment_sign_one_tree(ledger: TestLedger, twin: Home) -> None:
    """Many threads append to both: of every size, one checkpoint was given to anyone."""
    given: list[Appended] = []
    refused: list[SigningRefused] = []
    lock = threading.Lock()

    def send(one: Ledger, name: int) -> None:
        for number in range(10):
            try:
                (answer,) = one.append([ledger.instruction(name * 100 + number)])
            except SigningRefused as refusal:
                with lock:
                    refused.append(refusal)
            else:
                assert isinstance(answer, Appended)
                with lock:
                    given.append(answer)

    with open_ledger(twin, clock=ledger.clock) as second:
        threads = [
            threading.Thread(target=send, args=(one, name))
            for name, one in enumerate((ledger.ledger, second), start=1)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(given) == 10
        assert len(refused) == 10
        winner = ledger if ledger.ledger.reader.size() > second.reader.size() else None
        reader = ledger.ledger.reader if winner else second.reader
        newest = checkpoint.open(reader.checkpoint().note, ledger.verifier)
        for answer in given:
            told = covered(answer, ledger)
            proof = reader.prove_consistency(told.size, newest.size)
            check_consistency(told.size, newest.size, told.root, newest.root, proof)


def test_a_new_log_is_not_made_over_what_another_keeps(home: Home, tmp_path: Path) -> None:
    """Neither where a database was lost, nor on a path that another log was given."""
    path = tmp_path / "ledger.checkpoint"
    path.write_text("of another log\n")
    with pytest.raises(ConfigurationError, match="keeps what a log signed last"):
        deployment.init(replace(home, keep=(path,)), origin="test.example/new", kvk=KVK)
    assert path.read_text() == "of another log\n"


def test_a_refused_event_leaves_the_file_alone(ledger: TestLedger) -> None:
    """Nothing was signed, so nothing is written."""
    file = ledger.home.kept_files[0]
    before = file.stat().st_mtime_ns, file.stat().st_ino
    ledger.ledger.append([ledger.instruction(1, controller="C9")])
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == before
