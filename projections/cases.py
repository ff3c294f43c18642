"""The cases that events touch, and the facts of a case as the log has them.

New events change the rows of the cases they belong to, of those that what they amend belonged to
before and belongs to now, and of those that rest on them as context. `extra` events are taken
along as if they were in the log already (`projections/checks.py`). `tests/test_follow.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import psycopg

from ledger.tags import CONTROLLERS
from projections import context, history
from projections.facts import Fact, Recorded, effective
from projections.reading import ids
from projections.register import Register


@dataclass(slots=True)
class Touch:
    """How some events touch a case: the first and the last position that does.

    `controllers` are those that any version of them names, `EVERYONE` where the case may give rows
    for every reader. `own` is False when the case merely rests on the events.
    """

    first: int
    last: int
    controllers: set[str] = field(default_factory=set)
    own: bool = True


EVERYONE = "*"
"""Stands for every reader where an id of a controller does: no id has this form."""

Touched = dict[str, dict[str, Touch]]
"""Touches by case, by the name of the register."""


def touched(
    conn: psycopg.Connection,
    registers: Mapping[str, Register],
    events: Sequence[Recorded],
    *,
    upto: int,
) -> Touched:
    """The cases whose rows may change because of events."""
    found: Touched = {name: {} for name in registers}
    said = list(versions(conn, events, upto))
    for version in memberships(registers, said):
        touch(found[version.register], version)
    for name, register in registers.items():
        resting = [(position, fact) for position, fact in said if fact.type in register.context]
        if resting:
            changed = [fact for _, fact in resting]
            last = max(position for position, _ in resting)
            for case in context.cases_resting_on(conn, register, changed, upto=upto):
                known = found[name].setdefault(case, Touch(last, last, own=False))
                known.last = max(known.last, last)
    return {name: cases for name, cases in found.items() if cases}


class Membership(NamedTuple):
    """A case that a version of an event belongs to, and whose rows that may give."""

    register: str
    case: str
    position: int
    controllers: AbstractSet[str]


def memberships(
    registers: Mapping[str, Register], said: Iterable[tuple[int, Recorded]]
) -> Iterator[Membership]:
    """The cases of what events say, as `versions` gives it."""
    reading = by_type(registers)
    for position, fact in said:
        named = frozenset(ids(fact.data, *CONTROLLERS))
        for name, register in reading.get(fact.type, ()):
            controllers = named | {EVERYONE} if fact.type in register.wide else named
            for case in register.cases(fact):
                # An event may name thousands of controllers; the case of one is of that alone.
                own = case.startswith("controller:")
                concerned = frozenset({case.partition(":")[2]}) if own else controllers
                yield Membership(name, case, position, concerned)


def by_type(registers: Mapping[str, Register]) -> dict[str, list[tuple[str, Register]]]:
    """The registers that read events of each type, with their names."""
    found: dict[str, list[tuple[str, Register]]] = defaultdict(list)
    for name, register in registers.items():
        for type_ in register.types:
            found[type_].append((name, register))
    return found


def versions(
    conn: psycopg.Connection, events: Sequence[Recorded], upto: int
) -> Iterator[tuple[int, Recorded]]:
    """What each event says, and what every event that it amends said before it and after it.

    A correction can move an event to another case: it touches the one it leaves as well.
    """
    yield from ((event.position, event) for event in events)
    yield from amended_by(conn, events, upto)


def amended_by(
    conn: psycopg.Connection, events: Sequence[Recorded], upto: int
) -> Iterator[tuple[int, Recorded]]:
    """What every event that some events amend said before these and after them."""
    amending = [event for event in events if event.type in history.AMENDMENTS]
    if not amending:
        return
    positions = {event.position for event in amending}
    for chain in history.chains(history.with_amendments(conn, amending, upto=upto)):
        yield from amended(chain, positions)


def amended(
    chain: Sequence[Recorded], positions: AbstractSet[int]
) -> Iterator[tuple[int, Recorded]]:
    """What the events of a chain said before and after those at some positions."""
    for number, event in enumerate(chain):
        if event.position in positions:
            yield from ((event.position, fact) for fact in effective(chain[:number]))
            yield from ((event.position, fact) for fact in effective(chain[: number + 1]))


def touch(cases: dict[str, Touch], by: Membership) -> None:
    """Note that a version of an event touches its case."""
    known = cases.get(by.case)
    if known is None:
        cases[by.case] = Touch(by.position, by.position, set(by.controllers))
        return
    known.first, known.last = min(known.first, by.position), max(known.last, by.position)
    known.controllers |= by.controllers


def facts_of(
    conn: psycopg.Connection,
    register: Register,
    cases: AbstractSet[str],
    *,
    upto: int,
    extra: Iterable[Recorded] = (),
    as_of: datetime | None = None,
    controller: str | None = None,
) -> dict[str, list[Fact]]:
    """The facts of some cases with their context, as recorded up to a position; sorted each.

    With `controller` no context about other controllers: it changes no row of this one.
    """
    extra = list(extra)
    events = _and(history.of_cases(conn, cases, register.types, upto=upto), extra)
    found: dict[str, list[Fact]] = defaultdict(list)
    for fact in effective(events, as_of=as_of):
        if fact.type in register.types:
            for case in cases & set(register.cases(fact)):
                found[case].append(fact)
    if not register.context:
        return found
    named = context.named_in(register, (fact for facts in found.values() for fact in facts))
    if controller is not None and register.context_by == "controller":
        named &= {controller}
    about = _and(context.events_of(conn, register, named, upto=upto), extra)
    return context.joined(register, found, context.of(register, about, as_of))


def _and(events: Iterable[Recorded], extra: Iterable[Recorded]) -> list[Recorded]:
    found = {event.position: event for event in (*events, *extra)}
    return [found[position] for position in sorted(found)]
