"""How long the move of a log between nodes of a Citus cluster takes, and what appends notice of it.

    python -m benchmarks.moving --database-url COORDINATOR [--entries 100000] [--json FILE]

A log of its own in the database of the URL, filled, served by the real `verantwoord serve`, and
moved by `verantwoord logs move` while one client appends single events over HTTP, before, during
and after. The schema is dropped afterwards. `docs/how-to/plan-capacity.md`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import psycopg

from benchmarks import append
from benchmarks.load import Producer
from benchmarks.service import served
from benchmarks.wire import Connection, request
from ledger import citus, head, logs
from ledger.append import Appended
from ledger.deployment import Home
from ledger.opening import Ledger, open_ledger
from projections import sql
from projections.follow import catch_up

NAME = f"moving_{os.getpid()}"
BATCH = 500
BESIDE = 20.0
"""Seconds of appends before the move, and after it."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What was seen; times of single appends in milliseconds."""

    entries: int
    megabytes: float
    seconds: float
    appends: int
    before_ms: float
    during_ms: float
    longest_ms: float
    after_ms: float


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.moving")
    parser.add_argument("--database-url", required=True, help="of the coordinator, as an owner")
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--json", type=Path, help="file for the result")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="verantwoord-moving-") as directory:
        try:
            found = measure(Path(directory), asked.database_url, asked.entries)
        finally:
            _drop(asked.database_url)
    for name, value in asdict(found).items():
        print(f"{name:<12}{value:>12,.0f}" if value > 100 else f"{name:<12}{value:>12,.1f}")
    if asked.json is not None:
        asked.json.write_text(json.dumps(asdict(found), indent=2) + "\n")


def measure(data: Path, url: str, entries: int) -> Moved:
    """A new log, and its move to another node while it is served."""
    log, _ = logs.create(
        data,
        url,
        NAME,
        origin="benchmark.example/moving",
        kvk=append.KVK,
        tables=[sql.text("registers.sql")],
    )
    with open_ledger(log.home) as ledger:
        producer = append.enrol(log.home, ledger)
        _fill(ledger, producer, entries)
        catch_up(ledger.pool)
    with served(log.home, "--database-url", url) as service:
        return _move(data, log.home, url, service.port, producer)


def _move(data: Path, home: Home, url: str, port: int, producer: Producer) -> Moved:
    times: list[tuple[float, float]] = []
    failures: list[BaseException] = []
    stop = threading.Event()
    client = threading.Thread(target=_append, args=(port, producer, times, failures, stop))
    with psycopg.connect(url, autocommit=True) as conn:
        here = citus.node_of(conn, home.schema)
        there = next(node for node in citus.nodes(conn) if node != here)
        client.start()
        time.sleep(BESIDE)
        begin = time.perf_counter()
        program = Path(sys.executable).with_name("verantwoord")
        options = ("--to", str(there), "--data", data, "--database-url", url)
        subprocess.run([program, "logs", "move", NAME, *options], check=True)
        end = time.perf_counter()
        time.sleep(BESIDE)
        stop.set()
        client.join()
        if failures:
            raise failures[0]
        if citus.node_of(conn, home.schema) != there:
            raise RuntimeError("the log did not move")
        row = conn.execute(
            "SELECT sum(citus_total_relation_size(table_name)) / 1e6 FROM citus_tables"
            " WHERE starts_with(table_name::text, %s)",
            (f"{home.schema}.",),
        ).fetchone()
    with home.database() as database, database.connect_as_owner() as conn:
        entries = head.read(conn).frontier.size
    if row is None:
        raise RuntimeError("the log is not there")
    during = [took for sent, took in times if sent + took > begin and sent < end]
    return Moved(
        entries=entries,
        megabytes=float(row[0]),
        seconds=end - begin,
        appends=len(times),
        before_ms=_median([took for sent, took in times if sent + took <= begin]),
        during_ms=_median(during),
        longest_ms=1000 * max(during),
        after_ms=_median([took for sent, took in times if sent >= end]),
    )


def _median(times: Sequence[float]) -> float:
    return 1000 * median(times)


def _append(
    port: int,
    producer: Producer,
    times: list[tuple[float, float]],
    failures: list[BaseException],
    stop: threading.Event,
) -> None:
    try:
        with Connection(port) as connection:
            for number in itertools.count():
                if stop.is_set():
                    return
                raw = request("POST", "/v1/events", producer.sign(f"moving-{number}", "C1"))
                sent = time.perf_counter()
                connection.expect(raw, 201)
                times.append((sent, time.perf_counter() - sent))
    except BaseException as error:
        failures.append(error)


def _fill(ledger: Ledger, producer: Producer, entries: int) -> None:
    controllers = itertools.cycle(producer.controllers)
    for start in range(0, entries, BATCH):
        batch = [producer.sign(f"fill-{start + n}", next(controllers)) for n in range(BATCH)]
        for answer in ledger.append(batch):
            if not isinstance(answer, Appended):
                raise RuntimeError(f"an event was not appended: {answer}")


def _drop(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        for schema in (NAME, f"{NAME}_sealing"):
            conn.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'.encode())
        for role in ("service", "controller", "erasing"):
            conn.execute(f'DROP ROLE IF EXISTS "{NAME}_{role}"'.encode())


if __name__ == "__main__":
    main()
