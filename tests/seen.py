"""The metrics of a served ledger, as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from api.app import create_app
from api.metrics import Beside, shown
from api.state import State
from api.workers import Line
from ledger.publish import Publishing
from ledger.timestamps import Timestamps
from projections.follow import Follower
from tests.ledgers import TestLedger
from tests.serving import listening_for


@dataclass(frozen=True, slots=True)
class Numbers:
    """What one look at the metrics showed."""

    text: str

    def metrics(self) -> list[Metric]:
        """Each metric with its samples."""
        return list(text_string_to_metric_families(self.text))

    def of(self, name: str, **labels: str) -> list[float]:
        """The values of a series that have these labels, of whichever process."""
        return [
            sample.value
            for metric in self.metrics()
            for sample in metric.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]

    def one(self, name: str, **labels: str) -> float:
        """The value of a series, added up over the processes. Raises LookupError without one."""
        found = self.of(name, **labels)
        if not found:
            raise LookupError(name)
        return sum(found)


def look(address: str) -> Numbers:
    """Ask as Prometheus does."""
    answer = httpx.get(address, timeout=20)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return Numbers(answer.text)


@dataclass(frozen=True, slots=True)
class Seen:
    """A served ledger: its address, and that of its metrics."""

    url: str
    metrics: str

    def now(self) -> Numbers:
        """Its metrics now."""
        return look(self.metrics)


@contextmanager
def seen(
    made: TestLedger,
    follower: Follower | None = None,
    publishing: Publishing | None = None,
    timestamps: Timestamps | None = None,
) -> Iterator[Seen]:
    """Serve a ledger, and its metrics at another port."""
    follower = follower or Follower(made.ledger.pool, made.ledger.listener)
    state = State(made.ledger, follower, publishing=publishing, timestamps=timestamps)
    try:
        with (
            listening_for(create_app(state), Line()) as url,
            shown(("127.0.0.1", 0), state, 1, Beside()) as port,
        ):
            yield Seen(url, f"http://127.0.0.1:{port}/metrics")
    finally:
        follower.close()
