"""What one process counts of its own work for an open ledger, as Prometheus metrics.

Counted where it happens (`ledger/opening.py`, `ledger/committer.py`), always; shown to nobody
unless the operator says so (`api/metrics.py`). A label is one of a few words that this program
knows, never what an event or a request says: neither a controller nor a key can be told from a
metric, and nobody can make more of them. `tests/test_metrics.py`; each name is explained in
`docs/reference/metrics.md`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ledger.errors import LedgerError, Refused, SigningRefused, Unavailable

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets of a time."""

EVENTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Upper bounds of the buckets of a number of events."""

INTERNAL = "internal"
"""Why an event was not taken, when it was our fault; the problem type of an unexpected error."""


class Metrics:
    """The metrics of one open ledger in one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._appended = self._counter(
            "verantwoord_appended_events", "Events that became an entry of the log."
        )
        self._repeated = self._counter(
            "verantwoord_repeated_events", "Events that had been recorded before, sent again."
        )
        self._refused = Counter(
            "verantwoord_refused_events",
            "Events that were not taken, by the code of their problem type.",
            ["reason"],
            registry=self.registry,
        )
        for reason in _reasons():
            self._refused.labels(reason)
        self._seconds = self._histogram(
            "verantwoord_append_seconds", "Of one call that appends, from admission to its answer."
        )
        self._waited = self._histogram(
            "verantwoord_append_wait_seconds", "That admitted events waited for their transaction."
        )
        self._transaction = self._histogram(
            "verantwoord_append_transaction_seconds",
            "Of one transaction that appends, with the wait for the lock of the head.",
        )
        self._batch = self._histogram(
            "verantwoord_append_batch_events", "Events in one transaction that appends.", EVENTS
        )
        self._retries = self._counter(
            "verantwoord_append_retries",
            "Transactions that were tried again, since the database had not answered.",
        )
        self._answers = Counter(
            "verantwoord_http_answers",
            "HTTP answers, by their status.",
            ["status"],
            registry=self.registry,
        )
        self.queue = Gauge(
            "verantwoord_append_queue_events",
            "Admitted events that wait for a transaction.",
            registry=self.registry,
        )

    @contextmanager
    def appending(self) -> Iterator[None]:
        """Time a call that appends, until it has its answers."""
        with _timed(self._seconds):
            yield

    @contextmanager
    def transaction(self, events: int) -> Iterator[None]:
        """Time one transaction over so many events."""
        self._batch.observe(events)
        with _timed(self._transaction):
            yield

    def committed(self, outcomes: Sequence[object]) -> None:
        """A transaction was committed with these outcomes, of which refusals are some."""
        created = [getattr(outcome, "created", False) for outcome in outcomes]
        refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
        self._appended.inc(sum(created))
        self._repeated.inc(len(outcomes) - sum(created) - len(refused))
        for each in refused:
            self.refused(each)

    def refused(self, error: Exception, events: int = 1) -> None:
        """So many events were not taken, because of an error."""
        reason = error.code if isinstance(error, LedgerError) else INTERNAL
        self._refused.labels(reason).inc(events)

    def answered(self, status: int) -> None:
        """A request over HTTP is answered."""
        self._answers.labels(str(status)).inc()

    def waited(self, seconds: float) -> None:
        """What one call gave to be committed was taken up after so long."""
        self._waited.observe(seconds)

    def retried(self) -> None:
        """A transaction is tried again."""
        self._retries.inc()

    def _counter(self, name: str, what: str) -> Counter:
        return Counter(name, what, registry=self.registry)

    def _histogram(self, name: str, what: str, buckets: Sequence[float] = SECONDS) -> Histogram:
        return Histogram(name, what, buckets=buckets, registry=self.registry)


@contextmanager
def _timed(histogram: Histogram) -> Iterator[None]:
    began = time.perf_counter()
    try:
        yield
    finally:
        histogram.observe(time.perf_counter() - began)


def _reasons() -> list[str]:
    """Every reason there is, so that each is there before it happens for the first time."""
    refusals = [error.code for error in Refused.__subclasses__()]
    return [*refusals, Unavailable.code, SigningRefused.code, INTERNAL]
