"""Terms: the version in force at the act counts, and what is not agreed is policy."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.civil import days_after
from projections.facts import effective
from projections.terms import LONGEST, POLICY, Terms, effective_from, terms_at
from tests.recording import Recording, local, scenario

CONCLUDED = "ProcessingAgreementConcluded"
AMENDED = "ProcessingAgreementAmended"


def concluded(**fields: Any) -> dict[str, Any]:
    return {"controller_id": "C3", "effective_from": "2024-09-10", **fields}


def amended(version: str, **fields: Any) -> dict[str, Any]:
    return {"controller_id": "C3", "version": version, **fields}


def terms(story: Recording, at: str) -> Terms:
    return terms_at(effective(story.events), local(at))


def test_without_an_agreement_the_policy_holds() -> None:
    """The standard numbers of the agreement and of the policy."""
    assert terms_at([], local("2025-01-01 00:00")) == POLICY
    assert (POLICY.objection_days, POLICY.breach_hours, POLICY.transfer_area) == (7, 24, "EU")
    assert len(POLICY.data_categories) == 12


def test_an_amendment_counts_from_when_it_takes_effect_and_changes_only_what_it_names() -> None:
    """The day before the old number holds; the rest of the terms stays."""
    story = Recording()
    story.add(CONCLUDED, "2024-09-10 10:00", concluded(objection_days=7, transfer_area="EEA"))
    later = amended("1.1", objection_days=14, effective_from="2025-08-01")
    story.add(AMENDED, "2025-07-01 09:00", later)
    assert terms(story, "2025-07-31 23:59:59").objection_days == 7
    after = terms(story, "2025-08-01 00:00")
    assert (after.objection_days, after.transfer_area, after.version) == (14, "EEA", "1.1")


def test_an_amendment_between_announcement_and_engagement_leaves_the_window() -> None:
    """Announced under 7 days, amended to 14 a day later: the window still closes after 7."""
    story = Recording()
    story.add(CONCLUDED, "2024-09-10 10:00", concluded(objection_days=7))
    story.add(AMENDED, "2026-01-13 09:00", amended("1.1", objection_days=14))
    announced = local("2026-01-12 09:00")
    days = terms_at(effective(story.events), announced).objection_days
    assert days_after(announced, days) == local("2026-01-20 00:00")


def test_terms_are_not_in_force_before_they_were_agreed() -> None:
    """An agreement made at 16:00 for that day takes effect at 16:00, one made earlier at 00:00."""
    story = Recording()
    same_day = story.add(CONCLUDED, "2024-10-04 16:00", concluded(effective_from="2024-10-04"))
    ahead = story.add(CONCLUDED, "2024-10-01 16:00", concluded(effective_from="2024-10-04"))
    moments = {f.id: effective_from(f) for f in effective(story.events)}
    assert moments[same_day.id] == local("2024-10-04 16:00")
    assert moments[ahead.id] == local("2024-10-04 00:00")


def test_amendments_count_in_the_order_in_which_they_take_effect() -> None:
    """One that was agreed first but takes effect last prevails at last."""
    story = Recording()
    story.add(CONCLUDED, "2024-09-10 10:00", concluded())
    story.add(
        AMENDED, "2025-01-01 09:00", amended("2", breach_hours=12, effective_from="2025-03-01")
    )
    story.add(
        AMENDED, "2025-01-02 09:00", amended("1", breach_hours=48, effective_from="2025-02-01")
    )
    moments = ("2025-01-31 12:00", "2025-02-28 12:00", "2025-03-01 12:00")
    assert [terms(story, at).breach_hours for at in moments] == [24, 48, 12]


def test_a_new_agreement_starts_from_the_policy() -> None:
    """What an earlier agreement changed is not taken over."""
    story = Recording()
    story.add(CONCLUDED, "2024-09-10 10:00", concluded(breach_hours=8))
    story.add(CONCLUDED, "2025-09-10 10:00", concluded(effective_from="2025-09-10"))
    assert terms(story, "2025-09-09 12:00").breach_hours == 8
    assert terms(story, "2025-09-11 12:00").breach_hours == POLICY.breach_hours


@pytest.mark.parametrize(("said", "read"), [(2, "2/year"), ("3/year", "3/year"), ([], "1/year")])
def test_the_audit_limit_is_read_in_both_forms(said: Any, read: str) -> None:
    """A number, or a number a year; anything else is the policy."""
    story = Recording()
    story.add(CONCLUDED, "2024-09-10 10:00", concluded(audit_limit=said))
    assert terms(story, "2025-01-01 12:00").audit_limit == read


@given(st.integers() | st.booleans() | st.text() | st.none() | st.lists(st.integers()))
def test_no_number_of_days_breaks_the_calendar(value: Any) -> None:
    """Whatever a field holds, the days can be added to a moment."""
    story = Recording()
    story.add(CONCLUDED, "2024-09-10 10:00", concluded(objection_days=value))
    days = terms(story, "2025-01-01 12:00").objection_days
    assert 0 <= days <= LONGEST
    assert days_after(local("2025-01-01 12:00"), days)
    assert json.dumps(days)


def test_c3_of_the_scenario_has_14_days_from_august_2025() -> None:
    """And every other controller has 7."""
    facts = effective(scenario())

    def days(controller: str, at: str) -> int:
        own = [f for f in facts if f.data.get("controller_id") == controller]
        return terms_at(own, local(at)).objection_days

    assert [days("C3", at) for at in ("2025-08-01 08:59", "2025-08-01 09:00")] == [7, 14]
    assert {days(c, "2026-08-31 12:00") for c in ("C1", "C2", "C4", "C5", "C6")} == {7}
