"""Backups of the embedded server: taken under load, whole or not there, and without a secret.

Real servers, real programs of PostgreSQL, real files.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from ledger import backup
from ledger.backup import bases
from ledger.embedded import EmbeddedServer, archiving
from ledger.errors import ConfigurationError
from tests.archived import Archived, archived
from tests.check_ledger import check_ledger

PROGRAM = Path(sys.executable).with_name("verantwoord")


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archived]:
    """One ledger for all tests: each leaves it working."""
    with archived(tmp_path_factory.mktemp("archived")) as made:
        yield made


def test_appends_go_on_while_a_backup_is_taken(there: Archived) -> None:
    """Also when the server is started again for archiving: everything that was answered is there,
    once, and events were answered during each backup."""
    first, second = (base.checkpoint.size for base in there.bases)
    assert 0 < first < second < there.made.ledger.reader.size()
    indexes = [answer.index for answer in there.given]
    assert len(indexes) == len(set(indexes))
    check_ledger(there.made, there.given)


def test_a_backup_holds_no_private_key_and_no_token(there: Archived) -> None:
    """Neither their files nor their bytes, in any file of it, nor in the log of the server."""
    secrets = {
        line.strip()
        for file in (*there.made.home.keys.iterdir(), there.made.home.token_file)
        for line in file.read_bytes().splitlines()
        if len(line.strip()) >= 32 and b"-----" not in line
    }
    assert len(secrets) > 4
    searched = 0
    for file in there.to.rglob("*"):
        assert file.suffix != ".key"
        assert file.name != "read.token"
        if file.is_file():
            raw = file.read_bytes()
            raw = gzip.decompress(raw) if file.suffix == ".gz" else raw
            searched += 1
            assert not [secret for secret in secrets if secret in raw], file
    assert searched > 100


def test_only_the_owner_reads_what_is_archived(there: Archived) -> None:
    """Segments hold whatever the database does."""
    modes = {file.stat().st_mode & 0o777 for file in (there.to / "wal").iterdir()}
    assert modes == {0o600}
    assert (there.to / "wal").stat().st_mode & 0o777 == 0o700


def test_the_settings_outlive_a_restart_of_the_server(there: Archived) -> None:
    """Archiving goes on without the command that began it."""
    with EmbeddedServer.open(there.made.home.data / "postgres") as server:
        server.restart()
        before = len(list((there.to / "wal").iterdir()))
        there.append(40_000)
        archiving.flush(server, there.to / "wal")
        assert len(list((there.to / "wal").iterdir())) > before
        with psycopg.connect(server.url()) as conn:
            settings = conn.execute(
                "SELECT current_setting('archive_mode'), current_setting('archive_timeout')"
            ).fetchone()
    assert settings == ("on", "1min")


def test_nothing_new_is_not_waited_for(there: Archived, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing was written since the last segment ended, none is to arrive."""
    with EmbeddedServer.open(there.made.home.data / "postgres") as server:
        archiving.flush(server, there.to / "wal")
        monkeypatch.setattr(archiving, "STUCK", 5.0)
        for _ in range(3):
            archiving.flush(server, there.to / "wal")


@pytest.mark.long
def test_a_segment_is_never_written_over(there: Archived, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something else has its name: archiving stops at it and says so, nothing is overwritten, and
    appends go on; once it is gone, archiving catches up."""
    with EmbeddedServer.open(there.made.home.data / "postgres") as server:
        with psycopg.connect(server.url()) as conn:
            row = conn.execute("SELECT pg_walfile_name(pg_current_wal_lsn())").fetchone()
        assert row is not None
        taken = there.to / "wal" / f"{row[0]}.gz"
        taken.write_bytes(gzip.compress(b"of another server"))
        there.append(50_000)
        monkeypatch.setattr(archiving, "STUCK", 5.0)
        archiving.flush(server, there.to / "wal")  # what has the name is there
        there.append(50_001)
        with pytest.raises(ConfigurationError, match=rf"does not arrive.*{row[0]} fails"):
            archiving.flush(server, there.to / "wal")
        assert gzip.decompress(taken.read_bytes()) == b"of another server"
        there.append(50_002)
        taken.unlink()
        monkeypatch.undo()
        archiving.flush(server, there.to / "wal")
    assert len(gzip.decompress(taken.read_bytes())) == backup.SEGMENT_BYTES


def test_a_directory_that_is_away_for_a_while_loses_nothing(there: Archived) -> None:
    """Its disk is not mounted: the server keeps the log until it is back."""
    away = there.to.with_name("away")
    there.to.rename(away)
    there.append(60_000)
    with EmbeddedServer.open(there.made.home.data / "postgres") as server:
        with psycopg.connect(server.url(), autocommit=True) as conn:
            row = conn.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
        there.append(60_001)
        away.rename(there.to)
        archiving.flush(server, there.to / "wal")
    assert row is not None
    assert (there.to / "wal" / f"{row[0]}.gz").exists()


def test_a_backup_that_was_cut_off_is_not_one(there: Archived) -> None:
    """What a killed backup left is not listed, and the next one removes it."""
    left = there.to / "base" / ".new-killed"
    shutil.copytree(there.bases[0].directory, left)
    assert bases(there.to) == there.bases
    there.take()
    assert not left.exists()
    assert bases(there.to) == there.bases


def test_two_backups_at_once_take_turns_or_say_so(there: Archived) -> None:
    """One is taken, the other one is refused; nothing of it is left."""
    told: list[str] = []

    def take() -> None:
        try:
            there.take()
        except ConfigurationError as error:
            told.append(str(error))

    threads = [threading.Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [text.split(" to ")[0] for text in told] in ([], ["another backup is writing"])
    assert bases(there.to) == sorted(there.bases, key=lambda base: base.directory)
    assert list((there.to / "base").glob(".new-*")) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"origin": "other.example/log"}, "holds backups of other.example/log"),
        ({"timeline": 2}, "from before it was restored"),
        ({"system_identifier": 1}, "another server"),
    ],
)
def test_backups_of_another_server_are_not_mixed_in(
    there: Archived, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    """Neither of another log, nor of the same one before or after a restore."""
    cluster = json.loads((there.to / backup.CLUSTER).read_bytes())
    (tmp_path / backup.CLUSTER).write_text(json.dumps({**cluster, **change}))
    with pytest.raises(ConfigurationError, match=message):
        backup.take(there.made.home, tmp_path)
    assert not (tmp_path / "wal").exists()


def test_a_second_archive_is_refused_until_the_first_is_ended(there: Archived) -> None:
    """So that no archive has a gap that nobody meant."""
    with pytest.raises(ConfigurationError, match=r"archived elsewhere already.*--stop"):
        backup.take(there.made.home, there.to.with_name("other"))


def test_a_backup_inside_the_data_directory_is_refused(there: Archived) -> None:
    """It would be lost together with it."""
    with pytest.raises(ConfigurationError, match="is inside"):
        backup.take(there.made.home, there.made.home.data / "backups")


def test_a_server_of_ones_own_is_backed_up_with_its_own_means(
    there: Archived, tmp_path: Path
) -> None:
    """The message says which."""
    elsewhere = replace(there.made.home, database_url="postgresql://x@/y")
    with pytest.raises(ConfigurationError, match="pg_basebackup or pgBackRest"):
        backup.take(elsewhere, tmp_path / "b")
    with pytest.raises(ConfigurationError, match="pg_basebackup or pgBackRest"):
        backup.stop(elsewhere)
    with pytest.raises(ConfigurationError, match="no embedded server"):
        backup.take(replace(there.made.home, data=tmp_path / "none"), tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="the server runs as this account")
def test_a_directory_that_the_server_does_not_reach_is_refused(
    there: Archived, tmp_path: Path
) -> None:
    """With the account it runs as, before anything is set."""
    (tmp_path / "closed").mkdir(mode=0o700)
    with pytest.raises(ConfigurationError, match=r"the account '.*' which|the account '.*', which"):
        backup.take(there.made.home, tmp_path / "closed" / "backups")


def test_old_backups_are_removed_with_the_log_that_only_they_need(there: Archived) -> None:
    """The command keeps as many as it is told, and what is left can still be restored."""
    done = subprocess.run(
        [
            *(str(PROGRAM), "backup", "--data", str(there.made.home.data), "--to", str(there.to)),
            *("--keep", "1", "--format", "json"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (base,) = bases(there.to)
    assert json.loads(done.stdout)["directory"] == str(base.directory)
    names = sorted(file.name[:24] for file in (there.to / "wal").iterdir())
    assert names[0] == base.ends_in()
    there.bases[:] = [base]


@pytest.mark.long
def test_archiving_is_ended_when_it_is_asked_for(there: Archived) -> None:
    """And begun again with the next backup, which needs a directory without a gap."""
    assert backup.stop(there.made.home)
    assert not backup.stop(there.made.home)
    there.append(70_000)
    there.take()
    check_ledger(there.made, there.given)
