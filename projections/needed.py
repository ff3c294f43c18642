"""The facts that a question needs, by case: of one controller, or of all.

For one controller these are the cases of the facts that name it, and the cases that give rows for
every reader; the cases of other controllers are left in the log. A case is always whole: the rows
of a breach rest on what other controllers were told as well. So the rows are those of a fold over
everything, without the rows of others (`tests/test_needed.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

import psycopg

from ledger.tags import CONTROLLERS
from projections import context, history
from projections.facts import Fact, Recorded, effective
from projections.reading import ids
from projections.register import Register


def facts_for(
    conn: psycopg.Connection,
    register: Register,
    controller: str | None,
    *,
    upto: int,
    as_of: datetime | None = None,
) -> dict[str, list[Fact]]:
    """The facts of a register by case, as recorded up to a position; each case is sorted.

    With `controller` at least every case that gives rows of it or for every reader.
    """
    if controller is None:
        types = register.types | register.context
        events = list(history.of_types(conn, types, upto=upto))
        by_case = cases_of(register, events, as_of)
        return context.joined(register, by_case, context.of(register, events, as_of))
    own = f"controller:{controller}"
    first = history.of_cases(conn, [own], register.types, upto=upto)
    wide = history.of_types(conn, register.wide, upto=upto) if register.wide else ()
    found = {event.position: event for event in (*wide, *first)}
    cases = {
        case
        for fact in effective(found.values(), as_of=as_of)
        if fact.type in register.wide or (fact.type in register.types and _names(fact, controller))
        for case in register.cases(fact)
        if case == own or not case.startswith("controller:")
    }
    rest = history.of_cases(conn, cases - {own}, register.types, upto=upto)
    found.update((event.position, event) for event in rest)
    by_case = cases_of(register, found.values(), as_of)
    needed = {case: facts for case, facts in by_case.items() if case in cases}
    if not register.context:
        return needed
    named = context.named_in(register, (fact for facts in needed.values() for fact in facts))
    if register.context_by == "controller":
        named = {controller}  # what was agreed with others changes no row of this one
    about = context.events_of(conn, register, named, upto=upto)
    return context.joined(register, needed, context.of(register, about, as_of))


def cases_of(
    register: Register, events: Iterable[Recorded], as_of: datetime | None
) -> dict[str, list[Fact]]:
    """The facts of a register among some events, by case; each case is sorted."""
    found: dict[str, list[Fact]] = defaultdict(list)
    for fact in effective(events, as_of=as_of):
        if fact.type in register.types:
            for case in register.cases(fact):
                found[case].append(fact)
    return found


def _names(fact: Fact, controller: str) -> bool:
    return controller in ids(fact.data, *CONTROLLERS)
