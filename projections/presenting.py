"""What is done when a register is read: rows of different cases are joined, and put in order.

A row that says something of another case carries what that rests on as well. Joining happens among
the rows of one reader, so it can tell nobody what is another's. `tests/test_presenting.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from projections.register import Row


def join(row: Row, values: Mapping[str, Any], others: Iterable[Row]) -> Row:
    """The row with some values that were read from other rows, resting on these too."""
    joined = [row, *others]
    changes = {(c["position"], c["field"]): c for r in joined for c in r.corrected}
    return replace(
        row,
        values={**row.values, **values},
        positions=tuple(sorted({p for r in joined for p in r.positions})),
        corrected=tuple(changes[at] for at in sorted(changes)),
    )


def in_order(*kinds: str) -> Callable[[Iterable[Row]], Sequence[Row]]:
    """A way to put rows in the order of their kinds, and within each as they come."""

    def ordered(rows: Iterable[Row]) -> Sequence[Row]:
        return sorted(rows, key=lambda row: kinds.index(row.values["kind"]))

    return ordered
