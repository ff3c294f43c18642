"""Waiting for the log to grow.

NOTIFY only wakes whoever polls anyway: a notification can be lost (a failover, a distributed
server), so the size is read again at the latest after `POLL` seconds. `tests/test_reader.py`
takes the connection away while somebody waits, `tests/faults/` the server and what starts it.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from multiprocessing.connection import wait

import psycopg
import structlog

from ledger.database import Database
from ledger.errors import ConfigurationError

log = structlog.get_logger(__name__)

POLL = 1.0
"""Seconds after which the size is read again without a notification."""


class Listener:
    """Follows the size of one log in a thread of its own; close it when done."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._size = -1
        self._grown = threading.Condition()
        self._closed = threading.Event()
        self._woken, self._wake = socket.socketpair()
        self._callbacks: set[Callable[[], None]] = set()
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)
        self._thread.start()

    def wait_beyond(self, size: int, timeout: float) -> bool:
        """Wait until the log is larger than `size`, at most `timeout` seconds; tell whether."""
        with self._grown:
            return self._grown.wait_for(lambda: self._size > size or self.closed, timeout)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed.is_set()

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Call `callback` after each growth, from the listener's thread."""
        with self._grown:
            self._callbacks.add(callback)

    def unsubscribe(self, callback: Callable[[], None]) -> None:
        """Stop calling `callback`."""
        with self._grown:
            self._callbacks.discard(callback)

    def close(self) -> None:
        """End the thread and wake everybody who waits."""
        self._closed.set()
        self._wake.close()
        with self._grown:
            self._grown.notify_all()
        self._thread.join()
        self._woken.close()

    def _run(self) -> None:
        while not self.closed:
            try:
                with self._database.connect() as conn:
                    self._follow(conn)
            except (psycopg.Error, OSError, ConfigurationError):
                self._closed.wait(POLL)
                self._revive()

    def _revive(self) -> None:
        """A server of our own that was killed comes back with the next who notices."""
        try:
            self._database.revive()
        except ConfigurationError as error:
            first, _, _ = str(error).partition("\n")
            log.warning("the database cannot be started, and is tried again", error=first)

    def _follow(self, conn: psycopg.Connection) -> None:
        conn.execute(f'LISTEN "{self._database.channel}"'.encode())
        while not self.closed:
            row = conn.execute("SELECT size FROM head").fetchone()
            self._tell(int(row[0]) if row else 0)
            self._await_notification(conn)

    def _await_notification(self, conn: psycopg.Connection) -> None:
        if not list(conn.notifies(timeout=0)):  # which came with an answer
            wait([conn.fileno(), self._woken], POLL)
            list(conn.notifies(timeout=0))

    def _tell(self, size: int) -> None:
        with self._grown:
            if size == self._size:
                return
            self._size = size
            self._grown.notify_all()
            callbacks = list(self._callbacks)
        for callback in callbacks:
            callback()
