"""The wheel where nothing else is: installed by digest, and then as the container runs it.

`Installed` is a virtual environment with the wheel and what requirements.lock pins, in a directory
that knows nothing of this source tree, of the Python that VERANTWOORD_TEST_PYTHON names, or ours.
`Confined` is what docker-compose.yml asks a container engine for, made with `unshare` and
`setpriv`: user 10001, a root that cannot be written and holds only the system, Python and that
environment, no capabilities, no new privileges. Memory that is written is never run either, as the
systemd units ask.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from ledger.embedded import binaries
from ledger.embedded.cluster import account
from tests.test_container import COMPOSE
from tests.test_lock import ROOT, pins

pytestmark = pytest.mark.long

EVENTS = [
    {"id": "processor-P", "type": "ProcessorRegistered", "occurred_at": "2026-02-02T09:00:00+01:00",
     "data": {"processor_id": "P", "legal_name": "Voorbeeld Dossier B.V.", "kvk": "12345678"}},
    {"id": "controller-C1", "type": "ControllerRegistered",
     "occurred_at": "2026-02-02T09:10:00+01:00",
     "data": {"controller_id": "C1", "legal_name": "Praktijk Voorbeeld"}},
]  # fmt: skip

PYTHON = os.environ.get("VERANTWOORD_TEST_PYTHON", sys.executable)

NOBODY = 10001


class Installed:
    """A virtual environment with the wheel, made as the how-to says."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.program = directory / "venv" / "bin" / "verantwoord"
        self.python = directory / "venv" / "bin" / "python"
        directory.chmod(0o755)
        self._run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir",
                  directory, ROOT)  # fmt: skip
        (wheel,) = directory.glob("*.whl")
        self._run(PYTHON, "-m", "venv", directory / "venv")
        pip = (self.python, "-m", "pip", "install", "-q", "--only-binary", ":all:")
        self._run(*pip, "--require-hashes", "-r", ROOT / "requirements.lock")
        self._run(*pip, "--no-deps", wheel)

    @property
    def base(self) -> str:
        """Where its Python is."""
        asked = [self.python, "-c", "import sys; print(sys.base_prefix)"]
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()

    def _run(self, *command: str | Path) -> None:
        subprocess.run(command, cwd=self.directory, check=True, timeout=600, capture_output=True)

    def __call__(self, *arguments: object, status: int = 0) -> str:
        """What the program prints in this directory."""
        done = subprocess.run(
            [self.program, *map(str, arguments)],
            cwd=self.directory, env=environment(), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == status, (arguments, done.stdout, done.stderr)
        return done.stdout


def environment(**others: str) -> dict[str, str]:
    """Nothing of ours: no variable leads back to the source tree."""
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "COLUMNS": "200", "LANG": "C.UTF-8", **others}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The program, away from here."""
    return Installed(tmp_path_factory.mktemp("elsewhere"))


def answers(address: str, python: Path) -> bool:
    """Whether a service is well, asked as the health check of the container asks."""
    script = f"import urllib.request as r; r.urlopen('{address}', timeout=4)"
    done = subprocess.run([python, "-c", script], capture_output=True, check=False, timeout=30)
    return done.returncode == 0


def wait_until_well(process: subprocess.Popen[str], address: str, python: Path) -> None:
    """Until it answers; it must not have ended, nor take a minute."""
    deadline = time.monotonic() + 60
    while not answers(address, python):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "not well within a minute"
        time.sleep(0.2)


def end(process: subprocess.Popen[str]) -> None:
    """Tell it to end, as a supervisor does: it must, in good order, within what compose and the
    units grant. A process that ends by the signal that it was sent has ended well."""
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=25)
    assert process.returncode in (0, -signal.SIGTERM), (process.returncode, said)
    assert "Traceback" not in said


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def test_only_what_is_pinned_is_installed(installed: Installed) -> None:
    """Nothing of tests among it, and nothing that pip finds missing."""
    listed = subprocess.run(
        [installed.python, "-m", "pip", "list", "--format", "json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    names = {each["name"].lower().replace("_", "-") for each in json.loads(listed.stdout)}
    assert names - {"pip", "setuptools", "verantwoord"} <= pins("requirements.lock").keys()
    subprocess.run([installed.python, "-m", "pip", "check"], check=True, capture_output=True)


def test_the_installed_program_does_its_work(installed: Installed) -> None:
    """From an empty directory to a verified pack, with the server that is installed with it."""
    assert "verantwoord" in installed("--help")
    origin = installed.directory / "verantwoord-data"
    installed("init", "--origin", "demo.example.org/installed", "--kvk", "12345678")
    installed("keys", "new", "k-backoffice-1", "--service", "backoffice")
    events = installed.directory / "events.ndjson"
    events.write_text("".join(json.dumps(event) + "\n" for event in EVENTS))
    installed("append", events, "--key", "k-backoffice-1.key", "--receipts", "receipts")
    said = installed("verify", "receipts/controller-C1.tlog-proof", "--vkey", origin / "log.vkey")
    assert said.startswith("included")
    assert "Praktijk Voorbeeld" in installed("register", "processing", "--lang", "nl")
    for form, begin in (("pdf", "%PDF-"), ("xlsx", "PK")):
        with (installed.directory / f"out.{form}").open("wb") as out:
            subprocess.run(
                [installed.program, "register", "processing", "--format", form],
                cwd=installed.directory, env=environment(), stdout=out, check=True, timeout=120,
            )  # fmt: skip
        assert (installed.directory / f"out.{form}").read_bytes().startswith(begin.encode())
    installed("evidence", "nen7510")
    installed("pack", "evidence.zip")
    assert installed("verify", "evidence.zip").startswith("complete, included")
    port = free_port()
    serving = subprocess.Popen(
        [installed.program, "serve", "--port", str(port)], cwd=installed.directory,
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        wait_until_well(serving, f"http://127.0.0.1:{port}/readyz", installed.python)
        for path in ("/assets/htmx.min.js", "/assets/style.css", "/sign-in"):
            assert answers(f"http://127.0.0.1:{port}{path}", installed.python), path
    finally:
        end(serving)


# What docker-compose.yml asks for, with the means of the kernel.

SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc")

MEMORY_DENY_WRITE_EXECUTE = 65
"""PR_SET_MDWE of prctl(2), of Linux 6.3 on; an older kernel answers EINVAL, and goes without."""

LAUNCH = (
    f"import ctypes, os, sys; ctypes.CDLL(None).prctl({MEMORY_DENY_WRITE_EXECUTE}, 1, 0, 0, 0);"
    " os.execv(sys.argv[1], sys.argv[1:])"
)


def may_confine() -> bool:
    """Whether this account may make file systems of its own and become somebody else."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "setpriv", "mount"))):
        return False
    done = subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True)
    return done.returncode == 0


needs_root = pytest.mark.skipif(
    not may_confine(), reason="needs root with unshare and setpriv, to become user 10001"
)


class Confined:
    """A service of docker-compose.yml, with its volumes in a directory."""

    def __init__(self, installed: Installed, root: Path, volumes: Mapping[str, Path]) -> None:
        self._installed = installed
        self._root = root
        self._volumes = volumes
        self.environment: dict[str, str] = {}

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Begin to run a command of the program."""
        return subprocess.Popen(
            ["unshare", "--mount", "--ipc", "--propagation", "private", "bash", "-euc",
             self._script([str(self._installed.program), *command])],
            env=environment(**self.environment), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def run(self, *command: str) -> str:
        """What a command prints; it must end well."""
        process = self.start(*command)
        said, _ = process.communicate(timeout=180)
        assert process.returncode == 0, said
        return said

    def shell(self, line: str) -> str:
        """What a line of shell prints in there."""
        process = subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "bash", "-euc",
             self._script(["/bin/sh", "-c", line])],
            env=environment(), capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        return process.stdout + process.stderr

    def _script(self, command: Sequence[str]) -> str:
        """Mount the new root, make it read-only, go there, and give up all rights."""
        new = shlex.quote(str(self._root))
        tmp = f"{new}/tmp"  # noqa: S108 - what compose mounts there
        lines = [
            f"mount -t tmpfs -o mode=0755 confined {new}",
            f"mkdir {tmp} {new}/proc {new}/dev",
            f"mount -t tmpfs -o mode=1777,size=256m tmp {tmp}",
            f"mount --rbind /proc {new}/proc",
            f"mount --rbind /dev {new}/dev",
        ]
        seen = {*SYSTEM, self._installed.base, str(self._installed.directory / "venv")}
        mounts = [(path, path, "ro") for path in sorted(seen) if Path(path).exists()]
        mounts += [(str(at), to, "rw,nosuid,nodev") for to, at in self._volumes.items()]
        for source, target, mode in mounts:
            at, to = shlex.quote(source), shlex.quote(f"{self._root}{target}")
            make = "mkdir -p" if Path(source).is_dir() else "install -D /dev/null"
            lines += [
                f"{make} {to}",
                f"mount --bind {at} {to}",
                f"mount -o remount,bind,{mode} {to}",
            ]
        lines += [f"mount -o remount,bind,ro {new}", f"cd {new}"]
        nobody = [
            "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
            "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all",
        ]  # fmt: skip
        python = str(self._installed.python)
        inner = shlex.join([*nobody, python, "-c", LAUNCH, *command])
        return "\n".join([*lines, f"exec chroot . {inner}"])


@contextmanager
def database(directory: Path) -> Iterator[tuple[int, str]]:
    """A PostgreSQL that is reached over TCP with a password, as in compose: its port, and that."""
    as_server = account()
    assert as_server is not None  # this is root
    programs = binaries.usable_by(binaries.find(), as_server)
    port, password = free_port(), secrets.token_hex(24)
    (directory / "password").write_text(password)
    os.chown(directory, as_server.uid, as_server.gid)
    (directory / "password").chmod(0o644)

    def server(program: str, *options: str) -> None:
        subprocess.run(
            [programs / program, "--pgdata=data", *options],
            cwd=directory, env=environment(), check=True, timeout=120, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, user=as_server.uid, group=as_server.gid, extra_groups=[],
        )  # fmt: skip

    server("initdb", "--username=verantwoord", "--pwfile=password", "--auth=scram-sha-256",
           "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums")  # fmt: skip
    options = f"-c port={port} -c unix_socket_directories= -c listen_addresses=127.0.0.1"
    server("pg_ctl", "--wait", "--log=log", f"--options={options}", "start")
    where = f"host=127.0.0.1 port={port} user=verantwoord password={password} dbname=postgres"
    try:
        with psycopg.connect(where, autocommit=True) as made:
            made.execute("CREATE DATABASE verantwoord")
        yield port, password
    finally:
        server("pg_ctl", "--mode=immediate", "--silent", "stop")


def command_of(name: str, port: int, database_port: int = 0) -> list[str]:
    """The command of a service in docker-compose.yml, at a port of ours, at a database of ours."""
    command = [
        each.replace("@postgres/", f"@127.0.0.1:{database_port}/")
        for each in COMPOSE["services"][name]["command"]
    ]
    return [*command, f"--port={port}"]


def health_of(name: str, port: int) -> str:
    """The address that its health check asks, at that port."""
    script = COMPOSE["services"][name]["healthcheck"]["test"][3]
    (found,) = re.findall(r"http://127\.0\.0\.1:\d+(/\w+)", script)
    return f"http://127.0.0.1:{port}{found}"


def owned(path: Path, text: str | None = None) -> Path:
    """A directory, or a file with a text, of the user of the container alone."""
    if text is None:
        path.mkdir(mode=0o700)
    else:
        path.touch(mode=0o600)
        path.write_text(text)
    os.chown(path, NOBODY, NOBODY)
    return path


def rights(process: subprocess.Popen[str]) -> dict[str, str]:
    """What the kernel says that a process is and may."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return {name: " ".join(value.split()) for name, _, value in (x.partition(":") for x in lines)}


@needs_root
def test_ledger_and_witness_run_as_compose_runs_them(installed: Installed, tmp_path: Path) -> None:
    """As user 10001 on a root that cannot be written: made, served, appended to, cosigned by the
    witness of the same file, and ended when told to."""
    (tmp_path / "root").mkdir()
    with tempfile.TemporaryDirectory(dir="/tmp") as place, database(Path(place)) as (port, word):
        data, memory = owned(tmp_path / "verantwoord-data"), owned(tmp_path / "witness-data")
        pgpass = owned(tmp_path / "pgpass", f"127.0.0.1:{port}:verantwoord:verantwoord:{word}\n")
        volumes = {"/data": data, "/run/secrets/pgpass": pgpass}
        ledger = Confined(installed, tmp_path / "root", volumes)
        ledger.environment = COMPOSE["services"]["ledger"]["environment"]
        serve = command_of("ledger", free_port(), port)
        where = [each for each in serve if each.startswith(("--data", "--database-url"))]
        ledger.run("init", "--origin=demo.example.org/confined", "--kvk=12345678", *where)

        of_log = f"log {(data / 'log.vkey').read_text()}"
        logs = owned(tmp_path / "witness-logs", f"{of_log}quorum none\n")
        witness = Confined(installed, tmp_path / "root", {"/data": memory, "/logs": logs})
        cosign = command_of("witness", free_port())
        witness.run("witness", "--data=/data", "--name=witness.example.org/w1", "--show")
        first = (memory / "witness.policy").read_text().splitlines()
        line = next(each for each in first if each.startswith("witness "))
        at = int(cosign[-1].partition("=")[2])
        owned(data / "trusted", f"{of_log}{line}\nquorum {line.split()[1]}\n")
        owned(data / "policy", f"{line} http://127.0.0.1:{at}\nquorum {line.split()[1]}\n")

        serving, cosigning = ledger.start(*serve), witness.start(*cosign)
        try:
            own = int(serve[-1].partition("=")[2])
            wait_until_well(serving, health_of("ledger", own), installed.python)
            wait_until_well(cosigning, health_of("witness", at), installed.python)
            for process in (serving, cosigning):
                said = rights(process)
                assert said["Uid"] == " ".join([str(NOBODY)] * 4)
                assert (said["CapEff"], said["CapBnd"]) == ("0" * 16, "0" * 16)
                assert said["NoNewPrivs"] == "1"
            ledger.run("keys", "new", "k-1", "--service=backoffice", "--into=/data", *where)
            owned(data / "events.ndjson", "".join(json.dumps(event) + "\n" for event in EVENTS))
            ledger.run("append", "/data/events.ndjson", "--key=/data/k-1.key", *where)
            assert "The quorum is" in ledger.run("publish", *where)
            assert "Praktijk" in ledger.run("register", "processing", *where)
            ledger.run("pack", "/data/evidence.zip", *where)
            assert "complete, witnessed" in ledger.run(
                "verify", "/data/evidence.zip", "--policy=/data/trusted"
            )
        finally:
            end(serving)
            end(cosigning)
    refused = ledger.shell("touch /x /usr/x /data/y; ls /data; ls /home; id -u")
    assert refused.count("Read-only file system") == 2
    assert {"y", "log.vkey"} <= set(refused.split())
