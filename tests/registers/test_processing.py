"""The processing register: what art. 30(2) asks, by controller, and no row more than needed."""

from __future__ import annotations

from typing import Any

import pytest

from projections.register import Row
from projections.registers.processing import REGISTER
from tests.recording import Recording, rows_of, scenario

REGISTERED = "ProcessingActivityRegistered"
AMENDED = "ProcessingActivityAmended"


def registered(*controllers: str, **fields: Any) -> dict[str, Any]:
    content = {"activity_id": "PA", "data_categories": ["name", "health"], **fields}
    return {**content, "controller_ids": [*controllers]}


def story_of(*steps: tuple[str, dict[str, Any]]) -> Recording:
    story = Recording()
    for day, (type_, data) in enumerate(steps, start=1):
        story.add(type_, f"2025-01-{day:02} 09:00", data)
    return story


def activity(story: Recording, controller: str, **moments: str) -> Row:
    return story.row(REGISTER, f"activity:PA:{controller}", **moments)


def test_the_art_30_core_is_marked_as_such() -> None:
    """Each letter of art. 30(2) has its columns; purposes and retention are from elsewhere."""
    sources = {column.key: column.source for column in REGISTER.columns}
    for letter, keys in {
        "a": ("name", "contact", "dpo", "representative"),
        "b": ("categories_of_processing",),
        "c": ("transfers",),
        "d": ("measures",),
    }.items():
        assert all(f"art. 30(2)({letter})" in sources[key] for key in keys)
    for key in ("purpose", "data_subject_categories", "data_categories", "retention_rule"):
        assert "30(2)" not in sources[key]
        assert "28(3)" in sources[key]


def test_the_processor_is_shown_to_all_as_registered_last() -> None:
    """Identity, contact, data protection officer and representative."""
    story = Recording()
    named = {"processor_id": "P", "legal_name": "Old B.V.", "kvk": "12345678"}
    story.add("ProcessorRegistered", "2025-01-01 09:00", named)
    new = {"legal_name": "New B.V.", "address": "Street 1", "contact": "desk", "dpo": "officer"}
    story.add("ProcessorRegistered", "2025-02-01 09:00", {**named, **new})
    row = story.row(REGISTER, "processor:P")
    assert row.controllers == ()
    assert row.values["name"] == "New B.V."
    assert (row.values["contact"], row.values["dpo"]) == ("Street 1, desk", "officer")
    assert row.values["since"] == "2025-01-01T08:00:00Z"


def test_an_activity_has_a_row_for_each_controller() -> None:
    """One registration for two is two rows, each of its own controller."""
    story = story_of((REGISTERED, registered("C1", "C2", purpose="care", name_en="Records")))
    for controller in ("C1", "C2"):
        row = activity(story, controller)
        assert row.controllers == (controller,)
        assert row.values["purpose"] == "care"
        assert row.values["special_categories"] == ["health (art. 9)"]


def test_an_amendment_for_one_controller_leaves_the_others() -> None:
    """With a `controller_id` it counts for that one, without for all who have the activity."""
    own = {"activity_id": "PA", "controller_id": "C1", "added_data_categories": ["exercise_video"]}
    general = {"activity_id": "PA", "changes": {"purpose": "more care"}, "new_version": "2.0"}
    story = story_of((REGISTERED, registered("C1", "C2")), (AMENDED, own), (AMENDED, general))
    one, two = activity(story, "C1").values, activity(story, "C2").values
    assert one["data_categories"] == ["exercise_video", "health", "name"]
    assert two["data_categories"] == ["health", "name"]
    assert one["purpose"] == two["purpose"] == "more care"
    assert [v["version"] for v in one["versions"]] == ["1", "2", "2.0"]
    assert (one["version"], two["version"]) == ("2.0", "2.0")


def test_a_controller_that_joins_has_what_the_activity_is_like() -> None:
    """Also when the activity was amended before it joined."""
    story = story_of(
        (REGISTERED, registered("C1")),
        (AMENDED, {"activity_id": "PA", "added_data_categories": ["bsn"]}),
        (AMENDED, {"activity_id": "PA", "added_controller_ids": ["C6"]}),
    )
    row = activity(story, "C6")
    assert row.values["data_categories"] == ["bsn", "health", "name"]
    assert row.values["special_categories"] == ["bsn (UAVG 46)", "health (art. 9)"]
    assert row.values["since"] == "2025-01-03T08:00:00Z"
    assert row.positions == (1, 2, 3)


def test_categories_may_be_marked_by_hand() -> None:
    """A category of any name can be said to be special, or to be the BSN."""
    marked = [{"category": "genes", "special": True}, {"category": "number", "bsn": True}, "name"]
    story = story_of((REGISTERED, registered("C1", data_categories=marked)))
    values = activity(story, "C1").values
    assert values["data_categories"] == ["genes", "name", "number"]
    assert values["special_categories"] == ["genes (art. 9)", "number (UAVG 46)"]


def test_an_activity_ends_when_discontinued_or_with_the_agreement() -> None:
    """For the controller named only; registered again it goes on."""
    ended = {"activity_id": "PA", "controller_ids": ["C1"]}
    story = story_of(
        (REGISTERED, registered("C1", "C2", "C3")),
        ("ProcessingActivityDiscontinued", ended),
        ("ProcessingAgreementEnded", {"controller_id": "C2"}),
    )
    states = [activity(story, c).values["state"] for c in ("C1", "C2", "C3")]
    assert states == ["discontinued", "agreement_ended", "in_force"]
    story.add(AMENDED, "2025-02-01 09:00", {"activity_id": "PA", "added_controller_ids": ["C1"]})
    assert activity(story, "C1").values["state"] == "in_force"
    assert activity(story, "C1").values["since"] == "2025-02-01T08:00:00Z"


def test_a_controller_sees_who_processes_for_it_and_where() -> None:
    """Subprocessors with their names, and transfers; those of others and past ones are left out."""
    story = story_of(
        (REGISTERED, registered("C1", "C2")),
        (
            "SubprocessingContractConcluded",
            {"subprocessor_id": "S1", "subprocessor_name": "Datahal"},
        ),
        (
            "SubprocessorEngaged",
            {"subprocessor_id": "S1", "controller_ids": ["C1", "C2"], "countries": ["NL"]},
        ),
        ("SubprocessorDisengaged", {"subprocessor_id": "S1", "controller_ids": ["C2"]}),
        (
            "ThirdCountryTransferStarted",
            {
                "transfer_id": "TR",
                "subprocessor_id": "S1",
                "country": "US",
                "controller_ids": ["C1"],
                "mechanism": "SCC",
            },
        ),
    )
    one, two = activity(story, "C1"), activity(story, "C2")
    (subprocessor,) = one.values["subprocessors"]
    assert (subprocessor["id"], subprocessor["name"]) == ("S1", "Datahal")
    assert [t["country"] for t in one.values["transfers"]] == ["US"]
    assert one.positions == (1, 2, 3, 5)
    assert two.values["subprocessors"] == two.values["transfers"] == []
    assert story.row(REGISTER, "controller:C1").values["subprocessors"] == [subprocessor]


@pytest.mark.parametrize(
    ("type_", "data", "cases"),
    [
        (REGISTERED, registered("C1", "C2"), ["activity:PA", "controller:C1", "controller:C2"]),
        (AMENDED, {"activity_id": "PA", "added_controller_ids": ["C6"]}, ["controller:C6"]),
        (
            AMENDED,
            {"activity_id": "PA", "controller_id": "C6", "added_data_categories": ["x"]},
            ["controller:C6"],
        ),
        (AMENDED, {"activity_id": "PA", "changes": "wording"}, ["activity:PA"]),
        (
            "SubprocessorEngaged",
            {"subprocessor_id": "S1", "controller_ids": ["C6"], "countries": []},
            ["controller:C6"],
        ),
        ("SecurityMeasureAmended", {"measure_id": "M1"}, ["measure:M1"]),
    ],
)
def test_an_event_touches_the_rows_of_whom_it_names(
    type_: str, data: dict[str, Any], cases: list[str]
) -> None:
    """One about a single controller, a measure or an activity never touches all controllers."""
    event = Recording().add(type_, "2025-01-01 09:00", data)
    assert sorted(REGISTER.cases(event)) == cases


def test_the_portal_of_the_scenario() -> None:
    """PA-PORTAL is C6's alone at last, with the category that 4.2 does not have."""
    rows = rows_of(REGISTER, scenario())
    found = {k: r.values for k, r in rows.items() if r.values["id"] == "PA-PORTAL"}
    states = {v["controller"]: v["state"] for v in found.values()}
    assert states == {"C3": "discontinued", "C6": "in_force"}
    assert "exercise_video" in found["activity:PA-PORTAL:C6"]["data_categories"]
    assert "exercise_video" not in found["activity:PA-PORTAL:C3"]["data_categories"]


def test_a_retired_measure_is_shown_as_such() -> None:
    """M4 of the scenario until October 2025; the others are in force."""
    rows = rows_of(REGISTER, scenario())
    states = {k: r.values["state"] for k, r in rows.items() if r.values["kind"] == "measure"}
    assert states == {
        "measure:M1": "in_force",
        "measure:M2": "in_force",
        "measure:M3": "in_force",
        "measure:M4": "retired",
    }
