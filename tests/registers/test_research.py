"""The register of research: consents, withdrawals, and what was shared without consent."""

from __future__ import annotations

from typing import Any

from projections.registers.research import REGISTER
from tests.recording import Recording, rows_of, scenario

SCOPE = {"attestation_id": "RC", "controller_id": "C1", "recipient": "UMC"}


def share(**fields: Any) -> dict[str, Any]:
    return {**SCOPE, "share_id": "RS", "instruction_id": "I", "country": "NL", **fields}


def test_the_attestation_counts_who_still_consents() -> None:
    """Attested twice and withdrawn once, each data subject is counted once."""
    story = Recording()
    story.add(
        "ResearchConsentAttested", "2025-01-01 09:00", {**SCOPE, "subject_tokens": ["a", "b"]}
    )
    story.add(
        "ResearchConsentAttested", "2025-01-02 09:00", {**SCOPE, "subject_tokens": ["b", "c"]}
    )
    taken = {**SCOPE, "subject_token": "a"}
    story.add("ResearchConsentWithdrawn", "2025-01-03 09:00", taken)
    values = story.row(REGISTER, "attestation:RC:C1").values
    assert (values["subject_count"], values["withdrawn"], values["valid_count"]) == (3, 1, 2)


def test_a_share_without_any_attestation_is_without_consent() -> None:
    """All of its data subjects, by token."""
    story = Recording()
    story.add("ResearchDataShared", "2025-01-01 09:00", share(subject_tokens=["b", "a"]))
    values = story.row(REGISTER, "share:RC:RS:C1").values
    assert (values["without_consent_count"], values["without_consent"]) == (2, ["a", "b"])


def test_a_share_without_tokens_says_nothing_of_consent() -> None:
    """A number of data subjects does not tell who they are: not known is not none."""
    story = Recording()
    data = share(subject_tokens=[], subject_count=12, country="US")
    story.add("ResearchDataShared", "2025-01-01 09:00", data)
    values = story.row(REGISTER, "share:RC:RS:C1").values
    assert (values["subject_count"], values["without_consent_count"]) == (12, None)
    assert (values["country"], values["area"]) == ("US", "third")


def test_the_research_of_the_scenario() -> None:
    """42 consents, 1 withdrawn; 40 shared, then 41 with one that was withdrawn; C5 was refused."""
    rows = rows_of(REGISTER, scenario())
    shares = {
        r.values["id"]: (r.values["subject_count"], r.values["without_consent"])
        for r in rows.values()
        if r.values["kind"] == "share"
    }
    assert shares == {"RS-1": (40, []), "RS-2": (41, ["s07"])}
    assert rows["attestation:RC-1:C3"].values["valid_count"] == 41
    assert rows["refusal:I-011:C5"].values["reason"] == "no consent"
    assert {r.controllers for r in rows.values()} == {("C3",), ("C5",)}


def test_the_attestation_as_it_was_before_the_withdrawal() -> None:
    """As of the first batch, all 42 consented."""
    rows = rows_of(REGISTER, scenario(), "2025-03-14 14:00")
    assert rows["attestation:RC-1:C3"].values["valid_count"] == 42
