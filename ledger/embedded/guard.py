"""The guard: runs the server of a directory as long as somebody uses it.

A process of its own, in its own session, of the standard library alone. It holds `guard.lock`, is
the parent of PostgreSQL, starts it again when it ends, and stops it once it gets the exclusive lock
on `users.lock`, which it then holds until the server is down: a newcomer waits for that and starts
a fresh one. When the guard itself is killed, the kernel tells PostgreSQL to stop.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

USERS = "users.lock"
GUARD = "guard.lock"
SOCKET = "socket"
DATA = "data"

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "wal_compression": "on",
    "max_wal_size": "1GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
"""The server's settings; no TCP, and nothing acknowledged before it is on disk."""

LOG_LIMIT = 10_000_000
"""Bytes of server.log that are kept when the server starts."""

RESTARTS = 5
"""How often in a row a server that ends within `STABLE` seconds is started again."""

STABLE = 10.0
STOP_TIMEOUT = 30.0
PDEATHSIG = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


def is_alive(directory: Path) -> bool:
    """Whether a guard runs the server of a directory."""
    with (directory / GUARD).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextlib.contextmanager
def reachable(data: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    """How a program is told of a data directory, and the descriptors that it is started with.

    Root's directories need not be open to the account that the server runs as, so it gets this one
    opened. Its working directory will not do: programs before PostgreSQL 16 leave that, and cannot
    come back by its name.
    """
    if os.geteuid() != 0:
        yield str(data), ()
        return
    descriptor = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}", (descriptor,)
    finally:
        os.close(descriptor)


def main(task: str) -> int:
    """Guard one directory until nobody uses it. 0: nothing went wrong."""
    job = json.loads(task)
    directory, programs = Path(job["directory"]), Path(job["programs"])
    with (directory / GUARD).open("a") as lock, (directory / USERS).open("a") as users:
        if not _lock_soon(lock.fileno()):
            return 0  # there is a guard already
        _detach()  # with the lock in hand: whoever started us sees it held
        clear_the_way(directory / DATA)
        socket = _socket_directory(directory, job["account"])
        try:
            return _run(directory, programs, socket, job["account"], users.fileno())
        finally:
            with contextlib.suppress(OSError):
                socket.rmdir()


def _run(
    directory: Path, programs: Path, socket: Path, account: list[int] | None, users: int
) -> int:
    failures = 0
    while failures < RESTARTS:
        started = time.monotonic()
        server = _start(directory, programs, socket, account)
        while server.poll() is None:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _stop(server)
                return 0
            time.sleep(0.1)
        failures = failures + 1 if time.monotonic() - started < STABLE else 0
        _say(f"the server ended with status {server.returncode}; starting it again")
    _say("the server keeps ending; given up")
    return 1


def _start(
    directory: Path, programs: Path, socket: Path, account: list[int] | None
) -> subprocess.Popen[bytes]:
    data = directory / DATA
    log = directory / "server.log"
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.unlink()
    settings = {**SETTINGS, "unix_socket_directories": str(socket)}
    options = [part for item in settings.items() for part in ("-c", "=".join(item))]
    with log.open("ab") as out, reachable(data) as (place, descriptors):
        return subprocess.Popen(  # noqa: S603
            [programs / "postgres", "-D", place, *options],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd="/",
            pass_fds=descriptors,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            user=account[0] if account else None,
            group=account[1] if account else None,
            extra_groups=[] if account else None,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - there are no threads here
        )


def die_with_parent() -> None:
    """For a child that is to be interrupted when its parent is killed."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PDEATHSIG, signal.SIGINT)


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Fast, and immediate if that takes too long."""
    for ending in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        server.send_signal(ending)
        try:
            server.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            continue
        return


def clear_the_way(data: Path) -> None:
    """Stop a server that a killed guard left, and remove a pid file that names somebody else."""
    file = data / "postmaster.pid"
    try:
        pid = int(file.read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return
    if not runs_in(pid, data):
        file.unlink()
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGINT)
    deadline = time.monotonic() + STOP_TIMEOUT
    while runs_in(pid, data) and time.monotonic() < deadline:
        time.sleep(0.05)


def runs_in(pid: int, data: Path) -> bool:
    """Whether a process works in the data directory, as each process of a server does."""
    try:
        return Path(f"/proc/{pid}/cwd").samefile(data)
    except OSError:
        return False


def _socket_directory(directory: Path, account: list[int] | None) -> Path:
    """A short private directory: the path of a Unix socket may have 103 bytes. The same one again
    for the same directory, so that a server which was started again is found."""
    owner = account[0] if account else os.geteuid()
    name = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    socket = Path(tempfile.gettempdir()) / f"verantwoord-{name}"
    try:
        socket.mkdir(mode=0o700)
    except FileExistsError:
        found = socket.lstat()
        private = stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o700
        if not private or found.st_uid != owner:
            socket = Path(tempfile.mkdtemp(prefix="verantwoord-"))  # somebody else took the name
    for left in socket.iterdir():  # of a server that was killed; no other can be alive now
        left.unlink()
    if account:
        os.chown(socket, *account)
    beside = directory / f"{SOCKET}.new"
    beside.write_text(str(socket))
    beside.rename(directory / SOCKET)
    return socket


def _lock_soon(descriptor: int) -> bool:
    """Take the guard's lock; a guard that is just ending may hold it a moment longer."""
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(0.02)
    return False


def _say(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}\n")
    sys.stderr.flush()


def _detach() -> None:
    """Go on as a child of nobody, in a session of its own; whoever started us need not wait."""
    if os.fork():
        os._exit(0)
    os.setsid()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
