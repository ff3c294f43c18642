"""What a case rests on beside its own facts, and that its rows follow when that changes."""

from __future__ import annotations

from typing import Any

import pytest

from projections import follow
from projections.context import joined, named_in
from projections.facts import Fact, effective
from projections.findings import HeldFinding, ask_findings
from projections.question import Moment
from projections.register import Label, Register
from projections.rules import JUDGED
from tests.check_ledger import check_registers
from tests.ledgers import TestLedger
from tests.recording import Recording
from tests.test_form_rules import correction


def register(context: frozenset[str], by: str = "controller") -> Register:
    label = Label("x", "x")
    cases = frozenset({"SubprocessorEngaged"})
    return Register(
        "x", label, "", (), cases, lambda e: (), lambda c, f: (), context=context, context_by=by
    )


ENGAGED = {"subprocessor_id": "S1", "controller_ids": ["C1", "C2"]}
TERMS = "ProcessingAgreementAmended"
CONCLUDED = "ProcessingAgreementConcluded"
CONTRACT = "SubprocessingContractConcluded"


def story() -> list[Fact]:
    made = Recording()
    made.add(TERMS, "2025-01-03 09:00", {"controller_id": "C1"})
    made.add("SubprocessorEngaged", "2025-01-02 09:00", ENGAGED)
    made.add(TERMS, "2025-01-01 09:00", {"controller_id": "C3"})
    made.add(TERMS, "2025-01-02 09:00", {"controller_id": "C2"})
    made.add(CONTRACT, "2025-01-01 09:00", {"subprocessor_id": "S1"})
    made.add(CONTRACT, "2025-01-01 09:00", {"subprocessor_id": "S2"})
    return effective(made.events)


@pytest.mark.parametrize(
    ("type_", "by", "expected"),
    [(TERMS, "controller", [2, 4, 1]), (CONTRACT, "subprocessor", [5, 2])],
)
def test_a_case_is_given_what_it_names(type_: str, by: str, expected: list[int]) -> None:
    """The facts about its controllers, or about another kind of thing, in the order of time; not
    those about others."""
    reg = register(frozenset({type_}), by)
    facts = story()
    own = [fact for fact in facts if fact.type == "SubprocessorEngaged"]
    context = [fact for fact in facts if fact.type == type_]
    found = joined(reg, {"case": own, "empty": []}, context)
    assert [fact.position for fact in found["case"]] == expected
    assert found["empty"] == []


def test_a_fact_that_is_of_the_case_and_its_context_comes_once() -> None:
    """A type may be both."""
    reg = register(frozenset({"SubprocessorEngaged"}))
    own = [fact for fact in story() if fact.type == "SubprocessorEngaged"]
    assert joined(reg, {"case": own}, own)["case"] == own


def test_every_way_to_name_a_controller_counts() -> None:
    """In a field of its own, in a list, in a delivery."""
    made = Recording()
    for data in (
        {"controller_id": "C1"},
        {"controller_ids": ["C2"]},
        {"added_controller_ids": ["C3"]},
        {"controllers_added": ["C4"]},
        {"delivered_to": ["C5", {"controller": "C6"}]},
    ):
        made.add("Any", "2025-01-01 09:00", data)
    named = named_in(register(frozenset()), effective(made.events))
    assert named == {"C1", "C2", "C3", "C4", "C5", "C6"}


# In a ledger: what is stored stays the fold of everything.

REQUEST = {"request_id": "R-1", "controller_id": "C1", "right": "access"}


def held(made: TestLedger, *rules: str) -> list[HeldFinding]:
    """The findings of some rules that are stored, long after."""
    check_registers(made)
    clock = made.ledger.now().replace(year=2090)
    return list(ask_findings(made.ledger.pool, clock, Moment(), rules=rules).findings)


def requests(made: TestLedger) -> list[tuple[str, int]]:
    """The late requests, each with the days that it had."""
    return [(f.subject, f.parameters["dsr_forward_days"]) for f in held(made, "R-8.1")]


def agreement(controller: str, **terms: Any) -> dict[str, Any]:
    agreed = {"effective_from": "2026-01-01", "objection_days": 7, "transfer_area": "EU"}
    return {"controller_id": controller, **agreed, "initial_subprocessors": [], **terms}


def agree(made: TestLedger, days: int, controller: str = "C1", id_: str | None = None) -> None:
    made.append(CONCLUDED, agreement(controller, dsr_forward_days=days), id_=id_)


def test_terms_of_a_controller_change_its_cases(ledger: TestLedger) -> None:
    """Agreed, corrected, corrected again and retracted: each is followed; another's is not ours."""
    ledger.append("DataSubjectRequestReceived", REQUEST)
    assert requests(ledger) == [("R-1", 5)]
    agree(ledger, 2, id_="terms")
    assert requests(ledger) == [("R-1", 2)]
    change = correction("terms", "dsr_forward_days", 3)
    ledger.append("EventCorrected", change, id_="changed")
    assert requests(ledger) == [("R-1", 3)]
    ledger.append("EventCorrected", correction("changed", "field_changes.0.new", 4), id_="again")
    assert requests(ledger) == [("R-1", 4)]
    ledger.append("EventRetracted", {"retracts_event_id": "changed", "reason": "x"})
    assert requests(ledger) == [("R-1", 2)]
    agree(ledger, 9, "C2")
    assert requests(ledger) == [("R-1", 2)]
    ledger.append("EventRetracted", {"retracts_event_id": "terms", "reason": "x"})
    assert requests(ledger) == [("R-1", 5)]


def test_terms_that_are_moved_to_another_controller(ledger: TestLedger) -> None:
    """The cases of the one they leave and of the one they come to are both folded anew."""
    ledger.append("DataSubjectRequestReceived", REQUEST)
    other = {**REQUEST, "request_id": "R-2", "controller_id": "C2"}
    ledger.append("DataSubjectRequestReceived", other)
    agree(ledger, 2, id_="terms")
    assert requests(ledger) == [("R-1", 2), ("R-2", 5)]
    ledger.append("EventCorrected", correction("terms", "controller_id", "C2"), id_="moved")
    assert requests(ledger) == [("R-1", 5), ("R-2", 2)]
    ledger.append("EventRetracted", {"retracts_event_id": "moved", "reason": "x"})
    assert requests(ledger) == [("R-1", 2), ("R-2", 5)]


@pytest.mark.parametrize(
    ("field", "new", "expected"),
    [
        ("request_id", "R-9", [("R-9", 2)]),
        ("controller_id", "C2", [("R-1", 5)]),
        ("occurredat", "2025-12-01T09:00:00Z", [("R-1", 5)]),
    ],
)
def test_terms_of_a_case_that_a_correction_made(
    ledger: TestLedger, field: str, new: str, expected: list[tuple[str, int]]
) -> None:
    """An event that was moved to another case, controller or day rests on the terms from there."""
    ledger.append("DataSubjectRequestReceived", REQUEST, id_="request")
    ledger.append("EventCorrected", correction("request", field, new))
    assert [subject for subject, _ in requests(ledger)] == [expected[0][0]]
    agree(ledger, 2)
    assert requests(ledger) == expected
    agree(ledger, 3)
    days = 3 if expected[0][1] == 2 else 5
    assert requests(ledger) == [(expected[0][0], days)]


def test_terms_and_their_case_in_one_batch(ledger: TestLedger) -> None:
    """In whatever order they were recorded."""
    agree(ledger, 2)
    ledger.append("DataSubjectRequestReceived", REQUEST)
    agree(ledger, 3)
    assert requests(ledger) == [("R-1", 3)]


def test_a_controller_that_joins_brings_its_terms(ledger: TestLedger) -> None:
    """Added to an activity by an amendment, and taken out again by its retraction."""
    activity = {"activity_id": "PA-1"}
    ledger.append(CONCLUDED, agreement("C2", data_categories=["name"]), id_="terms")
    of_one = {**activity, "controller_ids": ["C1"], "data_categories": ["name", "email"]}
    ledger.append("ProcessingActivityRegistered", of_one)
    assert held(ledger, "R-4.2") == []
    joins = {**activity, "added_controller_ids": ["C2"]}
    ledger.append("ProcessingActivityAmended", joins, id_="joins")
    assert [f.controllers for f in held(ledger, "R-4.2")] == [("C2",)]
    change = correction("terms", "data_categories", ["name", "email"])
    ledger.append("EventCorrected", change, id_="changed")
    assert held(ledger, "R-4.2") == []
    ledger.append("EventRetracted", {"retracts_event_id": "changed", "reason": "x"})
    assert len(held(ledger, "R-4.2")) == 1
    ledger.append("EventRetracted", {"retracts_event_id": "joins", "reason": "x"})
    assert held(ledger, "R-4.2") == []


def test_the_end_of_an_agreement_is_followed_as_well(ledger: TestLedger) -> None:
    """A licence rests on the agreement that is in force when it starts."""
    licence = {"controller_id": "C1", "licence_id": "L-1"}
    ledger.append(CONCLUDED, agreement("C1"), id_="agreed")
    ledger.append("LicenceGranted", licence)
    assert held(ledger, "R-2.3") == []
    ended = {"controller_id": "C1", "ended_at": "2026-01-02"}
    ledger.append("ProcessingAgreementEnded", ended, id_="ended")
    assert len(held(ledger, "R-2.3")) == 1
    ledger.append("EventRetracted", {"retracts_event_id": "ended", "reason": "x"})
    assert held(ledger, "R-2.3") == []
    ledger.append("EventCorrected", correction("agreed", "controller_id", "C2"))
    assert len(held(ledger, "R-2.3")) == 1


def test_an_instruction_is_the_context_of_what_is_shared_on_it(ledger: TestLedger) -> None:
    """Received after the share, moved to another controller, and to another instruction."""
    share = {
        "share_id": "RS-1",
        "instruction_id": "I-1",
        "attestation_id": "RC-1",
        "controller_id": "C1",
        "subject_tokens": [],
        "recipient": "University",
        "country": "NL",
    }
    ledger.append("ResearchDataShared", share, id_="share")
    assert len(held(ledger, "R-4.5")) == 1
    received = {"instruction_id": "I-1", "controller_id": "C1", "channel": "email"}
    ledger.append("InstructionReceived", received, id_="received")
    assert held(ledger, "R-4.5") == []
    ledger.append("EventCorrected", correction("received", "controller_id", "C2"), id_="moved")
    assert len(held(ledger, "R-4.5")) == 1
    ledger.append("EventRetracted", {"retracts_event_id": "moved", "reason": "x"})
    ledger.append("EventCorrected", correction("received", "instruction_id", "I-2"))
    assert len(held(ledger, "R-4.5")) == 1
    ledger.append("EventCorrected", correction("share", "instruction_id", "I-2"))
    assert held(ledger, "R-4.5") == []


def test_a_contract_is_the_context_of_every_engagement(ledger: TestLedger) -> None:
    """One that is signed in time after all, and is then corrected to another subprocessor."""
    for controller in ("C1", "C2"):
        engaged = {"subprocessor_id": "S1", "controller_ids": [controller], "countries": ["NL"]}
        ledger.append("SubprocessorEngaged", engaged)
    assert len(held(ledger, "R-7.1")) == 2
    contract = {"subprocessor_id": "S1", "subprocessor_name": "Datahal", "signed_at": "2025-01-01"}
    ledger.append(CONTRACT, contract, id_="contract")
    assert held(ledger, "R-7.1") == []
    ledger.append("EventCorrected", correction("contract", "subprocessor_id", "S2"))
    assert len(held(ledger, "R-7.1")) == 2


def test_context_makes_no_cases(ledger: TestLedger) -> None:
    """Terms alone give no rows."""
    agree(ledger, 2)
    follow.catch_up(ledger.ledger.pool)
    with ledger.ledger.pool.connection() as conn:
        stored = conn.execute(
            "SELECT count(*) FROM register_rows WHERE register = %s",
            (JUDGED["rules/data-subject-requests"].name,),
        ).fetchone()
    assert stored == (0,)
