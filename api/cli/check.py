"""`verantwoord verify` and `verantwoord fsck`: whether the log is what it claims to be."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from api.cli.options import DEFAULT_DATA, DEFAULT_SCHEMA, Data, DatabaseUrl, Formatted, Schema, home
from api.cli.output import Format, console, errors, print_json, progress
from api.cli.several import AllLogs, Patience, Processor, complete_or_exit
from ledger import across, auditor, loss
from ledger import fsck as checking
from ledger.archive import Archive
from ledger.auditor import HELP, Question, Whole, note_of
from ledger.deployment import read_vkeys
from ledger.errors import ConfigurationError, VerificationFailed
from ledger.fsck_logs import examine, kept_twice, missing
from ledger.ladder import Rung
from ledger.logs import DeployedLog, logs_of, of_processor
from ledger.opening import open_ledger
from ledger.pack import Manifest
from ledger.report import Pins
from ledger.telling import Shown, failure_json, printable

DAY = 86_400.0
"""Seconds: a log of many millions takes hours."""


def verify(
    where: Annotated[str, typer.Argument(help=HELP["where"])],
    vkey: Annotated[Path | None, typer.Option(help=HELP["vkey"])] = None,
    administrator_key: Annotated[Path | None, typer.Option(help=HELP["administrator_key"])] = None,
    kept: Annotated[list[Path] | None, typer.Option(help=HELP["kept"])] = None,
    policy: Annotated[Path | None, typer.Option(help=HELP["policy"])] = None,
    tsa: Annotated[list[Path] | None, typer.Option(help=HELP["tsa"])] = None,
    producer_key: Annotated[list[Path] | None, typer.Option(help=HELP["producer_key"])] = None,
    key: Annotated[Path | None, typer.Option(help=HELP["key"])] = None,
    since: Annotated[str | None, typer.Option(help=HELP["since"])] = None,
    numbers_key: Annotated[Path | None, typer.Option(help=HELP["numbers_key"])] = None,
    require: Annotated[list[Rung] | None, typer.Option(help=HELP["require"])] = None,
    token_file: Annotated[Path | None, typer.Option(help=HELP["token_file"])] = None,
    format: Formatted = Format.TEXT,
) -> None:
    """Check a receipt, the export for a controller, an exported log, or a log at its address,
    without trusting who gave it.

    The answer says how far it stands up: signed by its producer, included in the tree that the log
    signed, witnessed by whom your policy asks for, timestamped by an authority that you trust. It
    says on whose word, and what it does not show. Only an address needs a network.
    """
    question = Question(
        where=where,
        vkey=vkey,
        administrator_key=administrator_key,
        kept=kept or (),
        policy=policy,
        tsa=tsa or (),
        producer_key=producer_key or (),
        key=key,
        since=since,
        numbers_key=numbers_key,
        require=require or (),
        token_file=token_file,
    )
    told = auditor.answer(question, Whole(_derive, _report))
    if format is Format.JSON:
        print_json(told.document)
    else:
        for line in told.lines:
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        if told.complaint is not None:
            errors.print(told.complaint, markup=False, highlight=False, soft_wrap=True)
    if told.status != 0:
        raise typer.Exit(told.status)


def _derive(opened: Archive, manifest: Manifest) -> Sequence[str]:
    # What it needs is loaded for a pack alone: it takes longer than checking a receipt.
    derived = import_module("projections.exports.derived")
    found: Sequence[str] = derived.derive(opened, manifest)
    return found


def _report(file: Path, given: Pins) -> Shown:
    report = import_module("projections.exports.report")
    found: Shown = report.check_report(file, given)
    return found


def fsck(
    kept: Annotated[
        Path | None,
        typer.Option(help="A receipt or checkpoint kept from earlier: the log must go on from it."),
    ] = None,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
    all_logs: AllLogs = False,
    processor: Processor = None,
    patience: Patience = DAY,
) -> None:
    """Derive every hash, tile, tag, number, checkpoint and signature again from the stored bytes.

    Names the first entry that differs. An older copy of the whole database can only be told by a
    checkpoint kept elsewhere: give one with --kept. With --all-logs each log of a processor is
    checked, and that each controller is in one of them.
    """
    if all_logs:
        if kept is not None:
            raise ConfigurationError("--kept is of one log: point --data at it")
        _fsck_all(of_processor(logs_of(data, database_url), processor), patience, format)
        return
    where = home(data, database_url, schema)
    with open_ledger(where, signs=False) as ledger, ledger.database.connect() as conn:
        known = read_vkeys(where) or ledger.log_keys()
        verifier = known.first
        with progress("entries", ledger.reader.size()) as show:
            try:
                earlier = None if kept is None else known.open(note_of(kept))
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
        "cosignatures": sound.cosignatures,
        "suspect": list(sound.suspect),
        "lost": [loss.as_json(each) for each in sound.lost],
    }
    if format is Format.JSON:
        print_json({"sound": True, **answer})
        return
    console.print(
        f"Every hash, tile, tag, number, checkpoint and signature of {sound.size} entries is what"
        f" the stored bytes give ({sound.checkpoints} checkpoints, {sound.tiles} full tiles,"
        f" {sound.cosignatures} cosignatures)."
    )
    console.print(f"root {sound.root.hex()}", highlight=False)
    if sound.suspect:
        console.print(f"signed by a key under suspicion: entries {list(sound.suspect)}")
    for each in sound.lost:
        console.print(str(each), highlight=False, soft_wrap=True)


def _fsck_all(logs: Sequence[DeployedLog], patience: float, format: Format) -> None:
    told = across.ask(logs, examine, patience)
    examined = {one.log.name: one.answer for one in told if one.answer is not None}
    log_of = logs[0].home.routing().log_of
    twice = kept_twice(examined, log_of)
    lacking = missing(examined) if examined else []
    if format is Format.JSON:
        print_json(
            {
                "logs": [
                    {
                        "log": one.log.name,
                        "origin": one.log.origin,
                        "sound": one.failure is None,
                        "size": None if one.answer is None else one.answer.sound.size,
                        "root": None if one.answer is None else one.answer.sound.root.hex(),
                        "failed": one.failure,
                    }
                    for one in told
                ],
                "not_where_kept": [{"controller": c, "logs": names} for c, names in twice],
                "not_in_every_log": [{"event": e, "missing_in": names} for e, names in lacking],
            }
        )
    else:
        for name, one in examined.items():
            console.print(
                f"{name}: sound, {one.sound.size} entries, root {one.sound.root.hex()}",
                highlight=False,
            )
        for event, names in lacking:
            said = f"concerns no controller, and is not in {', '.join(names)}: {event}"
            console.print(escape(said), highlight=False)
        for controller, names in twice:
            errors.print(
                f"[bold red]failed[/]: {controller} is kept in {log_of(controller)}, and registered"
                f" in {', '.join(names)}",
                highlight=False,
            )
    complete_or_exit(list(told))
    if twice:
        raise typer.Exit(1)


def _fail(failed: VerificationFailed, format: Format) -> None:
    if format is Format.JSON:
        print_json(failure_json(failed))
    else:
        errors.print(f"[bold red]failed[/]: {escape(printable(str(failed)))}", highlight=False)
    raise typer.Exit(1)
