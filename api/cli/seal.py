"""`verantwoord sealing`, `erase` and `retention`: text that can be forgotten, and forgetting it."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Annotated

import typer
from rich.table import Column, Table

from api.cli.options import (
    DEFAULT_DATA,
    DEFAULT_SCHEMA,
    By,
    Data,
    DatabaseUrl,
    Formatted,
    Schema,
    home,
    instant,
)
from api.cli.output import Format, console, local, print_json
from ledger import erasure, master_keys, sealing, sealing_keys, webhook_secrets
from ledger.erasure import Erased, SealedEvent
from ledger.errors import ConfigurationError
from ledger.opening import open_ledger
from ledger.roles import OPERATOR
from projections import keeping

Subject = Annotated[str, typer.Argument(help="A kind and an id: request:V-1.")]

app = typer.Typer(
    help="Sealed text: its keys, and the master key they are wrapped with.", no_args_is_help=True
)


@app.command("text")
def seal_text(
    subject: Subject,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
) -> None:
    """Seal what is typed or piped in, for a field of an event; print the JWE."""
    text = sys.stdin.read().removesuffix("\n")
    where = home(data, database_url, schema)
    with open_ledger(where, signs=False) as ledger, ledger.pool.connection() as conn:
        key = sealing_keys.key_for(conn, ledger.master_keys, subject, ledger.clock())
    typer.echo(sealing.seal(text, key))


@app.command("list")
def list_keys(
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """The subjects and cases with a key, and since when that of some is gone; never a key."""
    where = home(data, database_url, schema)
    with open_ledger(where, signs=False) as ledger, ledger.pool.connection() as conn:
        found = sealing_keys.all_keys(conn)
    if format is Format.JSON:
        print_json(
            {
                "keys": [
                    {
                        "subject": k.subject,
                        "kid": k.kid,
                        "master": k.master,
                        "created_at": k.created_at,
                        "destroyed_at": k.destroyed_at,
                    }
                    for k in found
                ]
            }
        )
        return
    heads = ("subject", "key", "made", "master key", "destroyed")
    table = Table(*(Column(head, overflow="fold") for head in heads))
    for kept in found:
        gone = local(kept.destroyed_at) if kept.destroyed_at else ""
        table.add_row(kept.subject, kept.kid, local(kept.created_at), str(kept.master), gone)
    console.print(table, soft_wrap=False)


@app.command()
def rotate(
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Wrap every key, and every secret of a webhook, with a new master key, and end the old one.

    Keys in earlier backups of the database were wrapped with the old one: without its file, and
    the backups of that, nobody opens them any more. Where the master keys come from the
    environment, add one with the next number first, and take the old one out afterwards.
    """
    where = home(data, database_url, schema)
    with open_ledger(where, signs=False) as ledger:
        if not master_keys.from_environment():
            master_keys.make(where.keys)
        masters = ledger.master_keys()
        with ledger.database.connect_to_erase() as conn:
            wrapped = sealing_keys.wrap_anew(conn, masters)
            secrets = webhook_secrets.wrap_anew(conn, masters)
        erasure.write_anew(ledger)
    ended = master_keys.forget(where.keys, masters.current)
    if format is Format.JSON:
        print_json(
            {
                "master": masters.current,
                "wrapped": wrapped,
                "webhook_secrets": secrets,
                "ended": ended,
            }
        )
        return
    console.print(
        f"Wrapped with master key {masters.current}: {_count(wrapped, 'key')}."
        + (f" And {_count(secrets, 'secret')} of webhooks." if secrets else ""),
        highlight=False,
    )
    for number in ended:
        console.print(
            f"keys/sealing-{number}.key is gone: remove it from your backups as well.",
            highlight=False,
        )


def erase(
    subject: Subject,
    ground: Annotated[str, typer.Option(help="Why, in the event: art. 17(1)(a), R-4711.")] = "",
    by: By = OPERATOR.name,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show what would be erased, and erase nothing.")
    ] = False,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Erase the sealed text of a subject or case: destroy its key, and record it. No way back.

    The events stay, with their signatures and proofs; their text is gone from registers, exports
    and every backup made from now on. Asked again, it goes on where it was interrupted.
    """
    if not preview and not ground:
        raise ConfigurationError("--ground says why, in the event; or look first, with --preview")
    with open_ledger(home(data, database_url, schema), signs=not preview) as ledger:
        if preview:
            kept, events = erasure.preview(ledger, subject)
            _print_preview(subject, kept.destroyed_at, events, format)
            return
        done = erasure.erase(ledger, subject, ground=ground, by=by)
    if format is Format.JSON:
        print_json(_as_json(done))
    else:
        _print_erased(done)


def retention(
    at: Annotated[
        str | None, typer.Option(help="What is due on this day, instead of today: 2027-01-31.")
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Erase what is due; without it nothing is erased.")
    ] = False,
    by: By = OPERATOR.name,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """What the policy in DIR/retention would erase of sealed text, and with --apply erases.

    A line of the policy is a kind of subject and a period: `request P2Y`; `* P5Y` is for the
    others. It counts from the last event with text of the subject. Events are never removed.
    """
    if apply and at is not None:
        raise ConfigurationError("--apply erases what is due today; look ahead without it")
    where = home(data, database_url, schema)
    policy = keeping.read(where.retention_file)
    with open_ledger(where, signs=apply) as ledger:
        moment = ledger.now() if at is None else instant("at", at)
        with ledger.pool.connection() as conn:
            found = keeping.due(conn, policy, moment)
        for each in found if apply else ():
            ground = f"retention {each.period}, until {each.until}"
            erasure.erase(ledger, each.subject, ground=ground, by=by)
    if format is Format.JSON:
        rows = [
            {"subject": e.subject, "period": e.period, "until": str(e.until), "events": e.events}
            for e in found
        ]
        print_json({"due": rows, "erased": apply})
        return
    table = Table("subject", "period", "kept until", "events with text")
    for each in found:
        table.add_row(each.subject, each.period, str(each.until), str(each.events))
    if found:
        console.print(table, soft_wrap=False)
    count = _count(len(found), "subject")
    console.print(f"{count} {'erased' if apply else 'due'}.", highlight=False)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _print_preview(
    subject: str, destroyed_at: datetime | None, events: list[SealedEvent], format: Format
) -> None:
    if format is Format.JSON:
        shown = [_event_json(event) for event in events]
        print_json({"subject": subject, "destroyed_at": destroyed_at, "events": shown})
        return
    state = f"was destroyed {local(destroyed_at)}" if destroyed_at else "stands"
    console.print(f"The key of {subject} {state}.", highlight=False)
    _print_events(events)


def _print_erased(done: Erased) -> None:
    console.print(
        f"The key of {done.subject} is gone since {local(done.destroyed_at)}.", highlight=False
    )
    _print_events(done.events)
    console.print(
        f"{done.recorded} recorded as shredded now, {len(done.events) - done.recorded} before;"
        f" {done.proven} of {len(done.events)} receipts verify as before.",
        highlight=False,
    )
    console.print(
        "Backups of the database made before hold the key, wrapped; nobody opens it once"
        " `verantwoord sealing rotate` has ended the master key, and its backups are gone.",
        highlight=False,
    )


def _print_events(events: list[SealedEvent] | tuple[SealedEvent, ...]) -> None:
    table = Table("entry", "event", "recorded", "fields")
    for event in events:
        table.add_row(str(event.index), event.id, local(event.recorded_at), "\n".join(event.fields))
    if events:
        console.print(table, soft_wrap=False)
    else:
        console.print("No event has text that it opens.")


def _event_json(event: SealedEvent) -> dict[str, object]:
    return {
        "index": event.index,
        "source": event.source,
        "id": event.id,
        "fields": event.fields,
        "recorded_at": event.recorded_at,
    }


def _as_json(done: Erased) -> dict[str, object]:
    return {
        "subject": done.subject,
        "kid": done.kid,
        "destroyed_at": done.destroyed_at,
        "events": [_event_json(event) for event in done.events],
        "recorded": done.recorded,
        "proven": done.proven,
    }
