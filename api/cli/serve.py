"""`verantwoord serve` and `verantwoord demo`: a ledger that answers over HTTP."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from api.app import create_app
from api.cli.options import (
    DEFAULT_ADDRESS,
    DEFAULT_DATA,
    DEFAULT_SCHEMA,
    Address,
    Authorities,
    Data,
    DatabaseUrl,
    PolicyFile,
    ProviderFile,
    Schema,
    authorities_of,
    home,
    policy_of,
    provider_of,
    public_address,
)
from api.cli.output import console, progress
from api.cli.read import print_register
from api.delivering import delivering
from api.metrics import Beside, shown
from api.pack_scope import trust_of
from api.packing import Packing
from api.rate import Limits, Rates
from api.state import State
from api.tls import Tls
from api.workers import Line, People, Served, beside, run, trace
from ledger import feed, fsck, noting
from ledger import replay as replaying
from ledger.authorities import Authority
from ledger.deployment import Home
from ledger.errors import ConfigurationError
from ledger.inspections import recording
from ledger.note import parse_vkey
from ledger.noting import Noter, Schedule
from ledger.opening import Ledger, open_ledger
from ledger.policy import Policy
from ledger.publish import INTERVAL, Publisher, Publishing, learn_from_witnesses
from ledger.timestamps import HOURLY, Stamper, Timestamps
from projections import sql
from projections.follow import Follower, catch_up
from projections.frameworks.framework import all_frameworks
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


@dataclass(frozen=True, slots=True)
class Seen:
    """How a service is seen from outside: where it shows its metrics, and where traces go."""

    metrics: tuple[str, int] | None = None
    traces: str | None = None

    @contextmanager
    def shown(self, state: State, processes: int, others: Beside) -> Iterator[None]:
        """Show the metrics until the block ends, if that is asked for."""
        if self.metrics is None:
            yield
            return
        with shown(self.metrics, state, processes, others) as port:
            at = f"http://{self.metrics[0]}:{port}/metrics"
            console.print(f"Metrics at {at}", highlight=False, soft_wrap=True)
            yield


DEMO_ORIGIN = "demo.verantwoord.example/beweegzorg"
DEMO_CONTROLLER = "C2"


@dataclass(frozen=True, slots=True)
class Others:
    """Whom a service asks about its checkpoints, and how often: witnesses and authorities."""

    policy: Policy | None = None
    publish_interval: float = INTERVAL
    authorities: Sequence[Authority] = ()
    timestamp_every: timedelta = HOURLY
    policy_file: Path | None = None

    @classmethod
    def beside(cls, where: Home) -> Others:
        """Those that files beside the ledger name."""
        file = where.policy_file if where.policy_file.exists() else None
        return cls(
            policy_of(where, file), authorities=authorities_of(where, None), policy_file=file
        )


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8480,
    public_hashes: PublicHashes = False,
    policy: PolicyFile = None,
    workers: Annotated[
        int,
        typer.Option(
            envvar="VERANTWOORD_WORKERS",
            help="Processes that serve; one for each core that the database leaves.",
            min=1,
            max=64,
        ),
    ] = 1,
    publish_interval: Annotated[
        float,
        typer.Option(help="Seconds between two rounds of asking witnesses, at least.", min=0.1),
    ] = INTERVAL,
    provider: ProviderFile = None,
    address: Address = DEFAULT_ADDRESS,
    authorities: Authorities = None,
    timestamp_every: Every = 60,
    note_every: NoteEvery = noting.Every.MONTH,
    note_after: NoteAfter = 10_000,
    reads_per_minute: Annotated[
        int,
        typer.Option(
            envvar="VERANTWOORD_READS_PER_MINUTE",
            help="Questions of one reader in a minute; the operator is not limited.",
            min=1,
        ),
    ] = Limits().reads,
    appends_per_minute: Annotated[
        int | None,
        typer.Option(
            envvar="VERANTWOORD_APPENDS_PER_MINUTE",
            help="Events that one address may append in a minute.  [default: no limit]",
            show_default=False,
            min=1,
        ),
    ] = None,
    tls_certificate: Annotated[
        Path | None,
        typer.Option(
            envvar="VERANTWOORD_TLS_CERTIFICATE",
            help="Certificate (PEM, with its chain), to serve over HTTPS; --tls-key goes with it.",
        ),
    ] = None,
    tls_key: Annotated[
        Path | None,
        typer.Option(envvar="VERANTWOORD_TLS_KEY", help="Its private key (PEM, mode 0600)."),
    ] = None,
    proxy: Annotated[
        list[str] | None,
        typer.Option(
            envvar="VERANTWOORD_PROXY",
            help="Address or network of a proxy that is believed when it says for whom it asks;"
            " repeat.  [default: 127.0.0.1]",
            show_default=False,
        ),
    ] = None,
    metrics_at: Annotated[
        str | None,
        typer.Option(
            "--metrics",
            metavar="HOST:PORT",
            envvar="VERANTWOORD_METRICS",
            help="Where metrics are shown to Prometheus, to whoever reaches it: 127.0.0.1:9480.",
        ),
    ] = None,
    traces: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            envvar="VERANTWOORD_TRACES",
            help="Where traces are sent (OTLP over HTTP): http://127.0.0.1:4318/v1/traces.",
        ),
    ] = None,
    data: Data = DEFAULT_DATA,
    database_url: DatabaseUrl = None,
    read_url: Annotated[
        str | None,
        typer.Option(
            envvar="VERANTWOORD_READ_URL",
            help="A replica of --database-url, from which is read what it holds already.",
        ),
    ] = None,
    schema: Schema = DEFAULT_SCHEMA,
) -> None:
    """Serve the ledger over HTTP until interrupted, and have its checkpoints cosigned.

    Appending needs a producer's signature, reading the token in DIR/read.token. The witnesses are
    those of the policy, the time-stamping authorities those of --authorities; without them nobody
    is asked. Appends wait for none of them.
    """
    where = replace(home(data, database_url, schema), read_url=read_url)
    others = Others(
        policy_of(where, policy),
        publish_interval,
        authorities_of(where, authorities),
        timedelta(minutes=timestamp_every),
        policy or (where.policy_file if where.policy_file.exists() else None),
    )
    notes = Schedule(note_every, note_after)
    _serve(
        where,
        host,
        port,
        others,
        workers,
        public_hashes=public_hashes,
        notes=notes,
        limits=Limits(reads_per_minute, appends_per_minute),
        people=People(provider_of(where, provider), public_address(address)),
        line=Line(_tls(tls_certificate, tls_key), _proxies(proxy) if proxy else Line().proxies),
        seen=Seen(_place(metrics_at) if metrics_at else None, _collector(traces)),
    )


def _place(named: str) -> tuple[str, int]:
    """The host and port of --metrics. Raises ConfigurationError."""
    host, _, port = named.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ConfigurationError(f"--metrics {named} is no place to listen, such as 127.0.0.1:9480")
    return host.strip("[]"), int(port)


def _collector(url: str | None) -> str | None:
    """The address of --traces. Raises ConfigurationError."""
    if url is not None and not urlsplit(url).scheme.startswith("http"):
        raise ConfigurationError(
            f"--traces {url} is no address, such as http://127.0.0.1:4318/v1/traces"
        )
    return url


def _tls(certificate: Path | None, key: Path | None) -> Tls | None:
    """Raises ConfigurationError when one of the two is missing, or nothing can be served with them:
    now, and not when others were told that it is."""
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise ConfigurationError("--tls-certificate and --tls-key go together")
    tls = Tls(certificate, key)
    tls.serving()
    return tls


def _proxies(named: list[str]) -> tuple[str, ...]:
    """Raises ConfigurationError for what is no address and no network."""
    for each in named:
        try:
            ipaddress.ip_network(each)
        except ValueError:
            raise ConfigurationError(
                f"--proxy {each} is no address, such as 10.0.0.7, and no network, such as"
                " 10.0.0.0/24"
            ) from None
    return tuple(named)


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
        _serve(where, host, port, Others.beside(where))


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
    others: Others | None = None,
    workers: int = 1,
    *,
    public_hashes: bool = False,
    notes: Schedule | None = None,
    limits: Limits | None = None,
    line: Line | None = None,
    people: People | None = None,
    seen: Seen | None = None,
) -> None:
    others, seen = others or Others(), seen or Seen()
    limits, line, people = limits or Limits(), line or Line(), people or People()
    trace(seen.traces, 1)
    with (
        _opened(where, others.policy) as ledger,
        _publishing(ledger, others.policy, others.publish_interval) as publishing,
        _stamping(ledger, others) as timestamps,
        _noting(ledger, notes),
        recording(ledger) as inspections,
        _packing(ledger, where, others),
        delivering(ledger, inspections),
        people.provider() as provider,
    ):
        frameworks = all_frameworks(where.frameworks)
        follower = Follower(ledger.pool, ledger.listener)
        listening = [listen(host, port)]
        if workers > 1:
            listening.append(listen("127.0.0.1", 0))
        try:
            scheme = "https" if line.tls else "http"
            address = f"{scheme}://{host}:{listening[0].getsockname()[1]}"
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
            state = State(
                ledger,
                follower,
                public_hashes,
                publishing,
                timestamps,
                inspections,
                Rates(limits),
                provider,
                frameworks,
            )
            first = listening[-1].getsockname()[1]
            served = Served(
                where, listening[0], first, public_hashes, limits, line, people, seen.traces
            )
            asked = Beside()
            with seen.shown(state, workers, asked), beside(served, workers - 1, asked):
                run(create_app(state), line, *listening)
        finally:
            for each in listening:
                each.close()
            follower.close()


@contextmanager
def _noting(ledger: Ledger, schedule: Schedule | None) -> Iterator[None]:
    """Note the ledger on a schedule, where it records by itself."""
    key = ledger.own_key()
    if schedule is None or key is None:
        yield
        return
    noter = Noter(ledger, key, schedule)
    try:
        yield
    finally:
        noter.close()


@contextmanager
def _packing(ledger: Ledger, where: Home, others: Others) -> Iterator[None]:
    """Make the packs that are asked for, where they can be signed."""
    if not ledger.signs:
        yield
        return
    packing = Packing(ledger, where, trust_of(others.policy_file, others.authorities))
    try:
        yield
    finally:
        packing.close()


@contextmanager
def _opened(where: Home, policy: Policy | None) -> Iterator[Ledger]:
    """The ledger, once it was seen to go on from what its witnesses hold."""
    with open_ledger(where) as ledger:
        if policy is not None and ledger.signs:
            learn_from_witnesses(ledger, policy)
        yield ledger


@contextmanager
def _publishing(
    ledger: Ledger, policy: Policy | None, interval: float
) -> Iterator[Publishing | None]:
    if policy is None:
        yield None
        return
    publishing = Publishing(Publisher(ledger, policy, pause=interval), ledger)
    asked = len(publishing.publisher.standings)
    console.print(f"Publishes to {asked} witnesses; quorum: {policy.rule()}", highlight=False)
    try:
        yield publishing
    finally:
        publishing.close()


@contextmanager
def _stamping(ledger: Ledger, others: Others) -> Iterator[Timestamps | None]:
    if not others.authorities:
        yield None
        return
    timestamps = ledger.timestamps(others.authorities, every=others.timestamp_every)
    names = ", ".join(authority.name for authority in others.authorities)
    console.print(f"Asks for timestamps: {names}", highlight=False)
    stamper = Stamper(timestamps)
    try:
        yield timestamps
    finally:
        stamper.close()


def listen(host: str, port: int) -> socket.socket:
    """A socket to serve on. Raises ConfigurationError."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET, backlog=2048)
    except OSError as error:
        raise ConfigurationError(f"cannot listen on {host}:{port}: {error.strerror}") from None
