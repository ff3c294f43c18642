"""Rows of certificates, and of the days that each standard was covered by one (11.2)."""

from __future__ import annotations

from collections.abc import Sequence

from projections.certificate_cover import Certificate, certificates, gaps
from projections.facts import Fact
from projections.reading import given, stamp, text, when
from projections.register import Row
from projections.registers.assurance.columns import COLUMNS
from projections.rows import PROCESSOR_WIDE, row, row_key


def certificate_rows(facts: Sequence[Fact]) -> list[Row]:
    """A row for each certificate, and one for each standard."""
    held = certificates(facts)
    standards = sorted({standard for c in held for standard in c.standards})
    return [
        *(_certificate(certificate) for certificate in held),
        *(_coverage(s, [c for c in held if s in c.standards]) for s in standards),
    ]


def _certificate(certificate: Certificate) -> Row:
    issued, withdrawn = certificate.issued, certificate.withdrawn
    values = {
        "kind": "certificate",
        "id": certificate.certificate_id,
        "state": "withdrawn" if withdrawn else "issued",
        "standard": text(issued.data, "standard"),
        "edition": text(issued.data, "edition"),
        "body": text(issued.data, "body"),
        "scope": text(issued.data, "scope"),
        "soa_version": text(issued.data, "soa_version"),
        "issued_at": when(issued),
        "valid_from": given(issued.data, "valid_from"),
        "valid_until": given(issued.data, "valid_until"),
        "withdrawn_at": when(withdrawn, "at") if withdrawn else None,
        "reason": text(withdrawn.data, "reason") if withdrawn else None,
    }
    key = row_key("certificate", certificate.certificate_id, str(issued.position))
    return row(COLUMNS, key, PROCESSOR_WIDE, values, [issued, *([withdrawn] if withdrawn else [])])


def _coverage(standard: str, held: Sequence[Certificate]) -> Row:
    """The days with a certificate of a standard; `valid_until` is the last day that has one."""
    covered = [certificate.valid for certificate in held if certificate.valid]
    without = gaps(covered)
    values = {
        "kind": "coverage",
        "id": standard,
        "standard": standard,
        "valid_from": stamp(min((days.first for days in covered), default=None)),
        "valid_until": stamp(max((days.last for days in covered), default=None)),
        "gaps": [
            {"from": stamp(gap.first), "until": stamp(gap.last), "days": gap.number}
            for gap in without
        ],
        "gap_days": sum(gap.number for gap in without),
    }
    rests_on = [fact for c in held for fact in (c.issued, c.withdrawn) if fact]
    return row(COLUMNS, row_key("coverage", standard), PROCESSOR_WIDE, values, rests_on)
