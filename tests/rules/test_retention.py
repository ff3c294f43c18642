"""Kept as long as agreed, returned or erased as chosen, and all copies gone (3.2, 4.3, 10)."""

from __future__ import annotations

from typing import Any

import pytest

from projections.rules.retention import CHAPTER
from tests.recording import Recording
from tests.rules.judging import civil, held, said, standing

C1 = {"controller_id": "C1"}
LICENCE = C1 | {"licence_id": "L-1"}
TERMS = C1 | {"effective_from": "2024-01-01", "objection_days": 7, "transfer_area": "EU"}
ALL = C1 | {"scope": "all", "partial": False}
PART = C1 | {"scope": "some", "partial": True}
HOLD = C1 | {"hold_id": "H-1", "legal_basis": "seizure"}

LATER = "2029-12-31"
"""When every term of these stories has passed."""


def licensed(ended: str = "2026-01-31 23:59", **terms: Any) -> Recording:
    """An agreement with a licence that ended, and a choice to have everything erased."""
    story = Recording()
    story.add("ProcessingAgreementConcluded", "2024-01-01 09:00", TERMS | terms)
    story.add("LicenceGranted", "2024-01-02 09:00", LICENCE)
    story.add("LicenceEnded", ended, LICENCE)
    story.add("ReturnOrErasureChosen", ended, C1 | {"choice": "erase"})
    return story


def copies_gone(story: Recording, at: str) -> None:
    story.add("CopiesErased", at, C1)


def rules(story: Recording, as_of: str | None = LATER) -> list[tuple[str, str]]:
    """The rules that found something, each with the moment."""
    return [(rule, at) for rule, _, at in map(said, held(CHAPTER, story.events, as_of))]


@pytest.mark.parametrize(
    ("ended", "last", "too_late"),
    [
        ("2028-01-31 23:59", "2028-02-29 23:59:59", "2028-03-01 00:00"),  # leap year (B2)
        ("2027-01-31 23:59", "2027-02-28 23:59:59", "2027-03-01 00:00"),
        ("2026-02-28 12:00", "2026-03-28 23:59:59", "2026-03-29 00:00"),
        ("2026-09-25 12:00", "2026-10-25 23:59:59", "2026-10-26 00:00"),  # winter time begins
    ],
)
def test_data_are_gone_by_the_end_of_the_month(ended: str, last: str, too_late: str) -> None:
    """The last second of the last day is in time, 24:00 is not (4.3, B2)."""
    for erased, expected in ((last, []), (too_late, [("R-4.3", too_late)])):
        story = licensed(ended)
        story.add("PersonalDataErased", erased, ALL)
        copies_gone(story, erased)
        assert rules(story) == expected
    (kept, _) = standing(CHAPTER, story.events, LATER)
    assert (kept.state, civil(kept.due_at)) == ("late", too_late)
    assert kept.parameters == {"retention_after_licence": "P1M"}


def test_data_that_are_never_erased_are_found_when_the_term_has_passed() -> None:
    """Not a second before; and when they are erased at last, the finding is of that moment."""
    story = licensed()
    assert rules(story, "2026-02-28 23:59:59") == []
    assert rules(story, "2026-03-01 00:00") == [("R-4.3", "2026-03-01 00:00")]
    (late,) = held(CHAPTER, story.events, "2026-03-05")
    assert late.text.en == "not erased, retention ended 2026-02-28"
    story.add("PersonalDataErased", "2026-03-19 22:00", ALL)
    (late,) = held(CHAPTER, story.events, "2026-03-20")
    assert said(late) == ("R-4.3", ("C1",), "2026-03-19 22:00")
    assert late.text.en == "kept until 2026-03-19, retention ended 2026-02-28 (19 days over)"
    assert late.text.nl == (
        "bewaard tot 2026-03-19, de bewaartermijn eindigde 2026-02-28 (19 dagen te lang)"
    )
    assert late.events == (3, 5)
    assert rules(story, "2026-03-18") == [("R-4.3", "2026-03-01 00:00")], "as it stood then"


def test_part_of_the_data_is_not_all_of_it() -> None:
    """Without a statutory duty to keep the rest, the rest is late."""
    story = licensed()
    story.add("PersonalDataErased", "2026-02-20 12:00", PART)
    copies_gone(story, "2026-02-20 12:00")
    assert rules(story) == [("R-4.3", "2026-03-01 00:00")]


def test_the_term_in_force_when_the_licence_ended_counts() -> None:
    """A term of ten days; an amendment after the end changes nothing."""
    story = licensed(retention_after_licence="P10D")
    longer = C1 | {"version": "2", "retention_after_licence": "P1Y"}
    story.add("ProcessingAgreementAmended", "2026-02-01 09:00", longer)
    story.add("PersonalDataErased", "2026-02-11 00:00", ALL)
    copies_gone(story, "2026-02-11 12:00")
    assert rules(story) == [("R-4.3", "2026-02-11 00:00")]


def test_a_licence_granted_again_in_time_leaves_nothing_to_erase() -> None:
    """The clock does not apply; granted after the term had passed, the finding stays."""
    story = licensed()
    story.add("LicenceGranted", "2026-02-28 23:59", LICENCE)
    assert rules(story) == []
    (kept,) = standing(CHAPTER, story.events, LATER)
    assert (kept.state, kept.excused and kept.excused.en) == (
        "not_applicable",
        "a licence again from 2026-02-28 23:59",
    )
    late = licensed()
    late.add("LicenceGranted", "2026-03-01 00:00", LICENCE)
    assert rules(late) == [("R-4.3", "2026-03-01 00:00")]


@pytest.mark.parametrize(
    ("imposed", "until", "erased_part", "expected"),
    [
        ("2026-02-20 10:00", "2026-06-30", True, []),
        ("2026-02-20 10:00", "2026-06-30", False, []),  # what it covers cannot be known
        ("2026-02-20 10:00", "2026-02-28", False, []),  # it runs to the end of the term
        ("2026-02-20 10:00", "2026-02-27", True, ["2026-03-01 00:00"]),  # it lapsed before
        ("2026-03-01 10:00", "2026-06-30", True, ["2026-03-01 00:00"]),  # it came too late
    ],
)
def test_a_statutory_duty_that_runs_at_the_end_postpones_the_term(
    imposed: str, until: str, erased_part: bool, expected: list[str]
) -> None:
    """It must have been imposed before, and still run."""
    story = licensed()
    story.add("StatutoryRetentionImposed", imposed, HOLD | {"until": until})
    if erased_part:
        story.add("PersonalDataErased", "2026-02-28 22:00", PART)
    copies_gone(story, "2026-03-01 12:00")
    assert rules(story, "2026-03-10") == [("R-4.3", at) for at in expected]


@pytest.mark.parametrize(
    ("erased", "expected"),
    [
        ("2026-07-30 23:59:59", []),
        ("2026-07-31 00:00", [("R-4.3", "2026-07-31 00:00")]),
        (None, [("R-4.3", "2026-07-31 00:00")]),
    ],
)
@pytest.mark.parametrize("told", [True, False])
def test_the_rest_is_due_thirty_days_after_the_duty_lapsed(
    erased: str | None, expected: list[tuple[str, str]], told: bool
) -> None:
    """Whether the lapse was told on the day, or the duty was imposed until then."""
    story = licensed()
    story.add("StatutoryRetentionImposed", "2026-02-20 10:00", HOLD | {"until": "2026-06-30"})
    story.add("PersonalDataErased", "2026-02-28 22:00", PART)
    copies_gone(story, "2026-03-01 12:00")
    if told:
        story.add("StatutoryRetentionLapsed", "2026-06-30 23:00", HOLD)
    if erased:
        story.add("PersonalDataErased", erased, ALL)
    assert rules(story) == expected
    states = {c.subject: c.state for c in standing(CHAPTER, story.events) if c.rule.id == "R-4.3"}
    assert states["L-1"] == "met"
    (rest,) = (c for c in standing(CHAPTER, story.events, LATER) if c.subject == "H-1")
    assert (civil(rest.due_at), rest.parameters) == ("2026-07-31 00:00", {"copies_days": 30})
    if expected:
        (late,) = held(CHAPTER, story.events, LATER)
        assert "H-1 lapsed 2026-06-30, rest to be erased within 30 days, by 2026-07-30" in (
            late.text.en
        )


def test_a_duty_that_was_still_running_is_no_reason_to_hurry() -> None:
    """The clock of the month does not apply then, and that of the rest runs from the lapse."""
    story = licensed()
    story.add("StatutoryRetentionImposed", "2026-02-20 10:00", HOLD | {"until": "2026-06-30"})
    month, rest = standing(CHAPTER, story.events, "2026-04-01")
    assert (month.state, month.excused and month.excused.nl) == (
        "not_applicable",
        "bewaarplicht H-1 loopt door na 2026-02-28",
    )
    assert (rest.subject, rest.state) == ("H-1", "running")


@pytest.mark.parametrize(
    ("erased", "chosen", "expected"),
    [
        ("2026-02-27 23:59", False, ["O-4.3", "R-10.1"]),
        ("2026-02-28 00:00", False, ["R-10.1"]),
        ("2026-02-10 12:00", True, []),
    ],
)
def test_the_month_is_for_the_controller_to_fetch_its_data(
    erased: str, chosen: bool, expected: list[str]
) -> None:
    """Erased on a day before the last, without a choice recorded by then (O-4.3)."""
    story = Recording()
    story.add("LicenceGranted", "2024-01-02 09:00", LICENCE)
    story.add("LicenceEnded", "2026-01-31 23:59", LICENCE)
    if chosen:
        story.add("ReturnOrErasureChosen", erased, C1 | {"choice": "erase"})
    story.add("PersonalDataErased", erased, ALL)
    story.add("ReturnOrErasureChosen", "2026-03-01 12:00", C1 | {"choice": "erase"})
    copies_gone(story, "2026-03-01 12:00")
    assert [rule for rule, _ in rules(story)] == expected
    assert all(at == erased for _, at in rules(story))


def test_each_erasure_without_a_choice_is_found() -> None:
    """Part or all, after the licence; not one while it runs."""
    story = Recording()
    story.add("LicenceGranted", "2024-01-02 09:00", LICENCE)
    story.add("PersonalDataErased", "2025-01-02 09:00", PART)
    story.add("LicenceEnded", "2026-01-31 23:59", LICENCE)
    story.add("PersonalDataErased", "2026-02-28 10:00", PART)
    story.add("PersonalDataErased", "2026-02-28 10:00", PART)
    story.add("PersonalDataErased", "2026-02-28 22:00", ALL)
    copies_gone(story, "2026-02-28 23:00")
    assert rules(story) == [
        ("R-10.1", "2026-02-28 10:00"),
        ("R-10.1", "2026-02-28 10:00"),
        ("R-10.1", "2026-02-28 22:00"),
    ]


@pytest.mark.parametrize(
    ("choice", "returned", "acknowledged", "found_something"),
    [
        ("return_then_erase", True, "2026-02-20 12:00", False),
        ("return_then_erase", True, "2026-02-25 12:00", False),  # at the same instant
        ("return_then_erase", True, "2026-02-25 12:01", True),
        ("return", False, None, True),
        ("erase", False, None, False),
        ("erase", True, None, True),
    ],
)
def test_a_return_is_acknowledged_before_all_is_erased(
    choice: str, returned: bool, acknowledged: str | None, found_something: bool
) -> None:
    """When the choice includes one, or something was returned (O-10.1)."""
    story = licensed()
    story.add("ReturnOrErasureChosen", "2026-02-01 12:00", C1 | {"choice": choice})
    sent = C1 | {"return_id": "DR-1", "method": "carrier", "encrypted": True}
    if returned:
        story.add("DataReturned", "2026-02-10 12:00", sent)
    if acknowledged:
        story.add("DataReturnAcknowledged", acknowledged, C1 | {"return_id": "DR-1"})
    story.add("PersonalDataErased", "2026-02-25 12:00", ALL)
    copies_gone(story, "2026-02-25 12:00")
    assert rules(story) == ([("O-10.1", "2026-02-25 12:00")] if found_something else [])


@pytest.mark.parametrize(
    ("gone", "expected"),
    [
        ("2026-03-27 23:59:59", []),
        ("2026-03-28 00:00", [("O-10.1", "2026-03-28 00:00")]),
        ("2026-04-02 12:00", [("O-10.1", "2026-03-28 00:00")]),
        (None, [("O-10.1", "2026-03-28 00:00")]),
        ("2026-02-24 12:00", []),  # before the data themselves
    ],
)
def test_copies_are_gone_thirty_days_after_the_first_erasure(
    gone: str | None, expected: list[tuple[str, str]]
) -> None:
    """Counted in days, to 24:00; the finding is of the moment they were due (O-10.1)."""
    story = licensed()
    story.add("PersonalDataErased", "2026-02-25 12:00", PART)
    story.add("PersonalDataErased", "2026-02-28 12:00", ALL)
    if gone:
        copies_gone(story, gone)
    assert rules(story) == expected
    (copies,) = (c for c in standing(CHAPTER, story.events, LATER) if c.rule.id == "O-10.1")
    assert (civil(copies.due_at), copies.state) == (
        "2026-03-28 00:00",
        "late" if expected else "met",
    )


def test_copies_of_other_terms() -> None:
    """An agreement that gives seven days."""
    story = licensed(copies_days=7)
    story.add("PersonalDataErased", "2026-02-25 12:00", ALL)
    copies_gone(story, "2026-03-05 09:00")
    (late,) = held(CHAPTER, story.events)
    assert said(late) == ("O-10.1", ("C1",), "2026-03-05 00:00")
    assert late.text.en == (
        "copies erased only 2026-03-05: data erased 2026-02-25, copies within 7 days, by 2026-03-04"
    )


@pytest.mark.parametrize(
    ("confirmed", "missing"),
    [(["S1", "S2"], None), (["S2"], "S1"), ([], "S1, S2"), (None, None)],
)
def test_every_subprocessor_confirms_where_that_is_recorded(
    confirmed: list[str] | None, missing: str | None
) -> None:
    """S3 was disengaged before; a record that says nothing about it is not judged (O-10.1)."""
    story = licensed()
    for subprocessor in ("S1", "S2", "S3"):
        data = {"subprocessor_id": subprocessor, "controller_ids": ["C1", "C2"], "countries": []}
        story.add("SubprocessorEngaged", "2024-02-01 09:00", data)
    ended = {"subprocessor_id": "S3", "controller_ids": ["C1"]}
    story.add("SubprocessorDisengaged", "2025-02-01 09:00", ended)
    story.add("PersonalDataErased", "2026-02-25 12:00", ALL)
    told = {} if confirmed is None else {"subprocessors_confirmed": confirmed}
    story.add("CopiesErased", "2026-02-26 12:00", C1 | told)
    texts = [f.text.en for f in held(CHAPTER, story.events)]
    assert texts == ([f"copies erased 2026-02-26, not confirmed by {missing}"] if missing else [])


@pytest.mark.parametrize(
    ("what", "ended", "text"),
    [
        ("data", "2026-02-20 09:00", "while data were held (until 2026-02-25)"),
        ("copies", "2026-02-25 13:00", "while copies were held (until 2026-03-05)"),
        (None, "2026-03-05 12:00", None),
    ],
)
def test_an_agreement_ends_only_when_nothing_is_held(
    what: str | None, ended: str, text: str | None
) -> None:
    """Neither data nor copies (R-3.2)."""
    story = licensed()
    story.add("PersonalDataErased", "2026-02-25 12:00", ALL)
    copies_gone(story, "2026-03-05 12:00")
    story.add("ProcessingAgreementEnded", ended, C1, recorded_at="2026-03-06 09:00")
    (finding,) = held(CHAPTER, story.events) if what else (None,)
    if finding:
        assert said(finding) == ("R-3.2", ("C1",), ended)
        assert finding.text.en == f"agreement ended {ended} {text}"
    else:
        assert rules(story) == []


def test_an_agreement_that_another_replaces_does_not_end_the_relation() -> None:
    """Data are held under the other; the end of that one is the end."""
    story = licensed(agreement_id="A-1")
    second = TERMS | {"agreement_id": "A-2", "effective_from": "2026-02-01"}
    story.add("ProcessingAgreementConcluded", "2026-02-01 09:00", second)
    story.add("ProcessingAgreementEnded", "2026-02-01 10:00", C1 | {"agreement_id": "A-1"})
    assert rules(story, "2026-02-02") == []
    story.add("ProcessingAgreementEnded", "2026-02-03 10:00", C1 | {"agreement_id": "A-2"})
    (finding,) = held(CHAPTER, story.events)
    assert finding.rule.id == "R-3.2"
    assert finding.text.en.endswith("while data were held (not erased yet)")


@pytest.mark.parametrize(("encrypted", "rule"), [(True, []), (False, ["R-10.2"])])
def test_data_are_returned_encrypted(encrypted: bool, rule: list[str]) -> None:
    """Whether by a link or on a carrier, and at the moment of sending (R-10.2)."""
    story = licensed()
    sent = C1 | {"return_id": "DR-1", "method": "carrier", "encrypted": encrypted}
    story.add("DataReturned", "2026-02-10 12:00", sent | {"sent_at": "2026-02-09"})
    assert [f.rule.id for f in held(CHAPTER, story.events)] == rule
    assert [civil(f.at) for f in held(CHAPTER, story.events)] == ["2026-02-09 00:00"] * len(rule)


def test_a_correction_counts_from_when_it_was_known() -> None:
    """Erased in time after all: found until it was corrected, with the old value shown (N7)."""
    story = licensed()
    erased = story.add("PersonalDataErased", "2026-03-10 12:00", ALL)
    copies_gone(story, "2026-03-10 12:00")
    story.correct(erased, "2026-03-20 09:00", "occurredat", "2026-02-10T12:00:00+01:00")
    before = held(CHAPTER, story.events, "2026-03-25", "2026-03-19")
    assert [said(f) for f in before] == [("R-4.3", ("C1",), "2026-03-10 12:00")]
    assert held(CHAPTER, story.events, "2026-03-25", "2026-03-20 09:00") == []


def test_a_retraction_counts_from_when_it_was_known() -> None:
    """An erasure that was told by mistake: nothing was erased, as known from then (N8)."""
    story = licensed()
    erased = story.add("PersonalDataErased", "2026-02-20 12:00", ALL)
    copies_gone(story, "2026-02-20 12:00")
    retracted = {"retracts_event_id": erased.id, "reason": "another customer"}
    story.add("EventRetracted", "2026-02-25 09:00", retracted)
    assert held(CHAPTER, story.events, "2026-03-25", "2026-02-24") == []
    now = held(CHAPTER, story.events, "2026-03-25", "2026-03-25")
    assert [said(f) for f in now] == [("R-4.3", ("C1",), "2026-03-01 00:00")]
