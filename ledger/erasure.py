"""Erasing what is sealed: destroy the key, and record of every event that it sealed that it did.

    destroy the key (as the role that can do nothing else) · write its table anew ·
    record a PayloadShredded for each event it sealed, until under the lock of the head none is left

The entries stay as they are, so every signature and proof still holds; the text is gone from all
that is made of them. A key that was destroyed is found destroyed when the same is asked again: what
was not recorded then is recorded now. An event let in before the key ended is seen, since appends
look at the key under the lock that is taken here as well. `tests/test_erasure.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql

from ledger import cloudevent, entry, head, own_events, receipt, sealing_keys
from ledger.cloudevent import write_instant
from ledger.errors import (
    IdAlreadyUsed,
    NothingSealed,
    Refused,
    VerificationFailed,
)
from ledger.events import versions
from ledger.keys import SigningKey
from ledger.opening import Ledger
from ledger.sealed_text import sealed_in
from ledger.sealing_keys import KeptKey
from ledger.tags import SEALED

PAYLOAD_SHREDDED = "PayloadShredded"

AT_ONCE = 20
"""Events that are recorded together."""


@dataclass(frozen=True, slots=True)
class SealedEvent:
    """An event with text that a key opens: its index, its source and id, and where the text is."""

    index: int
    source: str
    id: str
    fields: tuple[str, ...]
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased: the key and since when it is gone, the events whose text it opened, how many
    of these were recorded as erased now (the others were before), and of how many the receipt still
    verifies, with the signature of the producer."""

    subject: str
    kid: str
    destroyed_at: datetime
    events: tuple[SealedEvent, ...]
    recorded: int
    proven: int


def preview(ledger: Ledger, subject: str) -> tuple[KeptKey, list[SealedEvent]]:
    """What erasing a subject would take: its key, and the events that it opens. Raises
    NothingSealed."""
    kept = _key_of(ledger, subject)
    with ledger.pool.connection() as conn:
        return kept, sealed_events(conn, kept.kid)


def erase(ledger: Ledger, subject: str, *, ground: str, by: str) -> Erased:
    """Destroy the key of a subject and record it. `by` is a pseudonym.

    Raises NothingSealed, Refused when the ground holds personal data or the like (and then nothing
    is destroyed), ConfigurationError where this ledger records nothing by itself, and Unavailable:
    then the key may be gone and not all of it recorded, and the same again goes on.
    """
    key = ledger.require_own_key()
    kept = _key_of(ledger, subject)
    _check_words(ledger, key, kept, ground, by)
    with ledger.database.connect_to_erase() as conn:
        sealing_keys.destroy(conn, kept.kid, ledger.clock())
    write_anew(ledger)
    destroyed_at = _key_of(ledger, subject).destroyed_at
    assert destroyed_at is not None  # noqa: S101 - nothing takes it back
    events: dict[int, SealedEvent] = {}
    recorded = 0
    while found := [e for e in _under_lock(ledger, kept.kid) if e.index not in events]:
        for begin in range(0, len(found), AT_ONCE):
            part = found[begin : begin + AT_ONCE]
            signed = [
                _shredded(ledger, key, event, kept.kid, destroyed_at, ground, by) for event in part
            ]
            for answer in ledger.append(signed):
                if isinstance(answer, Refused) and not isinstance(answer, IdAlreadyUsed):
                    raise answer
                recorded += not isinstance(answer, Refused) and answer.created
        events |= {event.index: event for event in found}
    gone = tuple(events.values())
    return Erased(subject, kept.kid, destroyed_at, gone, recorded, _count_proven(ledger, gone))


def sealed_events(conn: psycopg.Connection, kid: str) -> list[SealedEvent]:
    """The events with text that a key opens, in the order of the log."""
    rows = conn.execute(
        "SELECT e.position, e.leaf FROM tags t JOIN entries e ON e.position = t.position"
        " WHERE t.tag = %s ORDER BY e.position",
        (f"{SEALED}:{kid}",),
    )
    return [_sealed_event(position, leaf, kid) for position, leaf in rows]


def write_anew(ledger: Ledger) -> None:
    """Give the table of keys another file, without the versions of rows that are gone; as owner.

    Not by a vacuum: that keeps what a transaction which began before could still see.
    """
    table = sql.Identifier(ledger.database.sealing_schema, "sealing_keys")
    with ledger.database.connect_as_owner() as conn:
        conn.execute(
            sql.SQL("ALTER TABLE {} ALTER wrapped TYPE bytea USING wrapped || ''").format(table)
        )


def destroy_again(ledger: Ledger, conn: psycopg.Connection, after: int) -> None:
    """Destroy the keys that entries after a position say are destroyed, where they are whole: in a
    database that was set back they are. `conn` sees these entries."""
    topics = [each.topic for each in versions(PAYLOAD_SHREDDED)]
    rows = conn.execute(
        "SELECT leaf FROM entries WHERE type = ANY(%s) AND position > %s", (topics, after)
    ).fetchall()
    shredded = [cloudevent.parse(entry.parse(leaf).payload) for (leaf,) in rows]
    if not shredded:
        return
    with ledger.database.connect_to_erase() as erasing:
        for event in shredded:
            kid = event.id.removeprefix(f"{PAYLOAD_SHREDDED}-").rpartition("-")[0]
            sealing_keys.destroy(erasing, kid, event.occurred_at)
    write_anew(ledger)


def _count_proven(ledger: Ledger, events: Sequence[SealedEvent]) -> int:
    """Of how many events the receipt verifies, with the signature of a producer."""
    log_keys = ledger.log_keys()
    producers = {key.key_id: key.verifier() for key in ledger.enrolled_keys()}
    proven = 0
    for event in events:
        with suppress(VerificationFailed):
            receipt.check(ledger.reader.receipt(event.index), log_keys, producers)
            proven += 1
    return proven


def _under_lock(ledger: Ledger, kid: str) -> list[SealedEvent]:
    with ledger.pool.connection() as conn, conn.transaction():
        head.lock(conn)
        return sealed_events(conn, kid)


def _sealed_event(position: int, leaf: bytes, kid: str) -> SealedEvent:
    read = entry.parse(leaf)
    event = cloudevent.parse(read.payload)
    places = sealed_in(event.raw["data"], "/data")
    fields = tuple(pointer for pointer, name in places if name == kid)
    return SealedEvent(position - 1, event.source, event.id, fields, read.recorded_at)


def _key_of(ledger: Ledger, subject: str) -> KeptKey:
    with ledger.pool.connection() as conn:
        kept = sealing_keys.of_subject(conn, subject)
    if kept is None:
        raise NothingSealed(subject)
    return kept


def _check_words(ledger: Ledger, key: SigningKey, kept: KeptKey, ground: str, by: str) -> None:
    """What would be refused is refused before anything is destroyed."""
    now = ledger.clock()
    probe = SealedEvent(0, ledger.own_source("probe"), "probe", ("/data",), now)
    ledger.admit(_shredded(ledger, key, probe, kept.kid, now, ground, by))


def _shredded(
    ledger: Ledger,
    key: SigningKey,
    event: SealedEvent,
    kid: str,
    destroyed_at: datetime,
    ground: str,
    by: str,
) -> bytes:
    data = {
        "event_id": f"{event.source} {event.id}",
        "ground": ground,
        "fields": list(event.fields),
        "key_destroyed_at": write_instant(destroyed_at),
        "by": by,
    }
    # The same for the same event, so that it is recorded once, whoever asks how often.
    id = f"{PAYLOAD_SHREDDED}-{kid}-{event.index:012}"
    return own_events.sign(ledger, key, PAYLOAD_SHREDDED, id, destroyed_at, data)
