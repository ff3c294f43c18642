"""`verantwoord grant`: who may read over HTTP, what, and until when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from api.cli.options import (
    DEFAULT_DATA,
    DEFAULT_SCHEMA,
    Data,
    DatabaseUrl,
    Formatted,
    Schema,
    home,
    instant,
)
from api.cli.output import Format, console, local, print_json
from ledger import granted_access
from ledger.errors import ConfigurationError
from ledger.granted_access import USUAL, Access
from ledger.opening import Ledger, open_ledger
from ledger.roles import BESIDE_REGISTERS, Role
from projections import granted
from projections.grants import Grant
from projections.registers import REGISTERS

app = typer.Typer(help="Who may read over HTTP: grant, list, revoke.", no_args_is_help=True)


@app.command()
def token(
    role: Annotated[Role, typer.Option(help="What the holder is to this ledger.")],
    holder: Annotated[str, typer.Option(help="Pseudonym of whoever gets it: auditor-2026-1.")],
    controller: Annotated[
        list[str] | None,
        typer.Option(help="Controller it may ask about; repeat. Default: all, where the role may."),
    ] = None,
    register: Annotated[
        list[str] | None, typer.Option(help="Register it may read; repeat. Default: all.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="Of a service: the id of its key.")] = None,
    days: Annotated[
        int, typer.Option(help="Days until it ends by itself.", min=1, max=366)
    ] = USUAL.days,
    expires: Annotated[
        str | None, typer.Option(help="Moment at which it ends, instead: 2027-01-31.")
    ] = None,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Make an access token and print it, once: only its digest is kept.

    A privacy officer reads and erases, a controller-reader reads what concerns its controllers, a
    service what it needs for appending. An auditor gets one with `grant auditor`. No token can
    append: what is appended is signed.
    """
    check_registers(register or [])
    with open_ledger(home(data, database_url, schema), signs=False) as ledger:
        check_known(ledger, controller or [], key)
        now = ledger.clock()
        with ledger.database.connect_as_owner() as conn:
            made, secret = granted_access.grant(
                conn,
                now,
                role=role,
                holder=holder,
                expires_at=expiry(now, days, expires),
                controllers=controller or (),
                registers=register or (),
                key_id=key,
            )
    if format is Format.JSON:
        print_json({**_json(made, now, None), "token": secret})
        return
    console.print(
        f"Token {made.id} of {made.holder}, {made.role}, until {local(made.expires_at)}."
        " It is not shown again:",
        highlight=False,
    )
    console.print(secret, highlight=False)


@app.command("list")
def list_tokens(
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Every token that was granted, in force or not; never the tokens themselves."""
    with open_ledger(home(data, database_url, schema), signs=False) as ledger:
        now = ledger.clock()
        with ledger.pool.connection() as conn:
            found = [
                (each, granted.find(conn, each.grant_id) if each.grant_id else None)
                for each in granted_access.all_granted(conn)
            ]
    if format is Format.JSON:
        print_json({"tokens": [_json(each, now, grant) for each, grant in found]})
        return
    heads = ("token", "role", "holder", "may ask about", "ends", "state")
    table = Table(*(Column(head, overflow="fold") for head in heads))  # an id that is cut is no id
    for each, grant in found:
        scope = grant or each
        named = [*(scope.controllers or ()), *(scope.registers or ()), each.key_id]
        ends = min(grant.until, each.expires_at) if grant else each.expires_at
        table.add_row(
            each.id,
            each.role,
            each.holder,
            (", ".join(filter(None, named)) or "all")
            + (f" ({each.grant_id})" if each.grant_id else ""),
            local(ends),
            _state(each, now, grant),
        )
    console.print(table, soft_wrap=False)


@app.command()
def revoke(
    token: Annotated[str, typer.Argument(help="Id of the token, as `grant list` shows it.")],
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """End a token now: the next request with it is answered with 401."""
    with open_ledger(home(data, database_url, schema), signs=False) as ledger:
        now = ledger.clock()
        with ledger.database.connect_as_owner() as conn:
            ended = granted_access.revoke(conn, now, token)
    if format is Format.JSON:
        print_json(_json(ended, now, None))
    else:
        console.print(f"Token {ended.id} of {ended.holder} is revoked.", highlight=False)


def check_registers(names: list[str]) -> None:
    """A register that there is not is a slip of the pen. Raises ConfigurationError."""
    known = {*REGISTERS, *BESIDE_REGISTERS}
    for name in names:
        if name not in known:
            raise ConfigurationError(
                f"register {name} is none of these: {', '.join(sorted(known))}"
            )


def check_known(ledger: Ledger, controllers: list[str], key: str | None) -> None:
    """So is a grant for whom the ledger does not know. Raises ConfigurationError."""
    for controller in controllers:
        if not ledger.reader.sequence(controller, limit=1):
            raise ConfigurationError(f"nothing was ever recorded about a controller {controller}")
    if key is not None and ledger.find_key(key) is None:
        raise ConfigurationError(f"no key {key} is enrolled; `verantwoord keys list` shows them")


def expiry(now: datetime, days: int, expires: str | None) -> datetime:
    """When something ends: so many days after, or at a moment. Raises ConfigurationError."""
    return now + timedelta(days=days) if expires is None else instant("expires", expires)


def _state(token: Access, now: datetime, grant: Grant | None) -> str:
    """That of its grant, while the token itself is in force."""
    own = token.state(now)
    return grant.state(now) if grant is not None and own == "in force" else own


def _json(token: Access, now: datetime, grant: Grant | None) -> dict[str, Any]:
    scope = token if grant is None else grant
    return {
        "id": token.id,
        "role": token.role,
        "holder": token.holder,
        "controllers": scope.controllers,
        "registers": scope.registers,
        "key_id": token.key_id,
        "grant_id": token.grant_id,
        "until": grant and grant.until,
        "created_at": token.created_at.isoformat(),
        "expires_at": token.expires_at.isoformat(),
        "revoked_at": token.revoked_at.isoformat() if token.revoked_at else None,
        "state": _state(token, now, grant),
    }
