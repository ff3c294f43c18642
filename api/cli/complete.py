"""`verantwoord note-checkpoint` and `export-controller`: what shows a controller that nothing was
left out."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from api import exports
from api.cli.options import DEFAULT_DATA, DEFAULT_SCHEMA, Data, DatabaseUrl, Formatted, Schema, home
from api.cli.output import Format, console, print_json, progress
from ledger import keys, noting
from ledger.keyring import LEDGER
from ledger.opening import open_ledger


def note_checkpoint(
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Record the checkpoint so far as an event of the ledger itself, which also commits to the
    latest number of every controller. `serve` does it on a schedule."""
    where = home(data, database_url, schema)
    key = keys.load(keys.key_file(where.keys, LEDGER))
    with open_ledger(where) as ledger:
        index = noting.note(ledger, key)
    if format is Format.JSON:
        print_json({"index": index})
    else:
        console.print(f"Entry {index} commits to the numbers in all {index} before it.")


def export_controller(
    controller: Annotated[str, typer.Argument(help="Id of the controller: C1")],
    file: Annotated[Path, typer.Argument(help="File to write, readable to you alone.")],
    before: Annotated[
        int | None,
        typer.Option(help="Only entries before this one, up to the last commitment among them."),
    ] = None,
    latest: Annotated[
        bool, typer.Option(help="Up to the latest checkpoint, cosigned by witnesses or not.")
    ] = False,
    tell_all: Annotated[
        bool,
        typer.Option(
            "--tell-all",
            help="Also what it may not be told of by what is recorded: demands under a ban (4.7).",
        ),
    ] = False,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Write every entry that concerns a controller, with the proofs that none is left out, for
    `verantwoord verify`. It holds whole entries and the key of the controller: for its eyes."""
    with open_ledger(home(data, database_url, schema)) as ledger:
        export = exports.prepare(
            ledger, controller, before=before, latest=latest, tell_all=tell_all
        )
        with progress("entries", export.latest) as show:
            written = _write(file, export, show)
    answer = {
        "controller": controller,
        "entries": written,
        "covered": export.covered,
        "withheld_from": export.withheld_from,
    }
    if format is Format.JSON:
        print_json({**answer, "file": str(file)})
        return
    console.print(
        f"{written} entries of {controller} in {file}: all {export.latest} among the first"
        f" {export.covered} of the log, and {written - export.latest} later ones.",
        highlight=False,
    )
    if export.withheld_from is not None:
        console.print(
            f"It ends before entry {export.withheld_from}, which belongs to a demand that"
            f" {controller} may not be told of yet (4.7).",
            highlight=False,
        )
    if written > export.latest:
        console.print(
            "`verantwoord note-checkpoint` first, and the later ones are covered as well."
        )


def _write(file: Path, export: exports.Prepared, show: Callable[[int], None]) -> int:
    beside = file.with_name(f"{file.name}.new")
    written = -2  # the first two lines are no entries of the controller
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        for line in export.lines:
            out.write(line)
            written += 1
            show(max(written, 0))
    beside.rename(file)
    return written
