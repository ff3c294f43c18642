"""Make the golden databases that are missing: `.ci/other-server .venv/bin/python -m
tests.golden.databases.make`, in a clone that has the whole history.

Each is a small ledger as the last program of a schema version made it: that commit is checked out
beside, `fill.py` is run with it, and the database is dumped by PostgreSQL 15, so that every server
which is supported restores it. One that is there is never made again: it stands for databases that
exist (`tests/test_upgrade.py`).

    VERSION/database.sql.gz   both schemas, as SQL
    VERSION/home/             the files of its home; its keys are known to everybody
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg

from tests.conftest import drop_log
from tests.golden.databases import HERE, LAST_COMMITS, SCHEMA, sums


def make(version: int, url: str) -> None:
    """Make the golden database of a version."""
    with tempfile.TemporaryDirectory(prefix="verantwoord-golden-") as place:
        program, home = Path(place) / "program", Path(place) / "home"
        subprocess.run(
            ["git", "worktree", "add", "--quiet", "--detach", program, LAST_COMMITS[version]],
            check=True,
        )
        try:
            subprocess.run(
                [sys.executable, HERE / "fill.py", str(version), home, url, SCHEMA],
                env={**os.environ, "PYTHONPATH": str(program)},
                cwd=place,
                check=True,
                timeout=600,
            )
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", program], check=True)
        beside = Path(place) / str(version)
        shutil.copytree(home, beside / "home", ignore=shutil.ignore_patterns("*.lock"))
        (beside / "database.sql.gz").write_bytes(gzip.compress(_dump(url), 9, mtime=0))
        shutil.move(beside, HERE / str(version))
    with psycopg.connect(url, autocommit=True) as conn:
        drop_log(conn, SCHEMA)


def _dump(url: str) -> bytes:
    """The schemas of a log as statements that psycopg can send, without those of psql."""
    schemas = (f"--schema={name}" for name in (SCHEMA, f"{SCHEMA}_sealing"))
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    dumped = subprocess.run(
        [programs / "pg_dump", "--no-owner", "--inserts", *schemas, url],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return re.sub(rb"(?m)^\\(un)?restrict .*\n", b"", dumped.stdout)


if __name__ == "__main__":
    for each in LAST_COMMITS:
        if not (HERE / str(each)).exists():
            make(each, os.environ["VERANTWOORD_TEST_DATABASE_URL"])
    (HERE / "SHA256SUMS").write_text("\n".join(sums()) + "\n")
