"""The cluster: the directory PostgreSQL keeps its data in, and the account it runs as.

PostgreSQL does not run as root. As root (in a container) it is an account that is there already,
and nothing is changed about accounts or about the rights of parent directories. Those often let
only root in, so the server never walks them: it is given its directory opened, and told that its
data are in `/proc/self/fd/N`. `tests/test_embedded.py`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger.embedded import binaries, guard
from ledger.errors import ConfigurationError

ACCOUNTS = ("postgres", "nobody")
"""Accounts the server may run as when we are root, in this order."""

UPGRADE = "upgrade"
"""Where a cluster of another major version is until it is checked (`major.py`): a directory as that
of a server."""

REPLACES = "replaces"
"""A file there, of the name that the old cluster gets when the new one takes its place."""


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
    if not data.exists() and not take_back(directory):
        make(directory, programs, runs_as)
        return
    theirs, ours = version(data), binaries.major(programs)
    if theirs != ours:
        raise ConfigurationError(
            f"{directory} was made by PostgreSQL {theirs} and this is PostgreSQL {ours}."
            " `verantwoord upgrade-postgres --from-bin DIR` moves the data, with the programs of"
            f" PostgreSQL {theirs} in DIR; to stay with that, set {binaries.SETTING} to them"
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


def version(data: Path) -> str:
    """The major version of PostgreSQL that a cluster is of."""
    return (data / "PG_VERSION").read_text().strip()


def take_back(directory: Path) -> bool:
    """Put back the cluster that an upgrade was about to replace when it was killed; whether there
    was one."""
    note = directory / UPGRADE / REPLACES
    if not note.exists():
        return False
    (directory / note.read_text()).rename(directory / guard.DATA)
    note.unlink()
    return True


def make(
    directory: Path, programs: Path, runs_as: Account | None, *, checksums: bool = True
) -> None:
    """Make a cluster in a directory: whole, or not there."""
    for left in directory.glob("data.new-*"):  # an initdb that did not end
        shutil.rmtree(left)
    beside = Path(tempfile.mkdtemp(prefix="data.new-", dir=directory))
    if runs_as is not None:
        os.chown(beside, runs_as.uid, runs_as.gid)
    with guard.reachable(beside) as (place, descriptors):
        made = subprocess.run(  # noqa: S603
            [
                programs / "initdb",
                *("-D", place),
                *("--username", "postgres"),
                *("--encoding", "UTF8", "--locale", "C.UTF-8", *_locale_provider(programs)),
                *_checksums(programs, checksums),
                *("--auth-local", "trust", "--auth-host", "reject"),
            ],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            cwd="/",
            pass_fds=descriptors,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            user=None if runs_as is None else runs_as.uid,
            group=None if runs_as is None else runs_as.gid,
            extra_groups=None if runs_as is None else [],
        )
    if made.returncode != 0:
        shutil.rmtree(beside)
        raise ConfigurationError(f"cannot make a PostgreSQL cluster: {made.stderr.strip()}")
    beside.rename(directory / guard.DATA)


def _locale_provider(programs: Path) -> Sequence[str]:
    return ("--locale-provider", "builtin") if int(binaries.major(programs)) >= 17 else ()


def _checksums(programs: Path, wanted: bool) -> Sequence[str]:
    if wanted:
        return ("--data-checksums",)
    return ("--no-data-checksums",) if int(binaries.major(programs)) >= 18 else ()
