"""Chapter V: what a transfer rests on, by the day on which it started."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from projections.chapter_v import basis

AT = datetime(2026, 1, 20, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("country", "mechanism", "documented", "ground"),
    [
        ("NO", "eea", False, "not_required"),
        ("DE", None, False, "not_required"),
        ("US", "adequacy", False, "adequacy_decision"),
        ("IN", "adequacy", True, "no_adequacy_decision"),
        ("IN", "SCC", True, "safeguards"),
        ("IN", "SCC", False, "safeguards_not_documented"),
        ("US", "BCR", True, "safeguards"),
        ("IN", "derogation", False, "derogation"),
        ("IN", "eea", True, "none"),
        ("IN", None, True, "none"),
        (None, "adequacy", True, "no_adequacy_decision"),
    ],
)
def test_the_ground_of_a_transfer(
    country: str | None, mechanism: str | None, documented: bool, ground: str
) -> None:
    """What is claimed holds only where it can: `eea` beyond the EEA is no ground."""
    assert basis(country, mechanism, AT, documented=documented).ground == ground


def test_a_decision_counts_on_the_day_of_the_transfer() -> None:
    """To Brazil on 25 January 2026 there was none, the day after there was."""
    days = {day: datetime(2026, 1, day, 12, tzinfo=UTC) for day in (25, 26)}
    grounds = [basis("BR", "adequacy", at, documented=False).ground for at in days.values()]
    assert grounds == ["no_adequacy_decision", "adequacy_decision"]


def test_an_adequate_country_still_rests_on_what_was_chosen() -> None:
    """Standard clauses to the United States are judged as such, decision or not."""
    found = basis("US", "SCC", AT, documented=False)
    assert (found.ground, found.decision) == ("safeguards_not_documented", None)
