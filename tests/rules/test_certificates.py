"""A valid certificate of each standard on every day since the processor was registered (11.2)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.rules.certificates import CHAPTER
from tests.recording import Recording
from tests.rules.judging import civil, held, standing

ISO, NEN = "ISO/IEC 27001:2022", "NEN 7510"
ALWAYS = ("2020-01-01", "2039-12-31")


def registered(at: str = "2024-09-02 09:00", *standards: str) -> Recording:
    """A processor, with a certificate of some standards that is valid always."""
    story = Recording()
    story.add("ProcessorRegistered", at, {"processor_id": "P", "legal_name": "P"})
    for standard in standards:
        issue(story, "2024-09-02 09:00", standard, standard, *ALWAYS)
    return story


def issue(story: Recording, at: str, id_: str, standard: str, first: str, last: str) -> None:
    valid = {"valid_from": first, "valid_until": last}
    story.add("CertificateIssued", at, {"certificate_id": id_, "standard": standard} | valid)


def gaps(story: Recording, as_of: str | None = None) -> list[tuple[str, str]]:
    return [(civil(f.at), f.text.en.partition(": ")[2]) for f in held(CHAPTER, story.events, as_of)]


def test_a_gap_is_found_from_its_first_day() -> None:
    """At the last minute of the day before; its length is told once it is known (R-11.2)."""
    story = registered("2024-09-02 09:00", ISO)
    issue(story, "2024-09-02 09:45", "NEN17", NEN, "2023-05-01", "2026-04-30")
    assert gaps(story, "2026-04-30 23:59:59") == []
    since = [("2026-04-30 23:59", "no valid certificate since 2026-05-01")]
    assert gaps(story, "2026-05-01 00:00") == gaps(story, "2026-05-10") == since
    issue(story, "2026-05-18 09:00", "NEN24", NEN, "2026-05-18", "2029-05-17")
    known = "no valid certificate for 17 days (2026-05-01 to 2026-05-17)"
    assert gaps(story, "2026-06-01") == [("2026-04-30 23:59", known)]
    (finding,) = held(CHAPTER, story.events, "2026-06-01")
    assert finding.text.nl == (
        "NEN 7510: 17 dagen geen geldig certificaat (2026-05-01 tot en met 2026-05-17)"
    )
    assert (finding.controllers, finding.events) == ((), (1, 3, 4))


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        ("2026-05-01", "2029-04-30", None),  # the next day
        ("2026-04-01", "2029-04-30", None),  # overlapping
        ("2026-05-02", "2029-04-30", "1 day"),
    ],
)
def test_certificates_that_join_leave_no_gap(first: str, last: str, days: str | None) -> None:
    """Whichever edition of the standard they are of."""
    story = registered("2024-09-02 09:00", ISO)
    issue(story, "2024-09-02 09:45", "NEN17", "NEN 7510:2017+A1:2020", "2023-05-01", "2026-04-30")
    issue(story, "2026-04-20 09:00", "NEN24", "NEN 7510-1:2024", first, last)
    found_days = [text.partition(" for ")[2][:5] for _, text in gaps(story, "2027-01-01")]
    assert found_days == ([days] if days else [])


def test_a_processor_without_any_certificate_is_found_when_its_first_day_has_passed() -> None:
    """For each standard, at the last minute of the day it was registered."""
    story = registered("2024-09-02 09:00")
    assert gaps(story, "2024-09-02 23:58") == []
    bare = [("2024-09-02 23:59", "no valid certificate since 2024-09-02")] * 2
    assert gaps(story, "2024-09-02 23:59") == gaps(story, "2025-01-01") == bare
    issue(story, "2024-09-05 09:00", "I", ISO, "2024-09-05", "2027-09-04")
    issue(story, "2024-09-05 09:00", "N", NEN, "2024-09-01", "2027-09-04")
    assert gaps(story) == [
        ("2024-09-02 23:59", "no valid certificate for 3 days (2024-09-02 to 2024-09-04)")
    ]


def test_days_before_the_processor_was_registered_do_not_count() -> None:
    """Nor is anything found while no processor is registered at all."""
    story = registered("2024-09-02 09:00", ISO)
    issue(story, "2024-09-02 09:45", "N1", NEN, "2020-01-01", "2022-12-31")
    issue(story, "2024-09-02 09:45", "N2", NEN, "2024-09-01", "2027-08-31")
    assert gaps(story, "2025-01-01") == []
    unknown = Recording()
    issue(unknown, "2024-09-02 09:45", "N1", NEN, "2020-01-01", "2022-12-31")
    assert gaps(unknown, "2025-01-01") == []


def test_a_withdrawn_certificate_counts_to_the_day_of_its_withdrawal() -> None:
    """From the next day on there is none."""
    story = registered("2024-09-02 09:00", ISO, NEN)
    story.add("CertificateWithdrawn", "2025-06-10 12:00", {"certificate_id": NEN})
    assert gaps(story, "2025-06-10 23:59") == []
    assert gaps(story, "2025-06-11") == [
        ("2025-06-10 23:59", "no valid certificate since 2025-06-11")
    ]


def test_a_certificate_of_another_standard_covers_nothing() -> None:
    """ISO 9001 and ISO/IEC 27701 are not asked for."""
    story = registered("2024-09-02 09:00", ISO)
    for standard in ("ISO 9001:2015", "ISO/IEC 27701:2025"):
        issue(story, "2024-09-02 10:00", standard, standard, *ALWAYS)
    assert [f.subject for f in held(CHAPTER, story.events, "2025-01-01")] == ["NEN 7510"]


@pytest.mark.parametrize(
    ("issued", "first", "state"),
    [
        (None, None, "running"),
        ("2026-02-01 09:00", "2026-05-01", "met"),
        ("2026-05-03 09:00", "2026-05-01", "met"),  # told late, but it goes on
        ("2026-05-18 09:00", "2026-05-18", "late"),
    ],
)
def test_each_certificate_is_a_clock_until_another_goes_on(
    issued: str | None, first: str | None, state: str
) -> None:
    """Due at the end of its last day."""
    story = registered("2024-09-02 09:00", ISO)
    issue(story, "2024-09-02 09:45", "NEN17", NEN, "2023-05-01", "2026-04-30")
    if issued and first:
        issue(story, issued, "NEN24", NEN, first, "2029-05-17")
    of_each = {c.subject: c for c in standing(CHAPTER, story.events)}
    clock = of_each["NEN 7510 NEN17"]
    assert (civil(clock.due_at), clock.state) == ("2026-05-01 00:00", state)
    assert of_each[f"ISO/IEC 27001 {ISO}"].state == "running"


def test_a_certificate_that_nothing_goes_on_is_late_when_it_has_ended() -> None:
    """It stays on the list of what is to be done."""
    story = registered("2024-09-02 09:00", ISO)
    issue(story, "2024-09-02 09:45", "NEN17", NEN, "2023-05-01", "2026-04-30")
    states = [
        next(c for c in standing(CHAPTER, story.events, at) if "NEN17" in c.subject)
        for at in ("2026-04-30 23:59:59", "2026-05-01 00:00")
    ]
    assert [(c.state, c.open) for c in states] == [("running", True), ("late", True)]


BEGIN = date(2025, 1, 1)
STRETCHES = st.lists(st.tuples(st.integers(-20, 40), st.integers(0, 15)), max_size=5)


@given(STRETCHES)
@settings(max_examples=80)
def test_every_bare_day_is_in_one_finding(drawn: list[tuple[int, int]]) -> None:
    """Compared with a look at each single day, for sixty days from the registration."""
    story = registered("2025-01-01 09:00", ISO)
    covered: set[date] = set()
    for number, (begin, length) in enumerate(drawn):
        first, last = BEGIN + timedelta(days=begin), BEGIN + timedelta(days=begin + length)
        issue(story, "2025-01-01 10:00", f"N{number}", NEN, str(first), str(last))
        covered |= {first + timedelta(days=n) for n in range(length + 1)}
    horizon = [BEGIN + timedelta(days=n) for n in range(60)]
    bare = [day for day in horizon if day not in covered]
    told: list[date] = []
    for finding in held(CHAPTER, story.events, f"{horizon[-1]} 12:00"):
        words = finding.text.en
        if " since " in words:
            first, last = date.fromisoformat(words[-10:]), horizon[-1]
        else:
            first, last = (date.fromisoformat(d) for d in words[-25:-1].split(" to "))
        told += [first + timedelta(days=n) for n in range((last - first).days + 1)]
        before = {day for day in covered if day < first}
        at = max(before) if before else BEGIN
        assert civil(finding.at) == f"{at} 23:59"
    assert sorted(told) == bare
