"""Continuous archiving of an embedded server: every segment of its write-ahead log is copied away.

    TO/000000010000000000000007.gz       16 MiB of log, packed

PostgreSQL runs a command for each segment when it is full, or after `SECONDS` when something was
written, and keeps the segment until the command succeeds. This one writes beside, synchronises and
renames, so that what has the name of a segment is one, on disk; and it never writes over what is
there: the same segment again is compared. The settings are the cluster's own (`ALTER SYSTEM`), so
they hold for whoever starts it. `tests/test_backup.py` archives under load, and takes the
directory away.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from pathlib import Path

import psycopg
from psycopg import sql

from ledger.embedded import EmbeddedServer
from ledger.errors import ConfigurationError

SECONDS = 60
"""How much of what was acknowledged is at most not archived yet, when archiving works."""

STUCK = 150.0
"""Seconds without a segment that arrives, after which archiving counts as broken: PostgreSQL tries
again a minute after it gave up on one."""

_SETTINGS = ("archive_mode", "archive_command", "archive_timeout")


def start(server: EmbeddedServer, to: Path) -> None:
    """Have every segment copied to a directory from now on.

    The first time the server is started again, which cuts off whoever is connected. Raises
    ConfigurationError when it is archived elsewhere, or the server cannot write there.
    """
    _make(server, to)
    wanted = _command(to)
    with psycopg.connect(server.url(), autocommit=True) as conn:
        mode, command = _show(conn, "archive_mode"), _show(conn, "archive_command")
        if mode == "on" and command not in ("", wanted):
            raise ConfigurationError(
                f"this ledger is archived elsewhere already: {command!r}. End that first, with"
                " `verantwoord backup --stop`"
            )
        for name, value in zip(_SETTINGS, ("on", wanted, str(SECONDS)), strict=True):
            conn.execute(
                sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value))
            )
        conn.execute("SELECT pg_reload_conf()")
    if mode != "on":
        server.restart()


def stop(server: EmbeddedServer) -> bool:
    """Archive no more; whether it was archived. The server is started again."""
    with psycopg.connect(server.url(), autocommit=True) as conn:
        if _show(conn, "archive_mode") != "on":
            return False
        for name in _SETTINGS:
            conn.execute(sql.SQL("ALTER SYSTEM RESET {}").format(sql.Identifier(name)))
    server.restart()
    return True


def flush(server: EmbeddedServer, to: Path) -> None:
    """End the segment that is written now, and wait until it has arrived. Raises ConfigurationError
    when segments do not arrive."""
    with psycopg.connect(server.url(), autocommit=True) as conn:
        # One byte before: where nothing was written since the last segment ended, the place is the
        # beginning of the next one, which will not end.
        row = conn.execute("SELECT pg_walfile_name(pg_switch_wal() - 1)").fetchone()
        last = to / f"{row[0] if row else ''}.gz"
        before, deadline = -1, time.monotonic() + STUCK
        while not last.exists():
            found = conn.execute("SELECT archived_count, last_failed_wal FROM pg_stat_archiver")
            count, failed = found.fetchone() or (0, None)
            if count != before:
                before, deadline = count, time.monotonic() + STUCK
            if time.monotonic() > deadline:
                raise ConfigurationError(
                    f"the write-ahead log does not arrive in {to}"
                    + (f": {failed} fails" if failed else "")
                    + f"; {server.directory / 'server.log'} says why"
                )
            time.sleep(0.1)


def _make(server: EmbeddedServer, to: Path) -> None:
    """The directory, for the account that the server runs as."""
    account = server.account
    if not to.exists():
        to.mkdir(mode=0o700)
        if account is not None:
            os.chown(to, account.uid, account.gid)
    if account is None:
        writable = os.access(to, os.W_OK | os.X_OK)
    else:
        asked = subprocess.run(  # noqa: S603
            ["/usr/bin/test", "-w", to],
            check=False,
            cwd="/",
            user=account.uid,
            group=account.gid,
            extra_groups=[],
        )
        writable = asked.returncode == 0
    if not writable:
        name = "this account" if account is None else f"the account {account.name!r}"
        raise ConfigurationError(
            f"{name}, which the server runs as, cannot write to {to}: give a directory that it"
            " reaches, whose parents it may pass"
        )


def _command(to: Path) -> str:
    """What PostgreSQL runs: %p is the segment, %f its name."""
    where = shlex.quote(str(to.absolute())).replace("%", "%%")
    return (
        f"umask 077; to={where};"
        ' if [ -e "$to/%f.gz" ]; then gzip -dc "$to/%f.gz" | cmp -s - "%p";'
        ' else gzip -nc "%p" > "$to/.%f.new" && sync "$to/.%f.new"'
        ' && mv "$to/.%f.new" "$to/%f.gz" && sync "$to"; fi'
    )


def _show(conn: psycopg.Connection, name: str) -> str:
    row = conn.execute("SELECT current_setting(%s)", (name,)).fetchone()
    return str(row[0]) if row else ""
