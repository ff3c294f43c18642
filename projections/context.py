"""What a case rests on beside its own facts: the terms of the controllers it names.

A breach, a request or a subprocessor is a case of its own, but what was due in it is agreed with
each controller (clauses.md 1.3), and an act under an instruction rests on that. A register names
the types it needs so (`Register.context`), and by what they are found (`Register.context_by`); a
fold finds their facts among those of its case, in order. `tests/test_context.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import psycopg

from ledger.tags import CASES, CONTROLLERS
from projections import history
from projections.facts import Fact, Recorded, effective
from projections.reading import ids
from projections.register import Register

Cases = Mapping[str, Sequence[Fact]]

FIELDS: Mapping[str, Sequence[str]] = {
    "controller": CONTROLLERS,
    **{tag: (field,) for field, tag in CASES.items()},
}
"""The fields that hold the ids of each kind of tag."""


def named_in(register: Register, facts: Iterable[Recorded]) -> set[str]:
    """The ids, of the kind by which a register finds its context, that some facts name."""
    fields = FIELDS[register.context_by]
    return {named for fact in facts for named in ids(fact.data, *fields)}


def joined(register: Register, cases: Cases, context: Iterable[Fact]) -> dict[str, list[Fact]]:
    """Each case with the context of what it names, by (occurred_at, position)."""
    if not register.context:
        return {case: list(facts) for case, facts in cases.items()}
    about: dict[str, list[Fact]] = {}
    for fact in context:
        for named in named_in(register, [fact]):
            about.setdefault(named, []).append(fact)
    return {case: _sorted(register, facts, about) for case, facts in cases.items()}


def _sorted(
    register: Register, facts: Sequence[Fact], about: Mapping[str, Sequence[Fact]]
) -> list[Fact]:
    found = {f.position: f for named in named_in(register, facts) for f in about.get(named, ())}
    found.update((fact.position, fact) for fact in facts)
    return sorted(found.values(), key=lambda fact: (fact.occurred_at, fact.position))


def events_of(
    conn: psycopg.Connection, register: Register, named: Iterable[str], *, upto: int
) -> Sequence[Recorded]:
    """The events that are the context of some ids, with all that amends them."""
    tags = _tags(register, named)
    return history.of_cases(conn, tags, register.context, upto=upto) if tags else ()


def of(register: Register, events: Iterable[Recorded], as_of: datetime | None) -> list[Fact]:
    """The facts among some events that are context, as of a moment."""
    return [fact for fact in effective(events, as_of=as_of) if fact.type in register.context]


def cases_resting_on(
    conn: psycopg.Connection, register: Register, events: Iterable[Recorded], *, upto: int
) -> set[str]:
    """The cases whose rows may change because of events that are context."""
    context = (event for event in events if event.type in register.context)
    tags = _tags(register, named_in(register, context))
    about = history.of_cases(conn, tags, register.types, upto=upto) if tags else ()
    # A correction may have moved an event to a case that only the fact as it is now tells.
    return {
        case
        for event in (*about, *effective(about))
        if event.type in register.types
        for case in register.cases(event)
    }


def _tags(register: Register, named: Iterable[str]) -> list[str]:
    return [f"{register.context_by}:{id_}" for id_ in sorted(named)]
