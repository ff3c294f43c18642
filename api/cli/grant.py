"""`verantwoord grant`: who may read over HTTP, what, and until when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from api.cli.options import (
    DEFAULT_ADDRESS,
    DEFAULT_DATA,
    DEFAULT_SCHEMA,
    Address,
    Data,
    DatabaseUrl,
    Formatted,
    ProviderFile,
    Schema,
    home,
    instant,
    provider_of,
    public_address,
)
from api.cli.output import Format, console, local, print_json
from api.sign_in import settings
from ledger import granted_access
from ledger.errors import ConfigurationError
from ledger.granted_access import USUAL, Access, Identity, Means
from ledger.opening import Ledger, open_ledger
from ledger.roles import BESIDE_REGISTERS, Holder, Role
from projections import granted
from projections.grants import Grant
from projections.registers import REGISTERS

app = typer.Typer(help="Who may read over HTTP: grant, list, revoke.", no_args_is_help=True)


RoleOf = Annotated[Role, typer.Option(help="What the holder is to this ledger.")]
HolderOf = Annotated[str, typer.Option(help="Pseudonym of whoever gets it: officer-1.")]
Controllers = Annotated[
    list[str] | None,
    typer.Option(
        "--controller",
        help="Controller it may ask about; repeat. Default: all, where the role may.",
    ),
]
Registers = Annotated[
    list[str] | None,
    typer.Option("--register", help="Register it may read; repeat. Default: all."),
]
Days = Annotated[int, typer.Option(help="Days until it ends by itself.", min=1, max=366)]
Expires = Annotated[str | None, typer.Option(help="Moment at which it ends, instead: 2027-01-31.")]
OfAuditor = Annotated[
    str | None,
    typer.Option("--grant", help="Grant of an auditor, for whom it is; instead of a role."),
]


@app.command()
def token(
    role: RoleOf,
    holder: HolderOf,
    controller: Controllers = None,
    register: Registers = None,
    key: Annotated[str | None, typer.Option(help="Of a service: the id of its key.")] = None,
    days: Days = USUAL.days,
    expires: Expires = None,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Make an access token for a program and print it, once: only its digest is kept.

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


@app.command()
def link(
    role: Annotated[Role | None, typer.Option(help="What the holder is to this ledger.")] = None,
    holder: Annotated[str, typer.Option(help="Pseudonym of whoever gets it: officer-1.")] = "",
    grant: OfAuditor = None,
    controller: Controllers = None,
    register: Registers = None,
    hours: Annotated[
        int, typer.Option(help="Hours in which it is to be used.", min=1, max=168)
    ] = 24,
    address: Address = DEFAULT_ADDRESS,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Make a link that signs a person in, once, and print it: only its digest is kept.

    Send it in a way that nobody else reads. The session lasts half a day at most; whoever comes
    back then needs another link, or signs in with a provider (`grant sign-in`).
    """
    check_registers(register or [])
    base = public_address(address)
    with open_ledger(home(data, database_url, schema), signs=False) as ledger:
        check_known(ledger, controller or [], None)
        now = ledger.clock()
        whom = _whom(ledger, role, holder, grant)
        with ledger.database.connect_as_owner() as conn:
            made, secret = granted_access.grant(
                conn,
                now,
                role=whom.role,
                holder=whom.name,
                expires_at=now + timedelta(hours=hours),
                controllers=controller or (),
                registers=register or (),
                grant_id=grant,
                means=Means.LINK,
            )
    shown = f"{base}/sign-in/link?token={secret}"
    if format is Format.JSON:
        print_json({**_json(made, now, None), "link": shown})
        return
    console.print(
        f"Link {made.id} of {made.holder}, {made.role}, to be used until {local(made.expires_at)}."
        " It is not shown again:",
        highlight=False,
    )
    console.print(shown, highlight=False, soft_wrap=True)


@app.command("sign-in")
def sign_in(
    subject: Annotated[
        str, typer.Option(help="The person's subject (`sub`) at the identity provider.")
    ],
    role: Annotated[Role | None, typer.Option(help="What the person is to this ledger.")] = None,
    holder: Annotated[str, typer.Option(help="Pseudonym of the person here: officer-1.")] = "",
    grant: OfAuditor = None,
    controller: Controllers = None,
    register: Registers = None,
    days: Days = USUAL.days,
    expires: Expires = None,
    provider: ProviderFile = None,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Let a person in who signs in with the identity provider; of the subject a digest is kept.

    Whoever has signed in and has nothing granted is shown the subject, to tell it to the operator.
    """
    check_registers(register or [])
    where = home(data, database_url, schema)
    file = provider_of(where, provider)
    if file is None:
        raise ConfigurationError(f"there is no identity provider in {where.provider_file}")
    identity = Identity(settings.load(file).issuer, subject)
    with open_ledger(where, signs=False) as ledger:
        check_known(ledger, controller or [], None)
        now = ledger.clock()
        whom = _whom(ledger, role, holder, grant)
        with ledger.database.connect_as_owner() as conn:
            made = granted_access.let_sign_in(
                conn,
                now,
                identity,
                role=whom.role,
                holder=whom.name,
                expires_at=expiry(now, days, expires),
                controllers=controller or (),
                registers=register or (),
                grant_id=grant,
            )
    if format is Format.JSON:
        print_json(_json(made, now, None))
        return
    console.print(
        f"{made.id}: that subject of {identity.issuer} may sign in as {made.holder}, {made.role},"
        f" until {local(made.expires_at)}.",
        highlight=False,
    )


def _whom(ledger: Ledger, role: Role | None, holder: str, grant_id: str | None) -> Holder:
    """The role and pseudonym that are named, or those of an auditor's grant. Raises
    ConfigurationError."""
    if grant_id is None:
        if role is None or not holder:
            raise ConfigurationError("--role and --holder say for whom; or --grant, for an auditor")
        return Holder(role, holder)
    if role not in (None, Role.AUDITOR) or holder:
        raise ConfigurationError("--grant says for whom, without --role and --holder")
    with ledger.pool.connection() as conn:
        found = granted.find(conn, grant_id)
    if found is None:
        raise ConfigurationError(f"there is no grant {grant_id}; `verantwoord grant list` has them")
    return Holder(Role.AUDITOR, found.reader)


@app.command("list")
def list_tokens(
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """All that was granted, in force or not; never the tokens themselves."""
    with open_ledger(home(data, database_url, schema), signs=False) as ledger:
        now = ledger.clock()
        with ledger.pool.connection() as conn:
            found = [
                (each, granted.find(conn, each.grant_id) if each.grant_id else None)
                for each in granted_access.all_granted(conn)
            ]
    if format is Format.JSON:
        print_json({"granted": [_json(each, now, grant) for each, grant in found]})
        return
    heads = ("id", "role", "holder", "may ask about", "ends", "state")
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
    id: Annotated[str, typer.Argument(help="Id, as `grant list` shows it.")],
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """End a token, a link or a sign-in now, and its sessions: the next request is refused."""
    with open_ledger(home(data, database_url, schema), signs=False) as ledger:
        now = ledger.clock()
        with ledger.database.connect_as_owner() as conn:
            ended = granted_access.revoke(conn, now, id)
    if format is Format.JSON:
        print_json(_json(ended, now, None))
    else:
        console.print(f"{ended.id} of {ended.holder} is revoked.", highlight=False)


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
        "means": token.means,
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
