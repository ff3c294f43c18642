"""Options that many commands share, and the ledger they lead to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from api.cli.output import Format
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

DEFAULT_DATA = Path("verantwoord-data")
DEFAULT_SCHEMA = "ledger"

KEEP = "VERANTWOORD_KEEP"
"""Further files that keep the last checkpoint, with `:` between them."""


def home(data: Path, database_url: str | None, schema: str = DEFAULT_SCHEMA) -> Home:
    """The ledger that the options name, and the files that VERANTWOORD_KEEP names."""
    keep = os.environ.get(KEEP, "")
    return Home(data, database_url, schema, tuple(map(Path, filter(None, keep.split(os.pathsep)))))
