"""Countries: what lies in the Union, in the EEA or beyond, and adequacy by the day."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from ledger.events.countries import COUNTRIES
from projections.countries import adequacy, area, decisions, within

TODAY = date(2026, 8, 31)


@pytest.mark.parametrize(
    ("country", "expected"),
    [("NL", "eu"), ("DE", "eu"), ("HR", "eu"), ("NO", "eea"), ("IS", "eea"), ("LI", "eea")]
    + [(third, "third") for third in ("US", "GB", "CH", "BR", "XX-EPO", "", "nl")],
)
def test_a_country_lies_in_one_area(country: str, expected: str) -> None:
    """Member states, the three others of the EEA, and the rest of the world, known or not."""
    assert area(country, TODAY) == expected


def test_the_union_has_27_member_states_and_the_eea_three_more() -> None:
    """Counted without the regions that have a code of their own."""
    regions = {"AX", "GF", "GP", "MF", "MQ", "RE", "YT"}
    areas = [area(country, TODAY) for country in COUNTRIES - regions]
    assert (areas.count("eu"), areas.count("eea")) == (27, 3)


@pytest.mark.parametrize("region", ["AX", "GF", "GP", "MF", "MQ", "RE", "YT"])
def test_a_region_of_a_member_state_is_in_the_union(region: str) -> None:
    """The treaties apply there, though ISO gives it a code of its own (TFEU art. 355)."""
    assert area(region, TODAY) == "eu"


def test_norway_is_outside_the_union_and_inside_the_eea() -> None:
    """Clause 5.3 read literally, and by the parameter of an agreement that says EEA."""
    assert not within("EU", "NO", TODAY)
    assert within("EEA", "NO", TODAY)
    assert not within("EEA", "US", TODAY)
    assert within("EU", "DE", TODAY)


@pytest.mark.parametrize(
    ("country", "day", "expected"),
    [
        ("BR", date(2026, 1, 25), False),
        ("BR", date(2026, 1, 26), True),
        ("GB", date(2031, 12, 27), True),
        ("GB", date(2031, 12, 28), False),
        ("US", date(2023, 7, 9), False),
        ("US", date(2023, 7, 10), True),
        ("CN", TODAY, False),
        ("NL", TODAY, False),
    ],
)
def test_a_decision_holds_from_its_adoption_to_its_last_day(
    country: str, day: date, expected: bool
) -> None:
    """Adequacy is a question about the day of the transfer, both ends included."""
    assert (adequacy(country, day) is not None) == expected


def test_the_day_of_a_moment_is_the_dutch_day() -> None:
    """23:30 UTC on 25 January is 26 January in Amsterdam: Brazil is adequate."""
    assert adequacy("BR", datetime(2026, 1, 25, 23, 30, tzinfo=UTC))
    assert not adequacy("BR", datetime(2026, 1, 25, 22, 30, tzinfo=UTC))


def test_a_partial_decision_says_for_whom_it_holds() -> None:
    """The decision for the United States covers certified organisations only."""
    found = adequacy("US", TODAY)
    assert found is not None
    assert found.scope is not None
    assert "certified" in found.scope


def test_every_decision_has_its_days_in_order() -> None:
    """No decision ends before it begins, and none is for a member of the EEA."""
    assert len(decisions()) == 17
    for decision in decisions():
        assert decision.holds_on(decision.adopted)
        assert area(decision.country, decision.adopted) == "third"
