"""How many receipts, proofs and tiles a second the service answers with.

    python -m benchmarks.serving [--events 10000] [--data DIR] [--seconds 4] [--json FILE]

Beside it, in the same run, by the same clients and before and after: an empty route of FastAPI,
served by uvicorn with the same settings. The entries asked for are spread over the whole log by a
seeded choice, so nothing is answered twice from a cache that a real client would not meet. With
`--data`, a ledger that `benchmarks.filling` or `benchmarks.hashes` made is asked.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, quantiles

from benchmarks.filling import filled
from benchmarks.service import served
from benchmarks.wire import Connection, request
from ledger.deployment import Home
from ledger.opening import open_ledger
from projections.follow import catch_up

CONNECTIONS = 16
DIFFERENT = 5_000
"""Requests of one kind that differ."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Requests a second, and the latency of one in milliseconds."""

    what: str
    per_second: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Served:
    """One log, and what was asked of it; memory of the service in megabytes, at its end."""

    entries: int
    empty_before: Answered
    answered: list[Answered]
    empty_after: Answered
    memory_mb: float

    def ratio(self, answered: Answered) -> float:
        """As a part of what an empty route answers."""
        empty = mean([self.empty_before.per_second, self.empty_after.per_second])
        return answered.per_second / empty


def main(arguments: list[str] | None = None) -> None:
    """Ask, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving")
    parser.add_argument("--events", type=int, default=10_000, help="size of a new ledger")
    parser.add_argument("--data", type=Path, help="a ledger that was filled before")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of each measurement")
    parser.add_argument("--json", type=Path, help="file for the result")
    asked = parser.parse_args(arguments)
    if asked.data is not None:
        found = measure(Home(asked.data), asked.seconds)
    else:
        with tempfile.TemporaryDirectory(prefix="verantwoord-") as folder:
            home = Home(Path(folder) / "data")
            with filled(home, asked.events):
                pass
            found = measure(home, asked.seconds)
    show(found)
    if asked.json is not None:
        answers = [{**asdict(one), "ratio": found.ratio(one)} for one in found.answered]
        asked.json.write_text(json.dumps({**asdict(found), "answered": answers}, indent=2) + "\n")


def measure(home: Home, seconds: float) -> Served:
    """The empty route, each kind of answer, and the empty route again."""
    with open_ledger(home, signs=False) as ledger:
        size = ledger.reader.size()
        catch_up(ledger.pool)  # or it is done while the service is measured
    token = home.token_file.read_text().strip()
    empty = [request("GET", "/empty")]
    with _empty() as empty_port, served(home) as service:
        before = drive(empty_port, "empty route", empty, seconds)
        answered = [
            drive(
                service.port, what, [request("GET", path, token=token) for path in paths], seconds
            )
            for what, paths in _paths(size).items()
        ]
        after = drive(empty_port, "empty route", empty, seconds)
        memory = service.memory_mb()
    return Served(size, before, answered, after, memory)


def _paths(size: int) -> dict[str, list[str]]:
    """What is asked for: receipts, consistency proofs and tiles from everywhere in the log."""
    choice = random.Random(1)  # noqa: S311 - the same places each time
    indexes = [choice.randrange(size) for _ in range(DIFFERENT)]
    olds = [choice.randrange(1, size) for _ in range(DIFFERENT)]
    full = [choice.randrange(size // 256) for _ in range(DIFFERENT)]
    return {
        "receipt": [f"/v1/events/{index}/proof" for index in indexes],
        "consistency proof": [f"/v1/consistency?old={old}&new={size}" for old in olds],
        "hash tile": [f"/log/tile/0/{_path(tile)}" for tile in full],
        "checkpoint": ["/v1/checkpoint"],
    }


def _path(number: int) -> str:
    """The number of a tile as C2SP tlog-tiles writes it."""
    text = f"{number:03d}" if number < 1000 else f"{number:0{-(-len(str(number)) // 3) * 3}d}"
    groups = [text[start : start + 3] for start in range(0, len(text), 3)]
    return "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])


def drive(port: int, what: str, requests: Sequence[bytes], seconds: float) -> Answered:
    """Ask from a process of its own, so that the service keeps its own interpreter."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_drive, (port, what, requests, seconds))


def _drive(port: int, what: str, requests: Sequence[bytes], seconds: float) -> Answered:
    times: list[float] = []
    failures: list[BaseException] = []
    until = time.perf_counter() + seconds

    def ask(number: int) -> None:
        own: list[float] = []
        try:
            with Connection(port) as connection:
                while (sent := time.perf_counter()) < until:
                    connection.expect(requests[number % len(requests)], 200)
                    own.append(time.perf_counter() - sent)
                    number += CONNECTIONS
        except BaseException as error:
            failures.append(error)
        times.extend(own)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    hundredths = quantiles([took * 1000 for took in times], n=100, method="inclusive")
    return Answered(what, len(times) / seconds, hundredths[49], hundredths[98])


@contextmanager
def _empty() -> Iterator[int]:
    """The empty route in a process of its own, on a free port."""
    program = [sys.executable, "-m", "uvicorn", "benchmarks.empty:app", "--port", "0"]
    with subprocess.Popen(
        [*program, "--no-access-log"], stderr=subprocess.PIPE, text=True
    ) as empty:
        try:
            for line in empty.stderr or ():
                if found := re.search(r"running on http://[\d.]+:(\d+)", line):
                    yield int(found[1])
                    return
            raise RuntimeError("the empty route ended before it served")
        finally:
            empty.terminate()


def show(found: Served) -> None:
    """Print what was answered, beside the empty route."""
    print(f"{found.entries} entries; the service holds {found.memory_mb:.0f} MB")
    print(f"{'answer':<20}{'per s':>9}{'p50 ms':>9}{'p99 ms':>9}{'x empty':>9}")
    for one in (found.empty_before, *found.answered, found.empty_after):
        print(
            f"{one.what:<20}{one.per_second:>9,.0f}{one.p50_ms:>9.1f}{one.p99_ms:>9.1f}"
            f"{found.ratio(one):>9.2f}"
        )


if __name__ == "__main__":
    main()
