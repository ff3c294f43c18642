"""One question put to several logs at a time, and what came of it in each.

Logs have no common moment: an answer over several of them rests on one checkpoint of each, which is
told, and a log that did not answer is told as well. So an answer is complete, or says that it is
not. `tests/test_across.py` takes a log away, and keeps one busy.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import psycopg

from ledger.errors import LedgerError
from ledger.logs import FEW, DeployedLog
from ledger.opening import Ledger, open_ledger

A = TypeVar("A")

AT_ONCE = 8
"""Logs that are asked at a time."""

PATIENCE = 60.0
"""Seconds to wait for all of them."""


@dataclass(frozen=True, slots=True)
class Told(Generic[A]):
    """What one log answered; or, with `failure`, why it did not."""

    log: DeployedLog
    answer: A | None
    failure: str | None = None


def ask(
    logs: Sequence[DeployedLog], question: Callable[[Ledger], A], patience: float = PATIENCE
) -> list[Told[A]]:
    """Put a question to every log, each opened for it; what each told, in their order.

    One that takes longer than `patience` seconds is given up: its thread ends with the process.
    """
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    told: queue.SimpleQueue[tuple[int, Told[A]]] = queue.SimpleQueue()
    for number in range(len(logs)):
        waiting.put(number)

    def work() -> None:
        while True:
            try:
                number = waiting.get_nowait()
            except queue.Empty:
                return
            told.put((number, _ask(logs[number], question)))

    for _ in range(min(len(logs), AT_ONCE)):
        threading.Thread(target=work, name="across", daemon=True).start()
    deadline = time.monotonic() + patience
    found: dict[int, Told[A]] = {}
    while len(found) < len(logs):
        try:
            number, one = told.get(timeout=max(deadline - time.monotonic(), 0))
        except queue.Empty:
            break
        found[number] = one
    late = f"did not answer within {patience:g} seconds"
    return [found.get(number, Told(log, None, late)) for number, log in enumerate(logs)]


def _ask(log: DeployedLog, question: Callable[[Ledger], A]) -> Told[A]:
    try:
        with open_ledger(log.home, signs=False, load=FEW) as ledger:
            return Told(log, question(ledger))
    except psycopg.Error as error:
        said = error.diag.message_primary or type(error).__name__
        return Told(log, None, f"the database: {said}")
    except (LedgerError, OSError) as error:
        return Told(log, None, str(error))
    except Exception as error:
        # Whatever it was, this log did not answer; the others do.
        return Told(log, None, f"an error of the program: {type(error).__name__}")
