"""`verantwoord kept`: the last checkpoint outside the database, and the ways out when it and the
database do not agree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.options import (
    DEFAULT_DATA,
    DEFAULT_SCHEMA,
    By,
    Data,
    DatabaseUrl,
    Formatted,
    Schema,
    home,
)
from api.cli.output import Format, console, errors, print_json
from ledger import reconcile, rollback
from ledger.auditor import note_of
from ledger.roles import OPERATOR
from ledger.rollback import Place, Standing

app = typer.Typer(
    help="The last checkpoint, kept outside the database; and ways out when entries are lost.",
    no_args_is_help=True,
)


@app.command()
def show(
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """What every file keeps, what the database holds, and whether the log may sign.

    The files are DIR/last.checkpoint and those that VERANTWOORD_KEEP names. Ends with status 1 when
    nothing is signed.
    """
    _report(rollback.look(home(data, database_url, schema)), format)


@app.command()
def put(
    file: Annotated[Path, typer.Argument(help="A checkpoint of this log, or a receipt.")],
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Take a checkpoint that somebody kept for the last one that this log signed.

    For a machine whose files are lost: take the newest that you can find, among your copies, those
    of controllers, of witnesses and monitors, and in receipts. When the database does not reach it,
    something is missing there, and nothing is signed until it is restored.
    """
    _report(rollback.put(home(data, database_url, schema), note_of(file)), format)


@app.command("reconcile")
def reconcile_(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="SOURCE…",
            help="An exported log (`export-log`), or a receipt; as many as needed.",
        ),
    ],
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Put lost entries back, exactly as they were, from exports and receipts.

    Nothing that is given is trusted: entries are put back only up to a checkpoint that this log
    signed, and whose root they give. When they reach what is kept, the log signs on as if nothing
    had happened, and nothing contradicts it.
    """
    done = reconcile.reconcile(home(data, database_url, schema), sources)
    if format is Format.TEXT:
        console.print(
            f"{done.entries} entries are back, up to the tree of {done.checkpoint.size} entries"
            f" that this log signed, root {done.checkpoint.root.hex()}.",
            highlight=False,
            soft_wrap=True,
        )
    _report(done.standing, format)


@app.command("accept-rollback")
def accept_rollback(
    origin: Annotated[
        str | None,
        typer.Option(help="The origin of the log, typed in full; it is asked for when absent."),
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option(help="Why entries are lost, in the event; it is asked for when absent."),
    ] = None,
    by: By = OPERATOR.name,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Let a log go on that has lost entries: the last way out.

    From then on it contradicts what it signed before, and whoever holds a receipt of a lost entry
    can prove it. Restore the database instead if anything can restore it, put back what is missing
    (`kept reconcile`), or start a new log. Its next entry is an EntriesLost that says so to
    everybody. What was kept is copied aside, and DIR/rollback-….txt says what happened: give it to
    every controller, witness and monitor.
    """
    where = home(data, database_url, schema)
    if origin is None:
        _print(rollback.look(where))
        console.print(
            "\nIf the log goes on from here, it signs other trees of sizes that it signed before."
        )
        origin = typer.prompt("Type the origin of the log to go on all the same")
    if reason is None:
        reason = typer.prompt("Why are entries lost? This is recorded, for everybody to read")
    accepted = rollback.accept(where, origin, reason=reason, by=by)
    if format is Format.JSON:
        print_json({"announcement": str(accepted.announcement), "index": accepted.index})
        return
    console.print(accepted.announcement.read_text(), highlight=False, markup=False)
    console.print(
        f"Entry {accepted.index} of the log says so, and {accepted.announcement}: give that to"
        " everybody who verifies this log.",
        highlight=False,
        soft_wrap=True,
    )


def _report(standing: Standing, format: Format) -> None:
    if format is Format.JSON:
        print_json(
            {
                "origin": standing.origin,
                "size": standing.size,
                "root": standing.root.hex(),
                "files": [_as_json(place) for place in standing.places],
                "signs": standing.refusal is None,
                "refusal": standing.refusal,
            }
        )
    else:
        _print(standing)
    if standing.refusal is not None:
        raise typer.Exit(1)


def _print(standing: Standing) -> None:
    for place in standing.places:
        console.print(f"{place.file}: {_words(place)}", highlight=False, soft_wrap=True)
    console.print(
        f"the database: {standing.size} entries, root {standing.root.hex()}",
        highlight=False,
        soft_wrap=True,
    )
    if standing.refusal is None:
        console.print("The log goes on from what is kept.")
    else:
        errors.print(f"[bold red]nothing is signed[/]: {standing.refusal}", highlight=False)


def _words(place: Place) -> str:
    if place.checkpoint is None:
        return place.fault or "is not there"
    return f"{place.checkpoint.size} entries, root {place.checkpoint.root.hex()}"


def _as_json(place: Place) -> dict[str, object]:
    kept = place.checkpoint
    return {
        "file": str(place.file),
        "size": None if kept is None else kept.size,
        "root": None if kept is None else kept.root.hex(),
        "fault": place.fault,
    }
