"""The disclosure register: what was disclosed, told when, and hidden while it may not be told."""

from __future__ import annotations

from typing import Any

from projections.registers.disclosures import REGISTER
from projections.rows import PROCESSOR_ONLY
from tests.recording import Recording, rows_of, scenario


def demand(*controllers: str, **fields: Any) -> dict[str, Any]:
    named = {"demand_id": "DD", "controller_ids": [*controllers], "authority": "FIOD"}
    return {**named, "notification_prohibited": False, **fields}


def disclosed(*controllers: str, **fields: Any) -> dict[str, Any]:
    named = {"disclosure_id": "PD", "controller_ids": [*controllers], "subject_count": 5}
    return {**named, **fields}


def test_the_disclosures_of_the_scenario() -> None:
    """Three on demand, told before, deferred and late; two to researchers on instruction."""
    rows = rows_of(REGISTER, scenario()).values()
    found = {
        r.values["id"]: (r.values["controller"], r.values["subject_count"], r.values["notice"])
        for r in rows
        if r.values["kind"] in ("disclosure", "share")
    }
    assert found == {
        "PD-1": ("C2", 1, "before"),
        "PD-2": ("C5", 3, "deferred"),
        "PD-3": ("C1", 2, "late"),
        "RS-1": ("C3", 40, None),
        "RS-2": ("C3", 41, None),
    }


def test_a_register_tells_nothing_that_may_not_be_told() -> None:
    """C5 sees the FIOD's demand and the disclosure from the notice of 1 December, not before."""
    keys = ("demand:DD-2:C5", "disclosure:DD-2:PD-2:C5")
    before = rows_of(REGISTER, scenario(), "2025-11-30 12:00")
    after = rows_of(REGISTER, scenario(), "2025-12-01 09:00")
    assert [before[key].controllers for key in keys] == [PROCESSOR_ONLY, PROCESSOR_ONLY]
    assert [after[key].controllers for key in keys] == [("C5",), ("C5",)]


def test_a_demand_is_a_row_for_each_controller() -> None:
    """With what concerns that controller alone: when it was told, whether it was contested."""
    story = Recording()
    story.add("DisclosureDemandReceived", "2025-01-01 09:00", demand("C1", "C2"))
    told = {"demand_id": "DD", "controller_id": "C1"}
    story.add("DisclosureDemandNotified", "2025-01-01 12:00", told)
    contested = {**told, "by": "counsel", "grounds": "too wide"}
    story.add("DisclosureDemandContested", "2025-01-02 09:00", contested)
    story.add("DisclosureDemandClosed", "2025-01-03 09:00", {"demand_id": "DD", "outcome": "done"})
    one = story.row(REGISTER, "demand:DD:C1").values
    two = story.row(REGISTER, "demand:DD:C2").values
    assert (one["notice"], one["hours_to_notice"], one["contested_by"]) == (
        "before",
        3.0,
        "counsel",
    )
    assert (two["notice"], two["hours_to_notice"], two["contested_by"]) == ("none", None, None)
    assert one["outcome"] == two["outcome"] == "done"


def test_the_number_of_data_subjects_of_several_controllers_is_the_processors() -> None:
    """It is about others as well; so is a correction of it."""
    story = Recording()
    story.add("DisclosureDemandReceived", "2025-01-01 09:00", demand("C1", "C2"))
    event = story.add(
        "PersonalDataDisclosed", "2025-01-02 09:00", disclosed("C1", "C2", demand_id="DD")
    )
    story.correct(event, "2025-01-03 09:00", "subject_count", 6)
    rows = rows_of(REGISTER, story.events)
    for controller in ("C1", "C2"):
        own = rows[f"disclosure:DD:PD:{controller}"]
        assert own.values["subject_count"] is None
        assert own.corrected == ()
    (joint,) = [row for row in rows.values() if row.values["kind"] == "joint_disclosure"]
    assert joint.controllers == PROCESSOR_ONLY
    assert joint.values["subject_count"] == 6


def test_a_disclosure_on_instruction_has_no_notice() -> None:
    """Nobody demanded it: the controller knows, for it asked for it."""
    story = Recording()
    data = disclosed("C1", instruction_id="I", country="CH", recipient="lab")
    story.add("PersonalDataDisclosed", "2025-01-02 09:00", data)
    row = story.row(REGISTER, "disclosure::PD:C1")
    assert row.controllers == ("C1",)
    assert (row.values["notice"], row.values["instruction"]) == (None, "I")
    assert (row.values["country"], row.values["area"]) == ("CH", "third")


def test_the_same_id_in_two_demands_is_two_disclosures() -> None:
    """No two rows share a key, whatever ids are given out twice."""
    story = Recording()
    for number in "12":
        received = {**demand("C1"), "demand_id": f"DD-{number}"}
        story.add("DisclosureDemandReceived", f"2025-01-0{number} 09:00", received)
        data = disclosed("C1", demand_id=f"DD-{number}")
        story.add("PersonalDataDisclosed", f"2025-01-0{number} 10:00", data)
    rows = rows_of(REGISTER, story.events)
    assert sum(row.values["kind"] == "disclosure" for row in rows.values()) == 2
