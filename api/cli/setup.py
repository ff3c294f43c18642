"""`verantwoord init`: a new ledger."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.options import DEFAULT_DATA, DEFAULT_SCHEMA, Data, DatabaseUrl, Formatted, Schema, home
from api.cli.output import Format, console, print_json
from ledger import deployment
from projections import sql


def init(
    origin: Annotated[
        str,
        typer.Option(help="Name of the log for ever, without scheme: ledger.example.nl/log"),
    ],
    kvk: Annotated[str, typer.Option(help="Chamber of Commerce number of the processor.")],
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Make a new ledger: keys, database, rights, the first entries, and a token that reads.

    Nothing is overwritten. Afterwards: publish DIR/log.vkey where your auditors find it without
    asking this server, and put a copy of DIR/keys where a fire does not reach it.
    """
    where = home(data, database_url, schema)
    identity = deployment.init(where, origin=origin, kvk=kvk, tables=[sql.text("registers.sql")])
    if format is Format.JSON:
        print_json({"origin": identity.origin, "vkey": identity.vkey, "data": str(data)})
        return
    console.print(f"A new ledger: [bold]{identity.origin}[/]", highlight=False)
    console.print(f"  verifier key   {identity.vkey}", highlight=False, soft_wrap=True)
    console.print(f"  read token     in {where.token_file}", highlight=False)
    console.print(f"  private keys   in {where.keys} (mode 0600)", highlight=False)
    console.print("Next: `verantwoord keys new`, then `verantwoord serve`.", highlight=False)
