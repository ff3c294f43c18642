"""Findings and clocks that are asked of the database are those that would be picked by hand from
all rows: nothing is lost by not reading the others."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from ledger.opening import Ledger
from projections.clocks import STATES, ask_clocks, clocks_at
from projections.findings import ask_findings, held_at
from projections.follow import catch_up
from projections.question import Moment, Picked, ask_all
from projections.rules import JUDGED
from projections.withheld import one_controller
from tests.test_isolation import CONTROLLERS, scenario

__all__ = ["scenario"]

CHAPTERS = [*JUDGED.values()]


@pytest.mark.parametrize("controller", [None, *CONTROLLERS])
@pytest.mark.parametrize("days", [-700, -400, -300, -30, 0])
def test_nothing_is_lost_by_picking(scenario: Ledger, controller: str | None, days: int) -> None:
    """At any moment, for everybody and for each."""
    catch_up(scenario.pool)
    seen = scenario.pool if controller is None else one_controller(scenario, controller)
    now = scenario.now() + timedelta(days=days)
    _, rows = ask_all(seen, CHAPTERS)
    clocks = clocks_at(rows, now)
    assert ask_clocks(seen, now, Moment()).clocks == [each for each in clocks if each.open]
    assert ask_clocks(seen, now, Moment(), states=STATES).clocks == clocks
    assert ask_findings(seen, now, Moment()).findings == held_at(rows, now)


def test_only_what_was_picked_is_read(scenario: Ledger) -> None:
    """Rows of the kind, and of these the clocks that may be open."""
    catch_up(scenario.pool)
    _, rows = ask_all(scenario.pool, CHAPTERS)

    def picked(kind: str, open_at: datetime | None = None) -> int:
        return len(ask_all(scenario.pool, CHAPTERS, picked=Picked(kind, open_at))[1])

    def kinds(kind: str) -> int:
        return sum(row.values["kind"] == kind for row in rows)

    assert picked("") == len(rows) == kinds("clock") + kinds("finding")
    assert (picked("clock"), picked("finding")) == (kinds("clock"), kinds("finding"))
    now = scenario.now()
    is_open = sum(clock.open for clock in clocks_at(rows, now))
    assert 0 < is_open <= picked("clock", now) < picked("clock", now - timedelta(days=3650))
    # A window whose last instant is the one asked about is read, and judged afterwards.
    assert picked("clock", now) <= is_open + 1


def test_what_is_about_something_is_all_that_is(scenario: Ledger) -> None:
    """By its subject, or by any event it rests on, for everybody and for each."""
    catch_up(scenario.pool)
    for controller in (None, *CONTROLLERS):
        seen = scenario.pool if controller is None else one_controller(scenario, controller)
        _, rows = ask_all(seen, CHAPTERS)
        for row in rows[::7]:
            subject, positions = row.values["subject"], {*row.positions[:1]}
            picked = Picked(subject=subject, positions=positions)
            assert ask_all(seen, CHAPTERS, picked=picked)[1] == [
                each
                for each in rows
                if each.values["subject"] == subject or positions & {*each.positions}
            ]
    assert ask_all(scenario.pool, CHAPTERS, picked=Picked(subject="' OR true --"))[1] == []
