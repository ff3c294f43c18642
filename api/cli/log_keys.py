"""`verantwoord keys rotate-log` and the other commands about the keys of the log itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from api.cli.keys import app
from api.cli.options import DEFAULT_DATA, DEFAULT_SCHEMA, Data, DatabaseUrl, Formatted, Schema, home
from api.cli.output import Format, console, print_json
from ledger import key_rotation
from ledger.deployment import Home
from ledger.errors import ConfigurationError
from ledger.log_keys import LogKey, LogKeys
from ledger.opening import open_ledger


@app.command("rotate-log")
def rotate_log(
    lost: Annotated[
        bool,
        typer.Option("--lost", help="The old key is gone: end it now, without its signature."),
    ] = False,
    stolen_since: Annotated[
        str | None,
        typer.Option(help="The old key may be in other hands since then: end it now. 2026-02-14"),
    ] = None,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Give the log another key, which signs every checkpoint beside the old one.

    The change is an event of the administrator in the log. Give the new DIR/log.vkey to whoever
    verifies; when all have it, end the old key with `keys retire-log`. A service that runs takes
    the new key up by itself; on another machine, copy it there first. With --lost or --stolen-since
    the old key ends in the same moment: whoever pinned it then needs the new log.vkey at once.
    """
    if lost and stolen_since is not None:
        raise ConfigurationError("a key is lost or stolen; what may be stolen is --stolen-since")
    where = home(data, database_url, schema)
    if not lost and stolen_since is None:
        with open_ledger(where) as ledger:
            known = key_rotation.rotate(where, ledger)
        _say(format, where, known, "The log has a new key, which signs beside the old one.")
        return
    since = stolen_since or datetime.now(UTC).isoformat()
    with open_ledger(where, replacing_key=True) as ledger:
        reason = "lost" if lost else "may be in other hands"
        known = key_rotation.replace_key(where, ledger, reason, since)
    _say(format, where, known, "The log has a new key, and the old one has ended.")


@app.command("retire-log")
def retire_log(
    key_id: Annotated[str, typer.Argument(help="Id of the key that ends, as `keys log` has it.")],
    reason: Annotated[str, typer.Option(help="Why, in the event.")] = "rotated",
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """End an old key of the log: from now on the new one signs alone.

    What the old key signed before still verifies, and nothing larger does, whoever has it. Its
    private half is needed no more: destroy it. DIR/KEY_ID.last.checkpoint leads whoever pinned it
    to the new key.
    """
    where = home(data, database_url, schema)
    with open_ledger(where) as ledger:
        known = key_rotation.retire(where, ledger, key_id, reason)
    _say(format, where, known, f"The key {key_id} has ended.")


@app.command("second-signer")
def second_signer(
    end: Annotated[bool, typer.Option("--end", help="Let it sign no more.")] = False,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """Have every checkpoint signed with ML-DSA-44 as well, which quantum computers do not break.

    The signature is a C2SP cosignature (type 0x06) by the log itself. Verifiers that pinned the
    Ed25519 key alone go on as before; whoever takes the new DIR/log.vkey asks for both. A
    checkpoint, and so each receipt, grows by 3.3 KB.
    """
    where = home(data, database_url, schema)
    with open_ledger(where) as ledger:
        change = key_rotation.end_second_signer if end else key_rotation.add_second_signer
        known = change(where, ledger)
    done = "has ended" if end else "signs from now on"
    _say(format, where, known, f"The second signer {done}.")


@app.command("log")
def log(
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
    format: Formatted = Format.TEXT,
) -> None:
    """The keys of the log: which of them signs trees of which size."""
    with open_ledger(home(data, database_url, schema), signs=False) as ledger:
        known = ledger.vkeys()
    _print(format, known)


def _say(format: Format, where: Home, known: LogKeys, done: str) -> None:
    if format is Format.TEXT:
        console.print(done, highlight=False)
        console.print(f"Publish {where.vkey_file}: it says which key signs trees of which size.")
    _print(format, known)


def _print(format: Format, known: LogKeys) -> None:
    if format is Format.JSON:
        print_json({"origin": known.name, "keys": [_as_json(key) for key in known.ordered()]})
        return
    for key in known.ordered():
        name = "second signer" if key.second else key.key_id or "first key"
        until = "on" if key.last is None else f"to {key.last}"
        console.print(
            f"[bold]{name}[/]  signs trees of {key.first} entries {until}", highlight=False
        )
        vkey = key.verifier.vkey
        console.print(f"  {vkey if len(vkey) < 400 else vkey[:72] + '…'}", highlight=False)


def _as_json(key: LogKey) -> dict[str, object]:
    return {
        "key_id": key.key_id,
        "algorithm": "ml-dsa-44" if key.second else "ed25519",
        "vkey": key.verifier.vkey,
        "from": key.first,
        "until": key.last,
    }
