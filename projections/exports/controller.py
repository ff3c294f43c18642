"""The export for one controller, up to what it may be told of (`projections/withheld.py`).

`tests/test_exports.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ledger.export_controller import export_controller
from ledger.isolation import OneController
from ledger.opening import Ledger
from ledger.reader import StoredCheckpoint
from projections.withheld import withheld_from


@dataclass(frozen=True, slots=True)
class Prepared:
    """An export that can be written: `latest` entries among the first `covered` of the log, later
    ones when nothing is withheld, as `lines`.

    `withheld_from` is the first entry that the controller may not see yet.
    """

    latest: int
    covered: int
    withheld_from: int | None
    lines: Iterator[bytes]


def prepare(
    ledger: Ledger,
    controller: str,
    checkpoint: StoredCheckpoint,
    *,
    before: int | None = None,
    tell_all: bool = False,
) -> Prepared:
    """The export for a controller under a checkpoint, with `before` of so many entries at most.

    With `tell_all` nothing is withheld: that is for the operator to decide. Raises
    ConfigurationError where there is no export.
    """
    keys = ledger.require_controller_keys()
    withheld = None
    if not tell_all:
        with ledger.pool.connection() as conn:
            withheld = withheld_from(conn, controller, upto=checkpoint.size)
    ends = [size for size in (before, withheld) if size is not None]
    shown = OneController(ledger.pool, ledger.database, controller, min([*ends, checkpoint.size]))
    export = export_controller(
        ledger.reader,
        ledger.pool,
        shown,
        keys,
        ledger.log_keys().vkey,
        checkpoint,
        controller,
        before=min(ends, default=None),
    )
    return Prepared(export.latest, export.covered, withheld, export.lines)
