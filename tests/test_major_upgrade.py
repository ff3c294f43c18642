"""The embedded server's data under another major version: nothing is lost, whenever it is killed.

Needs the programs of an earlier PostgreSQL, as Debian has them."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from ledger import postgres_upgrade
from ledger.append import Appended
from ledger.deployment import DATABASE, Home
from ledger.embedded import EmbeddedServer, binaries, cluster, guard, major
from ledger.embedded.major import MajorUpgrade
from ledger.errors import ConfigurationError, SigningRefused, VerificationFailed
from ledger.opening import open_ledger
from tests.absent import absent
from tests.check_ledger import check_ledger, check_registers
from tests.ledgers import TestLedger, make_ledger

PROGRAM = Path(sys.executable).with_name("verantwoord")


@pytest.fixture(scope="session")
def earlier() -> Path:
    """The programs of an earlier PostgreSQL than that of this installation."""
    now = int(binaries.major(binaries.find()))
    for programs in sorted(Path("/usr/lib/postgresql").glob("*/bin")):
        if 15 <= int(programs.parent.name) < now:
            return programs
    absent("postgresql", "there is no earlier PostgreSQL in /usr/lib/postgresql")
    raise AssertionError


@pytest.fixture(scope="session")
def is_later(earlier: Path, tmp_path_factory: pytest.TempPathFactory) -> bool:
    """Whether it is a later release all the same: it writes what this one does not know."""
    writes = []
    for programs in (earlier, binaries.find()):
        directory = tmp_path_factory.mktemp("release") / "postgres"
        with EmbeddedServer.open(directory, programs) as server, psycopg.connect(server.url()) as c:
            c.execute("CREATE TABLE plain (a integer)")
            row = c.execute(
                "SELECT attoptions IS NOT NULL FROM pg_attribute"
                " WHERE attrelid = 'plain'::regclass AND attname = 'a'"
            ).fetchone()
            writes.append(row == (True,))
    return writes == [True, False]


@pytest.fixture(scope="session")
def old_programs(earlier: Path, is_later: bool) -> Path:
    """Those of one that pg_upgrade can take the data of."""
    if is_later:
        pytest.skip(f"the release in {earlier} came out after the one of this installation")
    return earlier


@dataclass
class Before:
    """A ledger that ended under the earlier PostgreSQL, and what its producers were answered."""

    made: TestLedger
    given: list[Appended]
    programs: Path

    @property
    def home(self) -> Home:
        """Its places."""
        return self.made.home

    @property
    def data(self) -> Path:
        """The cluster."""
        return self.home.data / "postgres" / guard.DATA

    def start(self) -> subprocess.Popen[str]:
        """The command, running."""
        command = [PROGRAM, "upgrade-postgres", "--data", self.home.data]
        return subprocess.Popen(
            [*command, "--from-bin", self.programs],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def check_goes_on(self) -> None:
        """Whole, with all that was given, and appended to."""
        with open_ledger(self.home, clock=self.made.clock) as ledger:
            made = TestLedger(self.home, ledger, self.made.clock, self.made.services)
            self.given += made.fill(2, start=100 + 10 * len(self.given))
            check_ledger(made, self.given)
            check_registers(made)

    def check_as_it_was(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The earlier PostgreSQL opens it as if nothing had been tried."""
        with monkeypatch.context() as patched:
            patched.setenv(binaries.SETTING, str(self.programs))
            self.check_goes_on()
        assert version(self.data) == self.programs.parent.name


def version(data: Path) -> str:
    """That of a cluster."""
    return (data / "PG_VERSION").read_text().strip()


@pytest.fixture
def before(tmp_path: Path, old_programs: Path, monkeypatch: pytest.MonkeyPatch) -> Before:
    """A ledger of the earlier PostgreSQL, closed."""
    return made_by(old_programs, tmp_path, monkeypatch)


def made_by(programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Before:
    """A ledger that was made with some programs, closed."""
    with monkeypatch.context() as patched:
        patched.setenv(binaries.SETTING, str(programs))
        with make_ledger(Home(tmp_path / "data")) as made:
            given = made.fill(20)
    return Before(made, given, programs)


def checkpoints(home: Home) -> list[tuple[object, ...]]:
    """All that there are."""
    with home.database() as database, database.connect_as_owner() as conn:
        return conn.execute("SELECT * FROM checkpoints ORDER BY size").fetchall()


def test_what_a_later_release_wrote_is_refused(
    tmp_path: Path, earlier: Path, is_later: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says which release is needed, and leaves the data as they were."""
    if not is_later:
        pytest.skip(f"the release in {earlier} did not come out after the one of this installation")
    before = made_by(earlier, tmp_path, monkeypatch)
    _, errors = before.start().communicate(timeout=300)
    assert "have to be the latest release of their major version" in errors
    before.check_as_it_was(monkeypatch)


@pytest.mark.parametrize("checksums", [True, False])
def test_a_ledger_goes_on_under_a_later_postgresql(
    before: Before, monkeypatch: pytest.MonkeyPatch, checksums: bool
) -> None:
    """By one command: checkpoints and receipts are what they were, and appends go on. The old data
    stay beside. The new ones have checksums."""
    with monkeypatch.context() as patched:
        patched.setenv(binaries.SETTING, str(before.programs))
        signed = checkpoints(before.home)
    if not checksums:
        major.wait_until_stopped(before.data.parent)
        program = before.programs / "pg_checksums"
        major.run_on(before.data, program, ["--disable"], cluster.account())
    process = before.start()
    said, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert "are what they were" in said
    assert version(before.data) == binaries.major(binaries.find())
    kept = before.data.with_name(f"data-{before.programs.parent.name}")
    assert version(kept) == before.programs.parent.name
    assert checkpoints(before.home) == signed
    assert not (before.data.parent / cluster.UPGRADE).exists()
    with before.home.database() as database, database.connect_as_owner() as conn:
        assert conn.execute("SHOW data_checksums").fetchone() == ("on",)
        analyzed = "SELECT reltuples > 0 FROM pg_class WHERE oid = 'entries'::regclass"
        assert conn.execute(analyzed).fetchone() == (True,)
    before.check_goes_on()
    with pytest.raises(ConfigurationError, match="already"):
        postgres_upgrade.upgrade_postgres(before.home, before.programs)


def test_there_is_a_way_back_until_something_is_appended(
    before: Before, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the old data, by two names; afterwards they lack what was appended, and nothing is signed
    over them."""
    done = postgres_upgrade.upgrade_postgres(before.home, before.programs)
    new = before.data.with_name("data.new")

    def put(data: Path, away: Path) -> None:
        major.wait_until_stopped(before.data.parent)
        before.data.rename(away)
        data.rename(before.data)

    put(done.kept, new)
    with monkeypatch.context() as patched:
        patched.setenv(binaries.SETTING, str(before.programs))
        with open_ledger(before.home) as ledger:
            assert ledger.reader.size() == done.sound.size
    put(new, done.kept)
    before.check_goes_on()
    put(done.kept, new)
    with monkeypatch.context() as patched:
        patched.setenv(binaries.SETTING, str(before.programs))
        with pytest.raises(SigningRefused, match="set back"), open_ledger(before.home):
            pass


def test_data_of_another_version_are_not_opened_but_told_of(before: Before) -> None:
    """The error names the command."""
    with pytest.raises(ConfigurationError, match="upgrade-postgres --from-bin"):
        with open_ledger(before.home):
            pass
    assert version(before.data) == before.programs.parent.name


STAGES: dict[str, Callable[[Path], bool]] = {
    "the new cluster is made": lambda postgres: (postgres / "upgrade").exists(),
    "pg_upgrade runs": lambda postgres: any(postgres.glob("upgrade/data/pg_upgrade_output.d/*/*")),
    "the new server runs": lambda postgres: (postgres / "upgrade/socket").exists(),
}


@pytest.mark.long
@pytest.mark.parametrize("stage", STAGES)
def test_killed_it_leaves_the_old_data_as_they_were(
    before: Before, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """At every stage; and tried again it ends well, over what was left."""
    process = before.start()
    try:
        until = time.monotonic() + 200
        while not STAGES[stage](before.data.parent):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
    before.check_as_it_was(monkeypatch)
    postgres_upgrade.upgrade_postgres(before.home, before.programs)
    before.check_goes_on()


STOPS_BETWEEN = """
import os, signal, sys
from pathlib import Path
from ledger import postgres_upgrade
from ledger.deployment import Home

rename = Path.rename

def stops(self, target):
    if self.name == "data" and self.parent.name == "upgrade":
        if sys.argv[3] == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError("the disk is gone")
    return rename(self, target)

Path.rename = stops
postgres_upgrade.upgrade_postgres(Home(Path(sys.argv[1])), Path(sys.argv[2]))
"""


@pytest.mark.long
@pytest.mark.parametrize("ending", ["killed", "failed"])
def test_stopped_between_two_names_the_old_data_come_back(
    before: Before, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """A directory without a cluster is not taken for a new one."""
    command = [sys.executable, "-c", STOPS_BETWEEN, before.home.data, before.programs, ending]
    stopped = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert stopped.returncode == (-signal.SIGKILL if ending == "killed" else 1), stopped.stderr
    assert before.data.exists() == (ending == "failed")
    before.check_as_it_was(monkeypatch)
    postgres_upgrade.upgrade_postgres(before.home, before.programs)
    before.check_goes_on()


def test_what_pg_upgrade_does_not_take_is_told(
    before: Before, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its reports, which are not kept; the data are as they were."""
    with EmbeddedServer.open(before.data.parent, before.programs) as server:
        with psycopg.connect(server.url(), autocommit=True) as conn:
            conn.execute("CREATE DATABASE closed ALLOW_CONNECTIONS false")
    with pytest.raises(ConfigurationError, match=r"(?s)pg_upgrade failed.*\nclosed\n"):
        postgres_upgrade.upgrade_postgres(before.home, before.programs)
    assert not (before.data.parent / cluster.UPGRADE).exists()
    before.check_as_it_was(monkeypatch)


def test_a_copy_that_is_not_sound_does_not_take_the_place(
    before: Before, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `fsck` finds ends it, and nothing is left of it."""
    with EmbeddedServer.open(before.data.parent, before.programs) as server:
        with psycopg.connect(server.url(dbname=DATABASE)) as conn:
            conn.execute("ALTER TABLE ledger.entries DISABLE TRIGGER append_only")
            conn.execute("UPDATE ledger.entries SET leaf = leaf || ' ' WHERE position = 9")
    with pytest.raises(VerificationFailed):
        postgres_upgrade.upgrade_postgres(before.home, before.programs)
    assert version(before.data) == before.programs.parent.name
    assert [each.name for each in before.data.parent.glob("data*")] == [guard.DATA]
    assert not (before.data.parent / cluster.UPGRADE).exists()


def test_a_server_that_is_used_is_not_upgraded(
    before: Before, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its service must be stopped first, and goes on until then."""
    monkeypatch.setattr(major, "STOPS_WITHIN", 0.5)
    with EmbeddedServer.open(before.data.parent, before.programs) as server:
        with pytest.raises(ConfigurationError, match="stop the service first"):
            postgres_upgrade.upgrade_postgres(before.home, before.programs)
        psycopg.connect(server.url()).close()


def test_who_comes_meanwhile_waits(before: Before) -> None:
    """And finds the new data."""
    upgrade = MajorUpgrade.of(before.data.parent, before.programs)
    upgrade.old_server().close()
    found: list[str] = []
    coming = threading.Thread(
        target=lambda: (before.check_goes_on(), found.append(version(before.data)))
    )
    with upgrade.new_server():
        coming.start()
        coming.join(1)
        assert coming.is_alive()
    coming.join(120)
    assert found == [upgrade.now]


def test_programs_of_the_wrong_version_are_refused(before: Before, tmp_path: Path) -> None:
    """And so is a directory without data; nothing is made."""
    with pytest.raises(ConfigurationError, match="--from-bin names those of"):
        postgres_upgrade.upgrade_postgres(before.home, binaries.find())
    nowhere = Home(tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match="holds no data"):
        postgres_upgrade.upgrade_postgres(nowhere, before.programs)
    assert not nowhere.data.exists()
