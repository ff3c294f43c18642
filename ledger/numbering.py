"""Numbering the entries of a batch, under the lock of the head: dense, in the order of the log.

What is needed is read before the first entry: whom events concern through earlier ones, and how far
the sequences are. So a batch takes two queries more, whatever it holds; one when none of its events
refers to an earlier one, none when they concern nobody. `tests/test_numbering.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import psycopg

from ledger import entry, head, numbers
from ledger.admission import Admitted
from ledger.concerned import Concerned, named, reference
from ledger.keyring import CHECKPOINT_SIGNED
from ledger.merkle import leaf_hash
from ledger.numbers import ControllerKeys, Sequences, State


class Numbering:
    """Writes the entries of one batch, each with its commitment and its numbers."""

    def __init__(
        self,
        conn: psycopg.Connection,
        keys: ControllerKeys,
        batch: Sequence[Admitted],
        size: int,
    ) -> None:
        self._keys = keys
        self._concerned = Concerned()
        references = {ref for admitted in batch if (ref := _reference(admitted)) is not None}
        concern = {c for admitted in batch for c in named(admitted.tags)}
        for tag, controller in concerned_by(conn, references, size):
            self._concerned.add([tag], [controller])
            concern.add(controller)
        notes = any(admitted.event.type.name == CHECKPOINT_SIGNED for admitted in batch)
        self._sequences = Sequences(
            latest_of_all(conn, size) if notes else latest(conn, concern, size)
        )

    def write(
        self, admitted: Admitted, recorded_at: datetime, index: int, amended: Iterable[str]
    ) -> head.NewEntry:
        """The next entry of the log, as leaf `index`; `amended` are the tags of the event that it
        amends."""
        name, envelope = admitted.event.type.name, admitted.envelope
        concerned = self._concerned.of(admitted.tags, _reference(admitted))
        numbered = self._sequences.next(concerned)
        root = None
        if name == CHECKPOINT_SIGNED:
            place = numbers.latest_at(index)
            root = numbers.commit(self._keys, place, self._sequences.latest)
        elif numbered:
            root = numbers.commit(self._keys, numbers.at_entry(index), numbered)
        leaf = entry.format(entry.Entry(recorded_at, envelope.payload, envelope.signatures, root))
        after = self._sequences.add(numbered, leaf_hash(leaf))
        self._concerned.add((*admitted.tags, *amended), concerned)
        return head.NewEntry(admitted.event.type.topic, admitted.tags, leaf, after)


def latest(conn: psycopg.Connection, controllers: Collection[str], size: int) -> dict[str, State]:
    """How far the sequences of some controllers are over the first `size` entries."""
    if not controllers:
        return {}
    rows = conn.execute(
        "SELECT wanted.controller, last.number, last.chain"
        " FROM unnest(%b::text[]) AS wanted (controller)"
        " CROSS JOIN LATERAL (SELECT number, chain FROM numbers"
        "  WHERE controller = wanted.controller AND position <= %s"
        "  ORDER BY number DESC LIMIT 1) AS last",
        (sorted(controllers), size),
    )
    return {controller: State(number, chain) for controller, number, chain in rows}


def latest_of_all(conn: psycopg.Connection, size: int) -> dict[str, State]:
    """How far every sequence is over the first `size` entries: one step in the index for each
    controller, and not one for each of its entries."""
    rows = conn.execute(
        "WITH RECURSIVE known (controller) AS ("
        " (SELECT controller FROM numbers ORDER BY controller LIMIT 1)"
        " UNION ALL SELECT (SELECT controller FROM numbers WHERE controller > known.controller"
        "  ORDER BY controller LIMIT 1) FROM known WHERE controller IS NOT NULL)"
        " SELECT controller FROM known WHERE controller IS NOT NULL"
    )
    return latest(conn, [controller for (controller,) in rows], size)


def concerned_by(
    conn: psycopg.Connection, references: Collection[str], size: int
) -> list[tuple[str, str]]:
    """By tag, each controller that an event with this tag concerns among the first `size` entries,
    or an event that amends it (`ledger/concerned.py`)."""
    if not references:
        return []
    return conn.execute(
        "SELECT DISTINCT wanted.tag, numbers.controller"
        " FROM unnest(%(tags)b::text[]) AS wanted (tag)"
        " JOIN tags about ON about.tag = wanted.tag AND about.position <= %(size)s"
        " JOIN entries e ON e.position = about.position"
        # The first two tags of an event are those of its source and id, and of its id.
        " CROSS JOIN LATERAL (SELECT e.position UNION ALL SELECT a.position FROM tags a"
        "  WHERE a.tag IN ('concerns:' || substr(e.tags[1], length('source-id:') + 1),"
        "                  'concerns:' || substr(e.tags[2], length('event-id:') + 1))"
        "  AND a.position > e.position AND a.position <= %(size)s) AS found"
        " JOIN numbers ON numbers.position = found.position",
        {"tags": sorted(references), "size": size},
    ).fetchall()


def _reference(admitted: Admitted) -> str | None:
    return reference(admitted.event.type.name, admitted.event.raw["data"])
