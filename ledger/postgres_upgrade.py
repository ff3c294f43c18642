"""A ledger with a PostgreSQL of its own goes on under another major version of it.

The new cluster takes the place of the old one (`ledger/embedded/major.py`) only when the log in it
ends with the same checkpoint, byte for byte, and `fsck` derives every hash of it again.
`tests/test_major_upgrade.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ledger.database import Database
from ledger.deployment import DATABASE, Home, holds_log, read_vkeys
from ledger.embedded import EmbeddedServer
from ledger.embedded.major import MajorUpgrade
from ledger.errors import ConfigurationError, VerificationFailed
from ledger.fsck import Sound, fsck
from ledger.opening import open_ledger


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What was done: from which version to which, what `fsck` found in the new cluster, and where
    the old one is."""

    before: str
    now: str
    sound: Sound
    kept: Path


def upgrade_postgres(
    home: Home,
    old_programs: Path,
    progress: Callable[[int], None] = lambda position: None,
) -> Upgraded:
    """Move the embedded server's data of a home to the PostgreSQL of this installation.

    Raises ConfigurationError, and VerificationFailed when the new cluster does not hold what the
    old one does: then the old one is as it was.
    """
    upgrade = MajorUpgrade.of(home.data / "postgres", old_programs)
    with upgrade.old_server() as server:
        last = _last_checkpoint(server, home)
    with upgrade.new_server() as server:
        if _last_checkpoint(server, home) != last:
            raise VerificationFailed("the new cluster does not end with the checkpoint of the old")
        sound = _check(home, server, progress)
    return Upgraded(upgrade.before, upgrade.now, sound, upgrade.kept)


def _last_checkpoint(server: EmbeddedServer, home: Home) -> str:
    with Database(server.url(dbname=DATABASE), home.schema).connect_as_owner() as conn:
        if not holds_log(conn, home.schema):
            raise ConfigurationError(f"there is no ledger in {home.data}; nothing is upgraded")
        row = conn.execute("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1").fetchone()
    return str(row[0]) if row else ""


def _check(home: Home, server: EmbeddedServer, progress: Callable[[int], None]) -> Sound:
    # The schema of the log is that of this program then, in the new cluster alone.
    there = replace(home, database_url=server.url(dbname=DATABASE))
    with open_ledger(there, signs=False) as ledger, ledger.database.connect() as conn:
        known = read_vkeys(home) or ledger.log_keys()
        return fsck(
            conn,
            known.first,
            ledger.identity.administrator_key,
            keys=ledger.controller_keys,
            progress=progress,
        )
