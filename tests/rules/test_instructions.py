"""Instructions: in writing, within their scope, and no infringement that was not told."""

from __future__ import annotations

from typing import Any

import pytest

from projections.rules.instructions import CHAPTER
from tests.recording import Recording
from tests.rules.judging import brief, found

I1 = {"instruction_id": "I-1", "controller_id": "C1"}
EXECUTED = ("InstructionExecuted", "09:30", {})
VERIFIED = ("InstructionVerified", "09:10", {})
ASSESSED = ("InstructionAssessed", "09:15", {"opinion": "infringing"})
TOLD = ("InfringementConcernNotified", "09:20", {})

Step = tuple[str, str, dict[str, Any]]


def story(*steps: Step, **message: Any) -> Recording:
    """An instruction of 3 March at 09:00, by e-mail unless told otherwise, and its steps."""
    made = Recording()
    received = ("InstructionReceived", "09:00", {"channel": "email", **message})
    for type_, at, data in sorted([received, *steps], key=lambda step: step[1]):
        moment = at if len(at) > 5 else f"2025-03-03 {at}"
        made.add(type_, moment, {**I1, **data})
    return made


def rules(*steps: Step, **message: Any) -> list[str]:
    """The rules that the steps break."""
    return [finding.rule.id for finding in found(CHAPTER, story(*steps, **message))]


def text(*steps: Step, **message: Any) -> str:
    (finding,) = found(CHAPTER, story(*steps, **message))
    return finding.text.en


def test_a_verified_instruction_is_carried_out() -> None:
    """By any channel that leaves something written."""
    for channel in ("email", "fax", "licence_grant", "portal", "letter"):
        assert rules(VERIFIED, EXECUTED, channel=channel) == []


def test_an_instruction_that_is_not_carried_out_breaks_nothing() -> None:
    """Neither by phone, nor unverified, nor unlawful."""
    assert rules(channel="phone") == []
    assert rules(ASSESSED, kind="patient_contact_change") == []


def test_executed_without_verification() -> None:
    """The text says what was not established."""
    (finding,) = found(CHAPTER, story(EXECUTED))
    assert brief([finding]) == [("R-4.1w", "C1", "2025-03-03 09:30")]
    assert finding.text.en == (
        "I-1 executed on 2025-03-03 09:30, while the sender's identity and the message's integrity"
        " were not established"
    )
    assert finding.text.nl.startswith("I-1 uitgevoerd op 2025-03-03 09:30, terwijl identiteit")


@pytest.mark.parametrize(
    ("verified", "missing"),
    [
        ({"sender_identity_established": False}, "sender's identity was not"),
        ({"integrity_established": False}, "message's integrity was not"),
        ({"sender_identity_established": False, "integrity_established": False}, "integrity were"),
    ],
)
def test_a_verification_may_fail(verified: dict[str, Any], missing: str) -> None:
    """One of the two is not enough; what a verification is silent about was established."""
    assert missing in text(("InstructionVerified", "09:10", verified), EXECUTED)


@pytest.mark.parametrize("said", [{"method": "call-back"}, "call-back", True])
def test_what_was_established_may_be_told_in_any_way(said: Any) -> None:
    """An object, a text or true."""
    step = ("InstructionVerified", "09:10", {"sender_identity_established": said})
    assert rules(step, EXECUTED) == []


def test_one_good_verification_is_enough() -> None:
    """Whatever another one failed to establish, before it or after."""
    failed = {"integrity_established": False}
    for at in ("09:05", "09:20"):
        assert rules(VERIFIED, ("InstructionVerified", at, failed), EXECUTED) == []


@pytest.mark.parametrize(("at", "expected"), [("09:30", []), ("09:31", ["R-4.1w"])])
def test_the_moment_of_the_execution_is_still_in_time(at: str, expected: list[str]) -> None:
    """Verified with it is verified; a minute later is not."""
    assert rules(EXECUTED, ("InstructionVerified", at, {})) == expected


def test_the_telephone_leaves_nothing_written() -> None:
    """However it was verified; sent again by e-mail before the execution it is in writing."""
    assert "leaves nothing written (phone)" in text(VERIFIED, EXECUTED, channel="phone")
    again = ("InstructionReceived", "09:25", {"channel": "email"})
    assert rules(VERIFIED, EXECUTED, again, channel="phone") == []
    later = ("InstructionReceived", "09:35", {"channel": "email"})
    assert rules(VERIFIED, EXECUTED, later, channel="phone") == ["R-4.1w"]


def test_when_it_was_executed_is_what_the_event_says() -> None:
    """Recorded in the afternoon, executed before the verification."""
    late = ("InstructionExecuted", "16:00", {"executed_at": "2025-03-03T09:05:00+01:00"})
    assert brief(found(CHAPTER, story(VERIFIED, late))) == [("R-4.1w", "C1", "2025-03-03 09:05")]


def test_each_execution_is_judged() -> None:
    """Once before and once after the verification."""
    early = ("InstructionExecuted", "09:05", {})
    made = story(early, VERIFIED, EXECUTED)
    assert brief(found(CHAPTER, made)) == [("R-4.1w", "C1", "2025-03-03 09:05")]


CLOSING: dict[str, Step] = {
    "rejected": ("InstructionRejected", "09:12", {"ground": "out_of_scope"}),
    "withdrawn": ("InstructionWithdrawn", "09:12", {}),
    "refused": ("ResearchSharingRefused", "09:12", {"reason": "x"}),
    "suspended": ("InstructionSuspended", "09:12", {}),
}


@pytest.mark.parametrize("word", CLOSING)
def test_what_was_stopped_is_not_to_be_executed(word: str) -> None:
    """Unless it was confirmed since, before the execution."""
    step = CLOSING[word]
    assert text(VERIFIED, step, EXECUTED) == (
        f"I-1 executed on 2025-03-03 09:30, {word} on 2025-03-03 09:12"
    )
    assert rules(VERIFIED, step, EXECUTED) == ["R-4.1s"]
    assert rules(VERIFIED, step, ("InstructionConfirmed", "09:30", {}), EXECUTED) == []
    assert rules(VERIFIED, step, ("InstructionConfirmed", "09:31", {}), EXECUTED) == ["R-4.1s"]
    assert rules(VERIFIED, ("InstructionConfirmed", "09:11", {}), step, EXECUTED) == ["R-4.1s"]


@pytest.mark.parametrize("word", CLOSING)
def test_what_is_stopped_afterwards_was_fine(word: str) -> None:
    """A withdrawal undoes nothing that was done; at the same moment it counts."""
    type_, _, data = CLOSING[word]
    assert rules(VERIFIED, EXECUTED, (type_, "09:31", data)) == []
    assert rules(VERIFIED, EXECUTED, (type_, "09:30", data)) == ["R-4.1s"]


def test_a_new_message_opens_what_was_rejected_but_lifts_no_suspension() -> None:
    """Rejected by phone, it may be sent by e-mail; what is suspended waits for a confirmation."""
    again = ("InstructionReceived", "09:20", {"channel": "email"})
    verified = ("InstructionVerified", "09:25", {})
    assert rules(CLOSING["rejected"], again, verified, EXECUTED, channel="phone") == []
    assert rules(CLOSING["suspended"], again, verified, EXECUTED) == ["R-4.1s"]


def amended(activity: str, **fields: Any) -> Step:
    data = {"activity_id": activity, "controller_id": "C1", **fields}
    return "ProcessingActivityAmended", "09:40", data


def test_an_activity_that_the_instruction_does_not_name() -> None:
    """It is outside its scope; one that is named, or any when none is named, is within it."""
    made = story(VERIFIED, EXECUTED, amended("PA-2"), activity_ids=["PA-1"])
    (finding,) = found(CHAPTER, made)
    assert brief([finding]) == [("R-4.1s", "C1", "2025-03-03 09:40")]
    assert finding.text.en == ("PA-2 amended on 2025-03-03 09:40 under I-1, which is about PA-1")
    assert rules(VERIFIED, EXECUTED, amended("PA-1"), activity_ids=["PA-1"]) == []
    assert rules(VERIFIED, EXECUTED, amended("PA-2")) == []
    assert rules(VERIFIED, EXECUTED, amended("PA-2"), activity_ids=[]) == []


def test_the_amendment_is_that_of_the_controller_it_names() -> None:
    """Amended for another controller under this instruction: not the scope of this one."""
    made = story(VERIFIED, amended("PA-2"), activity_ids=["PA-1"])
    received = {**I1, "controller_id": "C2", "channel": "email", "activity_ids": ["PA-2"]}
    made.add("InstructionReceived", "2025-03-03 10:00", received)
    assert brief(found(CHAPTER, made)) == [("R-4.1s", "C1", "2025-03-03 09:40")]


def test_contact_data_of_patients() -> None:
    """Changed on instruction: out of the scope of the service; other kinds are not."""
    (finding,) = found(CHAPTER, story(VERIFIED, EXECUTED, kind="patient_contact_change"))
    assert (finding.rule.id, finding.severity) == ("R-4.4", "minor")
    assert rules(VERIFIED, EXECUTED, kind="research_sharing") == []


def test_executed_before_the_controller_was_told() -> None:
    """And told a minute later, which does not help."""
    (finding,) = found(CHAPTER, story(VERIFIED, ASSESSED, EXECUTED))
    assert (finding.rule.id, finding.severity) == ("R-4.6", "major")
    assert finding.text.en.endswith(
        "judged infringing on 2025-03-03 09:15, before the controller was told"
    )
    later = ("InfringementConcernNotified", "09:31", {})
    assert rules(VERIFIED, ASSESSED, EXECUTED, later) == ["R-4.6"]


def test_executed_after_the_controller_was_told() -> None:
    """An observation: the text says whether the controller confirmed."""
    assert rules(VERIFIED, ASSESSED, TOLD, EXECUTED) == ["O-4.6"]
    assert "after notice on 2025-03-03 09:20 and without confirmation" in text(
        VERIFIED, ASSESSED, TOLD, EXECUTED
    )
    confirmed = ("InstructionConfirmed", "09:25", {})
    assert "and confirmation on 2025-03-03 09:25; the concern of 2025-03-03 09:15 stands" in text(
        VERIFIED, ASSESSED, TOLD, confirmed, EXECUTED
    )
    at_once = ("InfringementConcernNotified", "09:30", {})
    assert rules(VERIFIED, ASSESSED, at_once, EXECUTED) == ["O-4.6"]


def test_the_notice_is_when_it_was_given() -> None:
    """Entered after the execution, given before it."""
    entered = {"notified_at": "2025-03-03T09:20:00+01:00"}
    assert rules(
        VERIFIED, ASSESSED, EXECUTED, ("InfringementConcernNotified", "11:00", entered)
    ) == ["O-4.6"]


@pytest.mark.parametrize(
    ("last", "at", "expected"),
    [
        ("lawful", "09:20", []),
        ("unclear", "09:20", []),
        ("lawful", "09:31", ["R-4.6"]),
        ("infringing", "09:30", ["R-4.6"]),
    ],
)
def test_the_last_assessment_before_the_execution_counts(
    last: str, at: str, expected: list[str]
) -> None:
    """Reassessed in time it is lawful; found infringing afterwards it was not then."""
    step = ("InstructionAssessed", at, {"opinion": last})
    assert rules(VERIFIED, ASSESSED, step, EXECUTED) == expected


def test_found_infringing_after_the_execution_is_no_finding() -> None:
    """The opinion came too late to stop it."""
    late = ("InstructionAssessed", "09:31", {"opinion": "infringing"})
    assert rules(VERIFIED, EXECUTED, late) == []


def test_an_instruction_can_break_several_rules() -> None:
    """Each is its own finding of the same moment."""
    steps = (ASSESSED, CLOSING["suspended"], EXECUTED)
    assert rules(*steps, kind="patient_contact_change", channel="phone") == [
        "R-4.1s",
        "R-4.1w",
        "R-4.4",
        "R-4.6",
    ]


def test_the_same_id_of_another_controller_is_another_instruction() -> None:
    """What C2 verified does not verify what C1 is said to have sent."""
    made = story(EXECUTED)
    made.add("InstructionReceived", "2025-03-03 08:00", {**I1, "controller_id": "C2"})
    made.add("InstructionVerified", "2025-03-03 08:10", {**I1, "controller_id": "C2"})
    assert brief(found(CHAPTER, made)) == [("R-4.1w", "C1", "2025-03-03 09:30")]


def test_a_retracted_execution_is_none() -> None:
    """Known until it was retracted."""
    made = story(EXECUTED)
    assert len(found(CHAPTER, made)) == 1
    made.add("EventRetracted", "2025-03-04 09:00", {"retracts_event_id": "E2", "reason": "x"})
    assert found(CHAPTER, made) == []
