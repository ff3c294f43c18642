"""What a service shows of itself to Prometheus, at an address of its own: `serve --metrics`.

    every process     counts its own work (`ledger/metrics.py`), its connections, its follower
    the first         asks the others for theirs, looks at the ledger, and answers for all

Each series of a process has its number in the label `process`, and nothing is added up here: when a
process was replaced, its counters begin anew, and only Prometheus, which sees each of them, can
tell that from less work. One that does not answer in time is left out of that answer. No label
holds a controller, a key or anything else that an event says. `tests/test_metrics.py` asks the real
service; each metric is explained in `docs/reference/metrics.md`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from importlib.metadata import version
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import psycopg
from prometheus_client import CollectorRegistry, Metric, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from api.state import State
from ledger import asked_packs, head, publish
from ledger.errors import ConfigurationError, LedgerError, WitnessAlarm
from ledger.opening import Ledger
from projections import follow
from projections.clocks import ask_clocks
from projections.follow import Follower
from projections.question import Moment

PATIENCE = 2.0
"""Seconds for the database, and for the other processes: Prometheus waits ten for all."""

CLOCKS_EVERY = 60.0
"""Seconds for which the clocks are not counted again: they are many, and move slowly."""

PACKS = ("waiting", "running", "failed")
"""The states of packs that are counted."""


class OfProcess(Collector):
    """What is so in one process now: its follower, and its connections to the database."""

    def __init__(self, ledger: Ledger, follower: Follower) -> None:
        self._pool = ledger.pool
        self._follower = follower

    def collect(self) -> Iterator[Metric]:
        """Look, and tell."""
        pool = self._pool.get_stats()
        yield _gauge(
            "registers_stopped",
            "1 when this process stopped following the log, because a register cannot be computed.",
            self._follower.error is not None,
        )
        idle = pool.get("pool_available", 0)
        yield _gauges(
            "database_connections",
            "Connections of this process to the database.",
            "state",
            {"used": pool.get("pool_size", 0) - idle, "idle": idle},
        )
        yield _gauge(
            "database_connections_limit",
            "Connections that this process makes at most.",
            pool.get("pool_max", 0),
        )
        yield _gauge(
            "database_waiting",
            "Threads of this process that wait for a connection.",
            pool.get("requests_waiting", 0),
        )
        yield CounterMetricFamily(
            "verantwoord_database_timeouts",
            "Times that no connection was had in time.",
            pool.get("requests_errors", 0),
        )


class OfLedger(Collector):
    """What is so of the ledger now, whoever works for it: the first process looks."""

    def __init__(self, state: State, processes: int) -> None:
        self._state = state
        self._ledger = state.ledger
        self._processes = processes
        self._overdue: tuple[float, int] | None = None

    def collect(self) -> Iterator[Metric]:
        """Look, and tell; what is in the database is left out when that does not answer."""
        yield _gauges("info", "Of this program.", "version", {version("verantwoord"): 1})
        yield _gauge("processes", "Processes that serve, as asked for.", self._processes)
        try:
            found = [*self._log(), *self._published(), *self._timestamped(), *self._work()]
        except psycopg.Error:
            found = []
        yield _gauge("database_up", "1 when the database answers.", bool(found))
        yield from found

    def _log(self) -> Iterator[Metric]:
        with self._ledger.pool.connection(timeout=PATIENCE):
            pass  # it answers: what follows need not wait longer
        followed = follow.position(self._ledger.pool)  # before the head, which is never behind it
        with self._ledger.pool.connection() as conn:
            last = head.read(conn)
        size = last.frontier.size
        yield _gauge("log_entries", "Entries of the log.", size)
        yield _moment(
            "log_last_entry",
            "When the last entry was recorded, and its checkpoint signed.",
            last.recorded_at,
        )
        yield _gauge(
            "registers_lag_entries", "Entries that the registers do not have yet.", size - followed
        )
        if self._ledger.signs:
            yield _gauge(
                "signs", "1 when an append would be signed; 0 when it is refused.", self._signs()
            )
            yield _gauge(
                "set_back",
                "1 when the database has fewer entries than are kept outside it.",
                self._ledger.set_back(),
            )

    def _signs(self) -> bool:
        try:
            self._ledger.require_signing()
        except LedgerError:
            return False
        return True

    def _published(self) -> Iterator[Metric]:
        if self._state.publishing is None:
            return
        publisher = self._state.publishing.publisher
        with self._ledger.pool.connection() as conn:
            published = publish.last_published(conn)
        size, at = published or (0, None)
        yield _gauge("log_published_entries", "Entries of the published checkpoint.", size)
        yield _moment("log_published", "When it was published.", at)
        last = publish.last_cosigned(self._ledger.pool)
        cosigned = {w.name: last.get(w.key.vkey) for w in publisher.policy.witnesses}
        yield _gauges(
            "witness_cosigned_entries",
            "Entries of the largest checkpoint that a witness cosigned.",
            "witness",
            {name: one.size if one else 0 for name, one in cosigned.items()},
        )
        yield _moments(
            "witness_cosigned",
            "When it cosigned that, by its own clock.",
            "witness",
            {name: one.at if one else None for name, one in cosigned.items()},
        )
        asked = {w.name: s for s in publisher.standings for w in s.target.witnesses}
        yield _gauges(
            "witness_failures",
            "Failures in a row of a witness that is asked.",
            "witness",
            {name: standing.failures for name, standing in asked.items()},
        )
        yield _gauges(
            "witness_alarm",
            "1 when what a witness holds and this log do not fit.",
            "witness",
            {name: isinstance(standing.error, WitnessAlarm) for name, standing in asked.items()},
        )

    def _timestamped(self) -> Iterator[Metric]:
        if self._state.timestamps is None:
            return
        yield _gauge(
            "timestamp_interval_seconds",
            "How often an authority is asked, when the log has grown.",
            self._state.timestamps.every.total_seconds(),
        )
        standings = {s.authority.name: s for s in self._state.timestamps.standings()}
        yield _gauges(
            "timestamped_entries",
            "Entries of the last checkpoint that an authority stamped.",
            "authority",
            {name: s.last.size if s.last else 0 for name, s in standings.items()},
        )
        yield _moments(
            "timestamped",
            "The time in that timestamp.",
            "authority",
            {name: s.last.time if s.last else None for name, s in standings.items()},
        )
        yield _gauges(
            "timestamp_failures",
            "Failures in a row of an authority.",
            "authority",
            {name: s.failing.attempts if s.failing else 0 for name, s in standings.items()},
        )

    def _work(self) -> Iterator[Metric]:
        with self._ledger.pool.connection() as conn:
            packs = asked_packs.count(conn)
        yield _gauges(
            "packs",
            "Evidence packs that were asked for.",
            "state",
            {state: packs.get(state, 0) for state in PACKS},
        )
        with suppress(LedgerError):  # where nothing is shown, as of a database that was set back
            yield _gauge("clocks_overdue", "Clocks that run past their due time.", self._clocks())

    def _clocks(self) -> int:
        looked = time.monotonic()
        if self._overdue is None or looked - self._overdue[0] >= CLOCKS_EVERY:
            now = self._ledger.now()
            late = ask_clocks(self._ledger.pool, now, Moment(), within=timedelta(0)).clocks
            self._overdue = looked, len(late)
        return self._overdue[1]


def of_process(ledger: Ledger, follower: Follower) -> CollectorRegistry:
    """All metrics of one process."""
    registry = CollectorRegistry()
    for collector in (
        ledger.metrics.registry,
        OfProcess(ledger, follower),
        ProcessCollector(registry=None),
    ):
        registry.register(collector)
    return registry


class Beside:
    """The processes beside the first: a line to each, on which it is asked for its metrics."""

    def __init__(self) -> None:
        self._lines: dict[int, Connection] = {}
        self._asked = 0
        self._lock = threading.Lock()

    def line(self, process: int) -> Connection:
        """The other end of a new line to a process, which takes the place of the one before."""
        ours, theirs = Pipe()
        with self._lock:
            before = self._lines.get(process)
            self._lines[process] = ours
        if before is not None:
            before.close()
        return theirs

    def ask(self) -> dict[int, list[Metric]]:
        """The metrics of each process that answers in time."""
        with self._lock:
            self._asked += 1
            waiting = {n: line for n, line in self._lines.items() if self._send(line)}
            until = time.monotonic() + PATIENCE
            found = {n: self._receive(line, until) for n, line in waiting.items()}
        return {n: metrics for n, metrics in found.items() if metrics is not None}

    def _send(self, line: Connection) -> bool:
        try:
            line.send(self._asked)
        except OSError:
            return False
        return True

    def _receive(self, line: Connection, until: float) -> list[Metric] | None:
        try:
            while line.poll(max(0.0, until - time.monotonic())):
                asked, metrics = line.recv()
                if asked == self._asked:  # not the late answer to an earlier question
                    return list(metrics)
        except (EOFError, OSError):
            pass  # it ended, and its successor has another line
        return None


def answer(line: Connection, registry: CollectorRegistry) -> None:
    """Answer the first process, in a thread, until the line is closed."""

    def run() -> None:
        with suppress(EOFError, OSError):
            while True:
                asked = line.recv()
                line.send((asked, list(registry.collect())))

    threading.Thread(target=run, name="metrics", daemon=True).start()


class OfProcesses(Collector):
    """The metrics of every process, each under its number."""

    def __init__(self, own: CollectorRegistry, others: Beside) -> None:
        self._own = own
        self._others = others

    def collect(self) -> Iterable[Metric]:
        """Ask, and tell."""
        merged: dict[str, Metric] = {}
        for process, metrics in {1: self._own.collect(), **self._others.ask()}.items():
            for metric in metrics:
                into = merged.setdefault(
                    metric.name, Metric(metric.name, metric.documentation, metric.type)
                )
                into.samples += [
                    sample._replace(labels={**sample.labels, "process": str(process)})
                    for sample in metric.samples
                    if not sample.name.endswith("_created")  # `process_start_time_seconds` says it
                ]
        return merged.values()


@contextmanager
def shown(address: tuple[str, int], state: State, processes: int, others: Beside) -> Iterator[int]:
    """Show the metrics of a service at an address until the block ends; the port. Raises
    ConfigurationError."""
    registry = CollectorRegistry()
    registry.register(OfProcesses(of_process(state.ledger, state.follower), others))
    registry.register(OfLedger(state, processes))
    host, port = address
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise ConfigurationError(f"cannot listen on {host}:{port}: {error.strerror}") from None
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(f"verantwoord_{name}", what, value)


def _gauges(name: str, what: str, label: str, values: Mapping[str, float]) -> Metric:
    made = GaugeMetricFamily(f"verantwoord_{name}", what, labels=[label])
    for each, value in values.items():
        made.add_metric([each], value)
    return made


def _moment(name: str, what: str, at: datetime | None) -> Metric:
    return _gauge(f"{name}_timestamp_seconds", what, _unix(at))


def _moments(name: str, what: str, label: str, values: Mapping[str, datetime | None]) -> Metric:
    return _gauges(
        f"{name}_timestamp_seconds", what, label, {each: _unix(at) for each, at in values.items()}
    )


def _unix(at: datetime | None) -> float:
    """Seconds since 1970; 0 for what never was."""
    return 0.0 if at is None else at.timestamp()
