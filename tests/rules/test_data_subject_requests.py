"""Requests of data subjects: referred or forwarded in time, counted in days."""

from __future__ import annotations

from typing import Any

import pytest

from projections.rules.data_subject_requests import CHAPTER
from tests.recording import Recording, local
from tests.rules.judging import brief, clocks, found

REQUEST = {"request_id": "R-1", "controller_id": "C1"}
START = "2025-03-05 09:00"


def story(
    answered: str | None = None, type_: str = "DataSubjectReferred", **more: Any
) -> Recording:
    """A request of 5 March at 09:00, and its answer."""
    made = Recording()
    made.add("DataSubjectRequestReceived", START, {**REQUEST, "right": "erasure"})
    if answered:
        made.add(type_, answered, {**REQUEST, **more})
    return made


@pytest.mark.parametrize("type_", ["DataSubjectReferred", "DataSubjectRequestForwarded"])
@pytest.mark.parametrize(
    ("answered", "count"),
    [
        ("2025-03-05 09:10", 0),
        ("2025-03-10 23:59:59", 0),
        ("2025-03-11 00:00:00", 1),
        ("2025-03-19 10:00", 1),
    ],
)
def test_five_days_after_the_request_end_at_24_hours(type_: str, answered: str, count: int) -> None:
    """Either answer stops the clock; the day of the request does not count, 24:00 is too late."""
    made = story(answered, type_)
    assert brief(found(CHAPTER, made)) == [("R-8.1", "C1", START)] * count
    refer = next(clock for clock in clocks(CHAPTER, made) if clock.rule.id == "R-8.1")
    assert refer.state == ("late" if count else "met")
    assert refer.due_at == local("2025-03-11 00:00")


def test_an_unanswered_request_is_found_when_the_term_has_passed() -> None:
    """About the moment of the request, told from the due moment on."""
    made = story()
    assert found(CHAPTER, made, at="2025-03-10 23:59:59") == []
    (finding,) = found(CHAPTER, made, at="2025-03-11 00:00")
    assert brief([finding]) == [("R-8.1", "C1", START)]
    assert (finding.severity, finding.holds_from) == ("minor", local("2025-03-11 00:00"))
    assert finding.text.en == "R-1 not referred or forwarded before 2025-03-11 00:00"
    assert finding.text.nl == "R-1 niet doorverwezen of doorgestuurd voor 2025-03-11 00:00"


def test_the_text_says_how_late_it_was() -> None:
    """In days."""
    (finding,) = found(CHAPTER, story("2025-03-19 10:00"))
    assert finding.text.en == "R-1 referred or forwarded only after 14 days"
    assert finding.text.nl == "R-1 pas na 14 dagen doorverwezen of doorgestuurd"
    assert finding.events == (1, 2)


def test_the_first_answer_counts_by_what_it_says() -> None:
    """Entered weeks later, given in time."""
    at = {"referred_at": "2025-03-06T09:00:00+01:00"}
    assert found(CHAPTER, story("2025-03-20 09:00", **at)) == []


def test_the_days_are_those_of_the_terms_at_the_request() -> None:
    """Two days agreed before it count; agreed after it they do not; another's never."""
    for controller, agreed, count in (
        ("C1", "2025-03-01 09:00", 1),
        ("C1", "2025-03-06 09:00", 0),
        ("C2", "2025-03-01 09:00", 0),
    ):
        made = story("2025-03-09 09:00")
        terms = {"controller_id": controller, "version": "2", "dsr_forward_days": 2}
        made.add("ProcessingAgreementAmended", agreed, terms)
        assert len(found(CHAPTER, made)) == count, (controller, agreed)


def test_the_month_of_the_controller_is_a_window() -> None:
    """Whether it answered is its own matter: the month ends, and nothing is late."""
    made = story("2025-03-05 09:10")
    for at, state in (("2025-04-05 23:59:59", "running"), ("2025-04-06 00:00", "ended")):
        (month,) = (c for c in clocks(CHAPTER, made, at=at) if c.rule.id == "C-12.3")
        assert (month.state, month.due_at) == (state, local("2025-04-06 00:00"))


def test_a_month_is_clamped_to_the_end_of_february() -> None:
    """Received on 31 January, the month ends with 28 February."""
    made = Recording()
    made.add("DataSubjectRequestReceived", "2025-01-31 09:00", REQUEST)
    assert clocks(CHAPTER, made)[-1].due_at == local("2025-03-01 00:00")


def test_each_controller_has_its_own_request() -> None:
    """The same id at two controllers: the answer to one is not the answer to the other."""
    made = story("2025-03-06 09:00")
    made.add("DataSubjectRequestReceived", START, {**REQUEST, "controller_id": "C2"})
    assert brief(found(CHAPTER, made)) == [("R-8.1", "C2", START)]


def test_a_retracted_answer_is_none() -> None:
    """The request is unanswered again, from when that was known."""
    made = story("2025-03-06 09:00")
    made.add("EventRetracted", "2025-03-12 09:00", {"retracts_event_id": "E2", "reason": "x"})
    assert brief(found(CHAPTER, made)) == [("R-8.1", "C1", START)]
