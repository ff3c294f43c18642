"""`verantwoord hooks`: who is told of what is new, at which address; and what did not arrive."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from api.cli.grant import check_known
from api.cli.options import (
    DEFAULT_DATA,
    DEFAULT_SCHEMA,
    Data,
    DatabaseUrl,
    Formatted,
    Schema,
    home,
)
from api.cli.output import Format, console, local, print_json
from api.delivering import send
from ledger import deliveries, subscriptions, webhook, webhook_secrets
from ledger.deliveries import Delivery
from ledger.errors import ConfigurationError
from ledger.events import versions
from ledger.opening import open_ledger
from ledger.outbound import Outbound
from ledger.subscriptions import Kind, Subscription
from ledger.webhook_secrets import OVERLAP
from projections import news

app = typer.Typer(
    help="Webhooks: who is told of what is new, and what did not arrive.", no_args_is_help=True
)

Id = Annotated[str, typer.Argument(help="Id of a subscription, as `hooks list` shows it.")]


@app.command()
def add(
    address: Annotated[str, typer.Argument(help="Where it is sent: an https URL.")],
    holder: Annotated[str, typer.Option(help="Pseudonym of whoever receives it: practice-c1.")],
    controller: Annotated[
        str | None,
        typer.Option(help="Only what this controller may read. Default: the whole ledger."),
    ] = None,
    kind: Annotated[
        list[Kind] | None, typer.Option(help="What it is told of; repeat. Default: all.")
    ] = None,
    type: Annotated[
        list[str] | None,
        typer.Option(help="Event type of entries: BreachConfirmed; repeat. Default: all."),
    ] = None,
    within: Annotated[
        int, typer.Option(help="Hours before it is due that a clock is told of.", min=1, max=8784)
    ] = int(subscriptions.USUAL.total_seconds()) // 3600,
    since: Annotated[
        int | None,
        typer.Option(
            "--from", help="Index of the first entry it is told of. Default: those to come.", min=0
        ),
    ] = None,
    allow_network: Annotated[
        list[str] | None,
        typer.Option(
            help="Network or address that it may lead to though it is not public: 10.1.2.0/24;"
            " repeat."
        ),
    ] = None,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Tell an address of what is new, and print the secret its messages are signed with, once.

    Messages say that there is something and where to read it, not what an event says. They are
    sent by `verantwoord serve`.
    """
    with open_ledger(home(data, database_url, schema), signs=False) as ledger:
        check_known(ledger, [controller] if controller else [], None)
        with ledger.database.connect_as_owner() as conn, conn.transaction():
            made = subscriptions.add(
                conn,
                ledger.now(),
                address=address,
                holder=holder,
                position=ledger.reader.size() if since is None else since,
                networks=allow_network or (),
                controller=controller,
                kinds=kind or tuple(Kind),
                types=_topics(type or []),
                within=timedelta(hours=within),
            )
            secret = webhook_secrets.make(conn, ledger.master_keys, made.id)
            news.begin(conn, ledger, made)
    _print_secret(made, secret, f"Subscription {made.id} of {made.holder}.", format)


@app.command("list")
def list_subscriptions(
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """The subscriptions, and how much waits or is dead; never a secret, nor a whole address."""
    with (
        open_ledger(home(data, database_url, schema), signs=False) as ledger,
        ledger.pool.connection() as conn,
    ):
        dead = [each.subscription for each in deliveries.failing(conn, dead=True)]
        found = [
            (each, deliveries.waiting(conn, each.id), dead.count(each.id))
            for each in subscriptions.all_subscriptions(conn)
        ]
    if format is Format.JSON:
        rows = [{**_json(each), "waiting": w, "dead": d} for each, w, d in found]
        print_json({"subscriptions": rows})
        return
    heads = ("id", "holder", "about", "is told of", "leads to", "waiting", "dead", "state")
    table = Table(*(Column(head, overflow="fold") for head in heads))
    for each, waiting, gone in found:
        table.add_row(
            each.id,
            each.holder,
            each.controller or "all",
            ", ".join(each.kinds),
            each.destination.shown,
            str(waiting),
            str(gone),
            f"disabled: {each.disabled_why}" if each.disabled_at else "active",
        )
    console.print(table, soft_wrap=False)


@app.command()
def remove(
    id: Id,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Tell it nothing more: the subscription goes, with what waits for it and its secrets."""
    with (
        open_ledger(home(data, database_url, schema), signs=False) as ledger,
        ledger.database.connect_as_owner() as conn,
    ):
        subscriptions.remove(conn, id)
    if format is Format.JSON:
        print_json({"removed": id})
    else:
        console.print(f"{id} is removed.", highlight=False)


@app.command()
def rotate(
    id: Id,
    hours: Annotated[
        int, typer.Option(help="Hours in which the old secret signs as well.", min=0, max=168)
    ] = int(OVERLAP.total_seconds()) // 3600,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Make a new secret and print it, once; for a while messages are signed with both."""
    with open_ledger(home(data, database_url, schema), signs=False) as ledger:
        end = ledger.clock() + timedelta(hours=hours)
        with ledger.database.connect_as_owner() as conn:
            found = subscriptions.find(conn, id)
            secret = webhook_secrets.make(conn, ledger.master_keys, id, others_end=end)
    _print_secret(found, secret, f"{id} has a new secret; the old one ends {local(end)}.", format)


@app.command()
def enable(
    id: Id,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Send again to a receiver that had answered that it is gone (410), from where it was."""
    with (
        open_ledger(home(data, database_url, schema), signs=False) as ledger,
        ledger.database.connect_as_owner() as conn,
    ):
        found = subscriptions.enable(conn, id)
    if format is Format.JSON:
        print_json(_json(found))
    else:
        console.print(f"{id} is active.", highlight=False)


@app.command()
def dead(
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """What could not be delivered and is not tried any more, and what is tried again."""
    with (
        open_ledger(home(data, database_url, schema), signs=False) as ledger,
        ledger.pool.connection() as conn,
    ):
        gone = deliveries.failing(conn, dead=True)
        tried = deliveries.failing(conn, dead=False)
    if format is Format.JSON:
        print_json(
            {"dead": [_as_json(d) for d in gone], "tried_again": [_as_json(d) for d in tried]}
        )
        return
    heads = ("id", "subscription", "tells of", "attempts", "the last one", "next")
    table = Table(*(Column(head, overflow="fold") for head in heads))
    for each in (*gone, *tried):
        table.add_row(
            each.id,
            each.subscription,
            each.event_type or each.kind,
            str(each.attempts),
            each.failure,
            f"dead since {local(each.dead_at)}" if each.dead_at else local(each.next_at),
        )
    console.print(table, soft_wrap=False)


@app.command()
def retry(
    id: Annotated[
        str,
        typer.Argument(help="Id of a message, or of a subscription for all that are dead of it."),
    ],
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Have what could not be delivered sent again, under its own id, as if for the first time."""
    with (
        open_ledger(home(data, database_url, schema), signs=False) as ledger,
        ledger.pool.connection() as conn,
    ):
        count = deliveries.again(conn, id, ledger.clock())
    if format is Format.JSON:
        print_json({"again": count})
    else:
        console.print(f"{count} sent again by the service.", highlight=False)


@app.command("try")
def try_out(
    id: Id,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Send a message that tells nothing, once, from here, and say what came of it."""
    with (
        open_ledger(home(data, database_url, schema), signs=False) as ledger,
        ledger.pool.connection() as conn,
    ):
        to = subscriptions.find(conn, id)
        body = webhook.write_body(webhook.TRIED, ledger.clock(), {"subscription": id})
        message = webhook.message_id(id, secrets.token_bytes(32))
        attempt = send(ledger, conn, Outbound.trusting(), to, message, body)
    if format is Format.JSON:
        print_json({"id": message, "delivered": attempt.delivered, "said": attempt.said})
    else:
        console.print(
            f"{message}: {'delivered' if attempt.delivered else 'not delivered'}, {attempt.said}.",
            highlight=False,
        )
    if not attempt.delivered:
        raise typer.Exit(1)


def _topics(names: list[str]) -> list[str]:
    """The types of entries of these names. Raises ConfigurationError."""
    for name in names:
        if not versions(name):
            raise ConfigurationError(
                f"type {name} is no event type; docs/reference/events.md has them"
            )
    return [each.topic for name in names for each in versions(name)]


def _print_secret(to: Subscription, secret: bytes, said: str, format: Format) -> None:
    shown = webhook.write_secret(secret)
    if format is Format.JSON:
        print_json({**_json(to), "secret": shown})
        return
    console.print(f"{said} Its secret is not shown again:", highlight=False)
    console.print(shown, highlight=False)


def _json(to: Subscription) -> dict[str, Any]:
    return {
        "id": to.id,
        "holder": to.holder,
        "controller": to.controller,
        "kinds": to.kinds,
        "types": to.types,
        "within_hours": int(to.within.total_seconds()) // 3600,
        "leads_to": to.destination.shown,
        "networks": to.networks,
        "created_at": to.created_at,
        "position": to.position,
        "disabled_at": to.disabled_at,
        "disabled_why": to.disabled_why,
    }


def _as_json(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "subscription": delivery.subscription,
        "kind": delivery.kind,
        "event_type": delivery.event_type,
        "made_at": delivery.made_at,
        "attempts": delivery.attempts,
        "failure": delivery.failure,
        "next_at": delivery.next_at,
        "dead_at": delivery.dead_at,
    }
