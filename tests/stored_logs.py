"""Logs of any size in the database, in seconds: entries made in memory, stored as by an append.

    with stored_log(home, busy_log(65_537).leaves) as log:
        log.grow(65_536)

They begin with no entry at all, and nothing was admitted: what stands on the tree alone is tested
with them (tiles, proofs, exports), not what stands on events.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest.mock import patch

from ledger import checkpoint, deployment, entry, head, opening
from ledger.checkpoint import Checkpoint
from ledger.deployment import Home
from ledger.merkle import EMPTY_ROOT
from ledger.opening import Ledger
from tests.ledgers import Clock, make_home


class StoredLog:
    """An open log that takes its entries from a list."""

    def __init__(self, ledger: Ledger, leaves: Sequence[bytes]) -> None:
        self.ledger = ledger
        self.leaves = leaves

    @property
    def vkey(self) -> str:
        """The verifier key of the log."""
        return self.ledger.identity.vkey

    def grow(self, size: int) -> None:
        """Store entries up to this size, under one checkpoint."""
        with self.ledger.pool.connection() as conn, conn.transaction():
            locked = head.lock(conn)
            new = self.leaves[locked.frontier.size : size]
            head.extend(
                conn,
                locked,
                max(locked.recorded_at, entry.parse(new[-1]).recorded_at),
                [head.NewEntry("none", (), leaf) for leaf in new],
                origin=self.ledger.identity.origin,
                sign=self.ledger.sign,
            )


def _no_entries(conn: object, own: deployment.OwnKeys, *others: object) -> str:
    return checkpoint.sign(Checkpoint(own.log.name, 0, EMPTY_ROOT), own.log)


@contextmanager
def stored_log(home: Home, leaves: Sequence[bytes]) -> Iterator[StoredLog]:
    """A new log without entries, open for the block."""
    clock = Clock()
    with patch.object(deployment, "_enrol_own_keys", _no_entries):
        make_home(home, clock)
    with opening.open_ledger(home, clock=clock) as ledger:
        yield StoredLog(ledger, leaves)
