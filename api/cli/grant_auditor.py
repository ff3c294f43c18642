"""`verantwoord grant auditor`, `extend` and `end`: what an auditor may read, as events."""

from __future__ import annotations

import secrets
from typing import Annotated

import typer

from api.cli.grant import app, check_known, check_registers, expiry
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
from ledger import auditor_grants, granted_access
from ledger.errors import ConfigurationError
from ledger.granted_access import LONGEST
from ledger.opening import Ledger, open_ledger
from ledger.roles import OPERATOR, Role
from projections import granted
from projections.grants import Grant

Id = Annotated[str, typer.Argument(help="Id of the grant, as `grant list` shows it.")]
Reason = Annotated[str, typer.Option(help="Why, in the event.")]


@app.command()
def auditor(
    holder: Annotated[str, typer.Option(help="Pseudonym of the auditor: auditor-2026-1.")],
    purpose: Annotated[str, typer.Option(help="What for, in the event: audit 11.3, AU-7.")],
    controller: Annotated[
        list[str] | None, typer.Option(help="Controller it may ask about; repeat. Default: all.")
    ] = None,
    register: Annotated[
        list[str] | None, typer.Option(help="Register it may read; repeat. Default: all.")
    ] = None,
    framework: Annotated[
        list[str] | None, typer.Option(help="Framework that is audited; repeat.")
    ] = None,
    audit: Annotated[
        str | None, typer.Option(help="Id of the controller's audit (11.3) that it is for.")
    ] = None,
    begins: Annotated[
        str | None, typer.Option("--from", help="Moment at which it begins; now if absent.")
    ] = None,
    days: Annotated[int, typer.Option(help="Days until it ends by itself.", min=1, max=366)] = 30,
    expires: Annotated[
        str | None, typer.Option(help="Moment at which it ends, instead: 2027-01-31.")
    ] = None,
    by: By = OPERATOR.name,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Grant an auditor read access for a while, as an event, and print its token, once.

    It ends by itself, is extended with `grant extend` and ended with `grant end`. Each controller
    named sees in its own register that it was granted.
    """
    check_registers(register or [])
    with open_ledger(home(data, database_url, schema)) as ledger:
        check_known(ledger, controller or [], None)
        now = ledger.clock()
        since = now if begins is None else instant("from", begins)
        until = expiry(since, days, expires)
        grant_id = f"G-{secrets.token_hex(4)}"
        with ledger.database.connect_as_owner() as conn, conn.transaction():
            # The token is kept only when the grant was recorded.
            made, secret = granted_access.grant(
                conn,
                now,
                role=Role.AUDITOR,
                holder=holder,
                expires_at=now + LONGEST,
                grant_id=grant_id,
            )
            auditor_grants.grant(
                ledger,
                grant_id=grant_id,
                reader=holder,
                purpose=purpose,
                since=since,
                until=until,
                controllers=controller or (),
                registers=register or (),
                frameworks=framework or (),
                audit_id=audit,
                by=by,
            )
    if format is Format.JSON:
        print_json({"grant": grant_id, "id": made.id, "until": until, "token": secret})
        return
    console.print(
        f"Grant {grant_id} of {holder}, until {local(until)}. Its token {made.id} is not shown"
        " again:",
        highlight=False,
    )
    console.print(secret, highlight=False)


@app.command()
def extend(
    grant: Id,
    expires: Annotated[str, typer.Option(help="Moment at which it ends now: 2027-01-31.")],
    reason: Reason,
    by: By = OPERATOR.name,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Let an auditor read longer, by an event; the token stays the same."""
    until = instant("expires", expires)
    with open_ledger(home(data, database_url, schema)) as ledger:
        found = _standing(ledger, grant)
        if until <= found.until:
            raise ConfigurationError(f"grant {grant} lasts until {local(found.until)} already")
        auditor_grants.extend(
            ledger, grant, found.controllers or (), until=until, reason=reason, by=by
        )
    if format is Format.JSON:
        print_json({"grant": grant, "until": until})
    else:
        console.print(f"Grant {grant} lasts until {local(until)}.", highlight=False)


@app.command()
def end(
    grant: Id,
    reason: Reason,
    by: By = OPERATOR.name,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """End what an auditor may read now, by an event: every token of the grant is refused."""
    with open_ledger(home(data, database_url, schema)) as ledger:
        found = _standing(ledger, grant)
        auditor_grants.revoke(ledger, grant, found.controllers or (), reason=reason, by=by)
    if format is Format.JSON:
        print_json({"grant": grant, "state": "revoked"})
    else:
        console.print(f"Grant {grant} of {found.reader} has ended.", highlight=False)


def _standing(ledger: Ledger, grant_id: str) -> Grant:
    with ledger.pool.connection() as conn:
        found = granted.find(conn, grant_id)
    if found is None:
        raise ConfigurationError(f"there is no grant {grant_id}; `verantwoord grant list` has them")
    if found.revoked_at is not None:
        raise ConfigurationError(f"grant {grant_id} was ended {local(found.revoked_at)}")
    return found
