"""Which audits of a controller lie in the same year (11.3), by each basis of the year."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.audit_year import controller_audits, in_its_year, yearly_limit
from projections.facts import effective
from tests.recording import Recording


def earlier_in_year(carried_out: str, asked: str, basis: str, start: date | None = None) -> bool:
    """Whether an audit carried out on a day lies in the year of one asked for on another."""
    story = Recording()
    story.add("ControllerAuditRequested", "2024-01-01", {"audit_id": "A"})
    story.add("ControllerAuditAccepted", "2024-01-02", {"audit_id": "A"})
    story.add("ControllerAuditCompleted", "2024-01-03", {"audit_id": "A", "until": carried_out})
    story.add("ControllerAuditRequested", "2024-01-04", {"audit_id": "B", "requested_at": asked})
    first, second = controller_audits(effective(story.events))
    return bool(in_its_year(second, [first], basis, start))


@pytest.mark.parametrize(
    ("carried_out", "asked", "calendar", "rolling"),
    [
        ("2025-11-18", "2025-12-08", True, True),
        ("2025-11-18", "2026-02-02", False, True),
        ("2025-02-02", "2026-02-01", False, True),
        ("2025-02-02", "2026-02-02", False, False),
        ("2024-02-29", "2025-02-28", False, False),  # a year after a leap day
    ],
)
def test_the_basis_of_the_year_decides(
    carried_out: str, asked: str, calendar: bool, rolling: bool
) -> None:
    """A calendar year ends with December; a rolling one after twelve months."""
    assert earlier_in_year(carried_out, asked, "calendar") is calendar
    assert earlier_in_year(carried_out, asked, "rolling") is rolling


@pytest.mark.parametrize(
    ("carried_out", "asked", "same"),
    [
        ("2025-09-09", "2025-09-10", False),
        ("2025-09-10", "2026-09-09", True),
        ("2025-09-10", "2026-09-10", False),
    ],
)
def test_a_contract_year_begins_on_the_day_of_the_agreement(
    carried_out: str, asked: str, same: bool
) -> None:
    """With the agreement of 10 September, the year turns on every 10 September."""
    assert earlier_in_year(carried_out, asked, "contract", date(2024, 9, 10)) is same


@given(st.dates(date(2000, 1, 1), date(2050, 1, 1)), st.dates(date(2000, 1, 1), date(2050, 1, 1)))
def test_no_basis_puts_days_two_years_apart_in_one_year(one: date, other: date) -> None:
    """Whatever the basis, a year has at most 366 days, and a day lies in its own year."""
    start = date(2000, 2, 29)
    for basis in ("calendar", "rolling", "contract"):
        assert earlier_in_year(str(one), str(one), basis, start)
        if abs((one - other).days) >= 366:
            assert not earlier_in_year(str(one), str(other), basis, start)


def test_a_refused_audit_lies_in_no_year() -> None:
    """Only what was accepted or carried out counts; the last answer counts."""
    story = Recording()
    story.add("ControllerAuditRequested", "2025-01-01", {"audit_id": "A"})
    story.add("ControllerAuditRefused", "2025-01-02", {"audit_id": "A"})
    (refused,) = controller_audits(effective(story.events))
    assert refused.day is None
    story.add("ControllerAuditAccepted", "2025-01-05", {"audit_id": "A"})
    (accepted,) = controller_audits(effective(story.events))
    assert accepted.day == date(2025, 1, 5)


@pytest.mark.parametrize(
    ("term", "limit"), [("1/year", 1), ("2/year", 2), ("3", 3), ("often", 1), ("", 1), ("²", 1)]
)
def test_a_term_that_gives_no_number_leaves_the_policy(term: str, limit: int) -> None:
    """The limit is the number in the term, or else one a year."""
    assert yearly_limit(term) == limit
