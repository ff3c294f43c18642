"""From which entry on the log may not be shown to a controller yet (4.7).

While the law prohibits to tell a controller of a demand, nothing of the demand may show in what the
controller can read. Its entries have numbers like any other, so an export for it ends before the
first of them, until it is told. Only what names the controller can be of such a demand, and is read
for each question of it. What was corrected or retracted stays in the log, and counts both
as it was recorded and as it is known now. `tests/test_withheld.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from weakref import WeakKeyDictionary

import psycopg

from ledger.isolation import OneController
from ledger.opening import Ledger
from projections import history
from projections.demands import CLOSED, CONTESTED, DISCLOSED, NOTIFIED, RECEIVED, demands
from projections.facts import Fact, Recorded, effective
from projections.reading import texts

TYPES = (RECEIVED, NOTIFIED, CONTESTED, DISCLOSED, CLOSED)

_KNOWN: WeakKeyDictionary[Ledger, dict[str, tuple[int, int | None]]] = WeakKeyDictionary()
"""For each controller that asked: what is withheld, and the latest event that could have changed
it. Any such event, of whomever, has it read again: most questions come without one in between."""


def withheld_from(conn: psycopg.Connection, controller: str, *, upto: int) -> int | None:
    """The index of the first entry that the controller may not see yet, among the first `upto`;
    None when there is none."""
    recorded = history.of_cases(conn, [f"controller:{controller}"], TYPES, upto=upto)
    as_recorded = [event for event in recorded if event.type in TYPES]
    secret = [*_secret(recorded, controller), *_secret(as_recorded, controller)]
    return min(secret) - 1 if secret else None


def one_controller(ledger: Ledger, controller: str) -> OneController:
    """What a controller may read now: up to what it may not be told of yet."""
    size = ledger.reader.size()
    known = _KNOWN.setdefault(ledger, {})
    with ledger.pool.connection() as conn:
        latest = history.latest(conn, {*TYPES, *history.AMENDMENTS}, upto=size)
        told = known.get(controller)
        if told is None or told[0] != latest:
            told = (latest, withheld_from(conn, controller, upto=size))
            known[controller] = told
    withheld = told[1]
    upto = size if withheld is None else withheld
    return OneController(ledger.replicas, ledger.database, controller, upto)


def _secret(recorded: Iterable[Recorded], controller: str) -> Iterator[int]:
    """Positions of what belongs to demands that are secret for a controller."""
    by_demand: dict[str, list[Fact]] = defaultdict(list)
    for fact in effective(recorded):
        for demand_id in texts(fact.data, "demand_id"):
            by_demand[demand_id].append(fact)
    for facts in by_demand.values():
        demand = demands(facts).get(controller)
        if demand is not None and demand.is_secret:
            yield from (fact.position for fact in (*demand.received, *demand.contested))
            yield from (fact.position for fact in demand.disclosed)
