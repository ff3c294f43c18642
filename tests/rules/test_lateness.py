"""Events recorded long after they happened."""

from __future__ import annotations

from typing import Any

import pytest

from projections.rows import PROCESSOR_ONLY
from projections.rules.lateness import CHAPTER
from tests.recording import Recording
from tests.rules.judging import brief, found, rows

LICENCE = {"controller_id": "C1", "licence_id": "L-1"}


def story(recorded: str, type_: str = "LicenceGranted", **data: Any) -> Recording:
    """An event of 27 March 2025 at 09:00."""
    made = Recording()
    made.add(type_, "2025-03-27 09:00", {**LICENCE, **data}, recorded_at=recorded)
    return made


@pytest.mark.parametrize(
    ("recorded", "count"),
    [("2025-03-27 09:00", 0), ("2025-03-29 09:00", 0), ("2025-03-29 09:00:01", 1)],
)
def test_more_than_48_hours_is_late(recorded: str, count: int) -> None:
    """48 hours to the second are not."""
    assert len(found(CHAPTER, story(recorded))) == count


def test_hours_are_elapsed_when_the_clocks_change() -> None:
    """Summer time began on 30 March 2025: 48 hours after noon end at 13:00."""
    made = Recording()
    for recorded in ("2025-03-31 13:00", "2025-03-31 13:00:01"):
        made.add("LicenceGranted", "2025-03-29 12:00", LICENCE, recorded_at=recorded)
    (finding,) = found(CHAPTER, made)
    assert finding.events == (2,)


def test_the_text_says_what_and_how_late() -> None:
    """At the moment it happened, for the controller it concerns."""
    (finding,) = found(CHAPTER, story("2025-05-11 10:00"))
    assert brief([finding]) == [("R-LATE", "C1", "2025-03-27 09:00")]
    assert finding.severity == "observation"
    assert finding.text.en == "LicenceGranted recorded 45 days after it happened"
    assert finding.text.nl == "LicenceGranted vastgelegd 45 dagen nadat het gebeurde"


def test_an_event_of_several_controllers_is_one_finding() -> None:
    """Each sees itself; an event of none is the processor's own."""
    made = story("2025-05-11 10:00", "SubprocessorEngaged", controller_ids=["C2", "C3"])
    assert [f.controllers for f in found(CHAPTER, made)] == [("C1", "C2", "C3")]
    alone = Recording()
    event = {"event_ref": "SE-0"}
    late = "2025-05-11 10:00"
    alone.add("SecurityEventReported", "2025-03-27 09:00", event, recorded_at=late)
    assert [f.controllers for f in found(CHAPTER, alone)] == [()]
    assert [row.controllers for row in rows(CHAPTER, alone)] == [PROCESSOR_ONLY]


def test_a_corrected_moment_is_what_counts() -> None:
    """An event that was entered with the wrong day was not late; the other way round it was."""
    made = story("2025-05-11 10:00")
    made.correct(made.events[0], "2025-05-12 09:00", "occurredat", "2025-05-11T09:00:00+02:00")
    assert found(CHAPTER, made) == []
    made = story("2025-03-27 09:00")
    made.correct(made.events[0], "2025-03-28 09:00", "occurredat", "2025-03-01T09:00:00+01:00")
    assert brief(found(CHAPTER, made)) == [("R-LATE", "C1", "2025-03-01 09:00")]


DEMAND = {"demand_id": "DD-1", "controller_ids": ["C1"], "notification_prohibited": True}


def test_a_late_record_of_what_may_not_be_told_is_not_shown_to_the_controller() -> None:
    """Until it is told: the finding would tell it that there is a demand."""
    made = Recording()
    late = "2025-05-11 10:00"
    made.add("DisclosureDemandReceived", "2025-03-27 09:00", DEMAND, recorded_at=late)
    disclosed = {"demand_id": "DD-1", "controller_ids": ["C1"], "disclosure_id": "PD-1"}
    made.add("PersonalDataDisclosed", "2025-03-28 09:00", disclosed, recorded_at=late)
    assert [row.controllers for row in rows(CHAPTER, made)] == [PROCESSOR_ONLY] * 2
    assert [finding.controllers for finding in found(CHAPTER, made)] == [("C1",)] * 2
    told = {"demand_id": "DD-1", "controller_id": "C1"}
    made.add("DisclosureDemandNotified", "2025-05-12 09:00", told)
    assert [row.controllers for row in rows(CHAPTER, made)] == [("C1",)] * 2


def test_a_late_record_of_a_demand_that_may_be_told_is_shown() -> None:
    """No ban, nothing to hide."""
    made = Recording()
    open_ = {**DEMAND, "notification_prohibited": False}
    late = "2025-05-11 10:00"
    made.add("DisclosureDemandReceived", "2025-03-27 09:00", open_, recorded_at=late)
    assert [row.controllers for row in rows(CHAPTER, made)] == [("C1",)]
