"""Contracts with subprocessors: signed before the engagement, and passing on the same duties."""

from __future__ import annotations

from typing import Any

import pytest

from projections.rows import PROCESSOR_ONLY
from projections.rules.subprocessor_contracts import CHAPTER
from tests.recording import Recording
from tests.rules.judging import brief, found, rows

ENGAGED = {"subprocessor_id": "S4", "controller_ids": ["C1", "C3"], "countries": ["US"]}
CONTRACT = {"subprocessor_id": "S4", "subprocessor_name": "CloudScale"}
AT = "2026-01-20 09:00"


def story(*contracts: tuple[str, dict[str, Any]]) -> Recording:
    """An engagement of 20 January 2026 at 09:00 for C1 and C3, and contracts."""
    made = Recording()
    added = [(AT, "SubprocessorEngaged", ENGAGED)]
    added += [(at, "SubprocessingContractConcluded", {**CONTRACT, **c}) for at, c in contracts]
    for at, type_, data in sorted(added, key=lambda step: step[0]):
        made.add(type_, at, data)
    return made


@pytest.mark.parametrize("at", ["2025-01-01 09:00", AT])
def test_a_contract_before_the_engagement(at: str) -> None:
    """Or with it: nothing is found, nor when another one follows."""
    assert found(CHAPTER, story((at, {}))) == []
    assert found(CHAPTER, story((at, {}), ("2026-02-02 10:00", {}))) == []


def test_without_a_contract_it_is_one_finding_of_the_engagement() -> None:
    """For all its controllers; each of them sees itself alone."""
    made = story(("2026-02-02 10:00", {}))
    (finding,) = found(CHAPTER, made)
    assert brief([finding]) == [("R-7.1", "C1+C3", AT)]
    assert (
        finding.text.en
        == "S4 engaged on 2026-01-20 09:00, contract signed only on 2026-02-02 10:00"
    )
    assert finding.text.nl == (
        "S4 ingeschakeld op 2026-01-20 09:00, Subcontract pas gesloten op 2026-02-02 10:00"
    )
    assert finding.events == (1, 2)
    assert [row.controllers for row in rows(CHAPTER, made)] == [("C1",), ("C3",)]
    assert "without a contract" in found(CHAPTER, story())[0].text.en


def test_a_contract_with_another_subprocessor_is_none() -> None:
    """It binds the other one."""
    assert len(found(CHAPTER, story(("2025-01-01 09:00", {"subprocessor_id": "S1"})))) == 1


def test_when_it_was_signed_is_what_counts() -> None:
    """Entered before and signed after, or the other way round."""
    late = {"signed_at": "2026-02-01"}
    assert len(found(CHAPTER, story(("2025-01-01 09:00", late)))) == 1
    early = {"signed_at": "2026-01-20T09:00:00+01:00"}
    assert found(CHAPTER, story(("2026-02-02 10:00", early))) == []


def test_each_engagement_is_judged() -> None:
    """Engaged for another controller after the contract it is fine."""
    made = story(("2026-02-02 10:00", {}))
    made.add("SubprocessorEngaged", "2026-02-03 09:00", {**ENGAGED, "controller_ids": ["C6"]})
    assert brief(found(CHAPTER, made)) == [("R-7.1", "C1+C3", AT)]


WHOLE = dict.fromkeys(("2.4", "4.1", "5.3", "6.2", "7", "8", "9", "10", "11"), "art. 3")


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        ({}, None),
        ({"clause_map": WHOLE}, None),
        ({"clause_map": WHOLE, "gaps": []}, None),
        ({"clause_map": {k: v for k, v in WHOLE.items() if k not in ("9", "11")}}, "9, 11"),
        ({"clause_map": WHOLE, "gaps": ["8"]}, "8"),
        ({"gaps": ["audits"]}, "audits"),
        ({"clause_map": {}}, "2.4, 4.1, 5.3, 6.2, 7, 8, 9, 10, 11"),
    ],
)
def test_what_a_contract_does_not_pass_on(said: dict[str, Any], missing: str | None) -> None:
    """What its map leaves out or it says itself; without either nothing is known to be missing."""
    observed = found(CHAPTER, story(("2025-01-01 09:00", {**said, "signed_at": "2024-12-31"})))
    assert [(f.rule.id, f.severity, f.text.en) for f in observed] == [
        ("O-7.1", "observation", f"contract with S4 does not pass on: {missing}")
    ] * (missing is not None)
    assert [at for _, _, at in brief(observed)] == ["2024-12-31 00:00"] * (missing is not None)


def test_an_observation_of_a_contract_is_the_processors_own() -> None:
    """It names no controller, and is shown to none."""
    (row,) = rows(CHAPTER, story(("2025-01-01 09:00", {"gaps": ["8"]})))
    assert (row.controllers, row.values["controller"]) == (PROCESSOR_ONLY, None)
