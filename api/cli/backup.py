"""`verantwoord backup` and `verantwoord restore`: of a ledger with the embedded server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.options import (
    DEFAULT_DATA,
    DEFAULT_SCHEMA,
    Data,
    DatabaseUrl,
    Formatted,
    Schema,
    home,
    instant,
    read_policy,
)
from api.cli.output import Format, console, errors, local, print_json
from ledger import backup as backups
from ledger import restore as restoring
from ledger.auditor import note_of
from ledger.embedded.archiving import SECONDS
from ledger.errors import ConfigurationError
from ledger.policy import Policy
from ledger.restore import Goal, Known, Request, Restored

Backups = Annotated[
    Path, typer.Option("--from", help="A directory of `backup`.", show_default=False)
]


def backup(
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", help="Directory of the backups: on another disk, and better elsewhere."
        ),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option(
            help="Remove older base backups than the newest so many.  [default: none is removed]",
            show_default=False,
            min=1,
        ),
    ] = None,
    stop: Annotated[
        bool, typer.Option("--stop", help="Archive no more, and take no backup.")
    ] = False,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Take a base backup of the embedded server, and have its write-ahead log archived from now on.

    Also while the ledger is served. The first time, the server is started again for archiving;
    whoever appends just then is told to come back. Private keys and tokens are not in a backup:
    keep copies of DIR/keys apart from it.
    """
    where = home(data, database_url, schema)
    if stop:
        stopped = backups.stop(where)
        console.print("Nothing is archived any more." if stopped else "Nothing was archived.")
        return
    if to is None:
        raise ConfigurationError("say where the backup goes: --to DIR")
    base = backups.take(where, to, keep=keep)
    checkpoint = base.checkpoint
    if format is Format.JSON:
        print_json(
            {
                "directory": str(base.directory),
                "taken_at": base.taken_at.isoformat(),
                "size": checkpoint.size,
                "root": checkpoint.root.hex(),
            }
        )
        return
    console.print(
        f"{base.directory}: verified; the log had {checkpoint.size} entries, root"
        f" {checkpoint.root.hex()}.",
        highlight=False,
        soft_wrap=True,
    )
    console.print(
        f"What comes after it is archived in {to / 'wal'}, within {SECONDS}"
        f" seconds. Private keys are not in it: keep copies of {where.keys} elsewhere.",
        highlight=False,
        soft_wrap=True,
    )


def restore(
    source: Backups,
    to: Annotated[
        Path, typer.Option("--to", help="The new data directory; it may not be there yet.")
    ],
    at: Annotated[
        str | None,
        typer.Option(help="As the log was at a moment: its last checkpoint up to then."),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(help="As the log was when it signed a tree of so many entries.", min=0),
    ] = None,
    kept: Annotated[
        list[Path] | None,
        typer.Option(
            help="The last checkpoint as it was kept apart from the database: last.checkpoint of"
            " the lost machine, a file of VERANTWOORD_KEEP, or a receipt; repeat."
        ),
    ] = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Restore a backup into a new directory, check the whole log, and say what is missing.

    The log is compared with the newest checkpoint that is known: what --kept gives, the files of
    VERANTWOORD_KEEP, and what the witnesses of its policy show. When it is behind, or nobody says
    what it signed last, it signs nothing until you reconcile. Ends with status 1 then.
    """
    if at is not None and size is not None:
        raise ConfigurationError("--at and --size are two ways to say how far: give one")
    where = home(to, None, schema)
    given = [(str(file), note_of(file)) for file in kept or ()]
    given += [(str(file), note_of(file)) for file in where.keep if file.exists()]
    goal = Goal(size, None if at is None else instant("at", at))
    restored = restoring.restore(Request(source, where, goal, given), _policy_of)
    if format is Format.JSON:
        print_json(_as_json(to, restored))
    else:
        _print(to, restored)
    if restored.standing.refusal is not None:
        raise typer.Exit(1)


def _policy_of(file: Path) -> Policy | None:
    return read_policy(file) if file.exists() else None


def _print(to: Path, restored: Restored) -> None:
    standing = restored.standing
    console.print(
        f"{to}: {standing.size} entries, root {standing.root.hex()}, the last recorded at"
        f" {local(restored.checkpoint.recorded_at)}; every hash and signature was checked.",
        highlight=False,
        soft_wrap=True,
    )
    for each in restored.known:
        console.print(f"  {_compared(each, standing.size)}", highlight=False, soft_wrap=True)
    console.print(
        f"Put the private keys back in {to / 'keys'}: they are not in a backup.", highlight=False
    )
    if standing.refusal is not None:
        errors.print(f"[bold red]nothing is signed[/]: {standing.refusal}", highlight=False)
        errors.print("See docs/how-to/back-up-and-restore.md.", highlight=False)


def _compared(known: Known, size: int) -> str:
    missing = known.checkpoint.size - size
    told = f"{missing} entries are missing here" if missing > 0 else "nothing of it is missing here"
    return f"{known.by}: {known.checkpoint.size} entries; {told}."


def _as_json(to: Path, restored: Restored) -> dict[str, object]:
    standing = restored.standing
    return {
        "data": str(to),
        "backup": restored.taken_at.isoformat(),
        "size": standing.size,
        "root": standing.root.hex(),
        "recorded_at": restored.checkpoint.recorded_at.isoformat(),
        "known": [
            {
                "by": each.by,
                "size": each.checkpoint.size,
                "root": each.checkpoint.root.hex(),
                "missing": max(0, each.checkpoint.size - standing.size),
            }
            for each in restored.known
        ],
        "signs": standing.refusal is None,
        "refusal": standing.refusal,
    }
