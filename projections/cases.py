"""The cases that events touch, and the facts of a case as the log has them.

New events change the rows of the cases they belong to, of those that what they amend belonged to
before and belongs to now, and of those that rest on them as context. `extra` events are taken
along as if they were in the log already (`projections/checks.py`). `tests/test_follow.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

import psycopg

from projections import context, history
from projections.facts import Fact, Recorded, effective
from projections.register import Register


def touched(
    conn: psycopg.Connection,
    registers: Mapping[str, Register],
    events: Sequence[Recorded],
    *,
    upto: int,
) -> dict[str, set[str]]:
    """The cases whose rows may change because of events, by the name of the register."""
    found: dict[str, set[str]] = defaultdict(set)
    amending = [event for event in events if event.type in history.AMENDMENTS]
    chains = history.with_amendments(conn, amending, upto=upto)
    before = [event for event in chains if event.position < events[0].position]
    # A correction can move an event to another case: fold the one it leaves as well.
    changed = [*events, *effective(before), *effective(chains)]
    for name, register in registers.items():
        for event in changed:
            if event.type in register.types:
                found[name].update(register.cases(event))
        if register.context:
            found[name].update(context.cases_resting_on(conn, register, changed, upto=upto))
    return found


def facts_of(
    conn: psycopg.Connection,
    register: Register,
    cases: AbstractSet[str],
    *,
    upto: int,
    extra: Iterable[Recorded] = (),
    as_of: datetime | None = None,
) -> dict[str, list[Fact]]:
    """The facts of some cases with their context, as recorded up to a position; sorted each."""
    extra = list(extra)
    events = _and(history.of_cases(conn, cases, register.types, upto=upto), extra)
    found: dict[str, list[Fact]] = defaultdict(list)
    for fact in effective(events, as_of=as_of):
        if fact.type in register.types:
            for case in cases & set(register.cases(fact)):
                found[case].append(fact)
    if not register.context:
        return found
    named = context.controllers_in(fact for facts in found.values() for fact in facts)
    about = _and(context.events_of(conn, register, named, upto=upto), extra)
    return context.joined(found, context.of(register, about, as_of))


def _and(events: Iterable[Recorded], extra: Iterable[Recorded]) -> list[Recorded]:
    found = {event.position: event for event in (*events, *extra)}
    return [found[position] for position in sorted(found)]
