"""`verantwoord upgrade-postgres`: the embedded server's data under another major version."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.options import DEFAULT_DATA, DEFAULT_SCHEMA, Data, Formatted, Schema, home
from api.cli.output import Format, console, print_json, progress
from ledger import postgres_upgrade


def upgrade_postgres(
    from_bin: Annotated[
        Path,
        typer.Option(
            help="Directory of the programs of the PostgreSQL that made the data:"
            " /usr/lib/postgresql/17/bin."
        ),
    ],
    data: Data = DEFAULT_DATA,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Move the data of the embedded PostgreSQL to the major version of this installation.

    Stop the service first. The data are copied, the log in the copy is checked as `fsck` does, and
    then the copy takes their place; the old ones stay beside it until you remove them. Stopped or
    killed at any moment before, the old ones are as they were.
    """
    with progress("entries") as show:
        done = postgres_upgrade.upgrade_postgres(home(data, None, schema), from_bin, show)
        show(done.sound.size)
    if format is Format.JSON:
        print_json(
            {
                "from": done.before,
                "to": done.now,
                "size": done.sound.size,
                "root": done.sound.root.hex(),
                "kept": str(done.kept),
            }
        )
        return
    console.print(
        f"{data} is of PostgreSQL {done.now} now, and all {done.sound.size} entries are what they"
        f" were under PostgreSQL {done.before}.",
        highlight=False,
    )
    console.print(
        f"The old data are in {done.kept}. Remove them once you appended and made a copy:"
        " what is appended from now on is not in them.",
        highlight=False,
    )
