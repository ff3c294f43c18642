"""`verantwoord logs`: the logs of a deployment, made, listed, given controllers, and moved."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.options import DEFAULT_DATA, DEFAULT_SCHEMA, Data, DatabaseUrl, Formatted, Schema
from api.cli.output import Format, console, print_json
from api.cli.several import Patience, complete_or_exit
from ledger import across, citus, routing
from ledger import logs as deployed
from ledger.across import PATIENCE
from ledger.opening import Ledger
from projections import sql

app = typer.Typer(help="The logs of a deployment: create, list, assign, move.")

Name = Annotated[str, typer.Argument(help="Name of the log, which is that of its schema.")]


@app.command()
def create(
    name: Name,
    origin: Annotated[
        str, typer.Option(help="Name of the log for ever, without scheme: ledger.example.nl/west")
    ],
    kvk: Annotated[
        str | None,
        typer.Option(help="Chamber of Commerce number of a processor that has no log here yet."),
    ] = None,
    part_of: Annotated[
        str | None,
        typer.Option(help="The main log of a processor that gets another one, for controllers."),
    ] = None,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Make a log in DIR/logs/NAME, with keys, schema and token of its own.

    A ledger that is in DIR already stays where it is, and is one of the logs from then on; --schema
    is its own. Every other command takes --data DIR/logs/NAME.
    """
    log, identity = deployed.create(
        data,
        database_url,
        name,
        origin=origin,
        kvk=kvk,
        part_of=part_of,
        schema=schema,
        tables=[sql.text("registers.sql")],
    )
    if format is Format.JSON:
        print_json({"log": name, "origin": origin, "vkey": identity.vkey, "data": _data(log)})
        return
    console.print(f"A new log: [bold]{name}[/]  {origin}", highlight=False)
    console.print(f"  directory      {log.home.data}", highlight=False, soft_wrap=True)
    console.print(f"  verifier key   {identity.vkey}", highlight=False, soft_wrap=True)
    if part_of is None:
        console.print("  it keeps every controller of its processor", highlight=False)
    else:
        console.print(f"  it keeps what `logs assign ID --log {name}` gives it", highlight=False)


@app.command("list")
def list_logs(
    patience: Patience = PATIENCE,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    format: Formatted = Format.TEXT,
) -> None:
    """Each log: its processor, size and checkpoint, the controllers it was given, and on a Citus
    cluster the node that it is on. Exit status 1 when one does not answer."""
    logs = deployed.logs_of(data, database_url)
    given = {log.place.main: routing.read(log.place.main / routing.FILE) for log in logs}

    def question(ledger: Ledger) -> dict[str, Any]:
        shown = ledger.reader.checkpoint()
        with ledger.pool.connection() as conn:
            node = citus.node_of(conn, ledger.home.schema) if citus.is_cluster(conn) else None
        return {
            "size": shown.size,
            "checkpoint": shown.note,
            "node": None if node is None else str(node),
        }

    told = across.ask(logs, question, patience)
    found = [
        {
            "log": one.log.name,
            "origin": one.log.origin,
            "schema": one.log.home.schema,
            "processor": one.log.place.kvk,
            "main": one.log.is_main,
            "controllers": sorted(
                controller
                for controller, name in given[one.log.place.main].items()
                if name == one.log.name
            ),
            "data": _data(one.log),
            **(one.answer or {"size": None, "checkpoint": None, "node": None}),
            "failed": one.failure,
        }
        for one in told
    ]
    if format is Format.JSON:
        print_json(found)
    else:
        table = Table("log", "origin", "processor", "keeps", "entries", "root", "node")
        for each in found:
            table.add_row(*_cells(each), style="red" if each["failed"] else None)
        console.print(table)
    complete_or_exit(list(told))


@app.command()
def assign(
    controllers: Annotated[list[str], typer.Argument(help="Ids of controllers.")],
    log: Annotated[str, typer.Option(help="The log that keeps them from their first event on.")],
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    format: Formatted = Format.TEXT,
) -> None:
    """Have a log keep controllers that have no event yet, for good.

    Whoever is assigned to none is kept in the main log. On several machines, copy the file
    `controllers` of the main log to each before the first event of one of them.
    """
    logs = deployed.logs_of(data, database_url)
    to = deployed.named(logs, log)
    deployed.assign(deployed.of_processor(logs, to.place.kvk), controllers, to)
    if format is Format.JSON:
        print_json({"log": log, "controllers": sorted(controllers)})
    else:
        console.print(f"{', '.join(sorted(controllers))}: kept in {log}", highlight=False)


@app.command()
def move(
    name: Name,
    to: Annotated[str, typer.Option(help="The node: HOST, or HOST:PORT.")],
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    format: Formatted = Format.TEXT,
) -> None:
    """Move a log to another node of a Citus cluster, while it is served.

    Its services, its address and its keys stay what they are: they ask the coordinator, which knows
    where it is. It takes the rights of the owner of the schema, and wal_level = logical.
    """
    log = deployed.named(deployed.logs_of(data, database_url), name)
    with log.home.database() as database, database.connect_as_owner() as conn:
        node = citus.move(conn, database.schema, database.roles, to)
    if format is Format.JSON:
        print_json({"log": name, "node": str(node)})
    else:
        console.print(f"{name} is on {node}", highlight=False)


def _cells(each: dict[str, Any]) -> list[str]:
    keeps = ", ".join(each["controllers"]) or "-"
    if each["main"]:
        keeps = "whom no other log keeps"
    if each["failed"]:
        return [each["log"], each["origin"], each["processor"], keeps, "no answer", "", ""]
    root = each["checkpoint"].splitlines()[2]
    size, node = str(each["size"]), each["node"] or ""
    return [each["log"], each["origin"], each["processor"], escape(keeps), size, root, node]


def _data(log: deployed.DeployedLog) -> str:
    return str(log.home.data)
