"""`verantwoord timestamp`: one round of the time-stamping authorities."""

from __future__ import annotations

import typer

from api.cli.options import (
    DEFAULT_DATA,
    DEFAULT_SCHEMA,
    Authorities,
    Data,
    DatabaseUrl,
    Formatted,
    Schema,
    authorities_of,
    home,
)
from api.cli.output import Format, console, errors, print_json
from ledger.errors import ConfigurationError
from ledger.opening import open_ledger
from ledger.timestamps import Standing


def timestamp(
    authorities: Authorities = None,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Ask each time-stamping authority for a token over the latest checkpoint, and keep it.

    `serve` does so by itself; this is for a schedule of your own, or to try an authority. One that
    stamped this checkpoint already is not asked again. Ends with status 1 when one failed.
    """
    where = home(data, database_url, schema)
    asked = authorities_of(where, authorities)
    if not asked:
        raise ConfigurationError(
            f"no authority is named: write {where.authorities_file} or give --authorities FILE"
        )
    with open_ledger(where) as ledger:
        standings = ledger.timestamps(asked).ask_all()
    if format is Format.JSON:
        print_json({"authorities": [_as_json(standing) for standing in standings]})
    else:
        for standing in standings:
            _print(standing)
    if any(standing.failing for standing in standings):
        raise typer.Exit(1)


def _as_json(standing: Standing) -> dict[str, object]:
    last, failing = standing.last, standing.failing
    return {
        "name": standing.authority.name,
        "size": None if last is None else last.size,
        "time": None if last is None else last.time.isoformat(),
        "failed": None if failing is None else failing.reason,
    }


def _print(standing: Standing) -> None:
    name = standing.authority.name
    if standing.failing is not None:
        errors.print(f"[red]failed[/]   {name}: {standing.failing.reason}", highlight=False)
    elif standing.last is not None:
        console.print(
            f"stamped  {name}: the checkpoint of {standing.last.size} entries,"
            f" at {standing.last.time.isoformat()}",
            highlight=False,
        )
