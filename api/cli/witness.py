"""`verantwoord witness`: cosign the checkpoints of other people's logs. It needs no PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from rich.table import Table

from api.cli.options import Formatted, read_policy
from api.cli.output import Format, console, print_json
from api.cli.serve import Host, listen
from api.witness import create_app
from ledger import policy as policies
from ledger.auditor import note_of
from ledger.errors import ConfigurationError, NoteMalformed
from ledger.policy import LogKey
from ledger.witness import Witness
from ledger.witness.home import WitnessHome, open_witness
from ledger.witness.state import Conflict, Held

AT_ONCE = 256
"""Connections; more are told to come back."""


def witness(
    data: Annotated[
        Path, typer.Option("--data", help="Directory of the witness: its keys and its state.")
    ] = Path("verantwoord-witness"),
    name: Annotated[
        str | None,
        typer.Option(
            help="Name of a new witness: an address of yours without its scheme. It never changes."
        ),
    ] = None,
    log: Annotated[
        list[str] | None,
        typer.Option(help="Verifier key of a log to cosign; may be repeated."),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(help="A tlog-policy file whose `log` lines name logs to cosign."),
    ] = None,
    kept: Annotated[
        list[Path] | None,
        typer.Option(
            help="A receipt or checkpoint from earlier that a log, when it is first cosigned, must"
            " go on from; may be repeated."
        ),
    ] = None,
    host: Host = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)
    ] = 8481,
    show: Annotated[
        bool, typer.Option("--show", help="Print keys, what was cosigned and conflicts, and end.")
    ] = False,
    clock_was_ahead: Annotated[
        bool,
        typer.Option(
            "--clock-was-ahead",
            help="Forget cosignature times after now: once, after a clock that ran ahead was set.",
        ),
    ] = False,
    format: Formatted = Format.TEXT,
) -> None:
    """Run a witness: cosign each tree of the given logs that goes on from the one before.

    Whoever verifies then knows that everybody is shown one history. The first start makes the keys.
    """
    logs = list(_logs(log or [], policy))
    home = WitnessHome(data)
    signed = [note_of(file) for file in kept or []]
    with open_witness(home, logs, name=name, kept=signed) as opened:
        if clock_was_ahead:
            opened.state.forget_times(int(time.time()))
        if show:
            _show(opened, home, format)
            return
        if not logs:
            raise ConfigurationError(
                "give the logs to cosign: --log VKEY for each, or --policy FILE with `log` lines"
            )
        _serve(opened, home, host, port)


def _logs(vkeys: list[str], policy: Path | None) -> Iterator[LogKey]:
    for vkey in vkeys:
        try:
            yield policies.parse_log_vkey(vkey)
        except NoteMalformed as error:
            raise ConfigurationError(f"--log {vkey}: {error}") from None
    if policy is not None:
        yield from (log.key for log in read_policy(policy).logs)


def _serve(opened: Witness, home: WitnessHome, host: str, port: int) -> None:
    listening = listen(host, port)
    try:
        _say(f"Witness {opened.signers[0].name} at http://{host}:{listening.getsockname()[1]}")
        _say(f"Its key is {opened.signers[0].verifier.vkey}")
        _say(f"and, for ML-DSA-44 too, in {home.policy_file}: give that to logs and verifiers.")
        for origin, keys in opened.logs.items():
            _say(f"Cosigns {origin}, signed by {' or '.join(key.key_id.hex() for key in keys)}")
        config = uvicorn.Config(
            create_app(opened),
            log_level="warning",
            server_header=False,
            limit_concurrency=AT_ONCE,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=5,
        )
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        listening.close()


def _show(opened: Witness, home: WitnessHome, format: Format) -> None:
    held, conflicts = opened.state.all_held(), opened.state.conflicts()
    if format is Format.JSON:
        print_json(_document(opened, held, conflicts))
    else:
        _say(f"Witness {opened.signers[0].name}")
        _say(f"Its key is {opened.signers[0].verifier.vkey}; both are in {home.policy_file}.")
        table = Table("log", "size", "cosigned at", "root")
        for tree in held:
            table.add_row(tree.origin, str(tree.size), _when(tree.time), tree.root.hex())
        console.print(table, soft_wrap=False)
        for conflict in conflicts:
            _say(
                f"{conflict.origin} signed two trees of size {conflict.size} (seen"
                f" {_when(conflict.seen_at)}). Keep both notes: they prove it.\n"
            )
            _say(f"{conflict.held}\n{conflict.note}")
    if conflicts:
        raise typer.Exit(1)


def _document(
    opened: Witness, held: Sequence[Held], conflicts: Sequence[Conflict]
) -> dict[str, object]:
    return {
        "name": opened.signers[0].name,
        "vkeys": [signer.verifier.vkey for signer in opened.signers],
        "logs": [
            {
                "origin": tree.origin,
                "size": tree.size,
                "root": tree.root.hex(),
                "cosigned_at": _when(tree.time),
            }
            for tree in held
        ],
        "conflicts": [
            {
                "origin": conflict.origin,
                "size": conflict.size,
                "seen_at": _when(conflict.seen_at),
                "cosigned": conflict.held,
                "refused": conflict.note,
            }
            for conflict in conflicts
        ],
    }


def _say(text: str) -> None:
    console.print(text, highlight=False, markup=False)


def _when(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
