"""How long sealed text is kept: a policy by kind of subject, and what it would erase when.

    DIR/retention      request P2Y
                       * P5Y           every other kind; without this line it is kept

A period (ISO 8601) runs from the last event with text of the subject, in civil time. Nothing is
erased by itself: the operator looks at what is due and applies it (`verantwoord retention`).
Entries are never removed: a log that could lose one would prove nothing of the others.
`tests/test_keeping.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import psycopg

from ledger import erasure, sealing_keys
from ledger.errors import ConfigurationError
from projections.civil import add_period, civil_date
from projections.reading import after

OTHERS = "*"

_LINE = re.compile(r"([a-z][a-z-]{0,31}|\*)\s+(P\S+)")


@dataclass(frozen=True, slots=True)
class Due:
    """A subject whose text was to be kept until a day, the last one, and in how many events it
    is."""

    subject: str
    period: str
    until: date
    events: int


def read(file: Path) -> Mapping[str, str]:
    """The policy: a period by kind of subject. Raises ConfigurationError, which names the line."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except FileNotFoundError:
        raise ConfigurationError(
            f"there is no policy in {file}: write a line for each kind, such as `request P2Y`"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {file}: {error}") from None
    policy: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        said = line.partition("#")[0].strip()
        parts = _LINE.fullmatch(said)
        if parts is not None and parts[1] not in policy and after(date(2000, 1, 1), parts[2]):
            policy[parts[1]] = parts[2]
        elif said:
            raise ConfigurationError(
                f"{file}, line {number}: a kind, once, or *, and its period, such as `request P2Y`"
            )
    return policy


def due(conn: psycopg.Connection, policy: Mapping[str, str], at: datetime) -> list[Due]:
    """The subjects whose period is over at a moment, the longest over first."""
    today = civil_date(at)
    found = (each for each in _kept(conn, policy) if each.until < today)
    return sorted(found, key=lambda each: (each.until, each.subject))


def _kept(conn: psycopg.Connection, policy: Mapping[str, str]) -> Iterator[Due]:
    for key in sealing_keys.all_keys(conn):
        period = policy.get(key.subject.partition(":")[0], policy.get(OTHERS))
        if key.destroyed_at is not None or period is None:
            continue
        events = erasure.sealed_events(conn, key.kid)
        last = max((event.recorded_at for event in events), default=key.created_at)
        until = add_period(civil_date(last), period)
        yield Due(key.subject, period, until, len(events))
