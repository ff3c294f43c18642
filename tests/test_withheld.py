"""What may not be told is not exported: from which entry on, for whom, until when."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from ledger.opening import Ledger
from projections import history
from projections.demands import demands
from projections.facts import Fact, effective
from projections.reading import texts
from projections.withheld import TYPES, one_controller, withheld_from
from tests.ledgers import TestLedger
from tests.test_isolation import CONTROLLERS, scenario

__all__ = ["scenario"]


def demand(made: TestLedger, *controllers: str, id_: str = "DD", **more: Any) -> int:
    """Record a demand; its index."""
    data = {"demand_id": id_, "controller_ids": [*controllers], "authority": "FIOD"}
    data |= {"notification_prohibited": True, **more}
    return made.append("DisclosureDemandReceived", data, service="dpo", id_=id_).index


def disclosed(made: TestLedger, *controllers: str, id_: str = "DD") -> int:
    """Record what was disclosed on it; its index."""
    data = {"disclosure_id": f"PD-{id_}", "controller_ids": [*controllers], "demand_id": id_}
    return made.append("PersonalDataDisclosed", {**data, "subject_count": 3}, service="dpo").index


def told(made: TestLedger, controller: str, id_: str = "DD") -> None:
    """Tell a controller of it."""
    data = {"demand_id": id_, "controller_id": controller}
    made.append("DisclosureDemandNotified", data, service="dpo")


def withheld_by_all(conn: psycopg.Connection, controller: str, upto: int) -> int | None:
    """The same from every demand of the log, whomever it names."""
    recorded = [*history.of_types(conn, TYPES, upto=upto)]
    found: list[int] = []
    for events in (recorded, [each for each in recorded if each.type in TYPES]):
        by_demand: dict[str, list[Fact]] = {}
        for fact in effective(events):
            for id_ in texts(fact.data, "demand_id"):
                by_demand.setdefault(id_, []).append(fact)
        for facts in by_demand.values():
            about = demands(facts).get(controller)
            if about is not None and about.is_secret:
                parts = (*about.received, *about.contested, *about.disclosed)
                found += [fact.position for fact in parts]
    return min(found) - 1 if found else None


def withheld(made: TestLedger, controller: str) -> int | None:
    with made.ledger.pool.connection() as conn:
        return withheld_from(conn, controller, upto=made.ledger.reader.size())


def test_a_secret_demand_is_withheld_until_its_controller_is_told(ledger: TestLedger) -> None:
    """From its first entry on, for each controller by itself; others see no difference."""
    ledger.fill(2)
    index = demand(ledger, "C1", "C2")
    disclosed(ledger, "C1")
    ledger.fill(2, start=10)
    assert [withheld(ledger, c) for c in ("C1", "C2", "C3")] == [index, index, None]
    told(ledger, "C1")
    assert [withheld(ledger, c) for c in ("C1", "C2", "C3")] == [None, index, None]


def test_a_demand_that_may_be_told_is_not_withheld(ledger: TestLedger) -> None:
    """Whether it was told yet or not: that it was not is for the controller to see."""
    demand(ledger, "C1", notification_prohibited=False)
    assert withheld(ledger, "C1") is None


def test_a_disclosure_before_its_demand_is_withheld(ledger: TestLedger) -> None:
    """The demand may turn out to be secret."""
    index = disclosed(ledger, "C1")
    assert withheld(ledger, "C1") == index
    demand(ledger, "C1", notification_prohibited=False)
    assert withheld(ledger, "C1") is None


@pytest.mark.parametrize("prohibited", [True, False])
def test_a_correction_withholds_and_never_lays_open(ledger: TestLedger, prohibited: bool) -> None:
    """The entry stays in the log as it was recorded; what is known now counts as well."""
    index = demand(ledger, "C1", notification_prohibited=prohibited)
    change = {"field": "notification_prohibited", "new": not prohibited}
    data = {"corrects_event_id": "DD", "field_changes": [change], "reason": "wrong box"}
    ledger.append("EventCorrected", data, service="dpo")
    assert withheld(ledger, "C1") == index
    told(ledger, "C1")
    assert withheld(ledger, "C1") is None


def test_a_retracted_secret_is_still_one(ledger: TestLedger) -> None:
    """It is in the log for ever; a second demand that was told changes nothing."""
    index = demand(ledger, "C1")
    ledger.append("EventRetracted", {"retracts_event_id": "DD", "reason": "wrong"}, service="dpo")
    demand(ledger, "C1", id_="D2", notification_prohibited=False)
    told(ledger, "C1", "D2")
    assert withheld(ledger, "C1") == index


def test_the_first_of_several_counts(ledger: TestLedger) -> None:
    """In the order of the log."""
    first = demand(ledger, "C1", id_="D1")
    second = demand(ledger, "C1", id_="D2")
    assert withheld(ledger, "C1") == first
    told(ledger, "C1", "D1")
    assert withheld(ledger, "C1") == second


def test_a_correction_that_names_another_controller_withholds_from_it(ledger: TestLedger) -> None:
    """It is of the demand from then on; whom the entry named as it was recorded keeps it hidden."""
    index = demand(ledger, "C1")
    change = {"field": "controller_ids", "new": ["C2"]}
    data = {"corrects_event_id": "DD", "field_changes": [change], "reason": "wrong party"}
    ledger.append("EventCorrected", data, service="dpo")
    size = ledger.ledger.reader.size()
    with ledger.ledger.pool.connection() as conn:
        for controller in ("C1", "C2", "C3"):
            by_all = withheld_by_all(conn, controller, size)
            assert withheld_from(conn, controller, upto=size) == by_all
            assert by_all == (None if controller == "C3" else index)


def test_what_names_a_controller_is_all_that_counts(scenario: Ledger) -> None:
    """At every size of the scenario at which a demand or an amendment came."""
    with scenario.pool.connection() as conn:
        events = [*history.of_types(conn, TYPES, upto=scenario.reader.size())]
        seen = set()
        for size in sorted({each.position - step for each in events for step in (0, 1)}):
            for controller in CONTROLLERS:
                expected = withheld_by_all(conn, controller, size)
                assert withheld_from(conn, controller, upto=size) == expected
                seen.add(expected is None)
    assert seen == {True, False}


def test_what_is_known_of_a_controller_is_read_again_when_a_demand_comes(
    ledger: TestLedger,
) -> None:
    """The next question already sees no more; being told of it shows everything again."""
    ledger.fill(2)
    assert one_controller(ledger.ledger, "C1").upto == ledger.ledger.reader.size()
    index = demand(ledger, "C1")
    ledger.fill(1, start=20)
    assert one_controller(ledger.ledger, "C1").upto == index
    assert one_controller(ledger.ledger, "C2").upto == ledger.ledger.reader.size()
    change = {"field": "notification_prohibited", "new": False}
    data = {"corrects_event_id": "DD", "field_changes": [change], "reason": "wrong box"}
    ledger.append("EventCorrected", data, service="dpo")
    assert one_controller(ledger.ledger, "C1").upto == index
    told(ledger, "C1")
    assert one_controller(ledger.ledger, "C1").upto == ledger.ledger.reader.size()
