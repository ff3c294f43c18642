"""Measures as they stood at any moment, their versions, and who was told of them."""

from __future__ import annotations

from typing import Any

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


def digest(
    day: str, previous: str | None, *, supplement: int = 0, lines: int = 10
) -> dict[str, Any]:
    """The data of the digest of a day."""
    data: dict[str, Any] = {
        "log_source": "epd",
        "standard": "nen7513",
        "day": day,
        "supplement": supplement,
        "form": "lines",
        "lines": lines,
        "root": "A" * 43 + "=",
        "hash_algorithm": "sha-256",
    }
    return data if previous is None else {**data, "previous": previous}


def test_a_log_shows_the_days_that_have_no_digest() -> None:
    """Between its first and last day, whatever the order in which they came; late lines apart."""
    story = Recording()
    first = story.add("LogDigestRecorded", "2026-03-28 06:00", digest("2026-03-27", None))
    second = story.add("LogDigestRecorded", "2026-04-02 06:00", digest("2026-04-01", first.id))
    late = digest("2026-03-27", second.id, supplement=1, lines=2)
    third = story.add("LogDigestRecorded", "2026-04-03 06:00", late)
    row = story.row(REGISTER, "log:epd")
    assert row.controllers == ()
    assert row.values["days_without"] == [{"from": "2026-03-28", "until": "2026-03-31"}]
    assert (row.values["first_day"], row.values["last_day"]) == ("2026-03-27", "2026-04-01")
    assert (row.values["lines"], row.values["late_lines"]) == (20, 2)
    assert row.values["breaks"] == []
    story.add("LogDigestRecorded", "2026-04-04 06:00", digest("2026-03-30", third.id))
    row = story.row(REGISTER, "log:epd")
    assert row.values["days_without"] == [
        {"from": "2026-03-28", "until": "2026-03-29"},
        {"from": "2026-03-31", "until": "2026-03-31"},
    ]


def test_a_digest_that_does_not_go_on_from_the_last_is_named() -> None:
    """One that begins anew, and one that names another than the one before it."""
    story = Recording()
    first = story.add("LogDigestRecorded", "2026-03-28 06:00", digest("2026-03-27", None))
    anew = story.add("LogDigestRecorded", "2026-03-29 06:00", digest("2026-03-28", None))
    other = story.add("LogDigestRecorded", "2026-03-30 06:00", digest("2026-03-29", first.id))
    assert story.row(REGISTER, "log:epd").values["breaks"] == [anew.id, other.id]


def test_a_digest_that_is_taken_back_leaves_its_day_without() -> None:
    """A retraction is no way to hide a day."""
    story = Recording()
    days = [
        story.add("LogDigestRecorded", f"2026-03-{n + 1} 06:00", digest(f"2026-03-{n}", None))
        for n in (26, 27, 28)
    ]
    gone = {"retracts_event_id": days[1].id, "reason": "wrong file"}
    story.add("EventRetracted", "2026-03-30 09:00", gone)
    row = story.row(REGISTER, "log:epd")
    assert row.values["days_without"] == [{"from": "2026-03-27", "until": "2026-03-27"}]
