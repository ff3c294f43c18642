"""How many events a second the ledger appends, and how long an append takes.

    python -m benchmarks.append [--seconds 5] [--database-url URL] [--json FILE]

One embedded PostgreSQL with durable commits, or the server or cluster of a URL, which keeps the log
of it; the real `verantwoord serve` in a process of its own and its clients in another; references
before and after, since machines have moods. Nothing is judged here: `docs/performance.md` says what
the figures mean.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import psycopg

from benchmarks import load, references
from benchmarks.load import Measured, Producer, Run
from benchmarks.references import References
from benchmarks.service import served
from ledger import cloudevent, deployment, envelope, keys, opening
from ledger.append import Appended
from ledger.deployment import Home
from ledger.embedded import EmbeddedServer
from ledger.keyring import ADMINISTRATOR
from ledger.opening import Ledger
from projections import sql

KVK = "12345678"
SERVICE = "crm"
CONTROLLERS = tuple(f"C{n}" for n in range(1, 21))
ON = ("fsync", "synchronous_commit", "full_page_writes")


@dataclass(frozen=True, slots=True)
class Result:
    """Everything one call measured."""

    machine: dict[str, Any]
    before: References
    runs: list[Measured]
    after: References

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "machine": self.machine,
            "references": {"before": self.before.as_dict(), "after": self.after.as_dict()},
            "runs": [asdict(run) for run in self.runs],
        }


def main(arguments: list[str] | None = None) -> None:
    """Measure, print a table, and write JSON where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.append")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each measurement")
    parser.add_argument("--database-url", help="another server; the log stays in it")
    parser.add_argument("--json", type=Path, help="file for the result")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="verantwoord-benchmark-") as directory:
        result = measure(Path(directory), asked.seconds, asked.database_url)
    show(result)
    if asked.json is not None:
        asked.json.write_text(json.dumps(result.as_dict(), indent=2) + "\n")


def measure(directory: Path, seconds: float, url: str | None = None) -> Result:
    """A new ledger in a directory, its references, and the runs against it."""
    home = Home(directory / "data", url, f"benchmark_{os.getpid()}")
    deployment.init(
        home, origin="benchmark.example/log", kvk=KVK, tables=[sql.text("registers.sql")]
    )
    options = ["--schema", home.schema, *(["--database-url", url] if url else [])]
    with _server(home) as owner:
        machine = _machine(owner)
        references.prepare(owner)
        with opening.open_ledger(home) as ledger:
            producer = enrol(home, ledger)
        before = references.measure(owner, seconds)
        vkey = home.vkey_file.read_text().strip()
        runs = []
        for workers, of_these in _runs(seconds).items():
            with served(home, *options, "--workers", str(workers)) as service:
                if workers > 1:
                    time.sleep(5)  # the others come up after the first
                runs += [load.measure(service.port, vkey, producer, run) for run in of_these]
        after = references.measure(owner, seconds)
    return Result(machine, before, runs, after)


@contextmanager
def _server(home: Home) -> Iterator[str]:
    """The URL of the server's owner."""
    if home.database_url is not None:
        yield home.database_url
        return
    with EmbeddedServer.open(home.data / "postgres") as server:
        yield server.url()


def _runs(seconds: float) -> dict[int, list[Run]]:
    """By the processes that serve. More events are signed than any machine of today appends."""
    counted = seconds + load.WARM_UP

    def run(name: str, clients: int, batch: int, most: int) -> Run:
        return Run(name, clients=clients, batch=batch, seconds=seconds, most=int(counted * most))

    return {
        1: [
            run("single", 1, 1, 2_000),
            run("concurrent", 64, 1, 4_000),
            run("batched", 1, 500, 8_000),
        ],
        2: [run("concurrent-2-workers", 64, 1, 4_000), run("batched-2-workers", 2, 500, 8_000)],
    }


def _machine(url: str) -> dict[str, Any]:
    """What was measured on; raises when the server could lose what it acknowledged."""
    with psycopg.connect(url) as conn:
        found = {name: conn.execute(f"SHOW {name}".encode()).fetchone() for name in ON}
        if any(value != ("on",) for value in found.values()):
            raise RuntimeError(f"the server does not commit durably: {found}")
        return {
            "cores": len(os.sched_getaffinity(0)),
            "python": platform.python_version(),
            "postgresql": conn.info.parameter_status("server_version"),
            **dict.fromkeys(ON, "on"),
        }


def enrol(home: Home, ledger: Ledger) -> Producer:
    """A producer with a key in force, and the parties of its events."""
    key = keys.make_key("k-crm")
    administrator = keys.load(keys.key_file(home.keys, ADMINISTRATOR))
    producer = Producer(key.key_id, key.secret, _source(SERVICE), CONTROLLERS)
    _append(ledger, administrator, ADMINISTRATOR, "SigningKeyEnrolled", key.enrolment(SERVICE))
    processor = {"processor_id": "P", "legal_name": "Beweegzorg Online B.V."}
    _append(ledger, key, SERVICE, "ProcessorRegistered", processor)
    for controller in CONTROLLERS:
        data = {"controller_id": controller, "legal_name": f"Praktijk {controller}"}
        _append(ledger, key, SERVICE, "ControllerRegistered", data)
    return producer


def _source(service: str) -> str:
    return f"urn:nld:kvk:{KVK}:systeem:{service}"


def _append(
    ledger: Ledger, key: keys.SigningKey, service: str, type_: str, data: dict[str, Any]
) -> None:
    now = ledger.clock()
    payload = cloudevent.format(
        id=f"first-{ledger.reader.size()}",
        source=_source(service),
        type=type_,
        time=now,
        occurred_at=now,
        data=data,
    )
    (answer,) = ledger.append([envelope.format(key.sign(payload))])
    if not isinstance(answer, Appended):
        raise answer


def show(result: Result) -> None:
    """Print the runs, each beside the references, and the references before and after."""
    before, after = result.before, result.after
    save = mean([before.application_save, after.application_save])
    insert = mean([before.insert_ms, after.insert_ms])
    verify = mean([before.verify, after.verify])
    print(", ".join(f"{name} {value}" for name, value in result.machine.items()))
    print(
        f"\n{'run':<23}{'clients':>8}{'batch':>7}{'events/s':>10}{'p50 ms':>9}{'p99 ms':>9}"
        f"{'x save()':>10}{'p50/INSERT':>12}{'x verify':>10}"
    )
    for run in result.runs:
        speed = run.events_per_second
        print(
            f"{run.name:<23}{run.clients:>8}{run.batch:>7}{speed:>10,.0f}"
            f"{run.p50_ms:>9.1f}{run.p99_ms:>9.1f}"
            f"{speed / save:>10.2f}{run.p50_ms / insert:>12.0f}{speed / verify:>10.3f}"
        )
    print(f"\n{'reference':<46}{'before':>10}{'after':>10}")
    for name, first, second in (
        (
            "Application.save() of eventsourcing, events/s",
            before.application_save,
            after.application_save,
        ),
        ("durable INSERT of one row, median ms", before.insert_ms, after.insert_ms),
        ("Ed25519 verify on one core, /s", before.verify, after.verify),
    ):
        print(f"{name:<46}{first:>10,.2f}{second:>10,.2f}")


if __name__ == "__main__":
    main()
