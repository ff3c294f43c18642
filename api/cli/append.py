"""`verantwoord append` and `verantwoord replay`: events into the ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.options import DEFAULT_DATA, DEFAULT_SCHEMA, Data, DatabaseUrl, Formatted, Schema, home
from api.cli.output import Format, console, errors, print_json, progress
from api.cli.several import Processor, to_append_to
from ledger import cloudevent, envelope, feed, keys
from ledger import replay as replaying
from ledger.append import Appended
from ledger.concerned import reference
from ledger.errors import Refused
from ledger.logs import DeployedLog
from ledger.opening import Ledger, open_ledger
from ledger.tags import controllers_of, tags_of
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
    all_logs: Annotated[
        bool,
        typer.Option(
            "--all-logs",
            help="Each to the log of the processor in --data that keeps its controllers; what"
            " concerns none, to every log.",
        ),
    ] = False,
    processor: Processor = None,
) -> None:
    """Sign events with the key of a service and append them; print where each one lies.

    A line: {"id": "crm-1", "type": "ControllerRegistered", "occurred_at": "2026-11-24T09:00:00Z",
    "data": {"controller_id": "C1", "legal_name": "Praktijk Voorbeeld"}}. Appending the same file
    again records nothing twice.
    """
    signer = keys.load(key)
    lines: list[Line] = [json.loads(line) for line in file.read_text().splitlines() if line.strip()]
    if all_logs:
        answered = _append_to_all(to_append_to(data, database_url, processor), signer, lines)
    else:
        with open_ledger(home(data, database_url, schema)) as ledger:
            answered = [("", *each) for each in _append(ledger, signer, lines)]
    _report(answered, receipts, format)
    if any(isinstance(answer, Refused) for _, _, answer in answered):
        raise typer.Exit(1)


Line = dict[str, Any]

Answered = tuple[str, Line, Appended | Refused]
"""The name of a log, where there are several; what was said, and what the log answered."""


def _append(
    ledger: Ledger, signer: keys.SigningKey, lines: Sequence[Line]
) -> list[tuple[Line, Appended | Refused]]:
    enrolled = ledger.find_key(signer.key_id)
    source = ledger.own_source(enrolled.service if enrolled else signer.key_id)
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
    return list(zip(lines, answers, strict=True))


def _append_to_all(
    logs: Sequence[DeployedLog], signer: keys.SigningKey, lines: Sequence[Line]
) -> list[Answered]:
    """Append to each log what belongs there, one log after the other; every one of them is opened
    before the first gets anything."""
    with ExitStack() as stack:
        opened = {log.name: stack.enter_context(open_ledger(log.home)) for log in logs}
        (main,) = (log.name for log in logs if log.is_main)
        return [
            (name, *each)
            for name, mine in _routed(opened, main, lines).items()
            for each in _append(opened[name], signer, mine)
        ]


def _routed(
    opened: Mapping[str, Ledger], main: str, lines: Sequence[Line]
) -> dict[str, list[Line]]:
    """By the name of each log what it gets: the events of its controllers, those that continue a
    case it has, and those that are about no controller and no case. What continues a case that no
    log has is refused by the main one; what names controllers of several logs, by each of them."""
    routed: dict[str, list[Line]] = {name: [] for name in opened}
    said: dict[str, set[str]] = {name: set() for name in opened}
    for line in lines:
        type_, data = line["type"], line["data"]
        controllers, tag = controllers_of(type_, data), reference(type_, data)
        if controllers:
            to = {opened[main].routing.log_of(controller) for controller in controllers}
        elif tag is None:
            to = set(opened)
        else:
            to = {n for n, ledger in opened.items() if tag in said[n] or _has(ledger, tag)}
        for name in to or {main}:
            routed[name].append(line)
            said[name].update(tags_of("", line["id"], type_, data))
    return routed


def _has(ledger: Ledger, tag: str) -> bool:
    with ledger.pool.connection() as conn:
        found = conn.execute("SELECT FROM tags WHERE tag = %s LIMIT 1", (tag,))
        return found.fetchone() is not None


def _report(answered: list[Answered], receipts: Path | None, format: Format) -> None:
    for log, line, answer in answered:
        if isinstance(answer, Appended) and receipts is not None:
            (receipts / log).mkdir(parents=True, exist_ok=True)
            name = f"{line['id'].replace('/', '_')}.tlog-proof"
            (receipts / log / name).write_text(answer.receipt)
    if format is Format.JSON:
        print_json([_as_json(*each) for each in answered])
        return
    for log, line, answer in answered:
        where = f"{log} " if log else ""
        if isinstance(answer, Refused):
            errors.print(f"[red]refused[/]  {where}{line['id']}: {answer}", highlight=False)
        else:
            word = "recorded" if answer.created else "was there"
            console.print(f"{word}  {where}{line['id']}  entry {answer.index}", highlight=False)


def _as_json(log: str, line: Line, answer: Appended | Refused) -> dict[str, object]:
    said = {"log": log, "id": line["id"]} if log else {"id": line["id"]}
    if isinstance(answer, Refused):
        return {**said, "refused": answer.code, "detail": str(answer)}
    return {**said, "index": answer.index, "created": answer.created}


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
