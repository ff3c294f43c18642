"""How many events a second several logs take together on one server.

    python -m benchmarks.logs [--seconds 5] [--logs 1 2 4] [--json FILE]

Each log has `verantwoord serve` in a process of its own, and clients of its own that send batches,
or single events from many connections; all of them share one embedded PostgreSQL, and the machine.
Beside it the durable row: what one connection commits, and what as many connections as logs commit
at once, which is as much as this server can be asked for. `docs/how-to/plan-capacity.md`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path

import psycopg

from benchmarks import append, load, references
from benchmarks.load import Measured, Producer, Run
from benchmarks.service import Service, served
from ledger import logs
from ledger.deployment import Home
from ledger.embedded import EmbeddedServer
from ledger.opening import open_ledger
from projections import sql

KVKS = ("12345678", "23456789", "34567890", "45678901", "56789012", "67890123", "78901234")
"""Of as many processors, with one log each."""


KINDS = (("batched", 2, 100), ("concurrent", 32, 1))
"""Clients of each log, and events in a request."""

MOST = 2_000
"""Events a second that are signed beforehand for each log; more than it takes here."""


@dataclass(frozen=True, slots=True)
class Together:
    """What so many logs took at once; `durable_rows` is that of as many plain connections."""

    logs: int
    kind: str
    events_per_second: float
    of_each: list[float]
    slowest_p99_ms: float
    durable_rows: float


def main(arguments: list[str] | None = None) -> None:
    """Measure, print a table, and write JSON where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.logs")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each measurement")
    parser.add_argument(
        "--logs", type=int, nargs="+", default=[1, 2, 4], help="how many, at most 7"
    )
    parser.add_argument("--json", type=Path, help="file for the result")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="verantwoord-logs-") as directory:
        found = measure(Path(directory) / "data", asked.seconds, asked.logs)
    show(found)
    if asked.json is not None:
        asked.json.write_text(json.dumps([asdict(one) for one in found], indent=2) + "\n")


def measure(data: Path, seconds: float, counts: Sequence[int]) -> list[Together]:
    """A deployment of as many logs as are asked for, and the runs against it."""
    found = []
    with EmbeddedServer.open(data / "postgres") as server, ExitStack() as stack:
        references.prepare(server.url())
        made = [_log(data, number) for number in range(max(counts))]
        services = [stack.enter_context(served(home)) for home, _ in made]
        for count in counts:
            rows = durable_rows(server.url(), count, seconds)
            for kind, clients, batch in KINDS:
                told = together(made, services, kind, clients, batch, seconds, count)
                each = [one.events_per_second for one in told]
                worst = max(one.p99_ms for one in told)
                found.append(Together(count, kind, sum(each), each, worst, rows))
    return found


def together(
    made: Sequence[tuple[Home, Producer]],
    services: Sequence[Service],
    kind: str,
    clients: int,
    batch: int,
    seconds: float,
    count: int,
) -> list[Measured]:
    """The runs of so many logs, all of which begin at one moment."""
    most = int(seconds * MOST)
    tasks = [
        (
            services[n].port,
            made[n][0].vkey_file.read_text().strip(),
            made[n][1],
            Run(f"{kind}-{count}-{n}", clients, batch, seconds, most),
        )
        for n in range(count)
    ]
    context = multiprocessing.get_context("spawn")
    with context.Pool(count, _meet, (context.Barrier(count),)) as pool:
        return pool.starmap(_drive, tasks, chunksize=1)


_others: list[Barrier] = []
"""In a process of clients: where it waits for those of the other logs."""


def _meet(barrier: Barrier) -> None:
    _others.append(barrier)


def _drive(port: int, vkey: str, producer: Producer, run: Run) -> Measured:
    return load.drive(port, vkey, producer, run, _others[0].wait)


def _log(data: Path, number: int) -> tuple[Home, Producer]:
    name = f"log{number}"
    log, _ = logs.create(
        data,
        None,
        name,
        origin=f"benchmark.example/{name}",
        kvk=KVKS[number],
        tables=[sql.text("registers.sql")],
    )
    with open_ledger(log.home) as ledger:
        return log.home, append.enrol(log.home, ledger)


def durable_rows(url: str, connections: int, seconds: float) -> float:
    """Durable rows a second that so many connections insert at once, one row a transaction."""
    done: list[float] = []
    references.insert_ms(url, 0.1)  # the table

    def work() -> None:
        with psycopg.connect(url, dbname=references.DATABASE, autocommit=True) as conn:
            insert = "INSERT INTO durable (text) VALUES (%s)"
            done.append(references.rate(lambda: conn.execute(insert, (references.TEXT,)), seconds))

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done)


def show(found: Sequence[Together]) -> None:
    """Print the runs beside each other."""
    print(f"{len(os.sched_getaffinity(0))} cores, clients and PostgreSQL on them as well")
    print(
        f"{'kind':<12}{'logs':>5}{'events/s':>10}{'slowest':>9}{'p99 ms':>9}{'rows/s':>9}{'of':>7}"
    )
    for one in found:
        print(
            f"{one.kind:<12}{one.logs:>5}{one.events_per_second:>10,.0f}{min(one.of_each):>9,.0f}"
            f"{one.slowest_p99_ms:>9,.0f}{one.durable_rows:>9,.0f}"
            f"{one.events_per_second / one.durable_rows:>7.2f}"
        )


if __name__ == "__main__":
    main()
