"""The instruction register: what is in writing, which state an instruction is in, what was done."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.facts import effective
from projections.registers.instructions import CLOSED, REGISTER, STATES, state
from tests.recording import Recording, rows_of, scenario

BASE = {"instruction_id": "I", "controller_id": "C1"}
STEPS = {
    "r": "InstructionReceived",
    "v": "InstructionVerified",
    "a": "InstructionAssessed",
    "n": "InfringementConcernNotified",
    "s": "InstructionSuspended",
    "c": "InstructionConfirmed",
    "x": "InstructionExecuted",
    "j": "InstructionRejected",
    "w": "InstructionWithdrawn",
    "f": "ResearchSharingRefused",
}


def story_of(steps: str, **fields: Any) -> Recording:
    story = Recording()
    for minute, step in enumerate(steps):
        story.add(STEPS[step], f"2025-01-01 09:{minute:02}", {**BASE, "channel": "email", **fields})
    return story


def state_of(steps: str) -> str | None:
    return state(effective(story_of(steps).events))


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("r", "received"),
        ("rv", "verified"),
        ("rva", "assessed"),
        ("rvan", "assessed"),
        ("rvans", "suspended"),
        ("rvansc", "confirmed"),
        ("rvanscx", "executed"),
        ("rvax", "executed"),
        ("rvaxn", "executed"),
        ("rvaxw", "executed"),
        ("rj", "rejected"),
        ("rja", "rejected"),
        ("rjr", "received"),
        ("rjrv", "verified"),
        ("rvansw", "withdrawn"),
        ("rvanswc", "confirmed"),
        ("rwx", "executed"),
        ("rvf", "refused"),
        ("x", "executed"),
        ("xr", "executed"),
        ("n", None),
    ],
)
def test_the_state_after_the_steps(steps: str, expected: str | None) -> None:
    """What was executed stays so; what was closed opens by a message or a confirmation alone."""
    assert state_of(steps) == expected


@given(st.text("".join(STEPS), max_size=10))
def test_an_executed_instruction_is_executed_in_any_order(steps: str) -> None:
    """And any other state is one that a step of the instruction led to."""
    found = state_of(steps)
    assert (found == "executed") == ("x" in steps)
    assert found in {None, *(STATES.get(STEPS[step]) for step in steps)}
    assert found not in CLOSED or set(steps) & set("jwf")


@pytest.mark.parametrize(
    ("channel", "fields", "written"),
    [
        ("email", {}, True),
        ("fax", {"integrity_established": {"method": "call-back"}}, True),
        ("licence_grant", {}, True),
        ("phone", {}, False),
        ("email", {"sender_identity_established": False}, False),
        ("email", {"integrity_established": False}, False),
    ],
)
def test_in_writing_is_a_channel_an_identity_and_an_integrity(
    channel: str, fields: dict[str, Any], written: bool
) -> None:
    """The telephone never is; nor is mail of which either was not established."""
    story = story_of("rv", **{"channel": channel, **fields})
    assert story.row(REGISTER, "instruction:I:C1").values["in_writing"] is written


def test_without_a_verification_nothing_is_established() -> None:
    """Received by mail and executed: not in writing, and not verified before."""
    values = story_of("rax").row(REGISTER, "instruction:I:C1").values
    assert (values["identity_established"], values["integrity_established"]) == (False, False)
    assert (values["in_writing"], values["verified_before_execution"]) == (False, False)
    late = story_of("raxv").row(REGISTER, "instruction:I:C1").values
    assert (late["in_writing"], late["verified_before_execution"]) == (True, False)


def test_how_identity_and_integrity_were_established_is_shown() -> None:
    """As text or as an object with the method."""
    how = {"sender_identity_established": "known key", "integrity_established": {"method": "DKIM"}}
    values = story_of("rv", **how).row(REGISTER, "instruction:I:C1").values
    assert (values["identity_method"], values["integrity_method"]) == ("known key", "DKIM")


@pytest.mark.parametrize(
    ("steps", "opinion", "told"),
    [
        ("ranx", "infringing", True),
        ("raxn", "infringing", False),
        ("rax", "infringing", False),
        ("rax", "lawful", None),
        ("ra", "infringing", None),
    ],
)
def test_told_of_the_concern_before_the_execution(
    steps: str, opinion: str, told: bool | None
) -> None:
    """Asked only of what was judged infringing and executed all the same."""
    values = story_of(steps, opinion=opinion).row(REGISTER, "instruction:I:C1").values
    assert values["told_before_execution"] is told


def test_what_was_done_under_an_instruction_is_shown() -> None:
    """For the controller whose data it was; an act without a controller is for all."""
    story = story_of("rvax")
    shared = {"instruction_id": "I", "controller_id": "C1", "share_id": "RS"}
    story.add("ResearchDataShared", "2025-01-02 09:00", shared)
    other = {"instruction_id": "I", "controller_ids": ["C2"], "disclosure_id": "PD"}
    story.add("PersonalDataDisclosed", "2025-01-02 10:00", other)
    amended = {"instruction_id": "I", "activity_id": "PA", "changes": "wording"}
    story.add("ProcessingActivityAmended", "2025-01-02 11:00", amended)
    acts = story.row(REGISTER, "instruction:I:C1").values["acts"]
    assert [(act["type"], act["id"]) for act in acts] == [
        ("ResearchDataShared", "RS"),
        ("ProcessingActivityAmended", "PA"),
    ]


def test_an_instruction_named_for_two_controllers_is_two_rows() -> None:
    """A mistake in one event must not show one controller what another said."""
    story = story_of("r")
    story.add(STEPS["j"], "2025-01-02 09:00", {**BASE, "controller_id": "C2", "ground": "other"})
    rows = rows_of(REGISTER, story.events)
    assert {k: r.values["state"] for k, r in rows.items()} == {
        "instruction:I:C1": "received",
        "instruction:I:C2": "rejected",
    }


def test_the_retracted_instruction_is_visible_until_then() -> None:
    """I-012 was booked on C1 for a day; known later, it never was."""
    before = rows_of(REGISTER, scenario(), "2025-10-14 12:00", "2025-10-14 12:00")
    assert "instruction:I-012:C1" in before
    assert "instruction:I-012:C1" not in rows_of(REGISTER, scenario(), "2025-10-14 12:00")
    assert len(rows_of(REGISTER, scenario())) == 12
