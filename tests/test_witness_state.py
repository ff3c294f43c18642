"""The state of a witness: it never goes back, and a damaged one is not opened."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ledger import add_checkpoint, note
from ledger.add_checkpoint import Request
from ledger.errors import ConfigurationError, Unavailable
from ledger.witness.home import WitnessHome, open_witness
from ledger.witness.state import WitnessState
from tests.foreign_log import ForeignLog
from tests.witnessing import NAME

LOG = ForeignLog()


@pytest.fixture
def home(tmp_path: Path) -> WitnessHome:
    """The home of a witness that cosigned 20 trees."""
    home = WitnessHome(tmp_path / "w")
    with open_witness(home, [LOG.signer.verifier], name=NAME) as witness:
        for size in range(20):
            assert witness.add_checkpoint(LOG.request(size, size + 1)).status == 200
    return home


def attack(file: Path, statement: str) -> None:
    """Change the file as somebody who may write it would, with or without its triggers."""
    db = sqlite3.connect(file, isolation_level=None)
    db.executescript(statement)
    db.close()


def refused(home: WitnessHome) -> str:
    """Opening is refused; with what words."""
    with pytest.raises(ConfigurationError) as caught:
        with open_witness(home, [LOG.signer.verifier]):
            pass
    return str(caught.value)


def test_what_was_cosigned_is_there_after_a_restart(home: WitnessHome) -> None:
    """And goes on from there."""
    with open_witness(home, [LOG.signer.verifier]) as witness:
        assert [tree.size for tree in witness.state.all_held()] == [20]
        assert witness.add_checkpoint(LOG.request(0, 5)).body == "20\n"
        assert witness.add_checkpoint(LOG.request(20, 21)).status == 200


def test_the_file_alone_is_the_state(home: WitnessHome) -> None:
    """No journal lies beside it, and nobody else reads it."""
    assert [file.name for file in home.data.glob("witness.db*")] == ["witness.db"]
    assert stat.S_IMODE(home.state_file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE cosigned SET size = size - 1",
        "UPDATE cosigned SET root = zeroblob(32)",
        "UPDATE cosigned SET origin = 'other'",
        "DELETE FROM cosigned",
        "UPDATE witness SET vkeys = ''",
        "UPDATE cosigned SET root = zeroblob(31), size = size + 1",
        "UPDATE cosigned SET size = 'many'",
        "INSERT INTO witness VALUES (2, '')",
    ],
)
def test_a_mistake_in_code_or_by_hand_is_stopped(home: WitnessHome, statement: str) -> None:
    """The triggers and constraints of the file refuse what would forget or change a tree."""
    with pytest.raises(sqlite3.IntegrityError):
        attack(home.state_file, statement)
    with open_witness(home, [LOG.signer.verifier]) as witness:
        assert witness.add_checkpoint(LOG.request(20, 21)).status == 200


@pytest.mark.parametrize(
    "change",
    [
        "size = 5",
        "root = zeroblob(32)",
        "origin = 'log.example/other'",
        "note = replace(note, char(10) || '20' || char(10), char(10) || '19' || char(10))",
        "note = ''",
        "note = substr(note, 1, 250)",  # without the witness's own lines
    ],
)
def test_a_state_changed_past_the_triggers_is_refused(home: WitnessHome, change: str) -> None:
    """Every row is checked against the witness's own signatures when it is opened."""
    attack(home.state_file, f"DROP TRIGGER only_grows; UPDATE cosigned SET {change};")
    words = refused(home)
    assert "damaged" in words
    assert "new name" in words
    assert "older copy must not" in words


@pytest.mark.parametrize("keep", [0, 1, 100, 4096, 12_288])
def test_a_state_that_was_cut_is_refused(home: WitnessHome, keep: int) -> None:
    """To nothing as well: an empty file is not a new state."""
    raw = home.state_file.read_bytes()
    assert len(raw) > keep
    home.state_file.write_bytes(raw[:keep])
    assert "damaged" in refused(home)


def test_a_state_with_broken_pages_is_refused(home: WitnessHome) -> None:
    """A page written over with zeros, wherever it is."""
    raw = home.state_file.read_bytes()
    for page in range(0, len(raw), 4096):
        home.state_file.write_bytes(raw[:page] + bytes(4096) + raw[page + 4096 :])
        assert "damaged" in refused(home), page


def test_another_database_is_not_a_state(home: WitnessHome) -> None:
    """Nor is a text file."""
    home.state_file.unlink()
    attack(home.state_file, "CREATE TABLE t (x)")
    assert "not the state of a witness" in refused(home)
    home.state_file.write_text("nothing here\n" * 100)
    assert "damaged" in refused(home)


def test_a_state_of_a_later_version_is_refused(home: WitnessHome) -> None:
    """With what is known here."""
    attack(home.state_file, "PRAGMA user_version = 2")
    assert "version 2" in refused(home)


def test_half_a_state_is_not_left_by_an_interrupted_start(tmp_path: Path) -> None:
    """It is made beside its place; what an earlier start left there is not in the way."""
    home = WitnessHome(tmp_path)
    (tmp_path / "witness.db.new").write_text("half")
    with open_witness(home, [LOG.signer.verifier], name=NAME) as witness:
        assert witness.add_checkpoint(LOG.request(0, 1)).status == 200


def test_after_a_failed_write_nothing_is_cosigned(home: WitnessHome) -> None:
    """A disk that was full may have lost the write: the witness stops until it is restarted."""
    text = note.split(LOG.signed(21))[0]
    large = note.sign(text + "extension\n" * 20_000, LOG.signer)
    body = add_checkpoint.format(Request(20, LOG.proof(20, 21), large)).encode()
    with open_witness(home, [LOG.signer.verifier]) as witness:
        (pages,) = witness.state._db.execute("PRAGMA page_count").fetchone()
        witness.state._db.execute(f"PRAGMA max_page_count = {pages}")
        assert "full" in witness.add_checkpoint(body).body
        assert witness.state.failed
        witness.state._db.execute("PRAGMA max_page_count = 1000000")
        assert witness.add_checkpoint(body).status == 503
        assert witness.add_checkpoint(LOG.request(20, 21)).status == 503
        with pytest.raises(Unavailable, match="restarted"):
            witness.checkpoint(add_checkpoint.origin_hash(LOG.signer.name))
    with open_witness(home, [LOG.signer.verifier]) as witness:
        assert witness.add_checkpoint(body).status == 200


def test_another_process_in_the_way_is_waited_for(
    home: WitnessHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 while it holds the file, and nothing is broken by it."""
    monkeypatch.setattr("ledger.witness.state.BUSY", 0.05)
    with open_witness(home, [LOG.signer.verifier]) as witness:
        other = sqlite3.connect(home.state_file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert witness.add_checkpoint(LOG.request(20, 21)).status == 503
        other.execute("ROLLBACK")
        other.close()
        assert witness.add_checkpoint(LOG.request(20, 21)).status == 200


KILLED = """
import os, signal, sys
from pathlib import Path
from ledger.witness.state import Held, WitnessState

state = WitnessState(Path(sys.argv[1]))
with state.transaction():
    state.hold(Held("log.example/new", 7, bytes(range(32)), 1, "note"))
    if sys.argv[2] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("when", "sizes"), [("before", []), ("after", [7])])
def test_a_kill_leaves_all_or_nothing(tmp_path: Path, when: str, sizes: list[int]) -> None:
    """Before the end of a transaction nothing of it is there, after it all."""
    file = tmp_path / "witness.db"
    WitnessState.create(file)
    done = subprocess.run([sys.executable, "-c", KILLED, file, when], check=False)
    assert done.returncode == -9
    state = WitnessState(file)
    assert [held.size for held in state.all_held()] == sizes
    state.close()


def test_commits_are_on_disk_before_they_are_answered(tmp_path: Path) -> None:
    """The settings that make it so are those of the open file, not of a hope."""
    WitnessState.create(tmp_path / "witness.db")
    state = WitnessState(tmp_path / "witness.db")
    (synchronous,) = state._db.execute("PRAGMA synchronous").fetchone()
    (journal,) = state._db.execute("PRAGMA journal_mode").fetchone()
    assert (synchronous, journal) == (3, "delete")  # EXTRA, a rollback journal
    state.close()
