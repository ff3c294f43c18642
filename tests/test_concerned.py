"""Whom an entry concerns: named, by what it amends, by the case it answers; and nobody else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ledger.cases import AMENDS, ANSWERS
from ledger.concerned import Concerned, reference
from ledger.events import EVENT_TYPES, latest
from ledger.tags import CASES, tags_of


class Story:
    """Events one after another, and whom each concerns."""

    def __init__(self) -> None:
        self.concerned = Concerned()
        self.tags: dict[str, tuple[str, ...]] = {}

    def add(self, id: str, name: str, **data: Any) -> tuple[str, ...]:
        """Whom the next event concerns."""
        tags = tags_of("s", id, name, data)
        about = reference(name, data)
        found = self.concerned.of(tags, about)
        self.concerned.add((*tags, *self.tags.get(about or "", ())), found)
        self.tags[f"event-id:{id}"] = self.tags[f"source-id:s {id}"] = tags
        return found


@pytest.fixture
def breach() -> Story:
    """A breach at C1 and C2, and something of C3."""
    story = Story()
    assert confirm(story) == ("C1", "C2")
    received = {"instruction_id": "I-1", "controller_id": "C3"}
    assert story.add("E2", "InstructionReceived", **received) == ("C3",)
    return story


def confirm(story: Story) -> tuple[str, ...]:
    return story.add("E1", "BreachConfirmed", breach_id="B-1", controller_ids=["C2", "C1"])


def test_what_names_nobody_concerns_nobody(breach: Story) -> None:
    """A certificate, a key, and the controllers a key may sign for."""
    assert breach.add("E3", "CertificateIssued", certificate_id="CERT-1") == ()
    assert breach.add("E4", "SigningKeyEnrolled", key_id="k", controller_ids=["C1"]) == ()
    assert breach.add("E5", "CertificateWithdrawn", certificate_id="CERT-1") == ()


@pytest.mark.parametrize("name", AMENDS)
@pytest.mark.parametrize("target", ["E1", "s E1"])
def test_an_amendment_concerns_whom_its_target_concerns(
    breach: Story, name: str, target: str
) -> None:
    """A correction, retraction or shredding, whichever way it names the event; and one of it."""
    assert breach.add("E3", name, **{AMENDS[name]: target}) == ("C1", "C2")
    assert breach.add("E4", "EventRetracted", retracts_event_id="E3") == ("C1", "C2")


def test_an_answer_to_a_case_concerns_whom_the_case_concerns(breach: Story) -> None:
    """An update reaches those who were not told of it, and those it adds from then on."""
    update = {"breach_id": "B-1", "delivered_to": ["C1"], "controllers_added": ["C4"]}
    assert breach.add("E3", "BreachUpdateIssued", update_no=1, **update) == ("C1", "C2", "C4")
    update = {"breach_id": "B-1", "delivered_to": []}
    assert breach.add("E4", "BreachUpdateIssued", update_no=2, **update) == ("C1", "C2", "C4")
    assert breach.add("E5", "BreachClosed", breach_id="B-1") == ("C1", "C2", "C4")
    assert breach.add("E6", "BreachClosed", breach_id="B-2") == ()


def test_an_answer_about_one_controller_concerns_that_one(breach: Story) -> None:
    """When C1 was told is no matter of C2."""
    assert breach.add("E3", "BreachNotified", breach_id="B-1", controller_id="C1") == ("C1",)
    verified = {"instruction_id": "I-1", "controller_id": "C3"}
    assert breach.add("E4", "InstructionVerified", **verified) == ("C3",)


def test_who_was_told_of_a_breach_is_concerned_by_it(breach: Story) -> None:
    """Also when the confirmation did not name it."""
    assert breach.add("E3", "BreachNotified", breach_id="B-1", controller_id="C5") == ("C5",)
    assert breach.add("E4", "BreachClosed", breach_id="B-1") == ("C1", "C2", "C5")


def test_a_correction_adds_whom_it_names_to_what_follows(breach: Story) -> None:
    """The correction concerns old and new; so does a retraction of the event, and its case."""
    change = {"field": "controller_ids", "new": ["C1", "C6"]}
    both = ("C1", "C2", "C6")
    correction = {"corrects_event_id": "E1", "field_changes": [change]}
    assert breach.add("E3", "EventCorrected", **correction) == both
    assert breach.add("E4", "BreachClosed", breach_id="B-1") == both
    assert breach.add("E5", "EventRetracted", retracts_event_id="E1") == both


def test_a_correction_into_another_case_counts_there(breach: Story) -> None:
    """Its controllers are concerned by what follows in the case that it moved the event to."""
    change = {"field": "breach_id", "new": "B-2"}
    correction = {"corrects_event_id": "E1", "field_changes": [change]}
    assert breach.add("E3", "EventCorrected", **correction) == ("C1", "C2")
    assert breach.add("E4", "BreachClosed", breach_id="B-2") == ("C1", "C2")


def test_what_comes_later_changes_nothing_before() -> None:
    """An event is numbered when it is recorded, for whom it concerns then."""
    story = Story()
    assert story.add("E1", "BreachContained", breach_id="B-1") == ()
    assert story.add("E2", "EventRetracted", retracts_event_id="E9") == ()
    assert story.add("E3", "BreachConfirmed", breach_id="B-1", controller_ids=["C1"]) == ("C1",)


@pytest.mark.parametrize("topic", EVENT_TYPES)
def test_every_answer_is_about_one_controller_or_about_its_case(topic: str) -> None:
    """No type is passed over: an answer that may lack a controller has a case to look in."""
    event_type = EVENT_TYPES[topic]
    data: Mapping[str, Any] = {"corrects_event_id": "E1", "breach_id": "B-1"}
    if event_type.name not in ANSWERS:
        assert (reference(event_type.name, data) is not None) == (event_type.name in AMENDS)
        return
    field = event_type.model.model_fields.get("controller_id")
    question, _ = ANSWERS[event_type.name]
    if field is None or not field.is_required():
        assert question in CASES
        assert question in latest(ANSWERS[event_type.name][1]).model.model_fields


@pytest.mark.parametrize(
    "data", [{}, {"corrects_event_id": 5}, {"breach_id": ["B-1"]}, {"breach_id": None}]
)
def test_nonsense_concerns_nobody(data: dict[str, Any]) -> None:
    """What was never checked neither fails nor finds anybody."""
    story = Story()
    for number, name in enumerate(("EventCorrected", "BreachClosed", "BreachUpdateIssued")):
        assert story.add(f"E{number}", name, **data) == ()
