"""Options that many commands share, and the ledger they lead to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from api.cli.output import Format
from ledger import authorities
from ledger.authorities import Authority
from ledger.deployment import Home

Data = Annotated[
    Path,
    typer.Option(
        "--data",
        envvar="VERANTWOORD_DATA",
        help="Directory of the ledger: keys, and the embedded PostgreSQL's data.",
    ),
]

DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        envvar="VERANTWOORD_DATABASE_URL",
        help="A PostgreSQL server of your own (15 or later) instead of the embedded one:"
        " postgresql://user@host/database. Keys stay in --data.",
    ),
]

Schema = Annotated[
    str,
    typer.Option("--schema", help="Schema of the log in the database: one log is one schema."),
]

Formatted = Annotated[
    Format, typer.Option("--format", help="text for people, json for machines (on stdout).")
]

Authorities = Annotated[
    Path | None,
    typer.Option(
        "--authorities",
        envvar="VERANTWOORD_AUTHORITIES",
        help="File of time-stamping authorities: lines `authority NAME URL FILE.pem`."
        "  [default: DIR/authorities, if it is there]",
        show_default=False,
    ),
]

DEFAULT_DATA = Path("verantwoord-data")
DEFAULT_SCHEMA = "ledger"

KEEP = "VERANTWOORD_KEEP"
"""Further files that keep the last checkpoint, with `:` between them."""


def home(data: Path, database_url: str | None, schema: str = DEFAULT_SCHEMA) -> Home:
    """The ledger that the options name, and the files that VERANTWOORD_KEEP names."""
    keep = os.environ.get(KEEP, "")
    return Home(data, database_url, schema, tuple(map(Path, filter(None, keep.split(os.pathsep)))))


def authorities_of(where: Home, file: Path | None) -> tuple[Authority, ...]:
    """The authorities that the option or the data directory names; none if neither does."""
    if file is None and not where.authorities_file.exists():
        return ()
    return authorities.load(file or where.authorities_file)
