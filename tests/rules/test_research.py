"""Sharing with researchers: every data subject consented then, and the controller instructed it."""

from __future__ import annotations

from typing import Any

import pytest

from projections.rules.research import CHAPTER
from tests.recording import Recording
from tests.rules.judging import brief, found

SHARE: dict[str, Any] = {
    "share_id": "RS-1",
    "instruction_id": "I-1",
    "attestation_id": "RC-1",
    "controller_id": "C1",
    "recipient": "University",
    "country": "NL",
    "subject_tokens": ["s1", "s2", "s3"],
}
ATTESTED = {k: SHARE[k] for k in ("attestation_id", "controller_id", "recipient", "subject_tokens")}
INSTRUCTED = {"instruction_id": "I-1", "controller_id": "C1", "channel": "email"}


def story(*, instructed: dict[str, Any] | None = INSTRUCTED, **share: Any) -> Recording:
    """Three data subjects consent on 11 March at 09:00; they are shared on the 14th at 14:00."""
    made = Recording()
    if instructed:
        made.add("InstructionReceived", "2025-03-10 09:00", instructed)
    made.add("ResearchConsentAttested", "2025-03-11 09:00", ATTESTED)
    made.add("ResearchDataShared", "2025-03-14 14:00", {**SHARE, **share})
    return made


def withdraw(made: Recording, at: str, who: str = "s2") -> Recording:
    data = {"attestation_id": "RC-1", "controller_id": "C1", "subject_token": who}
    made.add("ResearchConsentWithdrawn", at, data)
    return made


def test_with_consent_and_instruction_nothing_is_found() -> None:
    """Also when fewer are shared than consented."""
    assert found(CHAPTER, story()) == []
    assert found(CHAPTER, story(subject_tokens=["s1"])) == []
    assert found(CHAPTER, story(subject_tokens=[])) == []


def test_a_data_subject_who_did_not_consent() -> None:
    """The text says how many of how many, and which tokens."""
    (finding,) = found(CHAPTER, story(subject_tokens=["s1", "s9", "s8"]))
    assert brief([finding]) == [("R-4.5", "C1", "2025-03-14 14:00")]
    assert finding.severity == "major"
    assert finding.text.en == (
        "RS-1, shared on 2025-03-14 14:00: 2 of 3 data subjects without valid consent (s8, s9)"
    )
    assert finding.text.nl == (
        "RS-1, gedeeld op 2025-03-14 14:00: 2 van 3 Betrokkenen zonder geldige toestemming (s8, s9)"
    )


@pytest.mark.parametrize(
    ("at", "expected"), [("2025-03-14 13:59", 1), ("2025-03-14 14:00", 1), ("2025-03-14 14:01", 0)]
)
def test_a_consent_that_was_withdrawn(at: str, expected: int) -> None:
    """Before the share or with it; what was shared before is not taken back."""
    made = withdraw(story(), at)
    assert len(found(CHAPTER, made)) == expected


def test_a_consent_that_came_later() -> None:
    """Attested after the share it covers none of it."""
    made = Recording()
    made.add("InstructionReceived", "2025-03-10 09:00", INSTRUCTED)
    made.add("ResearchDataShared", "2025-03-14 14:00", SHARE)
    made.add("ResearchConsentAttested", "2025-03-14 14:01", ATTESTED)
    assert "3 of 3" in found(CHAPTER, made)[0].text.en


def test_consent_for_another_recipient_is_none() -> None:
    """It is for one recipient."""
    assert len(found(CHAPTER, story(recipient="Institute"))) == 1


@pytest.mark.parametrize(
    "instructed",
    [None, {**INSTRUCTED, "instruction_id": "I-2"}, {**INSTRUCTED, "controller_id": "C2"}],
)
def test_without_an_instruction_of_this_controller(instructed: dict[str, Any] | None) -> None:
    """None at all, another one, or the one of another controller."""
    (finding,) = found(CHAPTER, story(instructed=instructed))
    assert finding.controllers == ("C1",)
    assert finding.text.en.endswith("instruction I-1 was not received from this controller by then")


def test_both_are_one_finding() -> None:
    """A share without instruction and with a data subject who did not consent."""
    (finding,) = found(CHAPTER, story(instructed=None, subject_tokens=["s1", "s9"]))
    assert "1 of 2 data subjects without valid consent (s9); instruction I-1" in finding.text.en


def test_many_data_subjects_are_counted() -> None:
    """Ten are named; a text of five thousand tokens is for nobody to read."""
    (finding,) = found(CHAPTER, story(subject_tokens=[f"t{n:04}" for n in range(5000)]))
    assert "5000 of 5000 data subjects" in finding.text.en
    assert finding.text.en.endswith("t0009 and 4990 others)")
    assert finding.text.nl.endswith("t0009 en 4990 andere)")


def test_a_finding_does_not_rest_on_what_came_later() -> None:
    """A withdrawal after the share is no reason for it."""
    made = withdraw(withdraw(story(), "2025-03-12 09:00"), "2025-04-01 09:00", "s3")
    (finding,) = found(CHAPTER, made)
    assert finding.events == (1, 2, 3, 4)
