"""Who is engaged, put together by the database, is what the rows of the register say."""

from __future__ import annotations

import pytest

from ledger.opening import Ledger
from projections import engaged
from projections.engaged import ask_engaged
from projections.follow import catch_up
from projections.question import Moment, ask
from projections.withheld import one_controller
from tests.test_isolation import CONTROLLERS, scenario

__all__ = ["scenario"]


@pytest.mark.parametrize("controller", [None, *CONTROLLERS])
def test_the_database_puts_together_what_the_rows_say(
    scenario: Ledger, controller: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For everybody, for a controller that asks, and for one that is asked about."""
    catch_up(scenario.pool)
    seen = scenario.pool if controller is None else one_controller(scenario, controller)
    basis, found = ask_engaged(seen)
    asked = ask(seen, engaged.SUBPROCESSORS, Moment())
    rows = [row.values for row in asked.rows if row.values["kind"] == "engagement"]
    assert basis == asked.basis
    assert {each.subprocessor for each in found} == {row["subprocessor"] for row in rows}
    assert sum(each.controllers for each in found) == len(rows) > 0
    assert {each.until is None for each in found if controller is None} <= {True, False}
    for each in found:
        own = [row for row in rows if row["subprocessor"] == each.subprocessor]
        assert {row["name"] or row["subprocessor"] for row in own} == {each.name}
        assert (each.until is None) == any(row["until"] is None for row in own)
    if controller is not None:
        assert ask_engaged(scenario.pool, controller=controller)[1] == found
    # The same while the stored rows are those of other folds.
    monkeypatch.setattr(engaged, "followed", lambda conn: None)
    assert ask_engaged(seen) == (basis, found)
