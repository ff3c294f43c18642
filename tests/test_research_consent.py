"""Consent to research: whose data may be shared with whom, at the moment of sharing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.facts import Fact, effective
from projections.research_consent import (
    ATTESTED,
    SHARED,
    WITHDRAWN,
    consenting,
    subject_count,
    without_consent,
)
from tests.recording import Recording, scenario

SCOPE = {"attestation_id": "RC-1", "controller_id": "C3"}


def add(story: Recording, minute: int, kind: str, tokens: list[str], **fields: Any) -> None:
    at = f"2025-03-11 10:{minute:02}"
    if kind == WITHDRAWN:
        for token in tokens:
            story.add(kind, at, {**SCOPE, "subject_token": token, **fields})
    else:
        story.add(kind, at, {**SCOPE, "subject_tokens": tokens, "recipient": "UMC", **fields})


def outside(story: Recording) -> list[str]:
    """The tokens without consent of the last share."""
    facts = effective(story.events)
    return without_consent(facts, [f for f in facts if f.type == SHARED][-1])


def test_a_withdrawal_counts_from_its_moment() -> None:
    """Shared a minute before it was covered, at the same moment it is not."""
    for minute, expected in ((4, []), (5, ["s2"])):
        story = Recording()
        add(story, 0, ATTESTED, ["s1", "s2"])
        add(story, 5, WITHDRAWN, ["s2"])
        add(story, minute, SHARED, ["s1", "s2"])
        assert outside(story) == expected


def test_a_consent_that_the_controller_did_not_ask_for_is_none() -> None:
    """Only patients whom the controller approached itself may be shared (4.5); the last
    attestation of each says whether it did."""
    story = Recording()
    add(story, 0, ATTESTED, ["s1", "s2"], approached_by_controller=True)
    add(story, 1, ATTESTED, ["s2", "s3", "s4"], approached_by_controller=False)
    add(story, 2, ATTESTED, ["s4"])
    add(story, 3, SHARED, ["s1", "s2", "s3", "s4"])
    assert outside(story) == ["s2", "s3"]


def test_consent_attested_again_holds_again() -> None:
    """And an attestation afterwards covers nothing that was shared before."""
    story = Recording()
    add(story, 0, ATTESTED, ["s1"])
    add(story, 1, WITHDRAWN, ["s1"])
    add(story, 2, ATTESTED, ["s1", "s2"])
    add(story, 3, SHARED, ["s1", "s2", "s3"])
    add(story, 4, ATTESTED, ["s3"])
    assert outside(story) == ["s3"]


@pytest.mark.parametrize(
    "other",
    [{"recipient": "Elsewhere"}, {"attestation_id": "RC-2"}, {"controller_id": "C4"}],
)
def test_consent_covers_one_recipient_one_attestation_one_controller(other: dict[str, str]) -> None:
    """A share that differs in any of these is covered by none of it."""
    story = Recording()
    add(story, 0, ATTESTED, ["s1"])
    add(story, 1, SHARED, ["s1"], **other)
    assert outside(story) == ["s1"]


def test_a_data_subject_is_counted_once() -> None:
    """Tokens go before a number; the number stands where there are no tokens."""
    story = Recording()
    add(story, 0, ATTESTED, ["s1", "s2"], subject_count=9)
    add(story, 1, ATTESTED, ["s2", "s3"])
    add(story, 2, ATTESTED, [], subject_count=9)
    one, two, three = effective(story.events)
    assert (subject_count(one), subject_count(one, two), subject_count(three)) == (2, 3, 9)


TOKENS = st.sampled_from(["s1", "s2", "s3"])
STEPS = st.lists(st.tuples(st.sampled_from([ATTESTED, WITHDRAWN]), TOKENS), max_size=20)


@given(STEPS)
def test_the_last_word_on_a_data_subject_decides(steps: list[tuple[str, str]]) -> None:
    """Who consents is whoever's last step was a consent."""
    story = Recording()
    for minute, (kind, token) in enumerate(steps):
        add(story, minute, kind, [token])
    add(story, 59, SHARED, ["s1", "s2", "s3"])
    share: Fact = effective(story.events)[-1]
    last = {token: kind for kind, token in steps}
    expected = {token for token, kind in last.items() if kind == ATTESTED}
    assert consenting(effective(story.events), share, share.occurred_at) == expected


def test_the_second_batch_of_the_scenario_held_one_withdrawn() -> None:
    """RS-1: 40 and none without consent; RS-2: 41, of whom s07 had withdrawn a week before."""
    facts = effective(scenario())
    shares = [fact for fact in facts if fact.type == SHARED]
    found = [(subject_count(share), without_consent(facts, share)) for share in shares]
    assert found == [(40, []), (41, ["s07"])]
