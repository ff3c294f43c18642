"""A log that an earlier program made gets what came since, and stays what it was; programs of two
versions work side by side."""

from __future__ import annotations

import difflib
import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from ledger import citus, deployment, entry, keys, receipt
from ledger import sql as sql_files
from ledger.append import Appended
from ledger.deployment import BESIDE_THE_LOG, SCHEMA_VERSION, TAKES_AWAY, Home
from ledger.errors import ConfigurationError, KeyDestroyed
from ledger.isolation import OneController
from ledger.opening import Ledger, open_ledger
from ledger.sealing_keys import key_for
from projections.folds import FOLDS
from projections.follow import catch_up, rebuild
from tests.absent import absent
from tests.catalog import describe, taken_away
from tests.check_ledger import check_ledger, check_registers
from tests.golden import databases
from tests.golden import schema as golden_schema
from tests.ledgers import Clock, TestLedger
from tests.other_program import running

Owner = Callable[[], psycopg.Connection]

ROOT = Path(__file__).resolve().parent.parent

COMMITTED = (
    "SELECT position, type, recorded_at, tags, leaf, leaf_hash FROM entries ORDER BY position"
)

EARLIER = sorted(databases.LAST_COMMITS)


@contextmanager
def opened(home: Home) -> Iterator[TestLedger]:
    """A golden database, opened by this program, with the key of a service that appends to it."""
    clock = Clock()
    with open_ledger(home, clock=clock) as ledger:
        key = keys.load(keys.key_file(home.keys / "producers", "k-helpdesk"))
        yield TestLedger(home, ledger, clock, {"helpdesk": key})


def given_before(home: Home, ledger: Ledger) -> list[Appended]:
    """What producers were answered by the earlier program, by the receipts that they kept."""
    texts = json.loads((home.data / "receipts.json").read_text())
    assert len(texts) > 20
    return [answered(text, ledger) for text in texts]


def answered(text: str, ledger: Ledger) -> Appended:
    """The answer that a receipt came with."""
    found = receipt.check(text, ledger.log_keys())
    return Appended(found.index, entry.parse(found.leaf).recorded_at, text, created=True)


@pytest.mark.parametrize("version", EARLIER)
def test_a_log_of_an_earlier_version_is_upgraded(home: Home, owner: Owner, version: int) -> None:
    """Whole: its checkpoints and receipts are what they were, its registers are folds of the log,
    one controller is read, what was forgotten stays so, and appends go on."""
    databases.restore(version, home)
    with owner() as conn:
        assert conn.execute("SELECT schema_version FROM log").fetchone() == (version,)
        before = conn.execute("SELECT * FROM checkpoints ORDER BY size").fetchall()
        entries = conn.execute(COMMITTED).fetchall()
    for _ in range(2):
        with opened(home) as made, owner() as conn:
            assert conn.execute("SELECT schema_version FROM log").fetchone() == (SCHEMA_VERSION,)
            assert conn.execute("SELECT * FROM checkpoints ORDER BY size").fetchall() == before
            assert conn.execute(COMMITTED).fetchall() == entries
    with opened(home) as made:
        given = given_before(home, made.ledger)
        check_ledger(made, given)
        check_registers(made)
        size = made.ledger.reader.size()
        with OneController(made.ledger.pool, made.ledger.database, "C1", size).connection() as conn:
            assert conn.execute("SELECT DISTINCT controller FROM numbers").fetchall() == [("C1",)]
        check_ledger(made, [*given, *made.fill(3, start=1000)])
        check_registers(made)


@pytest.mark.parametrize("version", [each for each in EARLIER if each >= 3])
def test_who_was_let_in_and_what_was_forgotten_stay(home: Home, version: int) -> None:
    """Neither is in the log: only the upgrade could lose it."""
    databases.restore(version, home)
    with opened(home) as made, made.ledger.pool.connection() as conn:
        assert conn.execute("SELECT holder FROM granted_access").fetchall() == [("officer-1",)]
        masters = made.ledger.master_keys
        assert key_for(conn, masters, "request:V-kept", made.clock())
        with pytest.raises(KeyDestroyed):
            key_for(conn, masters, "request:V-forgotten", made.clock())


@pytest.mark.parametrize("version", EARLIER)
def test_an_upgraded_schema_is_that_of_a_new_log(home: Home, version: int) -> None:
    """Every table, index, right, policy and trigger, on every server that is supported."""
    databases.restore(version, home)
    with opened(home) as made, made.ledger.database.connect_as_owner() as conn:
        compare(conn, describe(conn, made.ledger.database))


def test_a_new_schema_is_the_golden_one(ledger: TestLedger) -> None:
    """What a log is like does not change unless a file is added that upgrades others to it."""
    with ledger.ledger.database.connect_as_owner() as conn:
        compare(conn, describe(conn, ledger.ledger.database))


def compare(conn: psycopg.Connection, described: list[str]) -> None:
    """Fail with the lines that differ from the golden schema."""
    if citus.is_cluster(conn):  # there the roles may log in (ledger/citus.py)
        described = [line.replace("| login true |", "| login false |") for line in described]
    golden = golden_schema.FILE.read_text("utf-8").splitlines()
    differ = difflib.unified_diff(
        golden, described, "tests/golden/schema.txt", "this", n=0, lineterm=""
    )
    assert not (lines := list(differ)), "\n".join(lines)


def test_golden_databases_are_never_changed() -> None:
    """They stand for databases that exist."""
    listed = (databases.HERE / "SHA256SUMS").read_text().splitlines()
    assert listed == databases.sums()


def test_a_file_only_adds_unless_it_is_named(home: Home) -> None:
    """So the program before goes on while a later one upgrades; from version 4 on."""
    found: dict[str, list[str]] = {}
    databases.restore(3, home)
    with home.database() as database, database.connect_as_owner() as conn:
        for name in (name for name, came_with in BESIDE_THE_LOG.items() if came_with > 3):
            before = describe(conn, database)
            deployment.run_file(conn, database, sql_files.text(name))
            found[name] = taken_away(before, describe(conn, database))
    assert {name for name, lines in found.items() if lines} == set(TAKES_AWAY), found
    for name in set(found) - set(TAKES_AWAY):
        rows = re.findall(r"(?im)^ *(?:update|delete|truncate|insert)\b.*", sql_files.text(name))
        assert not rows, f"{name} changes rows that the program before may be reading: {rows}"


NARROWING = (
    "ALTER TABLE packs DROP COLUMN reason",
    "ALTER TABLE packs RENAME COLUMN reason TO why",
    "ALTER TABLE packs RENAME TO asked",
    "ALTER TABLE packs ALTER COLUMN done TYPE integer",
    "ALTER TABLE packs ALTER COLUMN reason SET NOT NULL",
    "ALTER TABLE packs ALTER COLUMN done DROP DEFAULT",
    "ALTER TABLE packs ADD COLUMN wanted text NOT NULL",
    "ALTER TABLE packs ADD CHECK (bytes > 0)",
    "ALTER TABLE packs ADD UNIQUE (sha256)",
    "CREATE UNIQUE INDEX ON packs (sha256)",
    "ALTER TABLE packs ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY narrow ON entries AS RESTRICTIVE USING (false)",
    "DROP POLICY served ON entries",
    "DROP TABLE pack_pieces",
    "DROP INDEX packs_open",
    "DROP FUNCTION refuse_change CASCADE",
    "REVOKE INSERT ON packs FROM {service_role}",
    "REVOKE UPDATE (size) ON head FROM {service_role}",
    "CREATE RULE nothing AS ON INSERT TO packs DO INSTEAD NOTHING",
    "CREATE TRIGGER t BEFORE INSERT ON packs FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
)

ADDING = (
    "ALTER TABLE packs ADD COLUMN wanted text",
    "ALTER TABLE packs ADD COLUMN wanted integer NOT NULL DEFAULT 0",
    "ALTER TABLE packs ADD COLUMN wanted bigint GENERATED ALWAYS AS IDENTITY",
    "CREATE INDEX ON packs (sha256)",
    "CREATE TABLE more (id text PRIMARY KEY); GRANT SELECT ON more TO {service_role}",
    "CREATE TABLE more (id text); CREATE UNIQUE INDEX ON more (id)",
    "GRANT DELETE ON granted_access TO {service_role}",
    "ALTER TABLE packs SET (fillfactor = 90)",
    "ALTER TABLE packs ALTER COLUMN reason SET STORAGE EXTERNAL",
)


REFUSED_BY_A_CLUSTER = ("AS IDENTITY", "SET STORAGE")
"""What no later file may do: Citus does not, to a log that is distributed (`ledger/citus.py`)."""


@pytest.mark.parametrize("statement", NARROWING + ADDING)
def test_what_takes_away_is_told_from_what_adds(ledger: TestLedger, statement: str) -> None:
    """By what it does to the schema, however it is written."""
    database = ledger.ledger.database
    with database.connect_as_owner() as conn, conn.transaction(force_rollback=True):
        before = describe(conn, database)
        if citus.is_cluster(conn) and any(said in statement for said in REFUSED_BY_A_CLUSTER):
            with pytest.raises(psycopg.errors.FeatureNotSupported):
                deployment.run_file(conn, database, statement)
            return
        deployment.run_file(conn, database, statement)
        found = taken_away(before, describe(conn, database))
    assert bool(found) == (statement in NARROWING), found


@pytest.mark.parametrize("version", [1, SCHEMA_VERSION + 1])
def test_a_log_of_a_version_that_is_not_known_is_not_opened(
    ledger: TestLedger, owner: Owner, version: int
) -> None:
    """It is left as it is, and the error says which program to use."""
    with owner() as conn:
        conn.execute("UPDATE log SET schema_version = %s, oldest_program = %s", (version, version))
    with pytest.raises(ConfigurationError, match=f"version {version}"):
        with open_ledger(ledger.home):
            pass
    with owner() as conn:
        assert conn.execute("SELECT schema_version FROM log").fetchone() == (version,)


def test_an_upgrade_keeps_nobody_waiting(
    home: Home, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction that reads a table for long, such as a rebuild, makes the upgrade wait, and not
    those behind it; when the upgrade gives up nothing was changed, and then it works."""
    monkeypatch.setattr(deployment, "LOCKS", timedelta(seconds=0.3))
    monkeypatch.setattr(deployment, "PATIENCE", timedelta(seconds=1))
    databases.restore(4, home)
    with owner() as reading, owner() as other, reading.transaction():
        reading.execute("SELECT count(*) FROM register_rows")
        refused: list[BaseException] = []
        upgrading = threading.Thread(target=lambda: refused.append(refusal(home)))
        upgrading.start()
        other.execute("SET statement_timeout = '5s'")
        while upgrading.is_alive():
            other.execute("SELECT count(*) FROM register_rows")
            upgrading.join(0.02)
        assert "nothing was changed" in str(refused[0])
        assert other.execute("SELECT schema_version FROM log").fetchone() == (4,)
    with opened(home) as made:
        check_ledger(made)


def refusal(home: Home) -> BaseException:
    """Why a home is not opened."""
    with pytest.raises(ConfigurationError) as refused, open_ledger(home):
        pass
    return refused.value


def test_of_programs_that_open_it_at_once_one_upgrades(home: Home) -> None:
    """The others wait for it, and none fails."""
    databases.restore(2, home)
    sizes: list[int] = []

    def look() -> None:
        with open_ledger(home, signs=False) as ledger:
            sizes.append(ledger.reader.size())

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sizes == [202] * 4


@pytest.fixture
def program_before(tmp_path: Path) -> Iterator[Path]:
    """The last program of schema version 4, from the history of this project."""
    program, commit = tmp_path / "before", databases.LAST_COMMITS[4]
    if shutil.which("git") is None:
        absent("history", "git is not installed")
    made = subprocess.run(
        ["git", "-C", ROOT, "worktree", "add", "--quiet", "--detach", program, commit],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        absent("history", made.stderr.strip())
    yield program
    subprocess.run(["git", "-C", ROOT, "worktree", "remove", "--force", program], check=True)


def later_program(tmp_path: Path, oldest: int | None = None) -> Path:
    """This program as its next version may be: columns, a table and a right more, other folds; with
    `oldest` also something less, which programs from that version on do not use."""
    program = tmp_path / "later"
    for package in ("ledger", "projections", "api"):
        shutil.copytree(ROOT / package, program / package)
    (program / "ledger/sql/later.sql").write_text(
        "ALTER TABLE register_rows ADD COLUMN later text;\n"
        "ALTER TABLE log ADD COLUMN later integer NOT NULL DEFAULT 1;\n"
        "CREATE INDEX entries_later ON entries (recorded_at);\n"
        "CREATE TABLE later (id text PRIMARY KEY);\n"
        "GRANT SELECT, INSERT ON later TO {service_role};\n"
        + ("" if oldest is None else "DROP INDEX packs_holder;\n")
    )
    version = SCHEMA_VERSION + 1
    edit(
        program / "ledger/deployment.py",
        '"programs.sql": 9,',
        f'"programs.sql": 9, "later.sql": {version},',
    )
    if oldest is not None:
        taken = '"concerned.sql": 8'
        edit(program / "ledger/deployment.py", f"{taken}}}", f'{taken}, "later.sql": {oldest}}}')
    edit(program / "projections/folds.py", f"FOLDS = {FOLDS}", f"FOLDS = {FOLDS + 1}")
    return program


def edit(file: Path, old: str, new: str) -> None:
    """Replace what a file has once."""
    text = file.read_text()
    assert text.count(old) == 1, (file, old)
    file.write_text(text.replace(old, new))


def test_a_service_of_before_version_8_records_nothing_that_is_not_seen(
    home: Home, program_before: Path
) -> None:
    """Program and schema of version 4 under load: what it was answered stays, and once this one has
    upgraded it ends, since it cannot say whom an entry concerns."""
    databases.restore(4, home)
    with (  # noqa: PT012 - the end of the other program raises, whatever is seen before
        pytest.raises(AssertionError, match='column "controllers"'),
        running(program_before, home, "before") as before,
    ):
        before.go_on()
        assert before.lines()[0] == {"schema_version": 4}
        with opened(home) as made:
            before.process.wait(timeout=60)
            given = made.fill(5, start=1000)
            catch_up(made.ledger.pool)
            given += [answered(text, made.ledger) for text in before.receipts()]
            check_ledger(made, given + given_before(home, made.ledger))
            check_registers(made)


def test_a_service_of_this_program_goes_on_while_a_later_one_upgrades(
    home: Home, owner: Owner, tmp_path: Path
) -> None:
    """And is started again afterwards: what the later one only added to is opened, appended to and
    read, with the registers folded from the log. The rows are the later program's to make, until
    this one is told to."""
    databases.restore(4, home)
    with opened(home) as made:
        catch_up(made.ledger.pool)
        with running(later_program(tmp_path), home, "later") as later:
            given = []
            for number in range(1000, 100_000):
                given += made.fill(1, start=number)
                catch_up(made.ledger.pool)
                if len(later.receipts()) >= 3:
                    break
            with opened(home) as again:
                given += again.fill(3, start=200_000)
                assert catch_up(again.ledger.pool) == 0
                later.go_on()
            with owner() as conn:
                state = "SELECT schema_version, oldest_program, folds FROM log, followed"
                expected = (SCHEMA_VERSION + 1, deployment.OLDEST_PROGRAM, FOLDS + 1)
                until = time.monotonic() + 60  # its follower makes the rows anew beside it
                while conn.execute(state).fetchone() != expected:
                    assert time.monotonic() < until, "the later program made no rows of its own"
                    time.sleep(0.1)
        given += [answered(text, made.ledger) for text in later.receipts()]
        check_ledger(made, given)
        check_registers(made)
    with opened(home) as back:
        rebuild(back.ledger.pool)
        back.fill(1, start=300_000)
        check_registers(back)


def test_a_program_that_uses_what_was_taken_away_does_not_open_it(
    home: Home, owner: Owner, tmp_path: Path
) -> None:
    """The later program says which is the oldest that may; nothing is written then."""
    databases.restore(4, home)
    with running(later_program(tmp_path, oldest=SCHEMA_VERSION + 1), home, "later") as later:
        later.go_on()
    with owner() as conn:
        before = conn.execute("SELECT * FROM log").fetchall()
        assert f"know version {SCHEMA_VERSION + 1} or later" in str(refusal(home))
        assert conn.execute("SELECT * FROM log").fetchall() == before
