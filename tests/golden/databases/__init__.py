"""Databases of earlier versions, as their programs left them; `make.py` says how each was made."""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
from pathlib import Path

import psycopg

from ledger.deployment import Home

HERE = Path(__file__).parent

SCHEMA = "log_of_an_earlier_version"
"""The schema of each; no entry says its name."""

LAST_COMMITS = {
    2: "1718d0950019",
    3: "04e5dced5949",
    4: "9bad96fd37a1",
}
"""The last commit of each schema version. No version was released; these are what ran before."""


def restore(version: int, home: Home) -> None:
    """Put the database of a version into the schema of a home, and its files beside."""
    shutil.copytree(HERE / str(version) / "home", home.data)
    for file in home.data.rglob("*.key"):
        file.chmod(0o600)  # git does not keep it
    text = gzip.decompress((HERE / str(version) / "database.sql.gz").read_bytes()).decode()
    statements = re.sub(rf"\b{SCHEMA}", home.schema, text)
    with psycopg.connect(home.database_url or "", autocommit=True) as conn:
        for role in ("service", "controller", "erasing"):
            if f"{home.schema}_{role}" in statements:
                conn.execute(f'CREATE ROLE "{home.schema}_{role}" NOLOGIN'.encode())
        conn.execute(statements.encode())


def sums() -> list[str]:
    """The SHA-256 of every file of them, as `sha256sum` writes it."""
    files = (file for version in LAST_COMMITS for file in (HERE / str(version)).rglob("*"))
    return [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(HERE)}"
        for file in sorted(files)
        if file.is_file()
    ]
