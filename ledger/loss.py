"""What a log says of entries that it lost: the `EntriesLost` among its own (`ledger/rollback.py`).

It is the word of the log about itself. Who holds a receipt of a lost entry has the proof; this says
where to look, and that nobody hides it. `tests/test_rollback.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger.keyring import ENTRIES_LOST


@dataclass(frozen=True, slots=True)
class Loss:
    """Entry `index` says that the log went on from `size` entries, and had signed `signed_size`;
    None when nobody knew any more."""

    index: int
    size: int
    signed_size: int | None

    def __str__(self) -> str:
        before = "nobody knows how many" if self.signed_size is None else str(self.signed_size)
        return (
            f"Entry {self.index} says that entries were lost: the log goes on from {self.size}, and"
            f" had signed {before}."
        )


def read(index: int, type: str, data: Mapping[str, Any]) -> Loss | None:
    """What an entry says of a loss; None for one of another type."""
    if type != ENTRIES_LOST:
        return None
    return Loss(index, _size(data.get("tree_size")) or 0, _size(data.get("signed_size")))


def _size(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def as_json(loss: Loss) -> dict[str, int | None]:
    """The same for machines."""
    return {"index": loss.index, "tree_size": loss.size, "signed_size": loss.signed_size}
