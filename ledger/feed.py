"""Feeds: events as lines of JSON, in the order in which they were recorded.

    {"id": "E144", "type": "BreachConfirmed", "occurred_at": "2025-06-12T09:05:00+02:00",
     "recorded_at": "2025-06-12T09:20:00+02:00", "producer": "security-desk", "data": {…}}

Lines end with LF or CRLF, and empty ones are passed over. Bad lines end with an error that names
the line. `tests/test_feed.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ledger import strict_json
from ledger.cloudevent import read_instant
from ledger.errors import LedgerError

LONGEST_LINE = 256 * 1024
"""Bytes; a payload has at most 32 KiB."""

SHOWN = 80
"""Characters of a text that an error repeats."""

PLAIN = re.compile(rf"[A-Za-z0-9._:/-]{{1,{SHOWN}}}")

FIELDS = frozenset({"id", "type", "occurred_at", "recorded_at", "producer", "data"})


class FeedError(LedgerError):
    """A line of a feed cannot be replayed; the message names the line and what is wrong."""

    code = "feed"

    def __init__(self, line: int, detail: str) -> None:
        super().__init__(f"line {line}: {detail}")
        self.line = line


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One line. Times are UTC."""

    line: int
    id: str
    type: str
    occurred_at: datetime
    recorded_at: datetime
    producer: str
    data: dict[str, Any]


def shown(text: str) -> str:
    """A text of a feed as an error may show it: printable, and not too long."""
    return text if PLAIN.fullmatch(text) else ascii(text[:SHOWN])


def read(feed: Path) -> Iterator[FeedEvent]:
    """The events of a feed, one at a time. Raises FeedError and OSError."""
    last: datetime | None = None
    with feed.open("rb") as lines:
        number = 0
        while line := lines.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise FeedError(number, f"is longer than {LONGEST_LINE} bytes")
            if not line.strip():
                continue
            event = _event(number, line)
            if last is not None and event.recorded_at < last:
                raise FeedError(number, "was recorded before the line above it")
            last = event.recorded_at
            yield event


def _event(number: int, line: bytes) -> FeedEvent:
    try:
        value = strict_json.loads(line)
    except json.JSONDecodeError as error:
        raise FeedError(number, f"is not JSON: {error.msg} at character {error.pos + 1}") from None
    except ValueError as error:
        raise FeedError(number, f"is not JSON as it is read here: {error}") from None
    if not isinstance(value, dict) or value.keys() != FIELDS:
        raise FeedError(number, f"must be an object with the fields {', '.join(sorted(FIELDS))}")
    for field in ("id", "type", "producer"):
        if not isinstance(value[field], str):
            raise FeedError(number, f"{field} must be text")
    if not isinstance(value["data"], dict):
        raise FeedError(number, "data must be an object")
    return FeedEvent(
        number,
        value["id"],
        value["type"],
        _time(number, value, "occurred_at"),
        _time(number, value, "recorded_at"),
        value["producer"],
        value["data"],
    )


def _time(number: int, value: dict[str, Any], field: str) -> datetime:
    try:
        return read_instant(value[field])
    except ValueError:
        raise FeedError(number, f"{field} must be an instant with its offset") from None
