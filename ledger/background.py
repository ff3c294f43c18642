"""Something that is done again and again in a thread of its own, until it is closed.

Whatever it is (`ledger/noting.py`, `ledger/timestamps.py`, `ledger/inspections.py`), the service
goes on without it: what fails is logged, and tried again. `tests/test_background.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from ledger.errors import LedgerError, told

log = structlog.get_logger(__name__)


class Background:
    """Calls `step` every `look` seconds."""

    def __init__(self, name: str, step: Callable[[], object], look: float) -> None:
        self._name = name
        self._step = step
        self._look = look
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop after the running step."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            self.attempt(self._step)
            self._closing.wait(self._look)

    def attempt(self, step: Callable[[], object]) -> None:
        """Take one step, which may fail."""
        try:
            step()
        except (LedgerError, OSError, psycopg.Error, PoolTimeout) as error:
            log.warning(f"{self._name} failed", error=told(error))
