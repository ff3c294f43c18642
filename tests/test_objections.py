"""Objections: the window by the terms at the announcement, form, and who was never reached."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.tags import CONTROLLERS
from projections.facts import Fact, effective
from projections.objections import RAISED, announcements, validity, window_closes
from projections.rows import by_id
from projections.terms import versions
from tests.recording import Recording, local, scenario


def announced(*delivered: Any, change: str = "CH-1", **fields: Any) -> dict[str, Any]:
    return {"change_id": change, "subprocessor_id": "S3", "delivered_to": [*delivered], **fields}


def objection(**fields: Any) -> dict[str, Any]:
    form = {"written": True, "reasoned": True}
    return {"objection_id": "O-1", "change_id": "CH-1", "controller_id": "C1", **form, **fields}


def about(controller: str, facts: list[Fact]) -> list[Fact]:
    """The facts that concern a controller."""
    return by_id(facts, *CONTROLLERS).get(controller, [])


def judged(at: str, *delivered: Any, **fields: Any) -> str:
    """The validity of an objection raised then, to a change announced on 13 January at 09:00."""
    story = Recording()
    story.add("SubprocessorChangeAnnounced", "2025-01-13 09:00", announced(*delivered))
    story.add(RAISED, at, objection(**fields))
    facts = about("C1", effective(story.events))
    raised = next(fact for fact in facts if fact.type == RAISED)
    return validity(raised, announcements(facts).get("CH-1"), versions(facts))


def test_the_last_second_of_the_seventh_day_is_in_time() -> None:
    """23:59:59 on the 20th counts, 00:00:00 on the 21st does not."""
    assert judged("2025-01-20 23:59:59", "C1") == "valid"
    assert judged("2025-01-21 00:00:00", "C1") == "out_of_time"


@pytest.mark.parametrize("form", [{"written": False}, {"reasoned": False}, {"written": None}])
def test_an_objection_must_be_written_and_reasoned(form: dict[str, Any]) -> None:
    """Form goes before time: by phone on day 8 it is still the form that was not met."""
    assert judged("2025-01-14 09:00", "C1", **form) == "form_not_met"
    assert judged("2025-01-25 09:00", "C1", **form) == "form_not_met"


def test_the_moment_of_receipt_counts_where_it_is_given() -> None:
    """Received in time and entered a day late is in time."""
    received = {"received_at": "2025-01-20T12:00:00+01:00"}
    assert judged("2025-01-21 10:00", "C1", **received) == "valid"


def test_no_window_runs_for_whom_the_announcement_never_reached() -> None:
    """Three weeks later its objection counts; a delivery may be an object with more in it."""
    assert judged("2025-02-03 10:00", "C2", "C3") == "valid"
    assert judged("2025-02-03 10:00", {"controller": "C1"}) == "out_of_time"


def test_an_announcement_sent_again_opens_the_window_again() -> None:
    """The last one that reached the controller counts."""
    story = Recording()
    story.add("SubprocessorChangeAnnounced", "2025-01-13 09:00", announced("C1", "C2"))
    story.add("SubprocessorChangeAnnounced", "2025-01-15 09:00", announced("C1"))
    facts = effective(story.events)

    def closes(controller: str) -> Any:
        own = about(controller, facts)
        found = announcements(own).get("CH-1")
        return found and window_closes(found, versions(own))

    assert closes("C1") == local("2025-01-23 00:00")
    assert closes("C2") == local("2025-01-21 00:00")
    assert closes("C3") is None


def test_an_amendment_after_the_announcement_leaves_the_window() -> None:
    """Fourteen days agreed a day too late; fourteen agreed before count."""
    for agreed, closes in (("2025-01-14", "2025-01-21"), ("2025-01-12", "2025-01-28")):
        story = Recording()
        terms = {"controller_id": "C1", "version": "2", "objection_days": 14}
        story.add("ProcessingAgreementAmended", f"{agreed} 09:00", terms)
        story.add("SubprocessorChangeAnnounced", "2025-01-13 09:00", announced("C1"))
        facts = effective(story.events)
        found = next(fact for fact in facts if fact.type == "SubprocessorChangeAnnounced")
        assert window_closes(found, versions(facts)) == local(f"{closes} 00:00")


def test_the_windows_of_the_scenario() -> None:
    """CH-1 closed on 21 January 2025 for all, CH-2 on 20 January 2026, on the 27th for C3."""
    facts = effective(scenario())

    def closes(controller: str, change: str) -> str | None:
        own = about(controller, facts)
        found = announcements(own).get(change)
        return window_closes(found, versions(own)).isoformat()[:16] if found else None

    assert {closes(f"C{n}", "CH-1") for n in range(1, 7)} == {"2025-01-20T23:00"}
    expected = {"C1": "2026-01-19T23:00", "C3": "2026-01-26T23:00", "C6": None}
    assert {c: closes(c, "CH-2") for c in expected} == expected
