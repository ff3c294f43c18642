"""The agreement register: terms by version, licences, and who asked to end what cannot be ended."""

from __future__ import annotations

from typing import Any

from projections.registers.agreements import REGISTER
from tests.recording import Recording, rows_of, scenario

CONCLUDED = "ProcessingAgreementConcluded"
AMENDED = "ProcessingAgreementAmended"
ENDED = "ProcessingAgreementEnded"


def agreed(**fields: Any) -> dict[str, Any]:
    return {"controller_id": "C1", "effective_from": "2025-01-01", **fields}


def versions(story: Recording) -> list[dict[str, Any]]:
    rows = rows_of(REGISTER, story.events).values()
    return [dict(row.values) for row in rows if row.values["kind"] == "version"]


def test_each_version_says_from_when_until_when_it_holds() -> None:
    """In the order in which they take effect, though agreed in another; the last has no end."""
    story = Recording()
    story.add(CONCLUDED, "2025-01-01 09:00", agreed(version="1.0", objection_days=7))
    later = {"version": "1.2", "breach_hours": 12, "effective_from": "2025-06-01"}
    story.add(AMENDED, "2025-02-01 09:00", agreed(**later))
    story.add(
        AMENDED,
        "2025-03-01 09:00",
        {**agreed(version="1.1", objection_days=14)} | {"effective_from": "2025-04-01"},
    )
    found = versions(story)
    assert [v["version"] for v in found] == ["1.0", "1.1", "1.2"]
    assert [v["until"] for v in found] == ["2025-04-01", "2025-06-01", None]
    assert [v["objection_days"] for v in found] == [7, 14, 14]
    assert [v["breach_hours"] for v in found] == [24, 24, 12]
    assert [v["named"] for v in found] == [["objection_days"], ["objection_days"], ["breach_hours"]]


def test_a_controller_may_have_two_agreements() -> None:
    """Each is a row, and ends by itself."""
    story = Recording()
    story.add(CONCLUDED, "2025-01-01 09:00", agreed(agreement_id="A"))
    story.add(CONCLUDED, "2025-01-02 09:00", agreed(agreement_id="B"))
    story.add(ENDED, "2025-02-01 09:00", {"controller_id": "C1", "agreement_id": "A"})
    states = [story.row(REGISTER, f"agreement:C1:{a}").values["state"] for a in "AB"]
    assert states == ["ended", "in_force"]
    story.add(ENDED, "2025-03-01 09:00", {"controller_id": "C1"})
    assert story.row(REGISTER, "agreement:C1:B").values["until"] == "2025-03-01T08:00:00Z"


def test_the_end_says_what_was_still_held() -> None:
    """Clause 3.2: it must be none."""
    story = Recording()
    story.add(CONCLUDED, "2025-01-01 09:00", agreed())
    story.add(ENDED, "2025-02-01 09:00", {"controller_id": "C1", "data_held": "back-ups"})
    assert story.row(REGISTER, "agreement:C1:").values["data_held"] == "back-ups"


def test_a_licence_ends_and_may_be_granted_again() -> None:
    """Its own end, whatever becomes of the agreement."""
    story = Recording()
    licence = {"controller_id": "C1", "licence_id": "L", "product": "online"}
    story.add("LicenceGranted", "2025-01-01 09:00", licence)
    story.add(ENDED, "2025-01-15 09:00", {"controller_id": "C1"})
    assert story.row(REGISTER, "licence:C1:L").values["state"] == "granted"
    story.add("LicenceEnded", "2025-02-01 09:00", {**licence, "ended_at": "2025-01-31"})
    row = story.row(REGISTER, "licence:C1:L").values
    assert (row["state"], row["until"], row["product"]) == ("ended", "2025-01-31", "online")
    story.add("LicenceGranted", "2025-03-01 09:00", licence)
    row = story.row(REGISTER, "licence:C1:L").values
    assert (row["state"], row["since"], row["until"]) == ("granted", "2025-03-01T08:00:00Z", None)


def test_c4_asked_to_end_early_and_was_refused() -> None:
    """Clause 3.3; the agreement stayed in force until May 2026."""
    rows = rows_of(REGISTER, scenario(), "2026-04-30 12:00")
    (request,) = [r for r in rows.values() if r.values["kind"] == "termination_request"]
    assert request.controllers == ("C4",)
    assert request.values["outcome"] == "refused"
    assert rows["agreement:C4:"].values["state"] == "in_force"
    assert rows["licence:C4:L-C4"].values["state"] == "ended"
