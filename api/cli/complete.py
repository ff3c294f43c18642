"""`verantwoord note-checkpoint` and `export-controller`: what shows a controller that nothing was
left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from api.cli.options import DEFAULT_DATA, DEFAULT_SCHEMA, Data, DatabaseUrl, Formatted, Schema, home
from api.cli.output import Format, console, print_json, progress
from api.exports import recorded
from ledger import durable_file, keys, noting
from ledger.inspections import recording
from ledger.keyring import LEDGER
from ledger.opening import open_ledger
from ledger.roles import OPERATOR
from projections.exports.controller import prepare


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
    `verantwoord verify`. It holds whole entries and the key of the controller: for its eyes. That
    it was made is recorded, with its SHA-256."""
    with open_ledger(home(data, database_url, schema)) as ledger:
        reader = ledger.reader
        checkpoint = (
            reader.cosigned(reader.checkpoint()) if latest else reader.published_or_latest()
        )
        export = prepare(
            ledger, controller, reader.stamped(checkpoint), before=before, tell_all=tell_all
        )
        with recording(ledger) as inspections, progress("entries", export.latest) as show:
            lines = export.lines
            if inspections is not None:
                lines = recorded(export, inspections, OPERATOR, controller)
            counted = Counted(lines, show)
            durable_file.write(file, counted, mode=0o600)
            written = counted.entries
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


class Counted:
    """Lines as they pass; how many of them are entries."""

    def __init__(self, lines: Iterator[bytes], show: Callable[[int], None]) -> None:
        self._lines = lines
        self._show = show
        self.entries = -2  # the first two lines are no entries of the controller

    def __iter__(self) -> Iterator[bytes]:
        for line in self._lines:
            yield line
            self.entries += 1
            self._show(max(self.entries, 0))
