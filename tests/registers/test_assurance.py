"""Certificates without gaps, audits against the limit of a year, and who may see which."""

from __future__ import annotations

from typing import Any

import pytest

from projections.registers.assurance import REGISTER
from tests.recording import Recording, rows_of, scenario

AUDIT = {"controller_id": "C1", "audit_id": "A-2"}
AGREED = {"controller_id": "C1", "effective_from": "2024-09-10"}


def refused(story: Recording, ground: str, **request: Any) -> Any:
    """The row of an audit asked for on 2 February 2026 and refused on a ground."""
    story.add("ControllerAuditRequested", "2026-02-02 09:00", AUDIT | request)
    story.add("ControllerAuditRefused", "2026-02-04 09:00", AUDIT | {"ground": ground})
    return story.row(REGISTER, "controller_audit:C1:A-2").values


def carried_out(on: str) -> Recording:
    """A story with an agreement and one audit of C1 carried out on a day of 2025."""
    story = Recording()
    story.add("ProcessingAgreementConcluded", "2024-09-10 09:00", AGREED)
    first = {"controller_id": "C1", "audit_id": "A-1"}
    story.add("ControllerAuditRequested", "2025-01-10 09:00", first)
    story.add("ControllerAuditAccepted", "2025-01-12 09:00", first)
    story.add("ControllerAuditCompleted", on, first)
    return story


def test_the_audits_of_the_scenario() -> None:
    """CA-1 done, CA-2 and CA-4 refused with reason, CA-3 accepted, CA-5 refused without."""
    rows = rows_of(REGISTER, scenario()).values()
    audits = {r.values["id"]: r.values for r in rows if r.values["kind"] == "controller_audit"}
    assert {a: (v["state"], v["refusal_justified"]) for a, v in audits.items()} == {
        "CA-1": ("completed", None),
        "CA-2": ("refused", True),
        "CA-3": ("accepted", None),
        "CA-4": ("refused", True),
        "CA-5": ("refused", False),
    }
    assert audits["CA-2"]["earlier_in_year"] == ["CA-1"]


def test_the_years_of_the_scenario() -> None:
    """C3 asked for two audits in 2025, of which one was refused and one carried out."""
    year = rows_of(REGISTER, scenario())["audit_year:C3:2025"].values
    counts = [year[name] for name in ("requested", "accepted", "refused", "completed")]
    assert counts == [2, 1, 1, 1]


def test_the_certificates_of_the_scenario() -> None:
    """ISO without a gap; NEN 7510 17 days without, seen only once the new one is there."""
    now = rows_of(REGISTER, scenario())
    assert now["coverage:ISO/IEC 27001"].values["gaps"] == []
    assert now["coverage:NEN 7510"].values["gaps"] == [
        {"from": "2026-05-01", "until": "2026-05-17", "days": 17}
    ]
    between = rows_of(REGISTER, scenario(), "2026-05-10")["coverage:NEN 7510"].values
    assert (between["valid_until"], between["gap_days"]) == ("2026-04-30", 0)


def test_only_its_controller_sees_an_audit() -> None:
    """Requests, results given and information given belong to one controller each."""
    for row in rows_of(REGISTER, scenario()).values():
        own = row.values["kind"] in (
            "controller_audit",
            "audit_year",
            "results_provided",
            "information_provided",
        )
        assert (
            row.controllers == (row.values["controller"],) if own else not row.values["controller"]
        )


@pytest.mark.parametrize(
    ("basis", "on", "justified"),
    [
        ("calendar", "2025-11-18", False),
        ("rolling", "2025-11-18", True),
        ("rolling", "2025-02-01", False),
        ("contract", "2025-11-18", True),
        ("contract", "2025-09-09", False),
    ],
)
def test_the_agreement_decides_which_year(basis: str, on: str, justified: bool) -> None:
    """A refusal as over the limit holds when an audit lies in the year that was agreed (B6)."""
    story = carried_out(f"{on} 12:00")
    amended = {"controller_id": "C1", "version": "2", "audit_year_basis": basis}
    story.add("ProcessingAgreementAmended", "2025-01-01 09:00", amended)
    row = refused(story, "annual_limit")
    assert (row["refusal_justified"], row["limit_reached"]) == (justified, justified)
    assert row["year_basis"] == basis


def test_an_audit_after_a_refusal_does_not_justify_it() -> None:
    """An audit asked for later in the year does not count back."""
    story = Recording()
    assert refused(story, "annual_limit")["refusal_justified"] is False
    later = {"controller_id": "C1", "audit_id": "A-3"}
    story.add("ControllerAuditRequested", "2026-06-01 09:00", later)
    story.add("ControllerAuditCompleted", "2026-07-01 09:00", later)
    assert story.row(REGISTER, "controller_audit:C1:A-2").values["refusal_justified"] is False


@pytest.mark.parametrize("grounds", ["authority", "breach"])
def test_the_limit_stops_no_audit_after_a_breach_or_by_order(grounds: str) -> None:
    """Such an audit may be asked for although one was carried out this year."""
    row = refused(carried_out("2026-01-15 12:00"), "annual_limit", grounds=grounds)
    assert (row["earlier_in_year"], row["refusal_justified"]) == (["A-1"], False)


@pytest.mark.parametrize(
    ("ground", "request_fields", "justified"),
    [
        ("not_independent", {"auditor_independent": False}, True),
        ("not_independent", {"auditor_independent": True}, False),
        ("not_expert", {"auditor_expert": False, "auditor_independent": True}, True),
        ("not_expert", {"auditor_independent": True}, None),
        ("other", {"auditor_independent": False}, None),
    ],
)
def test_a_refusal_is_judged_by_what_was_said_of_the_auditor(
    ground: str, request_fields: dict[str, bool], justified: bool | None
) -> None:
    """Without a statement about the auditor the register does not judge."""
    assert refused(Recording(), ground, **request_fields)["refusal_justified"] is justified


def test_two_audits_a_year_when_agreed() -> None:
    """The limit is a term of the agreement."""
    story = carried_out("2026-01-15 12:00")
    two = {"controller_id": "C1", "version": "2", "audit_limit": "2/year"}
    story.add("ProcessingAgreementAmended", "2025-12-01 09:00", two)
    assert refused(story, "annual_limit")["refusal_justified"] is False


def test_a_finding_is_followed_to_its_end() -> None:
    """FND-1 was raised, planned for and closed; FND-2 is open. Neither is for controllers."""
    rows = rows_of(REGISTER, scenario())
    closed, open_ = rows["finding:FND-1"], rows["finding:FND-2"]
    assert (closed.values["state"], closed.values["due"]) == ("closed", "2025-08-31")
    assert (open_.values["state"], open_.values["closed_at"]) == ("open", None)
    assert closed.controllers == open_.controllers == ("",)


def test_results_are_shown_to_whom_they_were_given() -> None:
    """The row of the controller that asked holds the result of the audit it asked about."""
    story = Recording()
    audit = {"audit_id": "EA-1", "standard": "NEN 7510", "independent": True, "result": "passed"}
    story.add("ExternalAuditCompleted", "2025-05-20 17:00", audit)
    given = {"audit_id": "EA-1", "controller_id": "C3", "requested_at": "2025-06-01T09:00:00Z"}
    event = story.add("AuditResultsProvided", "2025-06-02T09:00:00Z", given)
    row = story.row(REGISTER, f"results_provided:EA-1:{event.position}:C3")
    assert (row.values["result"], row.values["hours_to_provision"]) == ("passed", 24.0)
    assert row.positions == (1, 2)


def test_a_statement_of_applicability_is_counted() -> None:
    """Of the controls in a statement, how many apply and how many are in place."""
    story = Recording()
    entries = [
        {"control": "A.5.1", "applicable": True, "implemented": True},
        {"control": "A.5.2", "applicable": True, "implemented": False},
        {"control": "A.7.4", "applicable": False, "justification": "no premises"},
    ]
    statement = {"soa_version": "3.0", "standard": "NEN 7510", "entries": entries}
    story.add("ApplicabilityStatementIssued", "2026-04-20 09:00", statement)
    row = story.row(REGISTER, "statement:1").values
    assert [row[name] for name in ("controls", "applicable", "implemented")] == [3, 2, 1]
