"""The cluster: the directory PostgreSQL keeps its data in, and the account it runs as.

PostgreSQL does not run as root. As root (in a container) it is an account that is there already,
and nothing is changed about accounts or about the rights of parent directories. Those often let
only root in, so the server never walks them: it is started inside its directory and told that its
data are in `/proc/self/cwd`. `tests/test_embedded.py`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ledger.embedded import binaries, guard
from ledger.errors import ConfigurationError

ACCOUNTS = ("postgres", "nobody")
"""Accounts the server may run as when we are root, in this order."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account of this machine."""

    name: str
    uid: int
    gid: int


def account() -> Account | None:
    """The account the server runs as; None: our own. Raises ConfigurationError."""
    if os.geteuid() != 0:
        return None
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise ConfigurationError(
        f"PostgreSQL does not run as root, and none of the accounts {', '.join(ACCOUNTS)} is here."
        " Run as an ordinary user, or give a server with --database-url"
    )


def prepare(directory: Path, programs: Path, runs_as: Account | None) -> None:
    """Make the cluster of a directory, or check that these programs can run it."""
    data = directory / guard.DATA
    if not data.exists():
        _make(directory, data, programs, runs_as)
        return
    theirs = (data / "PG_VERSION").read_text().strip()
    ours = binaries.major(programs)
    if theirs != ours:
        raise ConfigurationError(
            f"{directory} was made by PostgreSQL {theirs} and this is PostgreSQL {ours}. Set"
            f" {binaries.SETTING} to the programs of PostgreSQL {theirs}, or move the data with"
            f" pg_upgrade, or with pg_dump into another directory"
        )


def own(data: Path, runs_as: Account | None) -> None:
    """Give the files of a cluster that was copied to the account that the server runs as."""
    data.chmod(0o700)
    if runs_as is None:
        return
    for folder, _, files in os.walk(data):
        os.chown(folder, runs_as.uid, runs_as.gid)
        for name in files:
            os.chown(Path(folder) / name, runs_as.uid, runs_as.gid)


def _make(directory: Path, data: Path, programs: Path, runs_as: Account | None) -> None:
    for left in directory.glob("data.new-*"):  # an initdb that did not end
        shutil.rmtree(left)
    beside = Path(tempfile.mkdtemp(prefix="data.new-", dir=directory))
    if runs_as is not None:
        os.chown(beside, runs_as.uid, runs_as.gid)
    made = subprocess.run(  # noqa: S603
        [
            programs / "initdb",
            *("-D", guard.data_argument(beside)),
            *("--username", "postgres"),
            *("--encoding", "UTF8", "--locale-provider", "builtin", "--locale", "C.UTF-8"),
            "--data-checksums",
            *("--auth-local", "trust", "--auth-host", "reject"),
        ],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        cwd=beside,
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        user=None if runs_as is None else runs_as.uid,
        group=None if runs_as is None else runs_as.gid,
        extra_groups=None if runs_as is None else [],
    )
    if made.returncode != 0:
        shutil.rmtree(beside)
        raise ConfigurationError(f"cannot make a PostgreSQL cluster: {made.stderr.strip()}")
    beside.rename(data)
