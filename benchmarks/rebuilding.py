"""How fast all registers and findings are made anew from the log.

    python -m benchmarks.rebuilding [--events 100000] [--data DIR] [--json FILE]

Beside it, on the same PostgreSQL server and before and after: the `ProjectionRunner` of the
eventsourcing library, with a view that only notes that an event was seen, over events that hold
the entries of the same log. With one process that folds, and with one for each core. With `--data`,
a ledger that `benchmarks.filling` made is rebuilt.
"""

from __future__ import annotations

import os
import resource
import time
from dataclasses import asdict, dataclass
from statistics import mean
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner

from benchmarks.references import environment, prepare
from benchmarks.subject import asked, most_memory
from ledger.opening import Ledger
from projections import follow
from projections.rebuild import Workers

SAMPLE = 10_000
"""Events for the library: its rate does not depend on how many there are."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """Events a second, and the most memory that all its processes held, in megabytes."""

    workers: int
    events: int
    seconds: float
    memory_mb: float
    runner_before: float
    runner_after: float

    @property
    def per_second(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def ratio(self) -> float:
        """As a multiple of the library's rate."""
        return self.per_second / mean([self.runner_before, self.runner_after])


class Copy(Aggregate):
    """An aggregate whose events hold entries of the log."""

    @event("Copied")
    def copy(self, leaf: str) -> None:
        """Take an entry."""


class Copies(Application[UUID]):
    """The application that the runner follows."""


class Counting(Projection[PostgresTrackingRecorder]):
    """Does the least that a projection can: note that an event was seen."""

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Take the event, and keep how far the view is, in one transaction."""
        self.view.insert_tracking(tracking)


def main(arguments: list[str] | None = None) -> None:
    """Rebuild, print, and write JSON where asked."""
    subject = asked("rebuilding", arguments)
    with subject.opened() as ledger:
        runs = measure(ledger)
    for found in runs:
        print(
            f"{found.events} events in {found.seconds:.0f} s, {found.workers} folding:"
            f" {found.per_second:,.0f}/s, at most {found.memory_mb:.0f} MB; ProjectionRunner"
            f" {found.runner_before:,.0f} and {found.runner_after:,.0f}/s: ratio {found.ratio:.1f}"
        )
    subject.write(
        [{**asdict(one), "per_second": one.per_second, "ratio": one.ratio} for one in runs]
    )


def measure(ledger: Ledger) -> list[Rebuilt]:
    """The library, the rebuild, and the library again; so for each number of processes."""
    url = ledger.database.url
    prepare(url)
    leaves = [stored.leaf.decode() for stored in ledger.reader.events(limit=SAMPLE)]
    _copy(url, leaves)
    rates = [_runner(url, "0")]
    found = []
    for workers in sorted({1, os.cpu_count() or 1}):
        start = time.perf_counter()
        events = follow.rebuild(ledger.pool, workers=Workers(workers, ledger.database))
        seconds = time.perf_counter() - start
        memory = most_memory() + workers * most_memory(resource.RUSAGE_CHILDREN)
        rates.append(_runner(url, f"{workers}"))
        found.append(Rebuilt(workers, events, seconds, memory, *rates[-2:]))
    return found


def _copy(url: str, leaves: list[str]) -> None:
    application = Copies(env=environment(url))
    try:
        # The library sends the events of one save in a pipeline, which many long ones block.
        for start in range(0, len(leaves), 20):
            copy = Copy()
            for leaf in leaves[start : start + 20]:
                copy.copy(leaf)
            application.save(copy)
    finally:
        application.close()


def _runner(url: str, name: str) -> float:
    """Events a second of a new view of all there is."""
    projection = type(f"Counting_{name}", (Counting,), {})
    start = time.perf_counter()
    with ProjectionRunner(
        application_class=Copies,
        projection_class=projection,
        view_class=PostgresTrackingRecorder,
        env=environment(url),
    ) as runner:
        last = runner.app.recorder.max_notification_id()
        if last is None:
            raise RuntimeError("there is nothing to follow")
        # Its own `wait` looks ever more seldom, and would be timed along.
        while (runner.view.max_tracking_id(runner.app_name) or 0) < last:
            if runner.is_interrupted.wait(0.01):
                raise RuntimeError("the library stopped following")
        return float(last) / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
