"""Group commit: merging, order, push-back, and what happens when the database goes away."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import psycopg
import pytest

from ledger.committer import Committer
from ledger.errors import Unavailable


class Slow:
    """A commit that waits until it is let go, and notes each batch."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = threading.Event()
        self.entered = threading.Event()

    def __call__(self, events: Sequence[int]) -> Sequence[int]:
        self.entered.set()
        assert self.go.wait(10)
        self.batches.append(list(events))
        return [event * 10 for event in events]


def in_threads(committer: Committer[int, int], requests: list[list[int]]) -> list[object]:
    """Append each request in a thread of its own; answers or errors, in order."""
    answers: list[object] = [None] * len(requests)

    def run(number: int) -> None:
        try:
            answers[number] = committer.append(requests[number])
        except Exception as error:
            answers[number] = error

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(requests))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    return answers


def test_what_waits_is_committed_together() -> None:
    """While one transaction runs, the next requests become one batch, each with its answers."""
    slow = Slow()
    committer: Committer[int, int] = Committer(slow)
    first = threading.Thread(target=committer.append, args=([0],))
    first.start()
    slow.entered.wait(10)
    threading.Timer(0.2, slow.go.set).start()
    answers = in_threads(committer, [[n, n + 100] for n in range(1, 20)])
    first.join(10)
    committer.close()
    assert answers == [[n * 10, (n + 100) * 10] for n in range(1, 20)]
    assert slow.batches[0] == [0]
    assert len(slow.batches) < 19


def test_more_than_the_ledger_can_hold_is_pushed_back_at_once() -> None:
    """The queue does not grow: who comes too late is told to come back, and nothing else fails."""
    slow = Slow()
    committer: Committer[int, int] = Committer(slow, waiting=10)
    first = threading.Thread(target=committer.append, args=([0],))
    first.start()
    slow.entered.wait(10)
    threading.Timer(0.3, slow.go.set).start()
    answers = in_threads(committer, [[n] * 5 for n in range(6)])
    first.join(10)
    committer.close()
    refused = [answer for answer in answers if isinstance(answer, Unavailable)]
    assert len(refused) == 4
    assert all(error.retry_after >= 1 for error in refused)


def test_a_lost_connection_is_tried_again() -> None:
    """The same batch is committed again; the caller sees one answer."""
    failures = [psycopg.OperationalError("gone"), psycopg.OperationalError("gone")]

    def commit(events: Sequence[int]) -> Sequence[int]:
        if failures:
            raise failures.pop()
        return events

    committer: Committer[int, int] = Committer(commit, pause=0.01)
    assert committer.append([1, 2]) == [1, 2]
    committer.close()


def test_a_database_that_stays_away_makes_it_unavailable() -> None:
    """After all attempts the caller is told to come back later."""

    def commit(events: Sequence[int]) -> Sequence[int]:
        raise psycopg.OperationalError("gone")

    committer: Committer[int, int] = Committer(commit, attempts=3, pause=0.01)
    with pytest.raises(Unavailable, match="does not answer"):
        committer.append([1])
    committer.close()


def test_nobody_waits_longer_than_it_is_tried_again() -> None:
    """Also when each attempt takes long, and when a batch waited for the one before it: whoever
    asked is told before giving up."""
    tried: list[int] = []

    def commit(events: Sequence[int]) -> Sequence[int]:
        tried.extend(events)
        threading.Event().wait(0.2)
        raise psycopg.OperationalError("gone")

    committer: Committer[int, int] = Committer(commit, batch=1, pause=0.0, persistence=0.1)
    answers = in_threads(committer, [[1], [2], [3]])
    committer.close()
    assert all(isinstance(answer, Unavailable) for answer in answers)
    assert sorted(tried) == [1, 2, 3]


def test_what_the_database_cannot_take_does_not_take_its_neighbours_down() -> None:
    """One poisonous request fails alone; the others of the batch are committed."""
    slow = Slow()

    def commit(events: Sequence[int]) -> Sequence[int]:
        if 13 in events:
            raise psycopg.DataError("cannot be stored")
        return slow(events)

    committer: Committer[int, int] = Committer(commit)
    first = threading.Thread(target=committer.append, args=([0],))
    first.start()
    slow.entered.wait(10)
    threading.Timer(0.2, slow.go.set).start()
    answers = in_threads(committer, [[12], [13], [14]])
    first.join(10)
    committer.close()
    assert answers[0] == [120]
    assert isinstance(answers[1], psycopg.DataError)
    assert answers[2] == [140]


def test_closing_commits_what_waits() -> None:
    """Nothing that was taken is dropped at the end; afterwards it is unavailable."""
    slow = Slow()
    committer: Committer[int, int] = Committer(slow)
    waiting = threading.Thread(target=committer.append, args=([1],))
    waiting.start()
    slow.entered.wait(10)
    slow.go.set()
    committer.close()
    waiting.join(10)
    assert slow.batches == [[1]]
    with pytest.raises(Unavailable):
        committer.append([2])
