"""The numbers of a stored log, derived again from its entries.

Whom each entry concerns, its number there and the chains come from the entries before it; the table
must hold that and no more. With the secret every commitment is made again as well; without it only
its presence is checked. `tests/test_numbers_tamper.py` plays the attacker.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psycopg

from ledger import numbers
from ledger.cloudevent import CloudEvent
from ledger.concerned import named, reference
from ledger.entry import Entry
from ledger.errors import VerificationFailed
from ledger.keyring import CHECKPOINT_SIGNED
from ledger.numbering import concerned_by
from ledger.numbers import ControllerKeys, Sequences, State

Row = tuple[int, str, int, bytes]
"""position, controller, number, chain"""


class StoredNumbers:
    """Checks the numbers of entries from the first on."""

    def __init__(self, conn: psycopg.Connection, keys: ControllerKeys | None) -> None:
        self._conn = conn
        self._keys = keys
        self._sequences = Sequences({})
        self._rows = _rows(conn)
        self._next = next(self._rows, None)

    def take(
        self,
        position: int,
        event: CloudEvent,
        entry: Entry,
        leaf_hash: bytes,
        controllers: Sequence[str],
    ) -> None:
        """Check the next entry; `controllers` are those that it is stored for. Raises
        VerificationFailed."""
        index = position - 1
        numbered = self._sequences.next(self._concerned(event, index))
        self._check_commitment(index, event, entry, numbered)
        after = self._sequences.add(numbered, leaf_hash)
        found = []
        while self._next is not None and self._next[0] == position:
            found.append(self._next)
            self._next = next(self._rows, None)
        if found != sorted((position, c, s.number, s.chain) for c, s in after.items()):
            raise VerificationFailed(f"entry {index}: the table of numbers differs from it", index)
        if list(controllers) != sorted(after):
            raise VerificationFailed(f"entry {index}: it is stored for other controllers", index)

    def finish(self) -> None:
        """Check that there is no number of an entry that is not there."""
        if self._next is not None:
            raise VerificationFailed("there is a number of an entry that is not there")

    def _concerned(self, event: CloudEvent, index: int) -> set[str]:
        found = named(event.tags())
        tag = reference(event.type.name, event.raw["data"])
        if tag is not None:  # rows of the entries before were checked
            found.update(c for _, c in concerned_by(self._conn, [tag], index))
        return found

    def _check_commitment(
        self, index: int, event: CloudEvent, entry: Entry, numbered: dict[str, State]
    ) -> None:
        notes = event.type.name == CHECKPOINT_SIGNED
        place = numbers.latest_at(index) if notes else numbers.at_entry(index)
        states = self._sequences.latest if notes else numbered
        if (entry.numbers is not None) != (notes or bool(numbered)):
            raise VerificationFailed(f"entry {index}: its numbers are missing, or too many", index)
        if self._keys is None or entry.numbers is None:
            return
        if entry.numbers != numbers.commit(self._keys, place, states):
            raise VerificationFailed(
                f"entry {index}: it does not commit to the numbers of whom it concerns", index
            )


def _rows(conn: psycopg.Connection) -> Iterator[Row]:
    with conn.cursor("fsck_numbers") as cursor:
        cursor.itersize = 4000
        cursor.execute(
            "SELECT position, controller, number, chain FROM numbers"
            ' ORDER BY position, controller COLLATE "C"'
        )
        yield from cursor
