"""`verantwoord serve` and `verantwoord demo`: a ledger that answers over HTTP."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from api.app import create_app
from api.cli.options import (
    DEFAULT_DATA,
    DEFAULT_SCHEMA,
    Authorities,
    Data,
    DatabaseUrl,
    Schema,
    authorities_of,
    home,
)
from api.cli.output import console, progress
from api.cli.read import print_register
from api.state import State
from ledger import feed, fsck, keys, noting
from ledger import replay as replaying
from ledger.authorities import Authority
from ledger.deployment import DEMO, Home
from ledger.errors import ConfigurationError
from ledger.keyring import LEDGER
from ledger.note import parse_vkey
from ledger.noting import Noter, Schedule
from ledger.opening import Ledger, open_ledger
from ledger.timestamps import HOURLY, Stamper
from projections import sql
from projections.follow import Follower, catch_up
from projections.question import ask
from projections.registers import REGISTERS

Host = Annotated[str, typer.Option(help="Address to listen on; 127.0.0.1 is this machine alone.")]
Port = Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)]

Every = Annotated[
    int,
    typer.Option(
        "--timestamp-every",
        envvar="VERANTWOORD_TIMESTAMP_EVERY",
        help="Minutes between timestamps of each authority, when the log has grown.",
        min=1,
    ),
]

NoteEvery = Annotated[
    noting.Every,
    typer.Option(
        "--note-every",
        envvar="VERANTWOORD_NOTE_EVERY",
        help="How often the ledger records its checkpoint, with the latest number of every"
        " controller.",
    ),
]

NoteAfter = Annotated[
    int,
    typer.Option(
        "--note-after",
        envvar="VERANTWOORD_NOTE_AFTER",
        help="The same after so many entries, if that comes first.",
        min=1,
    ),
]

PublicHashes = Annotated[
    bool,
    typer.Option(
        "--public-hashes",
        envvar="VERANTWOORD_PUBLIC_HASHES",
        help="Checkpoints, hash tiles and consistency proofs need no token. Entries always do.",
    ),
]

DEMO_ORIGIN = "demo.verantwoord.example/beweegzorg"
DEMO_CONTROLLER = "C2"


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8480,
    public_hashes: PublicHashes = False,
    authorities: Authorities = None,
    timestamp_every: Every = 60,
    note_every: NoteEvery = noting.Every.MONTH,
    note_after: NoteAfter = 10_000,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
) -> None:
    """Serve the ledger over HTTP until interrupted.

    Appending needs a producer's signature, reading the token in DIR/read.token. Time-stamping
    authorities are asked as --authorities says; appends never wait for them.
    """
    _serve(
        home(data, database_url, schema),
        host,
        port,
        public_hashes=public_hashes,
        authorities=authorities_of(home(data, database_url, schema), authorities),
        every=timedelta(minutes=timestamp_every),
        notes=Schedule(note_every, note_after),
    )


def demo(
    no_serve: Annotated[
        bool, typer.Option("--no-serve", help="End after the verification.")
    ] = False,
    host: Host = "127.0.0.1",
    port: Port = 8480,
    data: Data = Path("verantwoord-demo"),
    database_url: DatabaseUrl = None,
    schema: Schema = DEFAULT_SCHEMA,
) -> None:
    """Two years of a fictional processor: signed, appended, verified, one register printed, served.

    Run it again and it serves the ledger that is there.
    """
    where = home(data, database_url, schema)
    with resources.as_file(resources.files("ledger.demo") / "feed.ndjson") as events:
        _fill(where, events)
    _check_and_show(where)
    if not no_serve:
        _serve(where, host, port)


def _fill(where: Home, events: Path) -> None:
    console.print(f"[bold]1[/]  A ledger in {where.data}, with a PostgreSQL of its own")
    total = sum(1 for _ in feed.read(events))
    tables = [sql.text("registers.sql")]
    with replaying.demo_ledger(where, events, origin=DEMO_ORIGIN, tables=tables, resume=True) as (
        ledger,
        clock,
    ):
        console.print("[bold]2[/]  Two years of events, each signed by its producer, appended")
        with progress("events", total) as show:
            done = replaying.replay(where, ledger, clock, events, show)
            catch_up(ledger.pool)
    console.print(f"   {done.recorded} recorded, {done.already} were there", highlight=False)


def _check_and_show(where: Home) -> None:
    with open_ledger(where, signs=False) as ledger, ledger.database.connect() as conn:
        console.print("[bold]3[/]  Every hash, tag, tile and signature, derived again")
        with progress("entries", ledger.reader.size()) as show:
            sound = fsck.fsck(
                conn,
                parse_vkey(ledger.identity.vkey),
                ledger.identity.administrator_key,
                keys=ledger.controller_keys,
                progress=show,
            )
            show(sound.size)
        console.print(f"   {sound.size} entries, root {sound.root.hex()}", highlight=False)
        console.print(f"[bold]4[/]  The processing register of practice {DEMO_CONTROLLER}\n")
        answer = ask(ledger.pool, REGISTERS["processing"], controller=DEMO_CONTROLLER)
        print_register(answer, "en")


def _serve(
    where: Home,
    host: str,
    port: int,
    *,
    public_hashes: bool = False,
    authorities: Sequence[Authority] = (),
    every: timedelta = HOURLY,
    notes: Schedule | None = None,
) -> None:
    with ExitStack() as stack:
        ledger = stack.enter_context(open_ledger(where))
        timestamps = None
        if authorities:
            timestamps = ledger.timestamps(authorities, every=every)
            stack.callback(Stamper(timestamps).close)
        if notes is not None:
            _note(stack, where, ledger, notes)
        follower = Follower(ledger.pool, ledger.listener)
        listening = listen(host, port)
        try:
            address = f"http://{host}:{listening.getsockname()[1]}"
            origin = ledger.identity.origin
            console.print(f"Serving {origin} at [bold]{address}[/]", highlight=False)
            console.print(
                f"Check with: verantwoord verify {address}/log --token-file {where.token_file}",
                highlight=False,
                soft_wrap=True,
            )
            console.print(
                f'Read with: curl -H "Authorization: Bearer $(cat {where.token_file})"'
                f" {address}/v1/registers/processing",
                highlight=False,
                soft_wrap=True,
            )
            config = uvicorn.Config(
                create_app(State(ledger, follower, public_hashes, timestamps)),
                log_level="warning",
                server_header=False,
                timeout_graceful_shutdown=5,
            )
            uvicorn.Server(config).run(sockets=[listening])
        finally:
            listening.close()
            follower.close()


def _note(stack: ExitStack, where: Home, ledger: Ledger, schedule: Schedule) -> None:
    """Note the ledger on a schedule where it can append; not one whose clock is that of a feed."""
    file = keys.key_file(where.keys, LEDGER)
    if file.exists() and not ledger.identity.origin.startswith(DEMO):
        stack.callback(Noter(ledger, keys.load(file), schedule).close)


def listen(host: str, port: int) -> socket.socket:
    """A socket to serve on. Raises ConfigurationError."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET, backlog=2048)
    except OSError as error:
        raise ConfigurationError(f"cannot listen on {host}:{port}: {error.strerror}") from None
