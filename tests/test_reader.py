"""Reading the log: entries, tiles, bundles, checkpoints and proofs, at every size."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest

from ledger import checkpoint, tiles
from ledger.merkle import check_consistency, check_inclusion, leaf_hash
from ledger.tiles import Tile
from tests.ledgers import TestLedger


def test_every_tile_and_bundle_of_a_log_is_served(ledger: TestLedger) -> None:
    """Also partial ones of earlier sizes; those it does not have are not there."""
    ledger.fill(600 - ledger.ledger.reader.size())
    reader = ledger.ledger.reader
    for size in (1, 255, 256, 257, 512, 600):
        for tile in tiles.tiles_of(size):
            assert tile.level is not None
            assert len(reader.tile(tile.level, tile.index, tile.width)) == 32 * tile.width
        for tile in tiles.bundles_of(size):
            bundle = reader.entry_bundle(tile.index, tile.width)
            entries = list(tiles.parse_bundle(bundle, tile.width))
            first = tile.index * 256
            assert entries == [reader.entry(first + n).leaf for n in range(tile.width)]
    for tile in (Tile(0, 2, 256), Tile(0, 2, 89), Tile(1, 0, 3), Tile(0, 99, 1)):
        with pytest.raises(LookupError):
            reader.tile(tile.level or 0, tile.index, tile.width)


def test_proofs_hold_between_any_entry_and_any_checkpoint(ledger: TestLedger) -> None:
    """Inclusion in every later checkpoint, consistency between every two."""
    notes = []
    for number in range(7):
        ledger.fill(50, start=100 * number + 1)
        notes.append(ledger.ledger.reader.checkpoint())
    reader = ledger.ledger.reader
    opened = [checkpoint.open(note.note, ledger.verifier) for note in notes]
    for number, new in enumerate(opened):
        for old in opened[: number + 1]:
            proof = reader.prove_consistency(old.size, new.size)
            check_consistency(old.size, new.size, old.root, new.root, proof)
        for index in range(0, new.size, 7):
            leaf = leaf_hash(reader.entry(index).leaf)
            proof = reader.prove_inclusion(index, new.size)
            check_inclusion(index, new.size, leaf, proof, new.root)


def test_checkpoints_are_found_by_entry_and_by_moment(ledger: TestLedger) -> None:
    """The one a receipt was made with, and the last one at a moment."""
    reader = ledger.ledger.reader
    given = ledger.fill(3)
    ledger.clock.moment += timedelta(days=1)
    ledger.fill(3, start=10)
    assert [reader.receipt(one.index) for one in given] == [one.receipt for one in given]
    assert reader.checkpoint_at(given[0].recorded_at).size == given[-1].index + 1
    with pytest.raises(LookupError):
        reader.checkpoint_at(given[0].recorded_at - timedelta(days=400))
    with pytest.raises(LookupError):
        reader.receipt(10**6)


def test_a_scan_reads_everything_once(ledger: TestLedger) -> None:
    """In order, in batches, up to the size at its start."""
    ledger.fill(40)
    positions = [e.position for e in ledger.ledger.reader.scan(batch=7)]
    assert positions == list(range(1, ledger.ledger.reader.size() + 1))


def test_waiting_ends_when_the_log_grows(
    ledger: TestLedger, owner: Callable[[], psycopg.Connection]
) -> None:
    """Woken by the append, also after the listening connection was cut; not without growth."""
    size = ledger.ledger.reader.size()
    assert not ledger.ledger.listener.wait_beyond(size, 0.2)
    with owner() as conn:
        cut = conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s",
            (ledger.ledger.database.application_name,),
        )
        assert cut.rowcount > 1
    timer = threading.Timer(0.2, ledger.fill, args=(1,))
    timer.start()
    assert ledger.ledger.listener.wait_beyond(size, 20)
    timer.join()
