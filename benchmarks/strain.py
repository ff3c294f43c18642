"""How the service bears load: at half of what it can take, at more than that, and its registers.

    python -m benchmarks.strain [--seconds 10] [--json FILE]

Single signed events over HTTP. First 64 clients that each wait for their answer: the highest rate.
Then requests that come at fixed moments, whether earlier ones were answered or not, as the requests
of many services do: at half of that rate, and at one and a half times it. Latency counts from the
moment at which a request was due, so one that had to queue at the client counts as slow. At last
batches, as fast as they are taken, while it is looked how late the registers are: how long ago the
oldest entry was recorded that they do not hold yet.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import quantiles

import psycopg

from benchmarks import load
from benchmarks.append import KVK, enrol
from benchmarks.load import Producer, Run
from benchmarks.service import Service, served
from benchmarks.wire import Connection, request
from ledger import deployment, opening
from ledger.deployment import Home
from projections import sql

SENDERS = 256
"""Connections that requests at fixed moments are spread over: more than are worked on at once, so
that pushing back is what limits them."""

LATENESS = """
    SELECT extract(epoch FROM now() - recorded_at) FROM entries
    WHERE position = (SELECT position + 1 FROM followed)
"""


@dataclass(frozen=True, slots=True)
class Borne:
    """Requests at fixed moments: how many a second were due, taken and pushed back, and the latency
    in milliseconds of those taken."""

    due: float
    taken: float
    pushed_back: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Followed:
    """Events a second that were appended in batches, and how late the registers were meanwhile, in
    seconds: at most, and on average in the first and in the last third of the time."""

    appended: float
    latest_s: float
    first_third_s: float
    last_third_s: float


@dataclass(frozen=True, slots=True)
class Strain:
    """Everything one call measured; memory of the service in megabytes, at its end."""

    highest: float
    half: Borne
    beyond: Borne
    followed: Followed
    memory_mb: float


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.strain")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each measurement")
    parser.add_argument("--json", type=Path, help="file for the result")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="verantwoord-benchmark-") as directory:
        found = measure(Home(Path(directory) / "data"), asked.seconds)
    show(found)
    if asked.json is not None:
        asked.json.write_text(json.dumps(asdict(found), indent=2) + "\n")


def measure(home: Home, seconds: float) -> Strain:
    """A new ledger, and the load on it."""
    deployment.init(
        home, origin="benchmark.example/log", kvk=KVK, tables=[sql.text("registers.sql")]
    )
    with home.database() as database, served(home) as service:
        with opening.open_ledger(home) as ledger:
            producer = enrol(home, ledger)
        vkey = home.vkey_file.read_text().strip()
        run = Run("single", clients=64, batch=1, seconds=seconds, most=int(seconds * 4_000))
        highest = load.measure(service.port, vkey, producer, run).events_per_second
        half = _elsewhere(service, producer, "half", highest / 2, seconds)
        beyond = _elsewhere(service, producer, "beyond", highest * 1.5, seconds)
        with database.connect() as conn:
            _until_followed(conn)
            followed = _follow(conn, service, vkey, producer, seconds)
        return Strain(highest, half, beyond, followed, service.memory_mb())


def _elsewhere(
    service: Service, producer: Producer, name: str, rate: float, seconds: float
) -> Borne:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(send, (service.port, producer, name, rate, seconds))


@dataclass
class _Sender:
    """A connection that sends each of its requests when it is due."""

    requests: Sequence[tuple[float, bytes]]
    taken: list[float] = field(default_factory=list)
    pushed_back: int = 0
    failure: BaseException | None = None

    def run(self, port: int, begin: float) -> None:
        try:
            left = deque(self.requests)
            while left:
                with Connection(port) as connection:
                    while left and self._send(connection, begin, *left.popleft()):
                        pass
        except BaseException as error:
            self.failure = error

    def _send(self, connection: Connection, begin: float, due: float, raw: bytes) -> bool:
        """Send a request; tells whether the connection stays: who is pushed back is to close it."""
        time.sleep(max(0.0, begin + due - time.perf_counter()))
        status, body = connection.send(raw)
        if status == 503:
            self.pushed_back += 1
        elif status == 201:
            self.taken.append(time.perf_counter() - begin - due)
        else:
            raise RuntimeError(f"answered with {status}: {body[:200]!r}")
        return status == 201


def send(port: int, producer: Producer, name: str, rate: float, seconds: float) -> Borne:
    """Send so many a second for so many seconds."""
    controllers = producer.controllers
    due = [
        (n / rate, request("POST", "/v1/events", producer.sign(f"{name}-{n}", controllers[n % 20])))
        for n in range(int(rate * seconds))
    ]
    senders = [_Sender(due[n::SENDERS]) for n in range(SENDERS)]
    begin = time.perf_counter() + 0.5
    threads = [threading.Thread(target=sender.run, args=(port, begin)) for sender in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = time.perf_counter() - begin
    for sender in senders:
        if sender.failure is not None:
            raise sender.failure
    times = [took * 1000 for sender in senders for took in sender.taken]
    hundredths = quantiles(times, n=100, method="inclusive")
    back = sum(sender.pushed_back for sender in senders)
    return Borne(rate, len(times) / spent, back / spent, hundredths[49], hundredths[98])


def _until_followed(conn: psycopg.Connection) -> None:
    while _lateness(conn) > 0:
        time.sleep(0.1)


def _lateness(conn: psycopg.Connection) -> float:
    row = conn.execute(LATENESS).fetchone()
    return float(row[0]) if row else 0.0


def _follow(
    conn: psycopg.Connection, service: Service, vkey: str, producer: Producer, seconds: float
) -> Followed:
    run = Run("batched", clients=2, batch=500, seconds=seconds, most=int(seconds * 8_000))
    late: list[float] = []
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        measured = pool.apply_async(load.drive, (service.port, vkey, producer, run))
        while not measured.ready():
            late.append(_lateness(conn))
            measured.wait(0.1)
        appended = measured.get().events_per_second
    # Signing beforehand and verifying afterwards is in the time, and nothing is late then.
    busy = late[late.index(next(filter(None, late))) : len(late) - late[::-1].index(max(late))]
    third = max(1, len(busy) // 3)
    return Followed(appended, max(late), sum(busy[:third]) / third, sum(busy[-third:]) / third)


def show(found: Strain) -> None:
    """Print what was borne."""
    print(f"highest: {found.highest:,.0f} events/s with 64 clients")
    for name, borne in (("half of it", found.half), ("1.5 times it", found.beyond)):
        print(
            f"{name}: {borne.due:,.0f}/s due, {borne.taken:,.0f}/s taken"
            f" ({borne.taken / found.highest:.2f} of the highest),"
            f" {borne.pushed_back:,.0f}/s pushed back;"
            f" p50 {borne.p50_ms:.1f} ms, p99 {borne.p99_ms:.1f} ms"
            f" (p99/p50 {borne.p99_ms / borne.p50_ms:.1f})"
        )
    late = found.followed
    print(
        f"registers: {late.appended:,.0f} events/s in batches; at most {late.latest_s:.1f} s late,"
        f" {late.first_third_s:.1f} s in the first third, {late.last_third_s:.1f} s in the last"
    )
    print(f"memory: the service held at most {found.memory_mb:.0f} MB")


if __name__ == "__main__":
    main()
