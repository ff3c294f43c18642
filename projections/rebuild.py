"""All stored rows anew from the log: each case is folded once, from all its events.

Two passes, each in tasks that need nothing of each other, so that several processes can take them.
The first reads the log in order and notes which events each case has, by position; the second reads
the events of some cases, folds these in every register, and hands back rows to be stored. What is
held at once are those positions, some hundred bytes for each event, and the events of one task.
Workers only read: one connection writes everything, in the transaction of `projections/follow.py`,
and `tests/test_rebuild.py` compares what it wrote with what following the log writes.
"""

from __future__ import annotations

import gc
import os
import threading
from array import array
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection, get_context, parent_process
from typing import Any, NamedTuple

import psycopg

from ledger.database import Database
from projections import cases, context, history, spans, stored
from projections.cases import Touch
from projections.facts import Fact, Recorded, effective
from projections.folds import FOLLOWED
from projections.register import Register

EVENTS = 10_000
"""Events in one task, which a process holds at once; a case with more of them is one by itself."""

AHEAD = 2
"""Tasks for each worker that are asked for before their results are taken."""

CONTEXT = 20_000
"""Ids of which the context is kept in memory, for each register."""

Positions = Mapping[str, "array[int]"]
"""The events of some cases; one that is amended comes with all that amends it."""


class Folded(NamedTuple):
    """What some cases of a register give, as it is stored."""

    register: str
    rows: Sequence[stored.Stored]
    spans: spans.Spans


class Workers(NamedTuple):
    """How many processes take part of the work, and where they find the log."""

    number: int
    database: Database


def rebuild(
    conn: psycopg.Connection,
    generation: int,
    registers: Mapping[str, Register],
    upto: int,
    progress: Callable[[int], None],
    workers: Workers | None = None,
) -> None:
    """Write the rows of a generation that has none yet, from the first `upto` entries."""
    with _taking(conn, registers, upto, workers) as each:
        positions: dict[str, array[int]] = {}
        for found in each(_Log.positions, range(0, upto, EVENTS)):
            for case, own in found.items():
                positions.setdefault(case, array("q")).extend(own)
        total, done = sum(map(len, positions.values())), 0
        for folded, count in each(_Log.fold, _tasks(positions)):
            for part in folded:
                stored.insert(conn, generation, part.register, part.rows)
                spans.keep(conn, generation, part.register, part.spans)
            done += count
            progress(upto * done // total)


def _tasks(positions: dict[str, array[int]]) -> Iterator[Positions]:
    """Cases that are folded together, those that began about the same time; emptied meanwhile."""
    task: dict[str, array[int]] = {}
    count = 0
    while positions:
        case, own = positions.popitem()
        if task and count + len(own) > EVENTS:
            yield task
            task, count = {}, 0
        task[case] = own
        count += len(own)
    if task:
        yield task


class _Log:
    """The log as one process reads it to fold cases."""

    def __init__(
        self, conn: psycopg.Connection, registers: Mapping[str, Register], upto: int
    ) -> None:
        self.conn = conn
        self.registers = registers
        self.upto = upto
        self._reading = cases.by_type(registers)
        self._context: dict[str, dict[str, tuple[list[Fact], int]]] = defaultdict(dict)

    def positions(self, after: int) -> Positions:
        """The cases of the next events, with the positions of these."""
        events = history.after(self.conn, after, min(EVENTS, self.upto - after))
        found: dict[str, set[int]] = defaultdict(set)
        for event in events:
            for case in self._cases(event):
                found[case].add(event.position)
        amending = [event for event in events if event.type in history.AMENDMENTS]
        closed = history.with_amendments(self.conn, amending, upto=self.upto) if amending else ()
        for chain in history.chains(closed):
            members = {event.position for event in chain}
            for case in {c for _, said in cases.amended(chain, members) for c in self._cases(said)}:
                found[case] |= members
        return {case: array("q", sorted(own)) for case, own in found.items()}

    def _cases(self, fact: Recorded) -> set[str]:
        return {
            case
            for _, register in self._reading.get(fact.type, ())
            for case in register.cases(fact)
        }

    def fold(self, task: Positions) -> tuple[list[Folded], int]:
        """What some cases give in every register, and of how many positions."""
        events = history.at(self.conn, {position for own in task.values() for position in own})
        touched: dict[str, dict[str, Touch]] = defaultdict(dict)
        belongs: dict[int, set[tuple[str, str]]] = defaultdict(set)
        for version in self._memberships(task, ((event.position, event) for event in events)):
            cases.touch(touched[version.register], version)
            belongs[version.position].add((version.register, version.case))
        for version in self._memberships(task, cases.amended_by(self.conn, events, self.upto)):
            cases.touch(touched[version.register], version)
        facts: dict[str, dict[str, list[Fact]]] = defaultdict(lambda: defaultdict(list))
        for fact in effective(events):
            if fact.corrections:
                moved = self._memberships(task, [(fact.position, fact)])
                belongs[fact.position] = {(version.register, version.case) for version in moved}
            for name, case in belongs[fact.position]:
                facts[name][case].append(fact)
        folded = []
        for name, touches in touched.items():
            register = self.registers[name]
            of_cases: context.Cases = facts[name]
            if register.context:
                of_cases = self._with_context(register, touches, of_cases)
            rows = {case: register.fold(case, own) for case, own in of_cases.items()}
            folded.append(
                Folded(name, stored.stored(name, rows), spans.spans(register, touches, of_cases))
            )
        return folded, sum(map(len, task.values()))

    def _memberships(
        self, task: Positions, said: Iterable[tuple[int, Recorded]]
    ) -> Iterator[cases.Membership]:
        return (each for each in cases.memberships(self.registers, said) if each.case in task)

    def _with_context(
        self, register: Register, touches: Mapping[str, Touch], found: context.Cases
    ) -> dict[str, list[Fact]]:
        """Cases with their context; each changed when that did."""
        named = {case: context.named_in(register, own) for case, own in found.items()}
        about = self._about(register, {id_ for ids in named.values() for id_ in ids})
        for case, ids in named.items():
            last = max((about[id_][1] for id_ in ids), default=0)
            touches[case].last = max(touches[case].last, last)
        facts = {fact.position: fact for own, _ in about.values() for fact in own}
        return context.joined(register, found, facts.values())

    def _about(
        self, register: Register, named: AbstractSet[str]
    ) -> dict[str, tuple[list[Fact], int]]:
        """The facts about each id, and the last position that changed them."""
        known = self._context[register.name]
        missing = named - known.keys()
        if missing:
            if len(known) > CONTEXT:
                known.clear()
                missing = set(named)
            events = context.events_of(self.conn, register, missing, upto=self.upto)
            facts: dict[str, list[Fact]] = defaultdict(list)
            for fact in context.of(register, events, None):
                for id_ in context.named_in(register, [fact]):
                    facts[id_].append(fact)
            last: dict[str, int] = defaultdict(int)
            for position, version in cases.versions(self.conn, events, self.upto):
                if version.type in register.context:
                    for id_ in context.named_in(register, [version]):
                        last[id_] = max(last[id_], position)
            known.update((id_, (facts[id_], last[id_])) for id_ in missing)
        return {id_: known[id_] for id_ in named}


Each = Callable[..., Iterator[Any]]
"""Gives the result of a function for each of some tasks, in their order."""


@contextmanager
def _taking(
    conn: psycopg.Connection,
    registers: Mapping[str, Register],
    upto: int,
    workers: Workers | None,
) -> Iterator[Each]:
    """Who takes the tasks: this process, or several others."""
    if workers is None:
        log = _Log(conn, registers, upto)
        yield lambda function, tasks: (function(log, task) for task in tasks)
        return
    database = workers.database
    with ProcessPoolExecutor(
        workers.number,
        mp_context=get_context("spawn"),
        initializer=_begin,
        initargs=(database.url, database.schema, upto),
    ) as executor:

        def each(function: Callable[[_Log, Any], Any], tasks: Iterable[Any]) -> Iterator[Any]:
            asked: deque[Future[Any]] = deque()
            for task in tasks:
                asked.append(executor.submit(_work, function, task))
                if len(asked) > AHEAD * workers.number:
                    yield asked.popleft().result()
            while asked:
                yield asked.popleft().result()

        try:
            yield each
        except BrokenProcessPool:
            raise ChildProcessError(
                "a process that took part in the rebuild ended; the rows are as they were"
            ) from None


_OWN: list[_Log] = []
"""In a worker: the log that it reads."""


def _begin(url: str, schema: str, upto: int) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    gc.disable()  # folding makes no cycles, and looking for some takes a seventh of the time
    _OWN.append(_Log(Database(url, schema).connect(), FOLLOWED, upto))


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _work(function: Callable[[_Log, Any], Any], task: Any) -> Any:
    return function(_OWN[0], task)
