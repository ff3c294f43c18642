"""The log as a recorder of the eventsourcing library's dynamic consistency boundary.

`LedgerRecorder` implements `DCBRecorder` on the tables of the log: `data` of an event is the exact
leaf, `position` the leaf index + 1. The service appends signed events through `ledger/append.py`,
which shares the head lock and `head.extend` with this recorder; what this adds is the library's
reading by tags and types, its append condition and its subscription. The library's own
`DCBRecorderTestCase` runs on it in `tests/test_recorder.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import psycopg
from eventsourcing.dcb.api import (
    DCBAppendCondition,
    DCBEvent,
    DCBQuery,
    DCBReadResponse,
    DCBRecorder,
    DCBSequencedEvent,
)
from eventsourcing.dcb.persistence import DCBListenNotifySubscription
from eventsourcing.dcb.popo import SimpleDCBReadResponse
from eventsourcing.persistence import IntegrityError, ProgrammingError
from psycopg_pool import ConnectionPool

from ledger import head
from ledger.kept import Kept
from ledger.listener import Listener

MATCHING = """
    SELECT position, type, tags, leaf FROM entries
    WHERE position > %(after)s AND position <= %(upto)s AND ({items})
    ORDER BY position LIMIT %(limit)s
"""


class LedgerRecorder(DCBRecorder):
    """Reads and appends opaque events; several recorders may interleave on one log."""

    def __init__(
        self,
        pool: ConnectionPool,
        listener: Listener,
        *,
        origin: str,
        sign: head.Sign,
        kept: Kept,
        clock: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._origin = origin
        self._sign = sign
        self._kept = kept
        self._clock = clock
        self.listener = listener

    def read(
        self,
        query: DCBQuery | None = None,
        *,
        after: int | None = None,
        limit: int | None = None,
    ) -> DCBReadResponse:
        """Events after a position that match a query item: its type is one of the item's types (or
        there are none) and it has all the item's tags. `head` of the answer is the last position
        of the log, or of the answer when `limit` was given."""
        with self._pool.connection() as conn:
            row = conn.execute("SELECT size FROM head").fetchone()
            size = row[0] if row else 0
            events = _matching(conn, query, after or 0, size, limit)
        if limit is None:
            return SimpleDCBReadResponse(iter(events), size or None)
        return SimpleDCBReadResponse(iter(events), events[-1].position if events else None)

    def append(
        self, events: Sequence[DCBEvent], condition: DCBAppendCondition | None = None
    ) -> int:
        """Append the events unless an event after the condition's position matches its query.

        Returns the position of the last; raises the library's IntegrityError.
        """
        if not events:
            raise ProgrammingError("an append needs at least one event")
        entries = [head.NewEntry(e.type, tuple(dict.fromkeys(e.tags)), e.data) for e in events]
        with (
            self._pool.connection() as conn,
            self._kept.transaction(conn, self._sign) as turn,
        ):
            locked = turn.head
            size = locked.frontier.size
            if condition is not None and _matching(
                conn, condition.fail_if_events_match, condition.after or 0, size, 1
            ):
                raise IntegrityError(condition)
            recorded_at = max(self._clock(), locked.recorded_at)
            head.extend(conn, locked, recorded_at, entries, origin=self._origin, sign=turn.sign)
        return size + len(entries)

    def subscribe(
        self, query: DCBQuery | None = None, *, after: int | None = None
    ) -> LedgerSubscription:
        """Recorded events after a position, and then new ones as they are recorded."""
        return LedgerSubscription(self, query=query, after=after)


class LedgerSubscription(DCBListenNotifySubscription[LedgerRecorder]):
    """The library's pulling subscription, woken by the listener."""

    def __init__(
        self, recorder: LedgerRecorder, query: DCBQuery | None = None, after: int | None = None
    ) -> None:
        super().__init__(recorder=recorder, query=query, after=after)
        recorder.listener.subscribe(self._has_been_notified.set)

    def stop(self) -> None:
        """Stop the subscription."""
        super().stop()
        self._recorder.listener.unsubscribe(self._has_been_notified.set)


def _matching(
    conn: psycopg.Connection, query: DCBQuery | None, after: int, upto: int, limit: int | None
) -> list[DCBSequencedEvent]:
    values: dict[str, object] = {"after": after, "upto": upto, "limit": limit}
    items: list[str] = []
    for number, item in enumerate(query.items if query else ()):
        parts = ["true"]
        if item.types:
            values[f"types{number}"] = list(item.types)
            parts.append(f"type = ANY(%(types{number})s)")
        for tag_number, tag in enumerate(item.tags):
            name = f"tag{number}_{tag_number}"
            values[name] = tag
            # Only names of parameters go into the statement.
            parts.append(f"position IN (SELECT position FROM tags WHERE tag = %({name})s)")  # noqa: S608
        items.append(" AND ".join(parts))
    statement = MATCHING.format(items=" OR ".join(f"({item})" for item in items) or "true")
    rows = conn.execute(statement.encode(), values)
    return [
        DCBSequencedEvent(event=DCBEvent(type=type_, data=leaf, tags=tags), position=position)
        for position, type_, tags, leaf in rows
    ]
