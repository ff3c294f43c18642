"""Who may come near personal data, and is bound to secrecy (6.2, 5.8; GDPR 28(3)(b), 29, 32(4)).

One row a person, known by a pseudonym. Access without an undertaking is shown with its times; that
it breaks 6.2 is for the findings to say. `tests/registers/test_people.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from projections.access import AUTHORISED, REVOKED, SIGNED, Access, accesses, first_signed
from projections.facts import Fact
from projections.reading import moment, stamp, text
from projections.register import Column, Label, Register, Row
from projections.rows import PROCESSOR_WIDE, cases_by, leading_to, of_type, row, row_key

BY_TYPE = {
    SIGNED: ("person:person_pseudonym",),
    AUTHORISED: ("person:person_pseudonym",),
    REVOKED: ("person:person_pseudonym",),
}

COLUMNS = (
    Column("person", Label("Medewerker (pseudoniem)", "Person (pseudonym)"), "6.2; art. 32(4)"),
    Column(
        "undertaking_signed_at",
        Label("Geheimhouding getekend op", "Confidentiality undertaking signed at"),
        "6.2; art. 28(3)(b)",
    ),
    Column("undertaking_sha256", Label("Hash van de verklaring", "Hash of the undertaking"), "6.2"),
    Column("undertaking_basis", Label("Grondslag", "Basis of the undertaking"), "6.2"),
    Column("state", Label("Toegang", "Access"), "5.8; art. 32(4)"),
    Column("authorisations", Label("Machtigingen", "Authorisations"), "5.8; art. 29, 32(4)"),
    Column("revoked_at", Label("Laatst ingetrokken op", "Last revoked at"), "5.8; art. 32(4)"),
    Column(
        "access_before_undertaking",
        Label("Toegang zonder geheimhouding", "Access before the undertaking"),
        "6.2; art. 28(3)(b)",
    ),
)


def fold(case: str, facts: Sequence[Fact]) -> Sequence[Row]:
    """The row of one person."""
    person = case.partition(":")[2]
    signed_at, first = first_signed(facts) or (None, None)
    granted = accesses(facts)
    revoked = [moment(f, "at") for f in of_type(facts, REVOKED)]
    values = {
        "person": person,
        "undertaking_signed_at": stamp(signed_at),
        "undertaking_sha256": text(first.data, "document_sha256") if first else None,
        "undertaking_basis": text(first.data, "basis") if first else None,
        "state": _state(granted),
        "authorisations": [_authorisation(access) for access in granted],
        "revoked_at": stamp(max(revoked)) if revoked else None,
        "access_before_undertaking": [
            {"from": stamp(access.since), "until": stamp(access.unbound_until(signed_at))}
            for access in granted
            if access.is_unbound(signed_at)
        ],
    }
    return [row(COLUMNS, row_key("person", person), PROCESSOR_WIDE, values, facts)]


def _state(granted: Sequence[Access]) -> str:
    if not granted:
        return "none"
    return "authorised" if any(access.until is None for access in granted) else "revoked"


def _authorisation(access: Access) -> dict[str, Any]:
    return {
        "role": text(access.fact.data, "role"),
        "scope": access.fact.data.get("scope"),
        "approved_by": text(access.fact.data, "approved_by"),
        "authorised_at": stamp(access.since),
        "revoked_at": stamp(access.until) if access.until else None,
    }


REGISTER = Register(
    name="people",
    title=Label("Register van gemachtigde medewerkers", "Register of authorised persons"),
    source="5.8, 6.2; art. 28(3)(b), 29, 32(4)",
    columns=COLUMNS,
    types=frozenset(BY_TYPE),
    cases=cases_by(BY_TYPE),
    fold=fold,
    wide=leading_to(BY_TYPE, "person"),
)
