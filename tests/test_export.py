"""The log as files: the same tree, whole at every size, verified by the offline verifier."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from ledger.deployment import Home
from ledger.errors import ConfigurationError, VerificationFailed
from ledger.export import export_log
from ledger.reader import Reader
from ledger.report import Pins
from ledger.sources import directory
from ledger.verify import verify
from tests.guards import unguard
from tests.ledgers import TestLedger
from tests.log_builder import busy_log
from tests.stored_logs import StoredLog, stored_log


def export(made: TestLedger | StoredLog, directory: Path) -> int:
    return export_log(made.ledger.reader, made.ledger.vkeys(), directory)


def files_of(directory: Path) -> dict[str, bytes]:
    """Every file of an export: path -> bytes."""
    return {
        str(file.relative_to(directory)): file.read_bytes()
        for file in directory.rglob("*")
        if file.is_file()
    }


@pytest.mark.parametrize("size", [12, 255, 256, 257, 512, 600])
def test_an_export_of_any_size_verifies(ledger: TestLedger, tmp_path: Path, size: int) -> None:
    """Around full tiles, with the pinned key and the administrator's."""
    ledger.fill(size - ledger.ledger.reader.size())
    assert export(ledger, tmp_path) == size
    identity = ledger.ledger.identity
    report = verify(
        directory(tmp_path),
        Pins(identity.vkey, identity.administrator_key),
    )
    assert (report.size, report.origin) == (size, identity.origin)


def test_an_export_can_be_brought_up_to_date(ledger: TestLedger, tmp_path: Path) -> None:
    """Exporting again adds what is new; the checkpoint before stays a prefix."""
    ledger.fill(100)
    export(ledger, tmp_path)
    kept = (tmp_path / "checkpoint").read_text()
    ledger.fill(300, start=200)
    size = export(ledger, tmp_path)
    report = verify(directory(tmp_path), Pins(kept=[kept]))
    assert report.size == size


def test_a_changed_file_is_found(ledger: TestLedger, tmp_path: Path) -> None:
    """One byte of one entry."""
    ledger.fill(30)
    export(ledger, tmp_path)
    (bundle,) = (tmp_path / "tile/entries").rglob("000.p/*")
    content = bytearray(bundle.read_bytes())
    content[1000] ^= 1
    bundle.write_bytes(bytes(content))
    with pytest.raises(VerificationFailed):
        verify(directory(tmp_path))


LEAVES = busy_log(800).leaves


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory to export to."""
    made = tmp_path / "log"
    made.mkdir()
    return made


class Stopped(Exception):
    """The export ends here, as if its process had been killed."""


def test_an_export_stopped_at_any_file_is_taken_up(
    home: Home, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no checkpoint until all it covers is there, no file in part, and after a second
    export nothing is left over: the files are those of an export that was never stopped."""
    rename, left = Path.rename, 0

    def stopping(self: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if left < 0:
            raise Stopped
        return rename(self, target)

    with stored_log(home, LEAVES) as log:
        log.grow(600)
        export(log, folder)
        wanted = files_of(folder)
        assert len(wanted) == 2 + 3 + 1 + 3
        for number in range(len(wanted)):
            shutil.rmtree(folder)
            left = number
            with monkeypatch.context() as patched:
                patched.setattr(Path, "rename", stopping)
                with pytest.raises(Stopped):
                    export(log, folder)
            done = {path: raw for path, raw in files_of(folder).items() if path != ".writing"}
            assert done.items() <= wanted.items()
            assert len(done) == number
            assert "checkpoint" not in done
            export(log, folder)
            assert files_of(folder) == wanted


def test_what_an_interrupted_export_left_is_written_again_unless_it_is_whole(
    home: Home, folder: Path
) -> None:
    """A file that no checkpoint covers may be cut by a power failure, or be of entries that the
    database lost: it is compared before it is kept."""
    with stored_log(home, LEAVES) as log:
        log.grow(600)
        export(log, folder)
        wanted = files_of(folder)
        (folder / "checkpoint").unlink()
        for path, content in wanted.items():
            if path.startswith("tile/"):
                for damaged in (b"", content[:-1], content + b"\0", content[:-1] + b"\0"):
                    (folder / path).write_bytes(damaged)
                    export(log, folder)
                    assert files_of(folder) == wanted
                    (folder / "checkpoint").unlink()


def test_exporting_again_writes_what_is_new_and_nothing_else(home: Home, folder: Path) -> None:
    """Files of before stay as they are, so that checkpoints of before can still be verified."""
    with stored_log(home, LEAVES) as log:
        log.grow(300)
        export(log, folder)
        before = {path: (folder / path).stat().st_mtime_ns for path in files_of(folder)}
        old = files_of(folder)
        log.grow(800)
        export(log, folder)
        now = files_of(folder)
        for path, written in before.items():
            if path.startswith("tile/"):
                assert (folder / path).stat().st_mtime_ns == written
        assert now.keys() - old.keys() == {
            "tile/0/001", "tile/0/002", "tile/0/003.p/32", "tile/1/000.p/3",
            "tile/entries/001", "tile/entries/002", "tile/entries/003.p/32",
        }  # fmt: skip
        (folder / "checkpoint").write_bytes(old["checkpoint"])
        assert verify(directory(folder)).size == 300


def test_the_same_log_again_writes_nothing_but_the_checkpoint(
    ledger: TestLedger, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So exporting often costs little."""
    ledger.fill(300)
    export(ledger, folder)
    written: list[str] = []
    rename = Path.rename
    monkeypatch.setattr(Path, "rename", lambda s, t: (written.append(t.name), rename(s, t)))
    export(ledger, folder)
    assert written == ["log.vkey", "checkpoint"]


def test_an_export_is_not_made_over_that_of_another_log(home: Home, folder: Path) -> None:
    """Two logs in one directory would be neither."""
    with stored_log(home, LEAVES) as log:
        log.grow(10)
        (folder / "log.vkey").write_text("other+00000000+AQ==\n")
        with pytest.raises(ConfigurationError, match="another log"):
            export(log, folder)
    assert files_of(folder).keys() == {"log.vkey"}


def test_a_checkpoint_that_is_none_is_not_written_over(home: Home, folder: Path) -> None:
    """It was something, perhaps evidence; a person must look at it."""
    with stored_log(home, LEAVES) as log:
        log.grow(10)
        export(log, folder)
        for wrong in (b"", b"\xff", (folder / "checkpoint").read_bytes().replace(b"10", b"11")):
            (folder / "checkpoint").write_bytes(wrong)
            with pytest.raises(VerificationFailed, match="another directory"):
                export(log, folder)
            assert (folder / "checkpoint").read_bytes() == wrong


def set_back(owner: Callable[[], psycopg.Connection], size: int) -> None:
    """Put the database back to an earlier size, as restoring an old copy of it does."""
    with owner() as conn:
        unguard(conn, "entries", "tiles", "checkpoints")
        conn.execute("DELETE FROM entries WHERE position > %s", (size,))
        conn.execute("DELETE FROM tiles WHERE (index + 1) * 256 > %s", (size,))
        conn.execute("DELETE FROM checkpoints WHERE size > %s", (size,))


def test_a_ledger_that_was_set_back_is_not_exported_over_what_shows_it(
    home: Home, owner: Callable[[], psycopg.Connection], folder: Path
) -> None:
    """Neither when it is shorter than the export, nor when it grew again into another history; also
    where nothing of the ledger's own tells, as on a machine that only reads."""
    with stored_log(home, LEAVES) as log:
        log.ledger.reader = Reader(log.ledger.pool)
        log.grow(200)
        frontier = log.ledger.reader.checkpoint()
        with owner() as conn:
            head = conn.execute("SELECT size, recorded_at, frontier FROM head").fetchone()
        log.grow(300)
        export(log, folder)
        kept = files_of(folder)
        set_back(owner, 200)
        with owner() as conn:
            conn.execute("UPDATE head SET size = %s, recorded_at = %s, frontier = %s", head)
        assert log.ledger.reader.checkpoint() == frontier
        with pytest.raises(VerificationFailed, match="300 entries, and the ledger has 200"):
            export(log, folder)
        log.leaves = [*LEAVES[:200], *busy_log(900).leaves[500:]]
        log.grow(400)
        with pytest.raises(VerificationFailed, match="forked"):
            export(log, folder)
    assert files_of(folder) == kept


def test_two_exports_do_not_write_to_one_directory(home: Home, folder: Path) -> None:
    """The second is told, and neither damages the other."""
    with stored_log(home, LEAVES) as log:
        log.grow(10)
        held = os.open(folder, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ConfigurationError, match="another export"):
            export(log, folder)
        os.close(held)
        assert export(log, folder) == 10
