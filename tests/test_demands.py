"""Compelled disclosures: told before, late, deferred; and what may not be known yet."""

from __future__ import annotations

from typing import Any

import pytest

from projections.demands import Demand, demands, lapses_at
from projections.facts import effective
from tests.recording import Recording, local, scenario

DAYS = {n: f"2025-10-{n:02} 12:00" for n in range(1, 32)}


def demand(
    told: int | None = None, disclosed: int | None = None, **fields: Any
) -> tuple[Demand, str | None]:
    """A demand of 5 October for C1 and C2, with days on which C1 was told and data disclosed."""
    story = Recording()
    both = {"demand_id": "DD-1", "controller_ids": ["C1", "C2"]}
    story.add("DisclosureDemandReceived", DAYS[5], {**both, "authority": "A", **fields})
    if told:
        one = {"demand_id": "DD-1", "controller_id": "C1"}
        story.add("DisclosureDemandNotified", DAYS[told], one)
    if disclosed:
        story.add("PersonalDataDisclosed", DAYS[disclosed], {**both, "disclosure_id": "PD-1"})
    found = demands(effective(story.events))["C1"]
    return found, found.notice(found.disclosed_at)


BAN: dict[str, Any] = {"notification_prohibited": True}
UNTIL_20: dict[str, Any] = {**BAN, "prohibition_until": "2025-10-20"}


@pytest.mark.parametrize(
    ("told", "disclosed", "fields", "expected"),
    [
        (None, None, {}, "none"),
        (None, 8, {}, "none"),
        (6, None, {}, "before"),
        (6, 8, {}, "before"),
        (8, 8, {}, "before"),
        (9, 8, {}, "late"),
        (None, None, BAN, "prohibited"),
        (None, 8, BAN, "prohibited"),
        (9, 8, BAN, "deferred"),
        (20, 8, UNTIL_20, "deferred"),
        (30, 8, UNTIL_20, "deferred"),
        (25, 21, UNTIL_20, "late"),
        (None, 21, UNTIL_20, "none"),
        (9, 8, {"notification_prohibited": False}, "late"),
    ],
)
def test_how_a_controller_was_told(
    told: int | None, disclosed: int | None, fields: dict[str, Any], expected: str
) -> None:
    """Told before, late, after a ban, or not; a ban that had lapsed at the disclosure is none."""
    assert demand(told, disclosed, **fields)[1] == expected


def test_a_ban_until_a_day_lapses_when_that_day_begins() -> None:
    """Told on the day itself is allowed; without an end it lasts."""
    found, _ = demand(**UNTIL_20)
    assert lapses_at(found.received[0]) == local("2025-10-20 00:00")
    assert found.prohibited_at(local("2025-10-19 23:59"))
    assert not found.prohibited_at(local("2025-10-20 00:00"))
    assert demand(**BAN)[0].prohibited_at(local("2099-01-01 00:00"))


def test_what_may_not_be_told_is_secret_until_it_is_told() -> None:
    """Also after the ban has lapsed: the notice comes first, the register follows it."""
    assert demand(**BAN)[0].is_secret
    assert demand(disclosed=21, **UNTIL_20)[0].is_secret
    assert not demand(told=20, **UNTIL_20)[0].is_secret
    assert not demand()[0].is_secret


def test_a_demand_that_is_not_known_is_secret() -> None:
    """A disclosure recorded before its demand may fall under a ban that is not known yet."""
    story = Recording()
    disclosed = {"demand_id": "DD-1", "controller_ids": ["C1"], "disclosure_id": "PD-1"}
    story.add("PersonalDataDisclosed", DAYS[8], disclosed)
    assert demands(effective(story.events))["C1"].is_secret


def test_a_controller_is_told_for_itself() -> None:
    """Telling C1 does not tell C2."""
    found, _ = demand(told=6, disclosed=8)
    assert found.told_at == local(DAYS[6])
    story = Recording()
    both = {"demand_id": "DD-1", "controller_ids": ["C1", "C2"]}
    story.add("DisclosureDemandReceived", DAYS[5], both)
    one = {"demand_id": "DD-1", "controller_id": "C1"}
    story.add("DisclosureDemandNotified", DAYS[6], one)
    assert demands(effective(story.events))["C2"].told_at is None


@pytest.mark.parametrize(
    ("id_", "controller", "notice"),
    [("DD-1", "C2", "before"), ("DD-2", "C5", "deferred"), ("DD-3", "C1", "late")],
)
def test_the_demands_of_the_scenario(id_: str, controller: str, notice: str) -> None:
    """The prosecutor's was told first, the FIOD's when the ban lapsed, the regulator's late."""
    facts = [f for f in effective(scenario()) if f.data.get("demand_id") == id_]
    found = demands(facts)[controller]
    assert found.notice(found.disclosed_at) == notice
