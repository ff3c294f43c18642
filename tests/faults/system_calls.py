"""Faults at system calls: an error instead of an answer, or SIGKILL on entering.

Of PostgreSQL: its log (WAL), its data files, its sockets. Of the service: the file that keeps the
last checkpoint (`ledger/durable_file.py`), its lock, and its sockets.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress

import psycopg

from tests.faults.fault import Fault, Outcome, Says
from tests.faults.scene import Scene
from tests.faults.strace import injected

KIND = "system calls"
STRACE = ("strace",)


def of_server(call: str, what: str, *titles: str) -> Callable[[Scene, int], None]:
    """A fault of PostgreSQL's processes of these titles, at their N-th call."""

    def play(scene: Scene, number: int) -> None:
        with injected(scene.processes(*titles), call, f"{what}:when={number}") as calls:
            calls.until_hit()

    return play


def in_log(call: str, what: str) -> Callable[[Scene, int], None]:
    """A fault at the N-th call about the file of PostgreSQL's log that is written now."""

    def play(scene: Scene, number: int) -> None:
        with scene.connect() as conn:
            ((name,),) = conn.execute("SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
        path = scene.postgres / "data" / "pg_wal" / name
        pids = scene.processes("verantwoord", "walwriter")
        with injected(pids, call, f"{what}:when={number}", path=path) as calls:
            calls.until_hit()

    return play


def in_checkpoint(call: str, what: str, *titles: str) -> Callable[[Scene, int], None]:
    """A fault at the N-th call of processes while PostgreSQL writes its data files."""

    def play(scene: Scene, number: int) -> None:
        with scene.connect() as conn, suppress(psycopg.Error):  # it fails, which is meant
            with injected(scene.processes(*titles), call, f"{what}:when={number}") as calls:
                with suppress(psycopg.Error):
                    conn.execute("CHECKPOINT")
                calls.until_hit()

    return play


def of_service(call: str, what: str, file: str | None = None) -> Callable[[Scene, int], None]:
    """A fault of the service at its N-th call, about one of its files when that is named."""

    def play(scene: Scene, number: int) -> None:
        path = scene.data / file if file else None
        with injected([scene.service.pid], call, f"{what}:when={number}", path=path) as calls:
            calls.until_hit()

    return play


def revive(call: str, file: str) -> Callable[[Scene, int], None]:
    """PostgreSQL and its guard are killed while the service cannot start another guard."""

    def play(scene: Scene, number: int) -> None:
        path = scene.postgres / file
        with injected([scene.service.pid], call, "error=EROFS", path=path) as calls:
            os.kill(scene.guardian(), signal.SIGKILL)
            calls.until_hit(number)

    return play


ONCE = range(1, 4)

FAULTS: Sequence[Fault] = (
    Fault(
        "wal-sync-eio",
        KIND,
        "PostgreSQL: `fdatasync` of its log fails with EIO",
        Outcome.BY_ITSELF,
        in_log("fdatasync", "error=EIO"),
        [Says("server", r"PANIC: +could not fdatasync file .*: Input/output error")],
        ONCE,
        STRACE,
    ),
    Fault(
        "wal-write-eio",
        KIND,
        "PostgreSQL: `pwrite64` of its log fails with EIO",
        Outcome.BY_ITSELF,
        in_log("pwrite64", "error=EIO"),
        [Says("server", r"could not write to (log )?file .*: Input/output error")],
        ONCE,
        STRACE,
    ),
    Fault(
        "wal-write-enospc",
        KIND,
        "PostgreSQL: `pwrite64` of its log fails with ENOSPC",
        Outcome.BY_ITSELF,
        in_log("pwrite64", "error=ENOSPC"),
        [Says("server", r"could not write to (log )?file .*: No space left on device")],
        ONCE,
        STRACE,
    ),
    Fault(
        "data-sync-eio",
        KIND,
        "PostgreSQL: `fsync` of a data file fails with EIO during a checkpoint",
        Outcome.BY_ITSELF,
        in_checkpoint("fsync", "error=EIO", "checkpointer"),
        [Says("server", r"could not fsync file .*: Input/output error")],
        (1, 4, 9),
        STRACE,
    ),
    Fault(
        "data-write-enospc",
        KIND,
        "PostgreSQL: `pwrite64` of a data file fails with ENOSPC during a checkpoint",
        Outcome.BY_ITSELF,
        in_checkpoint("pwrite64", "error=ENOSPC", "checkpointer"),
        [Says("server", r"No space left on device")],
        (1, 5),
        STRACE,
    ),
    Fault(
        "server-open-eio",
        KIND,
        "PostgreSQL: `openat` fails with EIO in every process",
        Outcome.BY_ITSELF,
        in_checkpoint("openat", "error=EIO"),
        [Says("server", r"could not open .*: Input/output error")],
        ONCE,
        STRACE,
    ),
    Fault(
        "data-extend-enospc",
        KIND,
        "PostgreSQL: a table cannot grow (`pwrite64`, `pwritev` or `fallocate` fails with ENOSPC)",
        Outcome.BY_ITSELF,
        of_server("pwrite64,pwritev,fallocate", "error=ENOSPC", "verantwoord"),
        [Says("server", r"No space left on device")],
        ONCE,
        STRACE,
    ),
    Fault(
        "server-killed-in-sync",
        KIND,
        "PostgreSQL: SIGKILL on entering `fdatasync` of its log",
        Outcome.BY_ITSELF,
        in_log("fdatasync", "signal=KILL"),
        [Says("server", r"was terminated by signal 9")],
        ONCE,
        STRACE,
    ),
    Fault(
        "server-killed-in-write",
        KIND,
        "PostgreSQL: SIGKILL on entering `pwrite64` of its log",
        Outcome.BY_ITSELF,
        in_log("pwrite64", "signal=KILL"),
        [Says("server", r"was terminated by signal 9")],
        ONCE,
        STRACE,
    ),
    Fault(
        "server-killed-in-answer",
        KIND,
        "PostgreSQL: SIGKILL on entering `sendto`",
        Outcome.BY_ITSELF,
        of_server("sendto", "signal=KILL", "verantwoord"),
        [Says("server", r"was terminated by signal 9")],
        (1, 2, 3, 5, 8, 12),
        STRACE,
    ),
    *(
        Fault(
            f"kept-{name}",
            KIND,
            f"Service: `{call}` of `last.checkpoint` fails with {error}",
            Outcome.BY_ITSELF,
            of_service(call, f"error={error}", file),
            [Says("answer", f"{does} last.checkpoint, which keeps the last checkpoint: {told}")],
            ONCE,
            STRACE,
        )
        for name, call, error, file, does, told in (
            ("open-enospc", "openat", "ENOSPC", "last.checkpoint.new", "write", "No space left"),
            ("open-readonly", "openat", "EROFS", "last.checkpoint.new", "write", "Read-only file"),
            ("write-enospc", "write", "ENOSPC", "last.checkpoint.new", "write", "No space left"),
            ("sync-eio", "fsync", "EIO", "last.checkpoint.new", "write", "Input/output error"),
            ("rename-eio", "rename", "EIO", "last.checkpoint.new", "write", "Input/output error"),
            ("lock-eio", "openat", "EIO", "last.checkpoint.lock", "lock", "Input/output error"),
            ("read-eio", "openat", "EIO", "last.checkpoint", "read", "Input/output error"),
        )
    ),
    *(
        Fault(
            f"service-killed-in-{call}",
            KIND,
            f"Service: SIGKILL on entering `{call}`{where}",
            Outcome.RESTART,
            of_service(call, "signal=KILL", file),
            (),
            numbers,
            STRACE,
        )
        for call, file, numbers, where in (
            ("fsync", "last.checkpoint.new", (1, 2), " of `last.checkpoint`"),
            ("rename", "last.checkpoint.new", (1, 2), " of `last.checkpoint`"),
            ("sendto", None, (1, 3, 6), " to PostgreSQL"),
            ("recvfrom", None, (1, 3, 6), " from PostgreSQL"),
            ("write", None, (2, 5), " to a client"),
        )
    ),
    # Not `sendto`: after its error libpq waits for what the next read says, and where the line is
    # whole, as here, nothing comes.
    Fault(
        "service-recvfrom-reset",
        KIND,
        "Service: `recvfrom` from PostgreSQL fails with ECONNRESET",
        Outcome.BY_ITSELF,
        of_service("recvfrom", "error=ECONNRESET"),
        (),
        (1, 2, 3, 4, 5, 8),
        STRACE,
    ),
    Fault(
        "service-no-descriptors",
        KIND,
        "Service: `accept4` fails with EMFILE",
        Outcome.BY_ITSELF,
        of_service("accept4", "error=EMFILE"),
        (),
        (1, 2),
        STRACE,
    ),
    Fault(
        "guard-log-readonly",
        KIND,
        "PostgreSQL and its guard are killed while `guard.log` cannot be opened (EROFS)",
        Outcome.BY_ITSELF,
        revive("openat", "guard.log"),
        [Says("service", "the database cannot be started, and is tried again")],
        (3,),
        STRACE,
    ),
)
