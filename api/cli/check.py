"""`verantwoord verify` and `verantwoord fsck`: whether the log is what it claims to be."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from api.cli.options import DEFAULT_DATA, DEFAULT_SCHEMA, Data, DatabaseUrl, Formatted, Schema, home
from api.cli.output import Format, console, errors, print_json, progress
from ledger import checkpoint as checkpoints
from ledger import fsck as checking
from ledger import note
from ledger import receipt as receipts
from ledger.deployment import Home
from ledger.errors import ConfigurationError, VerificationFailed
from ledger.note import parse_vkey
from ledger.opening import open_ledger
from ledger.report import Pins, Report
from ledger.verify import verify as verify_log

Vkey = Annotated[
    Path | None,
    typer.Option(help="File with the log's verifier key, from a source you trust (log.vkey)."),
]


def verify(
    path: Annotated[
        Path, typer.Argument(help="A receipt (.tlog-proof), or a directory of export-log.")
    ],
    vkey: Vkey = None,
    kept: Annotated[
        list[Path] | None,
        typer.Option(
            help="A receipt or checkpoint kept from earlier; repeat. The log must go on from it."
        ),
    ] = None,
    format: Formatted = Format.TEXT,
) -> None:
    """Check a receipt or a whole exported log offline: no database, no settings, no network.

    The answer says what was shown, which keys it rests on, and what it does not show.
    """
    pinned = None if vkey is None else vkey.read_text().strip()
    try:
        if path.is_dir():
            notes = [_note_of(file) for file in kept or ()]
            report = verify_log(lambda name: (path / name).read_bytes(), Pins(pinned, kept=notes))
            _print_report(report, format)
        else:
            _verify_receipt(path, pinned, format)
    except VerificationFailed as failed:
        _fail(failed, format)


def fsck(
    kept: Annotated[
        Path | None,
        typer.Option(help="A receipt or checkpoint kept from earlier: the log must go on from it."),
    ] = None,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Derive every hash, tile, tag, checkpoint and signature again from the stored bytes.

    Names the first entry that differs. An older copy of the whole database can only be told by a
    checkpoint kept elsewhere: give one with --kept.
    """
    where = home(data, database_url, schema)
    with open_ledger(where) as ledger, ledger.database.connect() as conn:
        verifier = parse_vkey(_pinned_vkey(where, ledger.identity.vkey))
        with progress("entries", ledger.reader.size()) as show:
            try:
                earlier = None if kept is None else checkpoints.open(_note_of(kept), verifier)
                sound = checking.fsck(
                    conn,
                    verifier,
                    ledger.identity.administrator_key,
                    keys=ledger.controller_keys,
                    kept=earlier,
                    progress=show,
                )
            except VerificationFailed as failed:
                _fail(failed, format)
                return
            show(sound.size)
    answer = {
        "size": sound.size,
        "root": sound.root.hex(),
        "checkpoints": sound.checkpoints,
        "tiles": sound.tiles,
        "suspect": list(sound.suspect),
    }
    if format is Format.JSON:
        print_json({"sound": True, **answer})
        return
    console.print(
        f"Every hash, tile, tag, checkpoint and signature of {sound.size} entries is what the"
        f" stored bytes give ({sound.checkpoints} checkpoints, {sound.tiles} full tiles)."
    )
    console.print(f"root {sound.root.hex()}", highlight=False)
    if sound.suspect:
        console.print(f"signed by a key under suspicion: entries {list(sound.suspect)}")


def _verify_receipt(file: Path, pinned: str | None, format: Format) -> None:
    beside = file.parent / "log.vkey"
    if pinned is None and not beside.exists():
        raise ConfigurationError(
            "a receipt is checked with the log's verifier key: give it with --vkey FILE, or put"
            f" log.vkey beside {file.name}"
        )
    key = pinned or beside.read_text().strip()
    found = receipts.check(note.decode(file.read_bytes()), parse_vkey(key))
    event = orjson.loads(found.entry.payload)
    rests_on = "pinned by you" if pinned else f"found beside the receipt ({beside}), not pinned"
    answer: dict[str, Any] = {
        "verdict": "included",
        "index": found.index,
        "origin": found.checkpoint.origin,
        "size": found.checkpoint.size,
        "root": found.checkpoint.root.hex(),
        "recorded_at": found.entry.recorded_at.isoformat(),
        "type": event.get("type"),
        "id": event.get("id"),
        "source": event.get("source"),
        "signed_by": [signature.keyid for signature in found.entry.signatures],
        "rests_on": f"the verifier key {key}, {rests_on}",
        "does_not_show": NOT_BY_A_RECEIPT,
    }
    if format is Format.JSON:
        print_json(answer)
        return
    console.print(
        f"[bold green]included[/]: entry {found.index} of {found.checkpoint.origin}, under a signed"
        f" checkpoint of {found.checkpoint.size} entries",
        highlight=False,
    )
    for name in ("type", "id", "source", "recorded_at", "signed_by", "rests_on"):
        console.print(f"  {name:12} {answer[name]}", highlight=False, soft_wrap=True)
    console.print("  does not show", highlight=False)
    for sentence in NOT_BY_A_RECEIPT:
        console.print(f"    · {sentence}", highlight=False)


NOT_BY_A_RECEIPT = (
    "that the producer's signature verifies: that takes the producer's key, or the whole log",
    "that others are shown the same log: that takes witnesses, or comparing checkpoints",
    "that what the event says is true",
)


def _print_report(report: Report, format: Format) -> None:
    if format is Format.JSON:
        print_json(
            {
                "verdict": "consistent",
                "origin": report.origin,
                "size": report.size,
                "root": report.root.hex(),
                "suspect": list(report.suspect),
                "checks": [
                    {"number": p.number, "name": p.name, "showed": p.showed} for p in report.passed
                ],
                "rests_on": list(report.rests_on),
                "does_not_show": list(report.does_not_show),
            }
        )
        return
    console.print(
        f"[bold green]consistent[/]: {report.origin}, {report.size} entries,"
        f" root {report.root.hex()}",
        highlight=False,
        soft_wrap=True,
    )
    for passed in report.passed:
        console.print(f"  {passed.number}  {passed.showed}", highlight=False)
    if report.suspect:
        console.print(f"  [yellow]signed by a key under suspicion[/]: entries {report.suspect}")
    for title, sentences in (
        ("rests on", report.rests_on),
        ("does not show", report.does_not_show),
    ):
        console.print(f"[bold]{title}[/]")
        for sentence in sentences:
            console.print(f"  · {sentence}", highlight=False, soft_wrap=True)


def _fail(failed: VerificationFailed, format: Format) -> None:
    if format is Format.JSON:
        print_json({"verdict": "failed", "index": failed.index, "detail": str(failed)})
    else:
        errors.print(f"[bold red]failed[/]: {failed}", highlight=False)
    raise typer.Exit(1)


def _note_of(file: Path) -> str:
    """The signed checkpoint in a file: the file itself, or the one a receipt ends with."""
    text = note.decode(file.read_bytes())
    return text.partition("\n\n")[2] if text.startswith("c2sp.org/tlog-proof") else text


def _pinned_vkey(where: Home, stored: str) -> str:
    """The verifier key in the data directory; the database's own word when there is none."""
    return where.vkey_file.read_text().strip() if where.vkey_file.exists() else stored
