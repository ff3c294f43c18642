"""Restoring: what comes back is what the log had signed, or the restore says what is wrong.

Real servers throughout; the ledger that was backed up goes on beside what is restored of it.
"""

from __future__ import annotations

import gzip
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from ledger import backup, checkpoint, rollback
from ledger.backup import SEGMENT, bases
from ledger.deployment import Home
from ledger.errors import ConfigurationError, SigningRefused, VerificationFailed
from ledger.export import export_log
from ledger.opening import open_ledger
from ledger.policy import Policy
from ledger.reader import StoredCheckpoint
from ledger.reconcile import reconcile
from ledger.restore import Goal, Request, Restored, restore
from ledger.witnesses import Submission, ask, make_client, targets
from tests.archived import Archived, archived
from tests.check_ledger import check_ledger
from tests.ledgers import TestLedger
from tests.serving import serving
from tests.witnessing import serving_witness

END = Goal()
PROGRAM = Path(sys.executable).with_name("verantwoord")


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archived]:
    """One ledger that was backed up, for all tests; none of them changes it or its backups."""
    with archived(tmp_path_factory.mktemp("archived")) as made:
        yield made


def restored(
    there: Archived,
    to: Path,
    goal: Goal = END,
    *,
    kept: bool = False,
    source: Path | None = None,
) -> Restored:
    """A restore of the backups, or of a copy of them; with what the lost machine kept, or not."""
    known = [("kept", there.made.home.kept_files[0].read_text())] if kept else []
    return restore(Request(source or there.to, Home(to), goal, known), lambda file: None)


def at_size(there: Archived, size: int) -> StoredCheckpoint:
    """A checkpoint as the log had signed it."""
    return there.made.ledger.reader.checkpoint_upto(size)


@contextmanager
def running(there: Archived, to: Path) -> Iterator[TestLedger]:
    """The restored ledger, with its private keys put back, open for the block."""
    shutil.copytree(there.made.home.keys, to / "keys", dirs_exist_ok=True)
    shutil.copy(there.made.home.token_file, to / "read.token")
    home = Home(to)
    with open_ledger(home, clock=there.made.clock) as ledger:
        yield replace(there.made, home=home, ledger=ledger)


@contextmanager
def nothing_left(where: Path) -> Iterator[None]:
    """A restore that fails leaves no directory behind, whole or half."""
    before = sorted(where.iterdir())
    yield
    assert sorted(where.iterdir()) == before


def copied(there: Archived, where: Path) -> Path:
    """The backups once more, to be damaged."""
    shutil.copytree(there.to, where / "copy")
    return where / "copy"


def test_everything_that_was_answered_and_archived_is_there(
    there: Archived, tmp_path: Path
) -> None:
    """The same checkpoint, byte for byte; with the keys put back the log signs on, every receipt
    verifies and lies under it."""
    last = there.made.ledger.reader.checkpoint()
    found = restored(there, tmp_path / "new", kept=True)
    assert found.checkpoint == last
    assert found.standing.refusal is None
    assert (found.known[0].by, found.known[0].checkpoint.size) == ("kept", last.size)
    with running(there, tmp_path / "new") as again:
        assert again.ledger.reader.checkpoint() == last
        check_ledger(again, [*there.given, *again.fill(3, start=80_000)])
        assert again.ledger.reader.size() == last.size + 3
    assert there.made.ledger.reader.size() == last.size, "the old one is another server"


def test_nobody_else_reads_what_was_restored(there: Archived, tmp_path: Path) -> None:
    """The directory is as closed as the first one should be, and archives to nowhere."""
    restored(there, tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    settings = (tmp_path / "new" / "postgres" / "data" / "postgresql.auto.conf").read_text()
    assert "archive" not in settings
    assert "restore" not in settings
    assert not (tmp_path / "new" / "keys").exists()


@pytest.mark.parametrize("by", ["size", pytest.param("moment", marks=pytest.mark.long)])
def test_a_moment_gives_the_checkpoint_that_was_signed_then(
    there: Archived, tmp_path: Path, by: str
) -> None:
    """Byte for byte, between two base backups or after the last, and with exactly its entries; a
    moment between two checkpoints gives the earlier one."""
    first, second = (base.checkpoint.size for base in bases(there.to)[-2:])
    between = first + (second - first) // 2
    wanted = at_size(there, between if by == "size" else second + 3)
    goal = Goal(size=wanted.size)
    if by == "moment":
        goal = Goal(at=wanted.recorded_at + timedelta(microseconds=1))
    found = restored(there, tmp_path / "new", goal)
    assert found.checkpoint == wanted
    with open_ledger(Home(tmp_path / "new"), signs=False) as again:
        assert again.reader.size() == wanted.size
        last = wanted.size - 1
        assert again.reader.entry(last) == there.made.ledger.reader.entry(last)


def test_without_the_kept_checkpoint_nothing_is_signed(there: Archived, tmp_path: Path) -> None:
    """The backup cannot know what was acknowledged after it: somebody has to say so."""
    found = restored(there, tmp_path / "new")
    assert "nothing says what this log signed last" in str(found.standing.refusal)
    with pytest.raises(SigningRefused), running(there, tmp_path / "new"):
        pass
    rollback.put(Home(tmp_path / "new"), there.made.home.kept_files[0].read_text())
    with running(there, tmp_path / "new") as again:
        check_ledger(again, again.fill(1, start=81_000))


def test_a_log_that_is_behind_serves_no_append_until_it_is_reconciled(
    there: Archived, tmp_path: Path
) -> None:
    """`serve` does not start, and a service over it answers appends with 503. Put back from an
    export, it is what it was."""
    last = there.made.ledger.reader.checkpoint()
    wanted = at_size(there, last.size - 10)
    to = tmp_path / "new"
    found = restored(there, to, Goal(size=wanted.size), kept=True)
    assert f"{wanted.size} entries and this log signed a tree of {last.size}" in str(
        found.standing.refusal
    )
    with pytest.raises(SigningRefused), running(there, to):
        pass
    started = subprocess.run(
        [str(PROGRAM), "serve", "--data", str(to), "--port", "0"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (started.returncode, "set back" in started.stderr) == (1, True)
    with open_ledger(Home(to), clock=there.made.clock, accepting=True) as ledger:
        behind = replace(there.made, home=Home(to), ledger=ledger)
        with pytest.raises(SigningRefused):
            ledger.append([there.made.instruction(82_000)])
        with serving(behind) as url, httpx.Client(base_url=url) as http:
            sent = http.post(
                "/v1/events",
                content=there.made.instruction(82_001),
                headers={"Content-Type": "application/vnd.dsse+json"},
            )
            assert sent.status_code == 503, sent.text
            assert sent.json()["type"].endswith("signing-refused")
        assert ledger.reader.size() == wanted.size
    made = there.made.ledger
    export_log(made.reader, made.log_keys(), tmp_path / "export", latest=True)
    assert reconcile(Home(to), [tmp_path / "export"]).standing.refusal is None
    with running(there, to) as again:
        assert again.ledger.reader.checkpoint() == last
        assert check_ledger(again, [*there.given, *again.fill(1, start=83_000)]).lost == ()


@pytest.mark.long
def test_what_stays_lost_ends_in_an_event(there: Archived, tmp_path: Path) -> None:
    """Nobody has the entries: the log goes on, and its next entry says what it had signed."""
    last = checkpoint.open(there.made.ledger.reader.checkpoint().note, there.made.verifier)
    wanted = at_size(there, last.size - 10)
    to = tmp_path / "new"
    restored(there, to, Goal(size=wanted.size), kept=True)
    shutil.copytree(there.made.home.keys, to / "keys")
    rollback.accept(Home(to), last.origin, reason="The disk burned", by="operator")
    with running(there, to) as again:
        (lost,) = check_ledger(again, again.fill(1, start=84_000)).lost
    assert (lost.index, lost.size, lost.signed_size) == (wanted.size, wanted.size, last.size)


@pytest.mark.long
def test_a_witness_that_knows_more_stops_it(there: Archived, tmp_path: Path) -> None:
    """What witnesses show is looked at without being asked for; behind one, nothing is signed. One
    that knows less says nothing about what came after it."""
    last = there.made.ledger.reader.checkpoint()
    wanted = at_size(there, last.size - 10)
    for size in (last.size, 20):
        name = f"w{size}"
        signed = at_size(there, size)
        with serving_witness(tmp_path / name, [there.made.verifier]) as (witness, url):
            key = witness.signers[0].verifier.vkey
            policy = Policy.parse(f"witness {name} {key} {url}\nquorum {name}\n")
            _cosigned(there, signed, policy)
            request = Request(there.to, Home(tmp_path / f"to-{name}"), Goal(size=wanted.size))
            found = restore(request, lambda file, policy=policy: policy)
        assert (f"witness {name}", signed.size) in [
            (each.by, each.checkpoint.size) for each in found.known
        ]
        refusal = f"tree of {last.size}: it was set back" if signed == last else "nothing says"
        assert refusal in str(found.standing.refusal)


def _cosigned(there: Archived, signed: StoredCheckpoint, policy: Policy) -> None:
    """Have the one witness of a policy cosign a checkpoint."""
    reader, keys = there.made.ledger.reader, there.made.ledger.log_keys()
    submission = Submission(
        signed.note, keys.open(signed.note), keys, reader.prove_consistency, reader.size
    )
    with make_client() as http:
        ask(http, targets(policy)[0], submission, known=0)


def _flip(file: Path) -> None:
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)


def _segments(copy: Path) -> list[Path]:
    """The archived log after the last base backup."""
    first = bases(copy)[-1].ends_in()
    return sorted(
        f for f in (copy / "wal").iterdir() if SEGMENT.fullmatch(f.name) and f.name >= first
    )


def test_a_base_backup_that_was_altered_is_refused(there: Archived, tmp_path: Path) -> None:
    """One bit in a table, a file that is gone, a manifest that is gone."""
    for damage in ("bit", "file", "manifest", "link"):
        copy = copied(there, tmp_path)
        data = bases(copy)[-1].data
        table = max(
            (data / "base").rglob("*"), key=lambda f: f.stat().st_size if f.is_file() else 0
        )
        if damage == "bit":
            _flip(table)
        if damage == "file":
            table.unlink()
        if damage == "manifest":
            (data / "backup_manifest").unlink()
        if damage == "link":
            table.unlink()
            table.symlink_to("/etc/passwd")
        with (
            nothing_left(tmp_path),
            pytest.raises(VerificationFailed, match=r"damaged|manifest|link"),
        ):
            restored(there, tmp_path / "new", source=copy)
        shutil.rmtree(copy)


def test_a_gap_in_the_archived_log_is_named(there: Archived, tmp_path: Path) -> None:
    """And what is before it can be restored once somebody decided that."""
    copy = copied(there, tmp_path)
    segments = _segments(copy)
    segments[1].unlink()
    with (
        nothing_left(tmp_path),
        pytest.raises(VerificationFailed, match=f"{segments[1].name} is mis"),
    ):
        restored(there, tmp_path / "new", source=copy)
    for file in segments[2:]:
        file.rename(tmp_path / file.name)
    found = restored(there, tmp_path / "new", source=copy, kept=True)
    assert "set back" in str(found.standing.refusal)
    assert found.checkpoint == at_size(there, found.checkpoint.size)


@pytest.mark.parametrize("damage", ["cut", "bit", "zeros"])
def test_a_damaged_segment_is_refused(there: Archived, tmp_path: Path, damage: str) -> None:
    """Also when it is a whole segment that says something else: PostgreSQL would take that for the
    end of the log, and the log would be shorter without a word."""
    copy = copied(there, tmp_path)
    file = _segments(copy)[1]
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-20])
    if damage == "bit":
        _flip(file)
    if damage == "zeros":
        whole = bytearray(gzip.decompress(file.read_bytes()))
        whole[: 64 * 1024] = bytes(64 * 1024)
        file.write_bytes(gzip.compress(bytes(whole)))
    with nothing_left(tmp_path), pytest.raises(VerificationFailed, match=r"damaged|altered"):
        restored(there, tmp_path / "new", source=copy)


def test_a_backup_of_another_log_is_refused(there: Archived, tmp_path: Path) -> None:
    """What was kept is not of the log that the backup says it is."""
    note = there.made.home.kept_files[0].read_text().replace("test.example", "evil.example")
    request = Request(there.to, Home(tmp_path / "new"), Goal(), [("kept", note)])
    with nothing_left(tmp_path), pytest.raises(VerificationFailed, match="kept is no checkpoint"):
        restore(request, lambda file: None)


def test_nothing_is_restored_over_what_is_there(there: Archived, tmp_path: Path) -> None:
    """A directory that is there is left as it is, empty or not."""
    (tmp_path / "old").mkdir()
    with nothing_left(tmp_path), pytest.raises(ConfigurationError, match="is there already"):
        restored(there, tmp_path / "old")
    with pytest.raises(ConfigurationError, match="is there already"):
        restored(there, there.made.home.data)


def test_a_directory_without_a_whole_backup_is_refused(there: Archived, tmp_path: Path) -> None:
    """Nothing at all, and a backup that was cut off."""
    (tmp_path / "empty").mkdir()
    with nothing_left(tmp_path), pytest.raises(ConfigurationError, match="holds no base backup"):
        restored(there, tmp_path / "new", source=tmp_path / "empty")
    copy = copied(there, tmp_path)
    for base in bases(copy):
        base.directory.rename(base.directory.with_name(f".new-{base.directory.name}"))
    with nothing_left(tmp_path), pytest.raises(ConfigurationError, match="holds no base backup"):
        restored(there, tmp_path / "new", source=copy)


@pytest.mark.parametrize(
    ("goal", "message"),
    [(Goal(size=9_999_999), "sizes next to it are"), (Goal(size=2), "with fewer")],
)
def test_what_the_backups_do_not_reach_is_refused(
    there: Archived, tmp_path: Path, goal: Goal, message: str
) -> None:
    """A size that was never signed, and one from before the oldest base backup."""
    with nothing_left(tmp_path), pytest.raises(ConfigurationError, match=message):
        restored(there, tmp_path / "new", goal)


@pytest.mark.long
def test_a_restore_that_is_killed_does_not_look_finished(there: Archived, tmp_path: Path) -> None:
    """SIGKILL while it recovers: the new directory is not there, and the next restore makes it."""
    to = tmp_path / "new"
    command = [str(PROGRAM), "restore", "--from", str(there.to), "--to", str(to)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until = time.monotonic() + 60
    while not list(tmp_path.glob("new.restoring-*/postgres/server.log")):
        assert child.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=60)
    assert not to.exists()
    assert len(list(tmp_path.glob("new.restoring-*"))) == 1
    done = subprocess.run(
        [*command, "--kept", str(there.made.home.kept_files[0]), "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["signs"] is True
    assert said["size"] == there.made.ledger.reader.size()
    assert {each["missing"] for each in said["known"]} == {0}


@pytest.mark.long
def test_what_was_restored_is_backed_up_in_a_directory_of_its_own(
    there: Archived, tmp_path: Path
) -> None:
    """The old directory is that of the old server, which may live; the new one restores as well."""
    to = tmp_path / "new"
    restored(there, to, kept=True)
    with pytest.raises(ConfigurationError, match="from before it was restored"):
        backup.take(Home(to), there.to)
    again = there.to.with_name("again")
    with running(there, to) as made:
        backup.take(Home(to), again)
        cut_off = Archived(made, again)  # the server was started again: sent until answered
        cut_off.append(85_000)
        cut_off.append(85_001)
        size = made.ledger.reader.size()
        backup.stop(Home(to))
    known = [("kept", (to / "last.checkpoint").read_text())]
    found = restore(Request(again, Home(tmp_path / "third"), Goal(), known), lambda file: None)
    assert size - 2 <= found.checkpoint.size <= size
