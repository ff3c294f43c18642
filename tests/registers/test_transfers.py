"""The transfer register: consent and chapter V, two tests of every transfer and controller."""

from __future__ import annotations

from typing import Any

import pytest

from projections.registers.transfers import REGISTER
from tests.recording import Recording, rows_of, scenario


def started(**fields: Any) -> dict[str, Any]:
    named = {"transfer_id": "TR", "subprocessor_id": "S4", "country": "US"}
    return {**named, "controller_ids": ["C1"], "mechanism": "SCC", **fields}


def consent(**fields: Any) -> dict[str, Any]:
    named = {"consent_id": "T", "controller_id": "C1", "country": "US", "subprocessor_id": "S4"}
    return {**named, **fields}


def test_adequacy_is_no_consent_and_consent_no_adequacy() -> None:
    """Each of the four combinations is told as it is."""
    found = []
    for mechanism in ("adequacy", "SCC"):
        for consented in (True, False):
            story = Recording()
            if consented:
                story.add("TransferConsentGranted", "2026-01-01 09:00", consent())
            story.add(
                "ThirdCountryTransferStarted", "2026-01-02 09:00", started(mechanism=mechanism)
            )
            values = story.row(REGISTER, "transfer:TR:C1").values
            found.append((values["chapter_v"], values["consent_at_start"]))
    assert found == [
        ("adequacy_decision", True),
        ("adequacy_decision", False),
        ("safeguards_not_documented", True),
        ("safeguards_not_documented", False),
    ]


@pytest.mark.parametrize("other", [{"country": "IN"}, {"subprocessor_id": "S5"}])
def test_consent_is_for_one_country_and_one_subprocessor(other: dict[str, str]) -> None:
    """Another country or another subprocessor needs another consent."""
    story = Recording()
    story.add("TransferConsentGranted", "2026-01-01 09:00", consent(**other))
    story.add("ThirdCountryTransferStarted", "2026-01-02 09:00", started())
    values = story.row(REGISTER, "transfer:TR:C1").values
    assert (values["consent_at_start"], values["consents"]) == (False, [])


def test_the_periods_without_consent_are_told_ahead() -> None:
    """Consent to the end of March leaves the transfer uncovered from April, known in January."""
    story = Recording()
    story.add("TransferConsentGranted", "2026-01-01 09:00", consent(valid_until="2026-03-31"))
    story.add("ThirdCountryTransferStarted", "2026-01-02 09:00", started())
    values = story.row(REGISTER, "transfer:TR:C1").values
    assert values["without_consent"] == [{"from": "2026-03-31T22:00:00Z", "until": None}]


@pytest.mark.parametrize(("agreed", "needed"), [("EU", True), ("EEA", False)])
def test_the_agreed_area_decides_whether_consent_is_needed(agreed: str, needed: bool) -> None:
    """Norway is outside the Union and inside the EEA; chapter V does not ask either way."""
    story = Recording()
    terms = {"controller_id": "C1", "effective_from": "2025-01-01", "transfer_area": agreed}
    story.add("ProcessingAgreementConcluded", "2025-01-01 09:00", terms)
    data = started(country="NO", mechanism="eea")
    story.add("ThirdCountryTransferStarted", "2026-01-02 09:00", data)
    values = story.row(REGISTER, "transfer:TR:C1").values
    assert (values["consent_needed"], values["area"]) == (needed, "eea")
    assert bool(values["without_consent"]) is needed
    assert values["chapter_v"] == "not_required"


def test_an_engagement_outside_the_area_without_a_transfer_is_shown() -> None:
    """Nobody said that data go there, yet the subprocessor works there."""
    story = Recording()
    engaged = {"subprocessor_id": "S4", "controller_ids": ["C1"], "countries": ["NL", "US"]}
    story.add("SubprocessorEngaged", "2026-01-02 09:00", engaged)
    (row,) = rows_of(REGISTER, story.events).values()
    assert (row.values["kind"], row.values["country"]) == ("engagement", "US")
    story.add("ThirdCountryTransferStarted", "2026-01-02 09:05", started())
    assert [r.values["kind"] for r in rows_of(REGISTER, story.events).values()] == ["transfer"]


def test_a_transfer_ends_for_the_controllers_named() -> None:
    """Or with the agreement, and then says so."""
    story = Recording()
    story.add(
        "ThirdCountryTransferStarted", "2026-01-02 09:00", started(controller_ids=["C1", "C2"])
    )
    ended = {"transfer_id": "TR", "subprocessor_id": "S4", "country": "US"}
    story.add("ThirdCountryTransferEnded", "2026-02-02 09:00", {**ended, "controller_ids": ["C1"]})
    story.add("ProcessingAgreementEnded", "2026-03-02 09:00", {"controller_id": "C2"})
    states = [story.row(REGISTER, f"transfer:TR:{c}").values["state"] for c in ("C1", "C2")]
    assert states == ["ended", "agreement_ended"]


def test_the_transfers_of_the_scenario_without_consent() -> None:
    """C2's to Norway for two weeks, C1's to the US for eight hours, C3's for all its time."""
    rows = rows_of(REGISTER, scenario())
    gaps = {
        key: [(gap["from"][:13], gap["until"][:13]) for gap in row.values["without_consent"]]
        for key, row in rows.items()
        if row.values["without_consent"]
    }
    assert gaps == {
        "transfer:TR-1:C2": [("2025-01-27T07", "2025-02-10T08")],
        "transfer:TR-2:C1": [("2026-03-16T08", "2026-03-16T16")],
        "transfer:TR-2:C3": [("2026-01-20T08", "2026-04-01T15")],
    }
    assert rows["transfer:TR-3:C6"].values["decision"] == "(EU) 2023/1795"
