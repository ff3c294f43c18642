"""Who read the ledger, and what it did with itself (6.1, 11.1; GDPR 5(2), 28(3)(h), 30(4)).

Rows by kind: `inspection`, `evidence_pack` and `shredding`, for the processor alone; `grant`, what
an auditor may read, for the controller it was granted for or the processor alone; `key`,
`checkpoint` and `loss`, for every reader, since they are what a proof is checked with.
`tests/registers/test_inspections.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from projections.facts import Fact
from projections.grants import EXTENDED, GRANTED, REVOKED, grant_of
from projections.reading import first_when, given, ids, stamp, text, texts, when, whole
from projections.register import Column, Label, Register, Row
from projections.rows import (
    ITSELF,
    PROCESSOR_ONLY,
    PROCESSOR_WIDE,
    by_id,
    cases_by,
    leading_to,
    of_type,
    row,
    row_key,
)

BY_TYPE = {
    "RecordsInspected": (ITSELF,),
    "EvidencePackExported": (ITSELF,),
    "PayloadShredded": (ITSELF,),
    "CheckpointSigned": (ITSELF,),
    "EntriesLost": (ITSELF,),
    "SigningKeyEnrolled": ("key:key_id",),
    "SigningKeyRevoked": ("key:key_id",),
    GRANTED: ("grant:grant_id",),
    EXTENDED: ("grant:grant_id",),
    REVOKED: ("grant:grant_id",),
}

COLUMNS = (
    Column("kind", Label("Soort regel", "Kind of row"), "11.1"),
    Column("id", Label("Kenmerk", "Reference"), "11.1"),
    Column("at", Label("Tijdstip", "At"), "11.1"),
    Column("reader", Label("Lezer (pseudoniem)", "Reader (pseudonym)"), "11.1; art. 28(3)(h)"),
    Column("role", Label("Rol", "Role"), "11.1"),
    Column("projection", Label("Ingezien register", "Register inspected"), "11.1"),
    Column("query_hash", Label("Hash van de vragen", "Hash of the queries"), "11.1"),
    Column("count", Label("Aantal vragen", "Number of queries"), "11.1"),
    Column("until", Label("Laatste vraag", "Last query"), "11.1"),
    Column("unsealed", Label("Verzegelde tekst getoond", "Sealed text shown"), "6.1"),
    Column("refused", Label("Geweigerd", "Refused"), "11.1; art. 32(1)(b)"),
    Column("scope", Label("Reikwijdte", "Scope"), "11.1; art. 30(4)"),
    Column("manifest_sha256", Label("Hash van het manifest", "Hash of the manifest"), "11.1"),
    Column("purpose", Label("Doel", "Purpose"), "11.3"),
    Column("projections", Label("Registers", "Registers"), "11.1, 11.3"),
    Column("frameworks", Label("Normen", "Frameworks"), "11.2, 11.3"),
    Column("audit_id", Label("Bij audit", "For audit"), "11.3"),
    Column("ledger_position", Label("Omvang van het log", "Size of the log"), "11.1; art. 5(2)"),
    Column("root", Label("Wortelhash", "Root hash"), "art. 5(2)"),
    Column("signed_size", Label("Omvang vóór verlies", "Size before the loss"), "art. 32(1)(c)"),
    Column("signed_root", Label("Wortelhash vóór verlies", "Root before it"), "art. 32(1)(c)"),
    Column("witnesses", Label("Getuigen", "Witness signatures"), "art. 5(2)"),
    Column("event_id", Label("Gebeurtenis", "Event"), "6.1"),
    Column("fields", Label("Gewiste velden", "Shredded fields"), "6.1; art. 17"),
    Column("ground", Label("Grond", "Ground"), "6.1; art. 17, 5(1)(c)"),
    Column("by", Label("Door", "By"), "6.1"),
    Column("service", Label("Dienst", "Service"), "1 (Schriftelijk)"),
    Column("algorithm", Label("Algoritme", "Algorithm"), "1 (Schriftelijk); art. 32(1)(b)"),
    Column("public_key", Label("Openbare sleutel", "Public key"), "art. 32(1)(b)"),
    Column("event_types", Label("Mag ondertekenen", "May sign"), "art. 32(1)(b)"),
    Column("valid_from", Label("Geldig vanaf", "Valid from"), "art. 32(1)(b)"),
    Column("valid_until", Label("Geldig tot", "Valid until"), "art. 32(1)(b)"),
    Column("state", Label("Toestand", "State"), "art. 32(1)(b)"),
    Column("revoked_at", Label("Ingetrokken op", "Revoked at"), "art. 32(1)(b)"),
    Column("suspect_since", Label("Verdacht sinds", "Suspect since"), "art. 32(1)(b)"),
    Column("reason", Label("Reden", "Reason"), "art. 32(1)(b)"),
)


def fold(case: str, facts: Sequence[Fact]) -> Sequence[Row]:
    """The row of one key or of one event; those of a grant, one for each controller."""
    tag, _, id_ = case.partition(":")
    if tag == "key":
        return [_key(id_, facts)]
    if tag == "grant":
        return _grants(id_, facts)
    return [EVENTS[fact.type](fact) for fact in facts]


def _inspection(fact: Fact) -> Row:
    values = {
        "kind": "inspection",
        "id": fact.id,
        "at": when(fact, "at"),
        "reader": text(fact.data, "reader"),
        "role": text(fact.data, "role"),
        "projection": text(fact.data, "projection"),
        "query_hash": text(fact.data, "query_hash"),
        "count": whole(fact.data, "count") or 1,
        "until": given(fact.data, "until"),
        "unsealed": fact.data.get("unsealed") is True,
        "refused": fact.data.get("refused") is True,
        "ledger_position": whole(fact.data, "ledger_position"),
    }
    return row(COLUMNS, row_key("inspection", str(fact.position)), PROCESSOR_ONLY, values, [fact])


def _evidence_pack(fact: Fact) -> Row:
    values = {
        "kind": "evidence_pack",
        "id": text(fact.data, "pack_id"),
        "at": when(fact, "at"),
        "reader": text(fact.data, "reader"),
        "scope": text(fact.data, "scope"),
        "manifest_sha256": text(fact.data, "manifest_sha256"),
        "ledger_position": whole(fact.data, "ledger_position"),
    }
    key = row_key("evidence_pack", str(fact.position))
    return row(COLUMNS, key, PROCESSOR_ONLY, values, [fact])


def _shredding(fact: Fact) -> Row:
    values = {
        "kind": "shredding",
        "id": fact.id,
        "at": when(fact, "key_destroyed_at"),
        "event_id": text(fact.data, "event_id"),
        "fields": texts(fact.data, "fields"),
        "ground": text(fact.data, "ground"),
        "by": text(fact.data, "by"),
    }
    return row(COLUMNS, row_key("shredding", str(fact.position)), PROCESSOR_ONLY, values, [fact])


def _checkpoint(fact: Fact) -> Row:
    values = {
        "kind": "checkpoint",
        "id": text(fact.data, "key_id"),
        "at": when(fact, "at"),
        "ledger_position": whole(fact.data, "tree_size"),
        "root": text(fact.data, "root"),
        "witnesses": len(texts(fact.data, "witness_signatures")),
    }
    return row(COLUMNS, row_key("checkpoint", str(fact.position)), PROCESSOR_WIDE, values, [fact])


def _loss(fact: Fact) -> Row:
    values = {
        "kind": "loss",
        "id": fact.id,
        "at": when(fact, "at"),
        "ledger_position": whole(fact.data, "tree_size"),
        "root": text(fact.data, "root"),
        "signed_size": whole(fact.data, "signed_size"),
        "signed_root": text(fact.data, "signed_root"),
        "reason": text(fact.data, "reason"),
        "by": text(fact.data, "by"),
    }
    return row(COLUMNS, row_key("loss", str(fact.position)), PROCESSOR_WIDE, values, [fact])


def _grants(grant_id: str, facts: Sequence[Fact]) -> list[Row]:
    """What an auditor was granted: for the controller that it was granted for, or the processor."""
    named = by_id(facts, "controller_id")
    general = [fact for fact in facts if not ids(fact.data, "controller_id")]
    rows = [_grant((each,), row_key("grant", grant_id, each), own) for each, own in named.items()]
    rows.append(_grant(PROCESSOR_ONLY, row_key("grant", grant_id), general))
    return [row for row in rows if row is not None]


def _grant(controllers: tuple[str, ...], key: str, facts: Sequence[Fact]) -> Row | None:
    grant = grant_of(key, facts)
    if grant is None:
        return None
    values = {
        "kind": "grant",
        "id": text(facts[0].data, "grant_id"),
        "at": first_when(of_type(facts, GRANTED)),
        "reader": grant.reader,
        "role": "auditor",
        "purpose": grant.purpose,
        "projections": list(grant.registers or ()),
        "frameworks": list(grant.frameworks),
        "audit_id": grant.audit_id,
        "valid_from": stamp(grant.since),
        "valid_until": stamp(grant.until),
        "state": "revoked" if grant.revoked_at else "granted",
        "revoked_at": stamp(grant.revoked_at),
        "reason": text(facts[-1].data, "reason"),
        "by": text(facts[-1].data, "by"),
    }
    return row(COLUMNS, key, controllers, values, facts)


EVENTS = {
    "RecordsInspected": _inspection,
    "EvidencePackExported": _evidence_pack,
    "PayloadShredded": _shredding,
    "CheckpointSigned": _checkpoint,
    "EntriesLost": _loss,
}
"""What makes the row of an event that is a case of its own."""


def _key(key_id: str, facts: Sequence[Fact]) -> Row:
    """A key; not for which controllers it may sign, which would name them to each other."""
    enrolled = of_type(facts, "SigningKeyEnrolled")
    revoked = of_type(facts, "SigningKeyRevoked")
    content = enrolled[-1].data if enrolled else {}
    revocation = revoked[0].data if revoked else {}
    values = {
        "kind": "key",
        "id": key_id,
        "at": first_when(enrolled),
        "service": text(content, "service"),
        "algorithm": text(content, "algorithm"),
        "public_key": text(content, "public_key"),
        "event_types": texts(content, "event_types"),
        "valid_from": given(content, "valid_from"),
        "valid_until": given(content, "valid_until"),
        "state": "revoked" if revoked else "enrolled",
        "revoked_at": first_when(revoked, "revoked_at"),
        "suspect_since": given(revocation, "suspect_since"),
        "reason": text(revocation, "reason"),
    }
    return row(COLUMNS, row_key("key", key_id), PROCESSOR_WIDE, values, facts)


REGISTER = Register(
    name="inspections",
    title=Label("Register van inzage", "Register of inspections"),
    source="6.1, 11.1; art. 5(2), 28(3)(h)",
    columns=COLUMNS,
    types=frozenset(BY_TYPE),
    cases=cases_by(BY_TYPE),
    fold=fold,
    wide=frozenset({"CheckpointSigned", "EntriesLost"}) | leading_to(BY_TYPE, "key"),
)
