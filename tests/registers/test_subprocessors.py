"""The subprocessor register: contracts, engagements by controller, announcements, objections."""

from __future__ import annotations

from typing import Any

import pytest

from projections.registers.subprocessors import REGISTER
from projections.rows import PROCESSOR_ONLY
from tests.recording import Recording, rows_of, scenario

CONTRACT = {"subprocessor_id": "S1", "subprocessor_name": "Datahal"}
ENGAGED = {"subprocessor_id": "S1", "controller_ids": ["C1", "C2"], "countries": ["NL"]}


def announcement(*delivered: Any) -> dict[str, Any]:
    return {
        "change_id": "CH",
        "subprocessor_id": "S1",
        "subprocessor_name": "Datahal",
        "kind": "add",
        "countries": ["NL"],
        "intended_start": "2025-02-01",
        "announced_via": "newsletter",
        "delivered_to": [*delivered],
    }


@pytest.mark.parametrize(
    ("said", "gaps"),
    [
        ({}, []),
        ({"gaps": ["11"]}, ["11"]),
        ({"gaps": ["11", "audits", "4.1"]}, ["4.1", "11", "audits"]),
        ({"clause_map": {}}, "2.4 4.1 5.3 6.2 7 8 9 10 11"),
        ({"clause_map": dict.fromkeys(("2.4", "4.1", "5.3", "6.2"), "art. 3")}, "7 8 9 10 11"),
        (
            {
                "clause_map": dict.fromkeys(
                    ("2.4", "4.1", "5.3", "6.2", "7.1", "8.1", "9.2", "10.1", "11.2"), "1"
                )
            },
            [],
        ),
        ({"clause_map": {"2.40": "1"}, "gaps": ["2.4"]}, "2.4 4.1 5.3 6.2 7 8 9 10 11"),
    ],
)
def test_the_gaps_of_a_contract(said: dict[str, Any], gaps: list[str] | str) -> None:
    """What it says is missing, and what a map of clauses leaves out, in the order of the agreement;
    without a map nothing is."""
    story = Recording()
    story.add("SubprocessingContractConcluded", "2025-01-01 09:00", {**CONTRACT, **said})
    expected = gaps.split() if isinstance(gaps, str) else gaps
    assert story.row(REGISTER, "subprocessor:S1").values["gaps"] == expected


def test_an_engagement_is_a_row_for_each_controller_with_the_name() -> None:
    """Disengaged for one it goes on for the other; each says on what it rests."""
    story = Recording()
    agreed = {"controller_id": "C1", "initial_subprocessors": ["S1"]}
    story.add("ProcessingAgreementConcluded", "2025-01-01 09:00", agreed)
    story.add("SubprocessingContractConcluded", "2025-01-02 09:00", CONTRACT)
    story.add("SubprocessorEngaged", "2025-01-03 09:00", ENGAGED)
    ended = {"subprocessor_id": "S1", "controller_ids": ["C2"], "data_returned_or_erased": True}
    story.add("SubprocessorDisengaged", "2025-01-04 09:00", ended)
    one = story.row(REGISTER, "engagement:S1:C1")
    two = story.row(REGISTER, "engagement:S1:C2")
    assert (one.values["state"], one.values["name"]) == ("engaged", "Datahal")
    assert (one.values["basis"], two.values["basis"]) == ("annex", None)
    assert (two.values["state"], two.values["returned_or_erased"]) == ("disengaged", True)
    assert one.positions == (1, 2, 3)
    assert two.positions == (2, 3, 4)


def test_an_announcement_is_told_to_whom_it_reached() -> None:
    """Each with its delivery; the list of all is the processor's alone."""
    story = Recording()
    delivered = {"controller": "C2", "at": "2025-01-13T09:05:00+01:00", "message_id": "m-2"}
    story.add("SubprocessorChangeAnnounced", "2025-01-13 09:00", announcement("C1", delivered))
    rows = rows_of(REGISTER, story.events)
    assert sorted(rows) == [
        "announcement:CH:C1",
        "announcement:CH:C2",
        "change:CH",
        "subprocessor:S1",
    ]
    assert rows["change:CH"].controllers == PROCESSOR_ONLY
    assert rows["change:CH"].values["delivered_to"] == ["C1", "C2"]
    two = rows["announcement:CH:C2"].values
    assert (two["delivered_at"], two["message_id"]) == ("2025-01-13T08:05:00Z", "m-2")
    assert two["window_closes"] == "2025-01-20T23:00:00Z"
    assert two["delivered_to"] is None


def test_an_engagement_shows_the_window_it_had_to_wait_for() -> None:
    """None when the announcement never reached the controller."""
    story = Recording()
    story.add("SubprocessorChangeAnnounced", "2025-01-13 09:00", announcement("C1"))
    story.add("SubprocessorEngaged", "2025-01-20 09:00", {**ENGAGED, "change_id": "CH"})
    one = story.row(REGISTER, "engagement:S1:C1").values
    two = story.row(REGISTER, "engagement:S1:C2").values
    assert (one["basis"], one["window_closes"]) == ("announced_change", "2025-01-20T23:00:00Z")
    assert (two["basis"], two["window_closes"]) == ("announced_change", None)


def test_a_new_agreement_does_not_revive_an_engagement() -> None:
    """What ended with the agreement stays ended until the subprocessor is engaged again."""
    story = Recording()
    agreed = {"controller_id": "C1", "initial_subprocessors": ["S1"]}
    story.add("ProcessingAgreementConcluded", "2025-01-01 09:00", agreed)
    story.add("SubprocessorEngaged", "2025-01-03 09:00", ENGAGED)
    story.add("ProcessingAgreementEnded", "2025-02-01 09:00", {"controller_id": "C1"})
    story.add("ProcessingAgreementConcluded", "2025-03-01 09:00", agreed)
    assert story.row(REGISTER, "engagement:S1:C1").values["state"] == "agreement_ended"
    story.add("SubprocessorEngaged", "2025-03-02 09:00", ENGAGED)
    row = story.row(REGISTER, "engagement:S1:C1").values
    assert (row["state"], row["since"]) == ("engaged", "2025-03-02T08:00:00Z")


def test_a_correction_shows_a_controller_its_own_id_alone() -> None:
    """Corrected from C1 and C2 to C1 and C3, the row of C1 names neither of the others."""
    story = Recording()
    engaged = story.add("SubprocessorEngaged", "2025-01-03 09:00", ENGAGED)
    story.correct(engaged, "2025-01-04 09:00", "controller_ids", ["C1", "C3"])
    rows = rows_of(REGISTER, story.events)
    assert sorted(rows) == ["engagement:S1:C1", "engagement:S1:C3"]
    assert rows["engagement:S1:C1"].corrected == ()
    (change,) = rows["engagement:S1:C3"].corrected
    assert (change["old"], change["new"]) == ([], ["C3"])


def test_the_objections_of_the_scenario() -> None:
    """O-1 valid and upheld, O-2 not in the form, O-3 half a day too late; each says of what."""
    rows = rows_of(REGISTER, scenario())
    found = {
        r.values["objection"]: (r.values["validity"], r.values["state"], r.values["name"])
        for r in rows.values()
        if r.values["kind"] == "objection"
    }
    assert found == {
        "O-1": ("valid", "upheld", "NordBackup AS"),
        "O-2": ("form_not_met", "form_not_met", "NordBackup AS"),
        "O-3": ("out_of_time", "out_of_time", "NordBackup AS"),
    }


def test_s4_was_engaged_before_its_contract() -> None:
    """On the day of the engagement the subprocessor was announced, without any contract."""
    rows = rows_of(REGISTER, scenario(), "2026-01-21 12:00")
    assert rows["subprocessor:S4"].values["contract_signed_at"] is None
    assert rows["subprocessor:S4"].values["state"] == "announced"
    assert rows["engagement:S4:C3"].values["state"] == "engaged"
    assert rows["engagement:S4:C3"].values["window_closes"] == "2026-01-26T23:00:00Z"
