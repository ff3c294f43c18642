"""When each case changed: so that a question about the past folds only what was in motion then.

A case whose last change lies before the moment of a question is as it is stored now; one that
began later was not there; only those between are folded from the log. In position that is the
events that touched a case and changed its rows; in time, the first and last moment its facts are
of. `tests/test_needed.py` compares every answer with a fold of everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import psycopg

from projections.cases import EVERYONE, Touch
from projections.facts import Fact
from projections.register import Register


@dataclass(frozen=True, slots=True)
class Past:
    """The cases of a register at a moment: `settled` are as they are stored, `moving` are not."""

    settled: Sequence[str]
    moving: frozenset[str]


class Spans(NamedTuple):
    """How some cases stand, and whom they concern, as it is stored."""

    cases: list[tuple[str, int, int, datetime | None, datetime | None]]
    concerned: list[tuple[str, str]]


def spans(
    register: Register, touches: Mapping[str, Touch], facts: Mapping[str, Sequence[Fact]]
) -> Spans:
    """How the cases stand that were folded anew."""
    cases = sorted(touches)
    return Spans(
        [
            (
                case,
                touches[case].first,
                touches[case].last,
                *_moments(register, facts.get(case, ())),
            )
            for case in cases
        ],
        [(case, who) for case in cases for who in sorted(touches[case].controllers)],
    )


def keep(conn: psycopg.Connection, generation: int, register: str, found: Spans) -> None:
    """Keep how cases of a register stand, and whom they concern as well as whom they did."""
    if not found.cases:
        return
    conn.execute(
        "INSERT INTO register_cases AS known (generation, register, case_key,"
        " first_position, last_position, first_occurred, last_occurred)"
        " SELECT %s, %s, * FROM unnest(%b::text[], %b::bigint[], %b::bigint[],"
        " %b::timestamptz[], %b::timestamptz[])"
        " ON CONFLICT (generation, register, case_key) DO UPDATE SET"
        " first_position = least(known.first_position, excluded.first_position),"
        " last_position = greatest(known.last_position, excluded.last_position),"
        " first_occurred = excluded.first_occurred, last_occurred = excluded.last_occurred",
        (generation, register, *map(list, zip(*found.cases, strict=True))),
    )
    conn.execute(
        "INSERT INTO case_controllers (generation, register, case_key, controller)"
        " SELECT %s, %s, * FROM unnest(%b::text[], %b::text[]) ON CONFLICT DO NOTHING",
        (generation, register, [c for c, _ in found.concerned], [w for _, w in found.concerned]),
    )


def _moments(register: Register, facts: Iterable[Fact]) -> tuple[datetime | None, datetime | None]:
    """The first moment that a fact of the case is of, and the last that any it rests on is of."""
    facts = list(facts)
    own = [fact.occurred_at for fact in facts if fact.type in register.types]
    rests_on = [fact.occurred_at for fact in facts]
    rests_on += [shredded.occurred_at for fact in facts for shredded in fact.shredded]
    return min(own, default=None), max(rests_on, default=None)


def past(
    conn: psycopg.Connection,
    register: Register,
    controller: str | None,
    *,
    upto: int,
    as_of: datetime | None,
) -> Past:
    """The cases that were there in the first `upto` entries, as of a moment.

    With `controller` those that ever concerned it or every reader.
    """
    known = "generation = (SELECT generation FROM followed) AND register = %(register)s"
    # It names no row of the outer query: PostgreSQL would run it again for each of them.
    concerned = (
        f"case_key IN (SELECT case_key FROM case_controllers WHERE {known}"  # noqa: S608
        " AND controller = ANY(%(readers)s))"
    )
    rows = conn.execute(
        "SELECT case_key, last_position <= %(upto)s"  # noqa: S608
        " AND (%(as_of)s::timestamptz IS NULL OR coalesce(last_occurred <= %(as_of)s, true))"
        f" FROM register_cases WHERE {known} AND first_position <= %(upto)s"
        " AND (%(as_of)s::timestamptz IS NULL OR last_position > %(upto)s"
        " OR coalesce(first_occurred <= %(as_of)s, false))"
        f" AND {concerned if controller else 'true'}".encode(),
        {
            "upto": upto,
            "as_of": as_of,
            "register": register.name,
            "readers": [controller, EVERYONE],
        },
    ).fetchall()
    settled = [case for case, is_settled in rows if is_settled]
    return Past(settled, frozenset(case for case, is_settled in rows if not is_settled))
