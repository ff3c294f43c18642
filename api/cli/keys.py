"""`verantwoord keys`: keys of services, enrolled and revoked by events of the administrator."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.table import Table

from api.cli.options import DEFAULT_DATA, DEFAULT_SCHEMA, Data, DatabaseUrl, Formatted, Schema, home
from api.cli.output import Format, console, print_json
from api.cli.several import Processor, to_append_to
from ledger import controller_key, keys
from ledger.append import Appended
from ledger.controller_key import ControllerKey
from ledger.deployment import Home
from ledger.errors import ConfigurationError, Refused
from ledger.key_rotation import administer
from ledger.log_keys import LOG
from ledger.opening import open_ledger

app = typer.Typer(help="Keys of services: make, enrol, revoke, list.", no_args_is_help=True)

KeyId = Annotated[str, typer.Argument(help="Id of the key, used once for ever: k-crm-2026")]


@app.command()
def new(
    key_id: KeyId,
    service: Annotated[str, typer.Option(help="Service that signs: the end of its source.")],
    into: Annotated[Path, typer.Option(help="Directory the private key is written to.")] = Path(),
    event_type: Annotated[
        list[str] | None, typer.Option(help="Event type it may sign; repeat. Default: any.")
    ] = None,
    controller: Annotated[
        list[str] | None, typer.Option(help="Controller it may sign for; repeat. Default: any.")
    ] = None,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
    all_logs: Annotated[
        bool, typer.Option("--all-logs", help="Enrol it in every log of the processor in --data.")
    ] = False,
    processor: Processor = None,
) -> None:
    """Make a key for a service and enrol it: an event signed by the administrator key."""
    if service == LOG:
        raise ConfigurationError("`log` is the log itself: `keys rotate-log` makes a key for it")
    if all_logs:
        homes = [log.home for log in to_append_to(data, database_url, processor)]
    else:
        homes = [home(data, database_url, schema)]
    file = keys.save(into, keys.make_key(key_id))
    enrolment = keys.load(file).enrolment(service)
    if event_type:
        enrolment["event_types"] = event_type
    if controller:
        enrolment["controller_ids"] = controller
    enrolled = False
    try:
        for where in homes:
            appended = _administer(where, "SigningKeyEnrolled", enrolment)
            enrolled = True
    except Refused:
        if not enrolled:
            file.unlink()  # a key nobody enrolled would only be in the way
        raise
    _say(format, f"Key {key_id} of {service} is enrolled. It is in {file}.", appended)


@app.command()
def revoke(
    key_id: KeyId,
    reason: Annotated[str, typer.Option(help="Why, in the event.")],
    suspect_since: Annotated[
        str, typer.Option(help="Since when it may have been in other hands: 2026-02-14")
    ],
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Revoke a key: from now on the ledger refuses what it signs, whatever date that claims."""
    content = {"key_id": key_id, "reason": reason, "suspect_since": suspect_since}
    appended = _administer(home(data, database_url, schema), "SigningKeyRevoked", content)
    _say(format, f"Key {key_id} is revoked.", appended)


@app.command("list")
def list_keys(
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Every key the log enrolled, in force or not."""
    with open_ledger(home(data, database_url, schema), signs=False) as ledger:
        found = [
            {
                "key_id": key.key_id,
                "service": key.service,
                "event_types": sorted(key.event_types) if key.event_types is not None else None,
                "controllers": sorted(key.controllers) if key.controllers is not None else None,
                "valid_from": _when(key.valid_from),
                "valid_until": _when(key.valid_until),
                "revoked_at": _when(key.revoked_at),
                "suspect_since": _when(key.suspect_since),
            }
            for key in ledger.enrolled_keys()
        ]
    if format is Format.JSON:
        print_json({"keys": found})
        return
    table = Table("key", "service", "may sign", "for", "valid", "revoked")
    for key in found:
        valid = f"{key['valid_from'] or ''} – {key['valid_until'] or ''}".strip(" –")
        table.add_row(
            str(key["key_id"]),
            str(key["service"]),
            _some(key["event_types"]),
            _some(key["controllers"]),
            valid,
            str(key["revoked_at"] or ""),
        )
    console.print(table, soft_wrap=False)


@app.command()
def controller(
    controller: Annotated[str, typer.Argument(help="Id of the controller: C1")],
    into: Annotated[Path, typer.Option(help="Directory the key is written to.")] = Path(),
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Write the key with which a controller checks its exports, to be handed to it once.

    It never changes, and nothing of it is recorded: the numbers of all entries are under it.
    """
    with open_ledger(home(data, database_url, schema), signs=False) as ledger:
        key = ControllerKey(
            ledger.identity.origin, controller, ledger.require_controller_keys().of(controller)
        )
    file = into / f"{quote(controller, safe='')}.controller-key"
    keys.write_secret(file, controller_key.format(key) + "\n")
    if format is Format.JSON:
        print_json({"controller": controller, "file": str(file)})
    else:
        console.print(f"The key of {controller} is in {file}.", highlight=False)


def _administer(where: Home, event_type: str, content: dict[str, Any]) -> Appended:
    with open_ledger(where) as ledger:
        (answer,) = administer(where, ledger, [(event_type, content)])
    return answer


def _say(format: Format, text: str, appended: Appended) -> None:
    if format is Format.JSON:
        print_json({"index": appended.index, "receipt": appended.receipt})
    else:
        console.print(f"{text} (entry {appended.index})", highlight=False)


def _when(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _some(values: object) -> str:
    return ", ".join(values) if isinstance(values, list) else "any"
