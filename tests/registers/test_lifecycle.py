"""From the end of the licence to the end of the agreement: what was due, done and still held."""

from __future__ import annotations

from typing import Any

import pytest

from projections.registers.lifecycle import REGISTER
from tests.recording import Recording, rows_of, scenario

C1 = {"controller_id": "C1"}
LICENCE = C1 | {"licence_id": "L-1"}
TERMS = C1 | {"effective_from": "2024-01-01", "objection_days": 7, "transfer_area": "EU"}


def values(story: Recording, **moments: str) -> Any:
    return story.row(REGISTER, "controller:C1", **moments).values


def test_c5_of_the_scenario() -> None:
    """Licence ended 31 January, due 28 February; hold until 30 June; rest erased 3 July; ended."""
    row = rows_of(REGISTER, scenario())["controller:C5"].values
    assert row["licence_ended_at"] == "2026-01-31T22:59:00Z"
    assert (row["retention_until"], row["retention_ends_at"]) == (
        "2026-02-28",
        "2026-02-28T23:00:00Z",
    )
    assert row["choice"] == "return_then_erase"
    (returned,) = row["returns"]
    assert (returned["encrypted"], returned["acknowledged_at"]) == (True, "2026-02-12T08:00:00Z")
    (hold,) = row["holds"]
    assert (hold["until"], hold["lapsed_at"]) == ("2026-06-30", "2026-06-30T21:59:00Z")
    assert (row["partly_erased_at"], row["erased_at"]) == (
        "2026-02-28T21:00:00Z",
        "2026-07-03T20:00:00Z",
    )
    assert (row["agreement_ended_at"], row["data_held"]) == ("2026-07-06T07:00:00Z", "none")


def test_c4_of_the_scenario() -> None:
    """Licence ended 31 March, due 30 April, erased 19 May; no choice; ended while data was held."""
    row = rows_of(REGISTER, scenario())["controller:C4"].values
    assert (row["retention_until"], row["erased_at"]) == ("2026-04-30", "2026-05-19T20:00:00Z")
    assert (row["choice"], row["agreement_ended_at"]) == (None, "2026-05-01T07:00:00Z")
    before = rows_of(REGISTER, scenario(), "2026-05-10")["controller:C4"].values
    assert (before["state"], before["data_held"]) == ("agreement_ended", "all")


@pytest.mark.parametrize(
    ("as_of", "state", "held", "held_until"),
    [
        ("2026-01-31 12:00", "in_use", "all", None),
        ("2026-02-15", "licence_ended", "all", None),
        ("2026-03-01", "licence_ended", "part", "2026-06-30"),
        ("2026-07-01 12:00", "licence_ended", "part", None),
        ("2026-07-04", "licence_ended", "none", None),
        ("2026-08-31", "agreement_ended", "none", None),
    ],
)
def test_what_is_held_of_c5(as_of: str, state: str, held: str, held_until: str | None) -> None:
    """The agreement runs on until nothing is held (3.2)."""
    row = rows_of(REGISTER, scenario(), as_of)["controller:C5"].values
    assert (row["state"], row["data_held"], row["held_until"]) == (state, held, held_until)


@pytest.mark.parametrize(
    ("ended", "until", "instant"),
    [
        ("2028-01-31 23:59", "2028-02-29", "2028-02-29T23:00:00Z"),  # leap year (B2)
        ("2027-01-31 00:00", "2027-02-28", "2027-02-28T23:00:00Z"),
        ("2026-02-28 12:00", "2026-03-28", "2026-03-28T23:00:00Z"),
        ("2026-03-01 12:00", "2026-04-01", "2026-04-01T22:00:00Z"),  # over summer time
    ],
)
def test_retention_is_one_calendar_month(ended: str, until: str, instant: str) -> None:
    """The same day of the next month or its last, until the end of that day."""
    story = Recording()
    story.add("LicenceGranted", "2025-01-01 09:00", LICENCE)
    story.add("LicenceEnded", ended, LICENCE)
    row = values(story)
    assert (row["retention_until"], row["retention_ends_at"]) == (until, instant)


def test_the_term_in_force_when_the_licence_ended_counts() -> None:
    """An amendment before the end lengthens retention; one after it does not."""
    story = Recording()
    story.add("ProcessingAgreementConcluded", "2024-01-01 09:00", TERMS)
    story.add("LicenceGranted", "2024-01-01 10:00", LICENCE)
    longer = C1 | {"version": "2", "retention_after_licence": "P3M"}
    story.add("ProcessingAgreementAmended", "2025-01-01 09:00", longer)
    story.add("LicenceEnded", "2025-06-30 12:00", LICENCE)
    shorter = C1 | {"version": "3", "retention_after_licence": "P1D"}
    story.add("ProcessingAgreementAmended", "2025-07-01 09:00", shorter)
    assert (values(story)["retention_term"], values(story)["retention_until"]) == (
        "P3M",
        "2025-09-30",
    )


def test_retention_waits_for_the_last_licence() -> None:
    """While one licence runs there is no retention; a licence granted again ends it."""
    story = Recording()
    for licence in ("L-1", "L-2"):
        story.add("LicenceGranted", "2025-01-01 09:00", C1 | {"licence_id": licence})
    story.add("LicenceEnded", "2025-03-31 12:00", C1 | {"licence_id": "L-1"})
    assert values(story)["retention_until"] is None
    story.add("LicenceEnded", "2025-05-31 12:00", C1 | {"licence_id": "L-2"})
    assert values(story)["retention_until"] == "2025-06-30"
    story.add("LicenceGranted", "2025-06-10 09:00", C1 | {"licence_id": "L-1"})
    assert (values(story)["retention_until"], values(story)["state"]) == (None, "in_use")
    ends = {each["licence_id"]: each["ended_at"] for each in values(story)["licences"]}
    assert ends == {"L-1": None, "L-2": "2025-05-31T10:00:00Z"}


def test_the_end_of_one_of_two_agreements_ends_nothing() -> None:
    """Only the end of the last agreement is the end; a new agreement begins again."""
    story = Recording()
    for agreement in ("A-1", "A-2"):
        concluded = TERMS | {"agreement_id": agreement}
        story.add("ProcessingAgreementConcluded", "2024-01-01 09:00", concluded)
    story.add("LicenceGranted", "2024-01-01 10:00", LICENCE)
    story.add("ProcessingAgreementEnded", "2025-01-01 09:00", C1 | {"agreement_id": "A-1"})
    assert (values(story)["state"], values(story)["agreement_ended_at"]) == ("in_use", None)
    last = C1 | {"agreement_id": "A-2", "ended_at": "2025-02-01"}
    story.add("ProcessingAgreementEnded", "2025-02-01 09:00", last)
    assert values(story)["state"] == "agreement_ended"
    assert values(story)["agreement_ended_at"] == "2025-02-01"
    story.add("ProcessingAgreementConcluded", "2025-03-01 09:00", TERMS)
    assert (values(story)["state"], values(story)["agreement_ended_at"]) == ("in_use", None)


def test_copies_remain_until_they_are_erased() -> None:
    """Erasing the data leaves its copies, due within the days of the policy after it."""
    story = Recording()
    story.add("LicenceGranted", "2025-01-01 09:00", LICENCE)
    story.add("LicenceEnded", "2025-03-31 12:00", LICENCE)
    whole = C1 | {"scope": "all", "partial": False}
    story.add("PersonalDataErased", "2025-04-30 12:00", whole)
    assert (values(story)["data_held"], values(story)["copies_due_on"]) == ("copies", "2025-05-30")
    copies = C1 | {"subprocessors_confirmed": ["S2", "S1"]}
    story.add("CopiesErased", "2025-05-20 12:00", copies)
    assert values(story)["data_held"] == "none"
    assert values(story)["subprocessors_confirmed"] == ["S1", "S2"]


def test_a_hold_without_end_yet_is_shown_by_its_date() -> None:
    """What is past or future is left to the reader's clock: the date is data."""
    story = Recording()
    hold = C1 | {"hold_id": "H-1", "legal_basis": "seizure", "until": "2030-01-01"}
    story.add("StatutoryRetentionImposed", "2025-04-01 12:00", hold)
    assert values(story)["held_until"] == "2030-01-01"
    story.add("StatutoryRetentionLapsed", "2025-05-01 12:00", C1 | {"hold_id": "H-1"})
    assert values(story)["held_until"] is None


@pytest.mark.parametrize("term", ["P9999Y", "a while"])
def test_a_term_that_is_none_gives_no_date(term: str) -> None:
    """A correction may have spoiled the term; the end of the licence is still shown."""
    story = Recording()
    story.add(
        "ProcessingAgreementConcluded",
        "2024-01-01 09:00",
        TERMS | {"retention_after_licence": term},
    )
    story.add("LicenceEnded", "2025-06-30 12:00", LICENCE)
    row = values(story)
    assert (row["retention_until"], row["licence_ended_at"]) == (None, "2025-06-30T10:00:00Z")
