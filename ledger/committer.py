"""Group commit: what concurrent requests append is committed together.

One thread takes whatever waits, up to a batch, and commits it in one transaction: one head lock and
one fsync for all of it. A refused event never takes its neighbours down, and when more waits than
the ledger can hold the caller is told at once to come back. After a lost connection the same batch
is committed again: an event that was committed after all is recognised by its source and id and
answered with its position. `tests/test_committer.py` shows each of these.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import psycopg
import structlog
from opentelemetry import context
from opentelemetry.context import Context
from opentelemetry.trace import Span

from ledger.database import is_away
from ledger.errors import Unavailable
from ledger.metrics import Metrics
from ledger.traces import tracer

log = structlog.get_logger(__name__)

PERSISTENCE = 10.0
"""Seconds; a client that waits for 30 is answered also when its batch had to wait for another, and
each of them for a connection."""

E = TypeVar("E")
A = TypeVar("A")

Commit = Callable[[Sequence[E]], Sequence[A]]
"""Commits events in one transaction and gives an answer for each, in order; safe to repeat."""


@dataclass(frozen=True, slots=True)
class _Request(Generic[E, A]):
    events: Sequence[E]
    answer: Future[Sequence[A]] = field(default_factory=Future)
    since: float = field(default_factory=time.perf_counter)
    within: Context = field(default_factory=context.get_current)
    queued: Span = field(default_factory=lambda: tracer.start_span("queue"))


class Committer(Generic[E, A]):
    """Merges concurrent appends into transactions of up to `batch` events.

    At most `waiting` events wait; `attempts` is how often a batch is tried when the connection is
    lost, with `pause` seconds between, as long as nobody in it waits for more than `persistence`
    seconds: who asked is to be told before giving up. `patience` is how many seconds a caller waits
    for its answer, and a commit that does not end for the end of the program. `metrics` are those
    of the ledger.
    """

    def __init__(
        self,
        commit: Commit[E, A],
        *,
        batch: int = 1000,
        waiting: int = 4000,
        attempts: int = 8,
        pause: float = 0.25,
        persistence: float = PERSISTENCE,
        patience: float | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._commit = commit
        self._batch = batch
        self._waiting = waiting
        self._attempts = attempts
        self._pause = pause
        self._persistence = persistence
        self.patience = patience
        self._queue: deque[_Request[E, A]] = deque()
        self._queued = 0
        self._metrics = metrics or Metrics()
        self._metrics.queue.set_function(lambda: self._queued)
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self._thread.start()

    def append(self, events: Sequence[E]) -> Sequence[A]:
        """Commit the events and give the answer for each; returns when they are durable.

        Raises Unavailable when too much waits already, or the database stays away, and TimeoutError
        when it takes too long: what has not had its turn by then is not committed, the rest may be.
        """
        answer = self.submit(events)
        try:
            return answer.result(self.patience)
        except TimeoutError:
            answer.cancel()
            raise

    def submit(self, events: Sequence[E]) -> Future[Sequence[A]]:
        """As `append`, for a caller that has something else to do: the future has the answers.

        Raises Unavailable when too much waits already. What is cancelled before its turn is not
        committed.
        """
        with self._changed:
            if self._closing.is_set():
                raise self._refusal(events, Unavailable("the ledger is stopping"))
            if self._queued and self._queued + len(events) > self._waiting:
                full = Unavailable("more events wait than the ledger can hold")
                raise self._refusal(events, full)
            request: _Request[E, A] = _Request(events)
            self._queue.append(request)
            self._queued += len(events)
            self._changed.notify()
        return request.answer

    def close(self) -> None:
        """Commit what waits, and stop."""
        with self._changed:
            self._closing.set()
            self._changed.notify()
        self._thread.join(self.patience)

    def _run(self) -> None:
        while (requests := self._take()) is not None:
            if requests:
                self._settle(requests)

    def _take(self) -> list[_Request[E, A]] | None:
        """The next requests that are still wanted; None when there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing.is_set())
            if not self._queue:
                return None
            taken: list[_Request[E, A]] = []
            size = 0
            while self._queue and (not taken or size + len(self._queue[0].events) <= self._batch):
                taken.append(self._queue.popleft())
                size += len(taken[-1].events)
            self._queued -= size
        for request in taken:
            request.queued.end()
            self._metrics.waited(time.perf_counter() - request.since)
        return [r for r in taken if r.answer.set_running_or_notify_cancel()]

    def _settle(self, requests: Sequence[_Request[E, A]]) -> None:
        try:
            with _traced(requests):
                answers = self._commit_surely(
                    [e for request in requests for e in request.events],
                    min(request.since for request in requests) + self._persistence,
                )
        except Exception as error:
            if len(requests) > 1 and not isinstance(error, Unavailable):
                # Whatever the database could not take must not take its neighbours down.
                for request in requests:
                    self._settle([request])
                return
            for request in requests:
                request.answer.set_exception(self._refusal(request.events, error))
            return
        start = 0
        for request in requests:
            end = start + len(request.events)
            request.answer.set_result(answers[start:end])
            start = end

    def _refusal(self, events: Sequence[E], error: Exception) -> Exception:
        """The error, once it is counted for every event that is not taken because of it."""
        self._metrics.refused(error, len(events))
        return error

    def _commit_surely(self, events: Sequence[E], until: float) -> Sequence[A]:
        for attempt in range(self._attempts):
            try:
                return self._commit(events)
            except psycopg.Error as error:
                if not is_away(error):
                    raise
                # The commit may have happened; trying again finds what did.
                log.warning(
                    "a commit failed",
                    error=type(error).__name__,
                    sqlstate=error.sqlstate,
                    attempt=attempt + 1,
                )
                if attempt + 1 == self._attempts or time.perf_counter() > until:
                    break
                if self._closing.wait(self._pause * attempt):
                    break
                self._metrics.retried()
        raise Unavailable("the database does not answer", retry_after=5)


@contextmanager
def _traced(requests: Sequence[_Request[E, A]]) -> Iterator[None]:
    """One transaction, as a part of the trace of each request that it serves."""
    size = sum(len(request.events) for request in requests)
    about = {"verantwoord.events": size, "verantwoord.requests": len(requests)}
    spans = [tracer.start_span("transaction", r.within, attributes=about) for r in requests]
    try:
        yield
    finally:
        for span in spans:
            span.end()
