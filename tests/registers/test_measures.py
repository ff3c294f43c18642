"""Measures as they stood at any moment, their versions, and who was told of them."""

from __future__ import annotations

import pytest

from projections.registers.measures import REGISTER
from tests.recording import Recording, rows_of, scenario

ADOPTED = {
    "measure_id": "M1",
    "title": "Two-factor authentication",
    "art32_class": "b",
    "control_refs": ["A.8.5", "A.5.17"],
}


@pytest.mark.parametrize(
    ("as_of", "in_force"),
    [
        ("2024-12-31", {"M1", "M2", "M3", "M4"}),
        ("2025-09-30", {"M1", "M2", "M3", "M4"}),
        ("2025-10-02", {"M1", "M2", "M3"}),
    ],
)
def test_the_measures_in_force_in_the_scenario(as_of: str, in_force: set[str]) -> None:
    """M4, the fixed address, was retired on 1 October 2025."""
    rows = rows_of(REGISTER, scenario(), as_of).values()
    assert {r.values["id"] for r in rows if r.values["state"] == "in_force"} == in_force


def test_an_amendment_is_a_version() -> None:
    """M2 has a second version from 15 April 2025, and what changed is shown with it."""
    measure = rows_of(REGISTER, scenario())["measure:M2"].values
    assert measure["version"] == 2
    assert measure["versions"][1]["changes"] == "two-factor for all accounts"
    assert measure["versions"][1]["in_force_from"] == "2025-04-15T07:00:00Z"


def test_each_controller_sees_what_it_was_told() -> None:
    """A communication to six controllers gives six rows; none holds another's id."""
    told = [
        row
        for row in rows_of(REGISTER, scenario()).values()
        if row.values["kind"] == "communication"
    ]
    assert [row.controllers for row in told] == [(f"C{n}",) for n in range(1, 7)]
    assert all(row.values["measure_ids"] == ["M2"] for row in told)
    assert all(row.values["communicated_at"] == "2025-04-16T07:00:00Z" for row in told)


def test_risk_assessments_are_rows_of_their_own() -> None:
    """Both assessments of the scenario, with their moments."""
    rows = rows_of(REGISTER, scenario())
    assert rows["risk_assessment:RA-2024"].values["assessed_at"] == "2024-09-03T08:00:00Z"
    assert rows["risk_assessment:RA-2026"].values["kind"] == "risk_assessment"


def test_a_measure_adopted_again_is_in_force_again() -> None:
    """Retired and taken up again: the last turn counts, and the wordings add up."""
    story = Recording()
    story.add("SecurityMeasureAdopted", "2025-01-01 09:00", ADOPTED)
    story.add(
        "SecurityMeasureRetired", "2025-02-01 09:00", {"measure_id": "M1", "at": "2025-02-01"}
    )
    retired = story.row(REGISTER, "measure:M1").values
    assert (retired["state"], retired["in_force_until"]) == ("retired", "2025-02-01")
    story.add(
        "SecurityMeasureAdopted", "2025-03-01 09:00", ADOPTED | {"in_force_from": "2025-04-01"}
    )
    again = story.row(REGISTER, "measure:M1").values
    assert (again["state"], again["in_force_from"]) == ("in_force", "2025-04-01")
    assert (again["in_force_until"], again["version"]) == (None, 2)
    assert (again["art32_class"], again["control_refs"]) == (["b"], ["A.5.17", "A.8.5"])


def test_a_measure_known_only_from_its_end_is_retired() -> None:
    """Without its adoption a measure has no title, but it is not in force."""
    story = Recording()
    story.add(
        "SecurityMeasureRetired", "2025-02-01 09:00", {"measure_id": "M1", "replaced_by": "M2"}
    )
    row = story.row(REGISTER, "measure:M1").values
    assert (row["state"], row["replaced_by"], row["title"]) == ("retired", "M2", None)
