"""The register of research: consents, withdrawals, what was shared, what was refused (4.5).

Rows by kind, each of one controller: `attestation`, `withdrawal`, `share` and `refusal`. A share
says how many of its data subjects had no valid consent at the moment of sharing, and which: the
tokens mean something to the controller alone, which holds their key. GDPR art. 7, 9(2)(a).
`tests/registers/test_research.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from projections.countries import area
from projections.facts import Fact
from projections.presenting import in_order
from projections.reading import moment, text, texts, truth, when
from projections.register import Column, Label, Register, Row
from projections.research_consent import (
    ATTESTED,
    SHARED,
    WITHDRAWN,
    consenting,
    subject_count,
    without_consent,
)
from projections.rows import by_id, cases_by, of_type, row, row_key

REFUSED = "ResearchSharingRefused"

BY_TYPE = {
    ATTESTED: ("attestation:attestation_id",),
    WITHDRAWN: ("attestation:attestation_id",),
    SHARED: ("attestation:attestation_id",),
    REFUSED: ("instruction:instruction_id",),
}

COLUMNS = (
    Column("kind", Label("Soort regel", "Kind of row"), "4.5"),
    Column("id", Label("Kenmerk", "Reference"), "4.5"),
    Column("controller", Label("Klant", "Controller"), "4.5; art. 9(2)(a)"),
    Column("attestation", Label("Verklaring van toestemming", "Attestation of consent"), "4.5"),
    Column("instruction", Label("Instructie", "Instruction"), "4.1, 4.5"),
    Column("project", Label("Onderzoek", "Research project"), "4.5"),
    Column("recipient", Label("Ontvanger", "Recipient"), "4.5"),
    Column("country", Label("Land", "Country"), "5.3"),
    Column("area", Label("Gebied", "Area"), "5.3; art. 44"),
    Column("at", Label("Op", "At"), "4.5; art. 7(1), 7(3)"),
    Column("subject_count", Label("Aantal Betrokkenen", "Data subjects"), "4.5; art. 7(1)"),
    Column(
        "approached_by_controller",
        Label("Door Klant benaderd", "Approached by the controller"),
        "4.5",
    ),
    Column(
        "consent_form_sha256",
        Label("Hash van het toestemmingsformulier", "Hash of the consent form"),
        "4.5; art. 7(1)",
    ),
    Column(
        "subject_tokens_commitment",
        Label("Vastlegging van de groep", "Commitment to the set"),
        "4.5; art. 5(2)",
    ),
    Column("withdrawn", Label("Aantal intrekkingen", "Withdrawals"), "4.5; art. 7(3)"),
    Column("valid_count", Label("Geldige toestemmingen", "Valid consents"), "4.5; art. 9(2)(a)"),
    Column(
        "without_consent_count",
        Label("Gedeeld zonder geldige toestemming", "Shared without valid consent"),
        "4.5; art. 9(2)(a)",
    ),
    Column(
        "without_consent",
        Label("Betrokkenen zonder toestemming", "Data subjects without consent"),
        "4.5; art. 9(2)(a)",
    ),
    Column("pseudonymised", Label("Gepseudonimiseerd", "Pseudonymised"), "4.5"),
    Column("method", Label("Wijze van delen", "Method"), "4.5"),
    Column("file_sha256", Label("Hash van het bestand", "Hash of the file"), "4.5; art. 5(2)"),
    Column("subject_token", Label("Betrokkene", "Data subject"), "4.5; art. 7(3)"),
    Column("reason", Label("Reden van weigering", "Reason of the refusal"), "4.5; art. 9(1)"),
)


def fold(case: str, facts: Sequence[Fact]) -> Sequence[Row]:
    """The rows of one attestation with all that rests on it, or of one refused instruction."""
    tag, _, id_ = case.partition(":")
    rows: list[Row] = []
    for controller, own in sorted(by_id(facts, "controller_id").items()):
        if tag == "instruction":
            rows.append(_refusal(id_, controller, own))
            continue
        attested = of_type(own, ATTESTED)
        if attested:
            rows.append(_attestation(id_, controller, attested, own))
        rows += [_withdrawal(id_, controller, fact) for fact in of_type(own, WITHDRAWN)]
        shares = by_id(of_type(own, SHARED), "share_id")
        rows += [_share(id_, s, controller, turns, own) for s, turns in shares.items()]
    return rows


def _attestation(
    attestation: str, controller: str, attested: Sequence[Fact], own: Sequence[Fact]
) -> Row:
    """The consents as they are after all withdrawals that are known."""
    last = attested[-1]
    turns = of_type(own, ATTESTED, WITHDRAWN)
    latest = max(moment(fact, "attested_at", "withdrawn_at") for fact in turns)
    values = {
        "kind": "attestation",
        "id": attestation,
        "controller": controller,
        "attestation": attestation,
        "project": text(last.data, "project"),
        "recipient": text(last.data, "recipient"),
        "at": when(attested[0], "attested_at"),
        "subject_count": subject_count(*attested),
        "approached_by_controller": truth(last.data, "approached_by_controller"),
        "consent_form_sha256": text(last.data, "consent_form_sha256"),
        "subject_tokens_commitment": text(last.data, "subject_tokens_commitment"),
        "withdrawn": len(of_type(own, WITHDRAWN)),
        "valid_count": len(consenting(turns, last, latest)),
    }
    key = row_key("attestation", attestation, controller)
    return row(COLUMNS, key, (controller,), values, turns)


def _withdrawal(attestation: str, controller: str, fact: Fact) -> Row:
    values = {
        "kind": "withdrawal",
        "controller": controller,
        "attestation": attestation,
        "at": when(fact, "withdrawn_at"),
        "subject_token": text(fact.data, "subject_token"),
    }
    key = row_key("withdrawal", attestation, str(fact.position), controller)
    return row(COLUMNS, key, (controller,), values, [fact])


def _share(
    attestation: str, share: str, controller: str, turns: Sequence[Fact], own: Sequence[Fact]
) -> Row:
    fact = turns[-1]
    outside = without_consent(own, fact)
    named = bool(texts(fact.data, "subject_tokens"))
    values = {
        "kind": "share",
        "id": share,
        "controller": controller,
        "attestation": attestation,
        "instruction": text(fact.data, "instruction_id"),
        "recipient": text(fact.data, "recipient"),
        **_where(fact),
        "at": when(fact, "shared_at"),
        "subject_count": subject_count(fact),
        "subject_tokens_commitment": text(fact.data, "subject_tokens_commitment"),
        "valid_count": len(consenting(own, fact, moment(fact, "shared_at"))),
        "without_consent_count": len(outside) if named else None,
        "without_consent": outside,
        "pseudonymised": truth(fact.data, "pseudonymised"),
        "method": text(fact.data, "method"),
        "file_sha256": text(fact.data, "file_sha256"),
    }
    key = row_key("share", attestation, share, controller)
    return row(COLUMNS, key, (controller,), values, [*turns, *of_type(own, ATTESTED, WITHDRAWN)])


def _where(fact: Fact) -> dict[str, Any]:
    country = text(fact.data, "country")
    return {
        "country": country,
        "area": area(country, moment(fact, "shared_at")) if country else None,
    }


def _refusal(instruction: str, controller: str, facts: Sequence[Fact]) -> Row:
    last = facts[-1]
    values = {
        "kind": "refusal",
        "id": instruction,
        "controller": controller,
        "instruction": instruction,
        "at": when(last, "refused_at"),
        "reason": text(last.data, "reason"),
    }
    key = row_key("refusal", instruction, controller)
    return row(COLUMNS, key, (controller,), values, facts)


REGISTER = Register(
    name="research",
    title=Label("Register van wetenschappelijk onderzoek", "Register of research"),
    source="4.5; art. 7, 9(2)(a)",
    columns=COLUMNS,
    types=frozenset(BY_TYPE),
    cases=cases_by(BY_TYPE),
    fold=fold,
    present=in_order("attestation", "withdrawal", "share", "refusal"),
)
