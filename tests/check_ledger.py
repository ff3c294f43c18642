"""Every invariant of a whole ledger; tests call it after every step.

It reads the stored bytes with a connection of its own and shares no state with the ledger it
checks. What it asks: `fsck` finds nothing; every receipt ever given verifies, names the entry it
was given for, and lies under a checkpoint that the log still goes on from; the stored registers are
the folds of the log.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from ledger import checkpoint, receipt
from ledger.append import Appended
from ledger.errors import VerificationFailed
from ledger.fsck import Sound, fsck
from ledger.merkle import check_consistency
from projections.follow import FOLLOWED, catch_up, position
from projections.question import ask, from_log
from projections.rows import body
from tests.ledgers import TestLedger


def check_ledger(made: TestLedger, given: Iterable[Appended] = ()) -> Sound:
    """Check everything; `given` are answers that producers hold."""
    with made.ledger.database.connect() as conn:
        sound = fsck(
            conn,
            made.verifier,
            made.ledger.identity.administrator_key,
            keys=made.ledger.controller_keys,
        )
    reader, log_keys = made.ledger.reader, made.ledger.log_keys()
    indexes: dict[int, bytes] = {}
    for answer in given:
        found = receipt.check(answer.receipt, log_keys)
        assert found.index == answer.index
        assert reader.entry(found.index).leaf == found.leaf
        assert indexes.setdefault(found.index, found.leaf) == found.leaf, "an index was used twice"
        _check_goes_on(made, found.checkpoint, sound)
    return sound


def check_registers(made: TestLedger) -> None:
    """The stored rows are, byte for byte, what a fold of the whole log gives."""
    size = made.ledger.reader.size()
    until = time.monotonic() + 30
    while position(made.ledger.pool) < size and time.monotonic() < until:
        # Who was killed while following holds its lock until PostgreSQL notices.
        if catch_up(made.ledger.pool) == 0:
            time.sleep(0.05)
    assert position(made.ledger.pool) == size
    for register in FOLLOWED.values():
        stored = ask(made.ledger.pool, register)
        with made.ledger.pool.connection() as conn:
            rows = sorted(from_log(conn, register, size), key=lambda row: row.key)
        assert [(r.key, r.controllers, body(r)) for r in stored.rows] == [
            (r.key, r.controllers, body(r)) for r in register.present(rows)
        ]


def _check_goes_on(made: TestLedger, old: checkpoint.Checkpoint, sound: Sound) -> None:
    if old.size > sound.size:
        raise VerificationFailed("an acknowledged entry is gone", old.size - 1)
    proof = made.ledger.reader.prove_consistency(old.size, sound.size)
    check_consistency(old.size, sound.size, old.root, sound.root, proof)
