"""Nobody has access to personal data without being bound to secrecy (6.2)."""

from __future__ import annotations

import pytest

from projections.rules.people import CHAPTER
from tests.recording import Recording, rows_of
from tests.rules.judging import held, said

PERSON = {"person_pseudonym": "D"}


def access(story: Recording, at: str, **fields: str) -> None:
    story.add("DataAccessAuthorised", at, PERSON | fields)


def sign(story: Recording, at: str, **fields: str) -> None:
    story.add("ConfidentialityUndertakingSigned", at, PERSON | fields)


@pytest.mark.parametrize(
    ("signed", "early"),
    [("2024-11-01 08:59:59", False), ("2024-11-01 09:00", False), ("2024-11-01 09:00:01", True)],
)
def test_an_undertaking_is_signed_before_access_is_given(signed: str, early: bool) -> None:
    """At the same instant is in time; each authorisation before it is a finding (R-6.2)."""
    story = Recording()
    access(story, "2024-11-01 09:00")
    sign(story, signed)
    access(story, "2024-12-01 09:00")
    expected = [("R-6.2", (), "2024-11-01 09:00")] if early else []
    assert [said(f) for f in held(CHAPTER, story.events)] == expected


def test_access_without_any_undertaking_is_found_at_once() -> None:
    """Also when it was revoked; the text says when it was signed in the end."""
    story = Recording()
    access(story, "2024-11-01 09:00")
    story.add("DataAccessRevoked", "2024-11-02 09:00", PERSON)
    access(story, "2024-11-03 09:00", authorised_at="2024-11-04")
    findings = held(CHAPTER, story.events, "2024-11-05")
    assert [said(f)[2] for f in findings] == ["2024-11-01 09:00", "2024-11-04 00:00"]
    assert {f.text.nl.partition("(")[2] for f in findings} == {"niet getekend)"}
    sign(story, "2024-11-15 10:00")
    (first, _) = held(CHAPTER, story.events)
    assert first.text.en == (
        "D had access from 2024-11-01 without an undertaking (signed 2024-11-15)"
    )
    assert first.events == (1, 4)


def test_it_concerns_every_controller_and_names_none() -> None:
    """Whoever may read of one controller may read of it."""
    story = Recording()
    access(story, "2024-11-01 09:00")
    (row,) = rows_of(CHAPTER.register(), story.events).values()
    assert (row.controllers, row.values["controller"]) == ((), None)


def test_an_undertaking_of_another_person_counts_for_nothing() -> None:
    """Each is bound by its own."""
    story = Recording()
    story.add("ConfidentialityUndertakingSigned", "2024-10-01 09:00", {"person_pseudonym": "E"})
    access(story, "2024-11-01 09:00")
    assert len(held(CHAPTER, story.events)) == 1


def test_a_signature_recorded_late_counts_from_when_it_was_known() -> None:
    """Signed in October, recorded in December: found until then, and not since."""
    story = Recording()
    access(story, "2024-11-01 09:00")
    story.add(
        "ConfidentialityUndertakingSigned",
        "2024-10-15 09:00",
        PERSON,
        recorded_at="2024-12-01 09:00",
    )
    assert len(held(CHAPTER, story.events, "2024-12-31", "2024-11-30")) == 1
    assert held(CHAPTER, story.events, "2024-12-31", "2024-12-01 09:00") == []
