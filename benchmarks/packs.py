"""How long an evidence pack takes to make and to check, and how much memory.

    python -m benchmarks.packs [--events 100000] [--data DIR] [--json FILE]

A pack of the whole ledger, and one of its busiest controller: made, checked, and (of the whole)
made again from its entries. Beside it, in the same run, the export of the same log and its
verification. Each step is a process of its own, for its memory.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.subject import asked, most_memory
from ledger import completeness, keys, noting, pack_check, sources, verify
from ledger.archive import open_archive
from ledger.deployment import Home
from ledger.export import export_log
from ledger.keyring import LEDGER
from ledger.opening import open_ledger
from ledger.report import Pins
from projections import follow
from projections.exports import derived
from projections.exports.pack import Scope, write
from projections.frameworks.evidence import Period
from projections.frameworks.framework import shipped

EVER = Period(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Step:
    """What a step took: seconds, the most memory of its process (MB), and what it made (MB)."""

    name: str
    entries: int
    seconds: float
    memory: float
    made: float = 0.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Make, check, print, and write JSON where asked."""
    subject = asked("packs", arguments)
    with subject.home() as home, tempfile.TemporaryDirectory(prefix="verantwoord-") as folder:
        where = Path(folder)
        busiest = _alone(_prepare, home)
        whole, own, log = where / "whole.zip", where / "own.zip", where / "log"
        steps = [
            _alone(_export, home, log),
            _alone(_verify, log),
            _alone(_make, "whole: made", home, whole, None),
            _alone(_check, "whole: checked", whole, False),
            _alone(_check, "whole: checked, and made again", whole, True),
            _alone(_make, "one controller: made", home, own, busiest),
            _alone(_check, "one controller: checked", own, False),
        ]
    reference = steps[0].seconds + steps[1].seconds
    for step in steps:
        print(
            f"{step.name:32} {step.entries:8} entries {step.seconds:7.1f} s"
            f" {step.seconds / reference:6.2f} {step.memory:6.0f} MB  {step.made:7.1f} MB written"
        )
    print(f"the ratio is to exporting and verifying the log, {reference:.1f} s")
    subject.write([{**asdict(s), "ratio": s.seconds / reference} for s in steps])


def _alone(work: Callable[..., Any], *given: Any) -> Any:
    """The result of some work, in a process of its own."""
    spawned = multiprocessing.get_context("spawn")
    here, there = spawned.Pipe(duplex=False)
    process = spawned.Process(target=_send, args=(there, work, given))
    process.start()
    there.close()
    try:
        return here.recv()
    except EOFError:
        raise SystemExit(f"{work.__name__} ended without a result") from None
    finally:
        process.join()


def _send(there: Connection, work: Callable[..., Any], given: Sequence[Any]) -> None:
    there.send(work(*given))


def _prepare(home: Home) -> str:
    """The controller with most entries, once the registers follow and its numbers are noted."""
    with open_ledger(home) as ledger:
        noting.note(ledger, keys.load(keys.key_file(home.keys, LEDGER)))
        follow.catch_up(ledger.pool)
        with ledger.pool.connection() as conn:
            row = conn.execute(
                "SELECT controller FROM numbers GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
            ).fetchone()
    if row is None:
        raise SystemExit("the ledger has no controller")
    return str(row[0])


def _export(home: Home, directory: Path) -> Step:
    start = time.perf_counter()
    with open_ledger(home, signs=False) as ledger:
        size = export_log(ledger.reader, ledger.vkeys(), directory)
    return Step("log: exported", size, time.perf_counter() - start, most_memory())


def _verify(directory: Path) -> Step:
    start = time.perf_counter()
    report = verify.verify(sources.directory(directory), Pins())
    return Step("log: verified", report.size, time.perf_counter() - start, most_memory())


def _make(name: str, home: Home, file: Path, controller: str | None) -> Step:
    start = time.perf_counter()
    controllers = None if controller is None else (controller,)
    scope = Scope(controllers, tuple(shipped().values()), "nl", lambda now: EVER)
    with open_ledger(home) as ledger, file.open("wb") as out:
        packed = write(ledger, scope, {}, out)
    seconds = time.perf_counter() - start
    return Step(name, packed.manifest.size, seconds, most_memory(), file.stat().st_size / 1e6)


def _check(name: str, file: Path, again: bool) -> Step:
    start = time.perf_counter()
    with open_archive(file) as opened:
        report = pack_check.check(
            opened,
            Pins(),
            lambda controller: completeness.Pins(),
            derived.derive if again else None,
        )
    return Step(name, report.manifest.size, time.perf_counter() - start, most_memory())


if __name__ == "__main__":
    main()
