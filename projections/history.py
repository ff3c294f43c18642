"""Recorded events as the projections read them from the log.

A *case* is a tag (`controller:C1`, `breach:B-1`) or, for events that hang together without one, the
names of their types joined by `+`. The events of a case are those with the tag, whatever they
correct or retract, and whatever amends them in turn (`tests/test_follow.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime

import orjson
import psycopg

from ledger import events
from ledger.tags import CORRECTS_CORRECTION
from projections.facts import CORRECTED, RETRACTED, SHREDDED, Recorded

AMENDMENTS = frozenset({CORRECTED, RETRACTED, SHREDDED})
"""Events that say something about an earlier event, which changes what is known of it."""


def recorded(position: int, leaf: bytes) -> Recorded:
    """One event from its leaf bytes.

    They were checked when they were admitted, and `fsck` checks them again: here they are only
    read, which takes a tenth of the time.
    """
    stored = orjson.loads(leaf)
    event = orjson.loads(stored["payload"])
    return Recorded(
        position,
        events.EVENT_TYPES[event["type"]].name,
        event["source"],
        event["id"],
        datetime.fromisoformat(event["occurredat"]).astimezone(UTC),
        datetime.fromisoformat(stored["recorded_at"]),
        event["data"],
        tuple(signature["keyid"] for signature in stored["signatures"]),
    )


def size(conn: psycopg.Connection) -> int:
    """How many entries the log has."""
    row = conn.execute("SELECT size FROM head").fetchone()
    return int(row[0]) if row else 0


def at(conn: psycopg.Connection, positions: Collection[int]) -> list[Recorded]:
    """The events at some positions, as far as a connection sees them."""
    rows = conn.execute(
        "SELECT position, leaf FROM entries WHERE position = ANY(%s) ORDER BY position",
        (list(positions),),
    )
    return [recorded(*row) for row in rows]


def after(conn: psycopg.Connection, position: int, limit: int) -> list[Recorded]:
    """Up to `limit` events after a position."""
    rows = conn.execute(
        "SELECT position, leaf FROM entries WHERE position > %s ORDER BY position LIMIT %s",
        (position, limit),
    )
    return [recorded(*row) for row in rows]


_OF_TYPES = (
    "SELECT position, leaf FROM entries WHERE type = ANY(%s) AND position <= %s ORDER BY position"
)


def of_types(conn: psycopg.Connection, types: Collection[str], *, upto: int) -> Iterator[Recorded]:
    """Every event of some types up to a position, with everything that amends."""
    rows = conn.execute(_OF_TYPES, (_topics({*types, *AMENDMENTS}), upto))
    return (recorded(*row) for row in rows)


def latest(conn: psycopg.Connection, types: Collection[str], *, upto: int) -> int:
    """The position of the last event of some types up to a position; 0 when there is none."""
    row = conn.execute(
        "SELECT max(found.position) FROM unnest(%s::text[]) AS wanted (type) CROSS JOIN LATERAL"
        " (SELECT position FROM entries WHERE type = wanted.type AND position <= %s"
        " ORDER BY position DESC LIMIT 1) AS found",
        (_topics(types), upto),
    ).fetchone()
    return 0 if row is None or row[0] is None else int(row[0])


def each_of_types(
    conn: psycopg.Connection, types: Collection[str], *, upto: int
) -> Iterator[Recorded]:
    """Every event of some types, and no other, a thousand at a time: for what need not be held
    together. In a transaction."""
    with conn.cursor(name="each_of_types") as cursor:
        cursor.itersize = 1000
        cursor.execute(_OF_TYPES, (_topics(types), upto))
        yield from (recorded(*row) for row in cursor)


def of_cases(
    conn: psycopg.Connection, cases: Collection[str], types: Collection[str], *, upto: int
) -> list[Recorded]:
    """The events of some cases up to a position, of some types, and all that amends them."""
    topics = _topics({*types, *AMENDMENTS})
    # A corrected correction may have moved any event into these cases; such chains are rare.
    tags = [*cases, CORRECTS_CORRECTION]
    return with_amendments(
        conn, [*_tagged(conn, tags, topics, upto), *_typed(conn, cases, upto)], upto=upto
    )


def with_amendments(
    conn: psycopg.Connection, events: Iterable[Recorded], *, upto: int
) -> list[Recorded]:
    """The events, whatever they correct or retract, and whatever amends any of these."""
    found: dict[int, Recorded] = {}
    new = list(events)
    while new:
        found.update((event.position, event) for event in new)
        linked = [tag for event in new for tag in _links(event)]
        new = [e for e in _tagged(conn, linked, None, upto) if e.position not in found]
    return [found[position] for position in sorted(found)]


def chains(events: Iterable[Recorded]) -> list[list[Recorded]]:
    """Events, by position, as the chains that they form: each with whatever amends it, and what
    amends that."""
    by_name: dict[str, list[Recorded]] = {}
    for event in events:
        known = {id(by_name[name]): by_name[name] for name in _names(event) if name in by_name}
        chain = sorted(
            [event, *(e for chain in known.values() for e in chain)], key=lambda e: e.position
        )
        by_name.update((name, chain) for member in chain for name in _names(member))
    return list({id(chain): chain for chain in by_name.values()}.values())


def _names(event: Recorded) -> Iterator[str]:
    """What an event is named by, and what it names: events of one chain share one of these."""
    yield f"event-id:{event.id}"
    yield f"source-id:{event.source} {event.id}"
    if event.type in AMENDMENTS:
        yield _amended(event)


def _links(event: Recorded) -> Iterable[str]:
    """Tags of what this event amends and of what amends it."""
    yield f"concerns:{event.id}"
    yield f"concerns:{event.source} {event.id}"
    if event.type in AMENDMENTS:
        yield _amended(event)


def _amended(event: Recorded) -> str:
    """The tag of the event that an amendment names."""
    named = ("corrects_event_id", "retracts_event_id", "event_id")
    target = next(event.data[name] for name in named if name in event.data)
    return f"source-id:{target}" if " " in target else f"event-id:{target}"


def _tagged(
    conn: psycopg.Connection, tags: Collection[str], topics: Sequence[str] | None, upto: int
) -> list[Recorded]:
    if not tags:
        return []
    rows = conn.execute(
        "SELECT position, leaf FROM entries WHERE position IN (SELECT position FROM tags"
        " WHERE tag = ANY(%(tags)b) AND position <= %(upto)s"
        " AND (%(topics)s::text[] IS NULL OR type = ANY(%(topics)s::text[])))",
        {"tags": sorted(set(tags)), "upto": upto, "topics": topics},
    )
    return [recorded(*row) for row in rows]


def _typed(conn: psycopg.Connection, cases: Collection[str], upto: int) -> list[Recorded]:
    names = {name for case in cases if ":" not in case for name in case.split("+")}
    if not names:
        return []
    rows = conn.execute(
        "SELECT position, leaf FROM entries WHERE type = ANY(%s) AND position <= %s",
        (_topics(names), upto),
    )
    return [recorded(*row) for row in rows]


def _topics(names: Iterable[str]) -> list[str]:
    """Every stored version of some event types."""
    wanted = set(names)
    return sorted(t.topic for t in events.EVENT_TYPES.values() if t.name in wanted)


ALL_TYPES = frozenset(each.name for each in events.EVENT_TYPES.values())
"""The names of all event types."""


def topic_of(name: str) -> str:
    """The stored name of the newest version of an event type."""
    return max(t.topic for t in events.EVENT_TYPES.values() if t.name == name)
