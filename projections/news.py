"""What is new to a subscription: entries, clocks that are about to be due, findings that hold.

What it is told is what it may read: of one controller, through connections that see no other, as
over HTTP. A message says that there is something and where to read it, and nothing of what an event
says, so reading it stays a question that is recorded. `tests/test_news.py` asks for every
controller of the scenario.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg

from ledger import deliveries, webhook
from ledger.cloudevent import write_instant
from ledger.database import Connections
from ledger.deliveries import Message
from ledger.events import EVENT_TYPES
from ledger.opening import Ledger
from ledger.reader import Reader, StoredEntry
from ledger.subscriptions import Kind, Subscription
from projections.clocks import SeenClock, ask_clocks
from projections.findings import HeldFinding, ask_findings
from projections.question import Moment
from projections.withheld import one_controller

MOST_NAMED = 100
"""Controllers that a message names; of an entry that concerns more it names none."""


def entries(ledger: Ledger, to: Subscription, limit: int) -> tuple[list[Message], int]:
    """Up to so many of the entries that were not looked at yet, and up to where these reach."""
    connections, upto = _seen_by(ledger, to)
    reader = Reader(connections)
    asked: dict[str, Any] = {"after": to.position, "types": to.types or (), "limit": limit}
    if to.controller is None:
        found = reader.events(**asked)
    else:
        found = reader.visible(to.controller, **asked)
    last = found[-1].position if found else to.position
    concerned = _concerned(connections, to.controller, [entry.position for entry in found])
    messages = [_entry(entry, concerned.get(entry.position, [])) for entry in found]
    return messages, last if len(found) == limit else max(upto, last)


def clocks(ledger: Ledger, to: Subscription) -> list[Message]:
    """The clocks that are due within its time, and those that became so while nobody looked. What
    was overdue before there was a subscription is no news."""
    connections, _ = _seen_by(ledger, to)
    found = ask_clocks(
        connections, ledger.now(), Moment(), controller=to.controller, within=to.within
    )
    return [_clock(clock, found.at) for clock in found.clocks if clock.due_at >= to.created_at]


def findings(ledger: Ledger, to: Subscription) -> list[Message]:
    """The findings that hold, whether it was told of them or not."""
    connections, _ = _seen_by(ledger, to)
    found = ask_findings(connections, ledger.now(), Moment(), controller=to.controller)
    return [_finding(finding) for finding in found.findings]


def begin(conn: psycopg.Connection, ledger: Ledger, to: Subscription) -> None:
    """Let a new subscription know the findings that hold: they are no news. As the owner."""
    if Kind.FINDING in to.kinds:
        deliveries.mark_told(conn, to, (message.news for message in findings(ledger, to)))


def judged(ledger: Ledger, to: Subscription) -> list[Message]:
    """The clocks and findings that a subscription is to know of, of the kinds that it asked for."""
    return [
        *(clocks(ledger, to) if Kind.CLOCK in to.kinds else ()),
        *(findings(ledger, to) if Kind.FINDING in to.kinds else ()),
    ]


def _seen_by(ledger: Ledger, to: Subscription) -> tuple[Connections, int]:
    """What a subscription is told from, and how many entries of it there are now."""
    if to.controller is None:
        return ledger.pool, ledger.reader.size()
    seen = one_controller(ledger, to.controller)
    return seen, seen.upto


def _concerned(
    connections: Connections, controller: str | None, positions: Sequence[int]
) -> dict[int, list[str]]:
    """By position the controllers that an entry concerns; of one controller, that one alone."""
    with connections.connection() as conn:
        rows = conn.execute(
            "SELECT position, array_agg(controller ORDER BY controller) FROM numbers"
            " WHERE position = ANY(%(positions)s)"
            " AND (%(controller)s::text IS NULL OR controller = %(controller)s)"
            " GROUP BY position",
            {"positions": list(positions), "controller": controller},
        )
        return dict(rows.fetchall())


def _entry(stored: StoredEntry, concerned: Sequence[str]) -> Message:
    index = stored.position - 1
    name = EVENT_TYPES[stored.type].name
    data = {
        "index": index,
        "event_type": name,
        "controllers": _named(concerned),
        "href": f"/v1/events/{index}",
    }
    news = webhook.digest(Kind.ENTRY, str(index))
    return Message(Kind.ENTRY, news, stored.recorded_at, data, name)


def _clock(clock: SeenClock, at: datetime) -> Message:
    moments = (write_instant(clock.started_at), write_instant(clock.due_at))
    data = {
        "rule": clock.rule.id,
        "subject": clock.subject,
        "controllers": _named(clock.controllers),
        "started_at": moments[0],
        "due_at": moments[1],
        "state": clock.state,
        "href": "/v1/clocks",
    }
    news = webhook.digest(Kind.CLOCK, clock.rule.id, clock.subject, *clock.controllers, *moments)
    return Message(Kind.CLOCK, news, at, data)


def _finding(finding: HeldFinding) -> Message:
    data = {
        "rule": finding.rule.id,
        "severity": finding.severity,
        "subject": finding.subject,
        "controllers": _named(finding.controllers),
        "at": write_instant(finding.at),
        "href": f"/v1/findings?rule={finding.rule.id}",
    }
    news = webhook.digest(
        Kind.FINDING,
        finding.rule.id,
        finding.subject,
        *finding.controllers,
        write_instant(finding.at),
    )
    return Message(Kind.FINDING, news, finding.holds_from, data)


def _named(controllers: Sequence[str]) -> list[str] | None:
    return None if len(controllers) > MOST_NAMED else list(controllers)
