"""Requests: referred or forwarded, how fast, and whose they are; assistance and its age."""

from __future__ import annotations

import pytest

from projections.registers.data_subject_requests import REGISTER
from tests.recording import Recording, rows_of, scenario

RECEIVED = {"request_id": "R-1", "controller_id": "C1", "right": "access"}


def test_the_requests_of_the_scenario() -> None:
    """R-001 forwarded in an hour, R-002 after 14 days, R-003 referred in ten minutes."""
    rows = rows_of(REGISTER, scenario())
    first = rows["request:R-001:C3"].values
    assert (first["hours_to_referral"], first["hours_to_forwarding"]) == (0.33, 1.0)
    second = rows["request:R-002:C1"].values
    assert (second["hours_to_answer"], second["referred_at"]) == (14 * 24.0, None)
    third = rows["request:R-003:C6"].values
    assert (third["hours_to_referral"], third["forwarded_at"]) == (0.17, None)
    assert third["shredded_at"] == "2025-03-30T10:00:00Z"
    (shredding,) = (e.position for e in scenario() if e.type == "PayloadShredded")
    assert shredding in rows["request:R-003:C6"].positions


def test_a_shredding_does_not_show_before_it_happened() -> None:
    """As of the day before, the payload of R-003 was whole."""
    row = rows_of(REGISTER, scenario(), "2025-03-29")["request:R-003:C6"]
    assert row.values["shredded_at"] is None


def test_assistance_and_dpia_support_of_the_scenario() -> None:
    """AS-1 took four days and six hours, D-1 two weeks."""
    rows = rows_of(REGISTER, scenario())
    assert rows["assistance:AS-1:C1"].values["hours_to_provision"] == 102.0
    support = rows["dpia_support:D-1:C6"].values
    assert (support["state"], support["provided_at"]) == ("provided", "2025-04-28T13:00:00Z")
    open_ = rows_of(REGISTER, scenario(), "2025-04-20")["dpia_support:D-1:C6"].values
    assert (open_["state"], open_["provided_at"]) == ("open", None)


@pytest.mark.parametrize(
    ("received", "due"),
    [
        ("2025-01-31 09:00", "2025-02-28"),
        ("2028-01-31 09:00", "2028-02-29"),
        ("2025-03-05 23:30", "2025-04-05"),
    ],
)
def test_the_controller_has_a_month(received: str, due: str) -> None:
    """Art. 12(3): the same day of the next month, or its last."""
    story = Recording()
    story.add("DataSubjectRequestReceived", received, RECEIVED)
    assert story.row(REGISTER, "request:R-1:C1").values["controller_due_on"] == due


def test_a_request_booked_on_two_controllers_is_split() -> None:
    """Each controller sees only the facts that name it, even under one request."""
    story = Recording()
    story.add("DataSubjectRequestReceived", "2025-01-01 09:00", RECEIVED)
    wrong = {"request_id": "R-1", "controller_id": "C2"}
    story.add("DataSubjectRequestForwarded", "2025-01-01 10:00", wrong)
    rows = rows_of(REGISTER, story.events)
    mine, other = rows["request:R-1:C1"], rows["request:R-1:C2"]
    assert (mine.controllers, mine.positions, mine.values["state"]) == (("C1",), (1,), "open")
    assert (other.controllers, other.positions, other.values["right"]) == (("C2",), (2,), None)


def test_what_came_first_answers_the_request() -> None:
    """Referring and forwarding both stop the clock; the earlier counts, in whatever order."""
    story = Recording()
    story.add("DataSubjectRequestReceived", "2025-01-01 09:00", RECEIVED)
    story.add("DataSubjectReferred", "2025-01-03 09:00", RECEIVED)
    story.add(
        "DataSubjectRequestForwarded",
        "2025-01-04 09:00",
        RECEIVED | {"forwarded_at": "2025-01-02T09:00:00+01:00"},
    )
    row = story.row(REGISTER, "request:R-1:C1").values
    assert (row["answered_at"], row["hours_to_answer"]) == ("2025-01-02T08:00:00Z", 24.0)
