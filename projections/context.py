"""What a case rests on beside its own facts: the terms of the controllers it names.

A breach, a request or a subprocessor is a case of its own, but what was due in it is agreed with
each controller (clauses.md 1.3). A register names the types it needs so (`Register.context`); a
fold finds their facts among those of its case, in order. `tests/test_context.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import psycopg

from ledger.tags import CONTROLLERS
from projections import history
from projections.facts import Fact, Recorded, effective
from projections.reading import ids
from projections.register import Register

Cases = Mapping[str, Sequence[Fact]]


def controllers_in(facts: Iterable[Recorded]) -> set[str]:
    """Every controller that some facts name."""
    return {controller for fact in facts for controller in ids(fact.data, *CONTROLLERS)}


def joined(cases: Cases, context: Iterable[Fact]) -> dict[str, list[Fact]]:
    """Each case with the context of the controllers it names, by (occurred_at, position)."""
    about: dict[str, list[Fact]] = {}
    for fact in context:
        for controller in controllers_in([fact]):
            about.setdefault(controller, []).append(fact)
    return {case: _sorted(facts, about) for case, facts in cases.items()}


def _sorted(facts: Sequence[Fact], about: Mapping[str, Sequence[Fact]]) -> list[Fact]:
    found = {fact.position: fact for c in controllers_in(facts) for fact in about.get(c, ())}
    found.update((fact.position, fact) for fact in facts)
    return sorted(found.values(), key=lambda fact: (fact.occurred_at, fact.position))


def events_of(
    conn: psycopg.Connection, register: Register, controllers: Iterable[str], *, upto: int
) -> Sequence[Recorded]:
    """The events that are the context of some controllers, with all that amends them."""
    tags = [f"controller:{controller}" for controller in controllers]
    return history.of_cases(conn, tags, register.context, upto=upto) if tags else ()


def of(register: Register, events: Iterable[Recorded], as_of: datetime | None) -> list[Fact]:
    """The facts among some events that are context, as of a moment."""
    return [fact for fact in effective(events, as_of=as_of) if fact.type in register.context]


def cases_resting_on(
    conn: psycopg.Connection, register: Register, events: Iterable[Recorded], *, upto: int
) -> set[str]:
    """The cases whose rows may change because of events that are context."""
    named = controllers_in(event for event in events if event.type in register.context)
    tags = [f"controller:{controller}" for controller in named]
    about = history.of_cases(conn, tags, register.types, upto=upto) if tags else ()
    return {case for e in about if e.type in register.types for case in register.cases(e)}
