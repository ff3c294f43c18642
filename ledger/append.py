"""The append: one function, one transaction.

    hold the kept checkpoint, lock the head, see that one goes on from the other ·
    read what the form rules and the numbers of the whole batch need · decide and number event by
    event · write the survivors, tiles and the signed checkpoint · commit · keep the checkpoint

Only then does anyone learn of the new head. What violates the agreement is accepted and becomes a
finding; only form is refused (`ledger/form_rules.py`). After a lost commit reply, appending the
same event again finds its position. `tests/test_append.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

from ledger import form_rules, head, sealing_keys
from ledger import receipt as receipts
from ledger.admission import Admitted
from ledger.concerned import named
from ledger.errors import Refused
from ledger.form_rules import AlreadyRecorded, Facts, Seen
from ledger.kept import Kept
from ledger.numbering import Numbering
from ledger.numbers import ControllerKeys
from ledger.routing import Routing


@dataclass(frozen=True, slots=True)
class Appended:
    """An event that is durable and under a signed checkpoint.

    `receipt` is a c2sp.org/tlog-proof@v1 with the entry in it; `created` is False when the same
    event had been recorded before.
    """

    index: int
    recorded_at: datetime
    receipt: str
    created: bool


Outcome = Appended | AlreadyRecorded | Refused


def append(
    conn: psycopg.Connection,
    batch: Sequence[Admitted],
    *,
    origin: str,
    sign: head.Sign,
    kept: Kept,
    clock: Callable[[], datetime],
    keys: ControllerKeys,
    routing: Routing,
    in_order: bool = False,
) -> list[Outcome]:
    """Commit admitted events in one transaction; an outcome for each, in order.

    `routing` says which controllers this log keeps. With `in_order` nothing is tried after the
    first that is refused, which has the last outcome.

    Raises Unavailable, and SigningRefused when the log does not go on from its kept checkpoint.
    """
    outcomes: list[Outcome | int] = []
    entries: list[head.NewEntry] = []
    with kept.transaction(conn, sign) as turn:
        locked = turn.head
        recorded_at = max(clock(), locked.recorded_at)
        facts = Facts(read_seen(conn, form_rules.needed(batch, recorded_at)))
        standing = _sealing_keys(conn, batch)
        numbering = Numbering(conn, keys, batch, locked.frontier.size)
        for admitted in batch:
            position = locked.frontier.size + len(entries) + 1
            try:
                earlier = form_rules.decide(admitted, recorded_at, facts)
                if earlier is None:
                    routing.check(named(admitted.tags))
                    form_rules.check_sealed(admitted, standing)
            except Refused as refused:
                outcomes.append(refused)
                if in_order:
                    break
                continue
            if earlier is not None:
                outcomes.append(earlier)
                continue
            amended = form_rules.amended(admitted, recorded_at, facts)
            written = numbering.write(admitted, recorded_at, position - 1, amended)
            facts.add(Seen.read(written.type, position, written.leaf, written.tags))
            outcomes.append(len(entries))
            entries.append(written)
        if not entries:
            return [outcome for outcome in outcomes if not isinstance(outcome, int)]
        extension = head.extend(conn, locked, recorded_at, entries, origin=origin, sign=turn.sign)
    return [
        _appended(outcome, extension, entries, recorded_at) if isinstance(outcome, int) else outcome
        for outcome in outcomes
    ]


def _sealing_keys(conn: psycopg.Connection, batch: Sequence[Admitted]) -> set[str]:
    """The keys, of those that text in a batch is sealed with, that the ledger can still destroy.

    Read under the lock of the head: whoever destroys a key and takes that lock afterwards sees
    every event that was let in before (`ledger/erasure.py`).
    """
    kids = {kid for admitted in batch for _, kid in admitted.sealed()}
    if not kids:
        return set()
    found = sealing_keys.find(conn, kids).values()
    return {key.kid for key in found if key.destroyed_at is None}


def _appended(
    number: int,
    extension: head.Extension,
    entries: Sequence[head.NewEntry],
    recorded_at: datetime,
) -> Appended:
    index = extension.first_index + number
    text = receipts.format(index, extension.proofs[number], extension.note, entries[number].leaf)
    return Appended(index, recorded_at, text, created=True)


def read_seen(
    conn: psycopg.Connection, wanted: Iterable[tuple[str, str]]
) -> list[tuple[str, Seen]]:
    """The events of given (type, tag) pairs, by position: all that the form rules look at."""
    pairs = sorted(wanted)
    rows = conn.execute(
        "SELECT t.type, t.tag, t.position, e.leaf"
        " FROM unnest(%b::text[], %b::text[]) AS wanted (type, tag)"
        " JOIN tags t ON t.tag = wanted.tag AND (wanted.type = '' OR t.type = wanted.type)"
        " JOIN entries e ON e.position = t.position"
        " ORDER BY t.position",
        ([pair[0] for pair in pairs], [pair[1] for pair in pairs]),
    )
    return [(tag, Seen.read(topic, position, leaf)) for topic, tag, position, leaf in rows]
