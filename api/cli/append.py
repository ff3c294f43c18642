"""`verantwoord append` and `verantwoord replay`: events into the ledger."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from api.cli.options import DEFAULT_DATA, DEFAULT_SCHEMA, Data, DatabaseUrl, Formatted, Schema, home
from api.cli.output import Format, console, errors, print_json, progress
from ledger import cloudevent, envelope, feed, keys
from ledger import replay as replaying
from ledger.append import Appended
from ledger.errors import Refused
from ledger.opening import open_ledger
from projections import sql
from projections.follow import catch_up

ORIGIN = "demo.verantwoord.example/replay"


def append(
    file: Annotated[Path, typer.Argument(help="Lines of JSON: id, type, occurred_at, data")],
    key: Annotated[Path, typer.Option(help="Private key that signs them, as `keys new` made it.")],
    receipts: Annotated[Path | None, typer.Option(help="Directory for the receipts.")] = None,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Sign events with the key of a service and append them; print where each one lies.

    A line: {"id": "crm-1", "type": "ControllerRegistered", "occurred_at": "2026-11-24T09:00:00Z",
    "data": {"controller_id": "C1", "legal_name": "Praktijk Voorbeeld"}}. Appending the same file
    again records nothing twice.
    """
    signer = keys.load(key)
    with open_ledger(home(data, database_url, schema)) as ledger:
        enrolled = ledger.find_key(signer.key_id)
        source = ledger.own_source(enrolled.service if enrolled else signer.key_id)
        lines = [json.loads(line) for line in file.read_text().splitlines() if line.strip()]
        sent = [
            envelope.format(
                signer.sign(
                    cloudevent.format(
                        id=line["id"],
                        source=source,
                        type=line["type"],
                        time=datetime.fromisoformat(line["occurred_at"]),
                        occurred_at=datetime.fromisoformat(line["occurred_at"]),
                        data=line["data"],
                    )
                )
            )
            for line in lines
        ]
        answers = ledger.append(sent)
        catch_up(ledger.pool)
    _report(lines, answers, receipts, format)
    if any(isinstance(answer, Refused) for answer in answers):
        raise typer.Exit(1)


def _report(
    lines: list[dict[str, str]],
    answers: list[Appended | Refused],
    receipts: Path | None,
    format: Format,
) -> None:
    for line, answer in zip(lines, answers, strict=True):
        if isinstance(answer, Appended) and receipts is not None:
            receipts.mkdir(parents=True, exist_ok=True)
            (receipts / f"{line['id'].replace('/', '_')}.tlog-proof").write_text(answer.receipt)
    if format is Format.JSON:
        print_json([_as_json(line, answer) for line, answer in zip(lines, answers, strict=True)])
        return
    for line, answer in zip(lines, answers, strict=True):
        if isinstance(answer, Refused):
            errors.print(f"[red]refused[/]  {line['id']}: {answer}", highlight=False)
        else:
            word = "recorded" if answer.created else "was there"
            console.print(f"{word}  {line['id']}  entry {answer.index}", highlight=False)


def _as_json(line: dict[str, str], answer: Appended | Refused) -> dict[str, object]:
    if isinstance(answer, Refused):
        return {"id": line["id"], "refused": answer.code, "detail": str(answer)}
    return {"id": line["id"], "index": answer.index, "created": answer.created}


def replay(
    file: Annotated[Path, typer.Argument(metavar="FEED", help="A feed: one event a line.")],
    origin: Annotated[str, typer.Option(help="Origin of the ledger; starts with demo.")] = ORIGIN,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an earlier replay of it stopped.")
    ] = False,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Build a demonstration ledger from a feed, with the clock set by its recorded_at.

    Each producer gets a key of its own. Only a new ledger is filled, never a real one.
    """
    where = home(data, database_url, schema)
    tables = [sql.text("registers.sql")]
    total = sum(1 for _ in feed.read(file))
    with (
        replaying.demo_ledger(where, file, origin=origin, tables=tables, resume=resume) as (
            ledger,
            clock,
        ),
        progress("events", total) as show,
    ):
        try:
            done = replaying.replay(where, ledger, clock, file, show)
        finally:
            catch_up(ledger.pool)
        size = ledger.reader.size()
    if format is Format.JSON:
        print_json({"recorded": done.recorded, "already": done.already, "size": size})
    else:
        console.print(
            f"{done.recorded} events recorded, {done.already} were there;"
            f" the log has {size} entries.",
            highlight=False,
        )
