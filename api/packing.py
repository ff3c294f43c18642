"""Making the packs that were asked for, one at a time, in a process of its own.

A pack takes a core for minutes and memory for its registers; neither should be taken from those who
append. The process opens the ledger as every worker does. When it, or the service, is killed, the
pack is begun anew by whoever looks next (`ledger/asked_packs.py`). `tests/test_packs_api.py`.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Mapping
from datetime import datetime
from multiprocessing.process import BaseProcess

import structlog

from api import logs
from api.moments import MomentError
from api.pack_scope import scope_of
from ledger import asked_packs
from ledger.asked_packs import AskedPack, Cancelled
from ledger.background import Background
from ledger.deployment import Home
from ledger.errors import LedgerError
from ledger.opening import Ledger, open_ledger
from projections.exports.pack import about, write
from projections.frameworks.framework import all_frameworks

LOOK = 1.0
"""Seconds between looks at what was asked for, and between two words of how far it is."""

log = structlog.get_logger(__name__)


class Packing(Background):
    """Looks for packs to make, until it is closed; one that is being made then is begun anew by the
    next service. `trust` are the files of what the operator trusts."""

    def __init__(
        self,
        ledger: Ledger,
        home: Home,
        trust: Mapping[str, bytes],
        *,
        look: float = LOOK,
    ) -> None:
        self._ledger = ledger
        self._home = home
        self._trust = trust
        self._look = look
        self._maker: BaseProcess | None = None
        super().__init__("making packs", self._step, look)

    def close(self) -> None:
        """Stop, also what is being made."""
        self._closing.set()
        if self._maker is not None:
            self._maker.terminate()
        super().close()

    def _step(self) -> None:
        now = self._ledger.clock()
        with self._ledger.pool.connection() as conn:
            asked_packs.remove_old(conn, now)
            claimed = asked_packs.claim(conn, now)
        if claimed is None:
            return
        asked, claim = claimed
        spawned = multiprocessing.get_context("spawn")
        maker = spawned.Process(
            target=_make, args=(self._home, asked, claim, dict(self._trust)), daemon=True
        )
        maker.start()
        self._maker = maker  # only now there is something to terminate
        while maker.is_alive() and not self._closing.is_set():
            maker.join(self._look)
        if self._closing.is_set():
            maker.terminate()
        maker.join()
        if maker.exitcode and not self._closing.is_set():
            log.warning("a pack was not made", pack=asked.id, exit=maker.exitcode)
            with self._ledger.pool.connection() as conn:
                reason = "the process that was making it ended"
                asked_packs.fail(conn, asked.id, claim, self._ledger.clock(), reason)


def _make(home: Home, asked: AskedPack, claim: str, trust: Mapping[str, bytes]) -> None:
    """What the process does."""
    logs.configure()
    with open_ledger(home) as ledger:
        make(ledger, home, asked, claim, trust)


def make(
    ledger: Ledger, home: Home, asked: AskedPack, claim: str, trust: Mapping[str, bytes]
) -> None:
    """Make a pack that was claimed, and keep it; of one that cannot be made, the reason."""
    try:
        scope = scope_of(
            all_frameworks(home.frameworks),
            controllers=asked.controllers,
            named=asked.asked["frameworks"],
            begin=asked.asked["from"],
            until=asked.asked["until"],
            language=asked.asked["lang"],
            size=asked.asked["size"],
        )
        with tempfile.TemporaryFile() as file:
            packed = write(ledger, scope, trust, file, _Saying(ledger, asked.id, claim))
            file.seek(0)
            with ledger.pool.connection() as conn:
                asked_packs.store(
                    conn,
                    asked.id,
                    claim,
                    ledger.clock(),
                    file,
                    scope=about(packed.manifest),
                    size=packed.manifest.size,
                    sha256=packed.sha256,
                )
    except Cancelled:
        return
    except (LedgerError, MomentError) as error:
        with ledger.pool.connection() as conn:
            asked_packs.fail(conn, asked.id, claim, ledger.clock(), str(error))


class _Saying:
    """Says how far a pack is, once a second. Raises Cancelled."""

    def __init__(self, ledger: Ledger, id: str, claim: str) -> None:
        self._ledger = ledger
        self._id = id
        self._claim = claim
        self._said = time.monotonic() - LOOK

    def __call__(self, done: int, of_all: int) -> None:
        if time.monotonic() - self._said < LOOK:
            return
        self._said = time.monotonic()
        now: datetime = self._ledger.clock()
        with self._ledger.pool.connection() as conn:
            asked_packs.report(conn, self._id, self._claim, now, done, of_all)
