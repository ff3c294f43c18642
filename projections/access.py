"""Who was given access to personal data, until when, and whether bound to secrecy then (6.2).

An undertaking binds from when it was signed; the first one counts.
`tests/registers/test_people.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from projections.facts import Fact
from projections.reading import Act, in_order, moment
from projections.rows import of_type

SIGNED = "ConfidentialityUndertakingSigned"
AUTHORISED = "DataAccessAuthorised"
REVOKED = "DataAccessRevoked"


@dataclass(frozen=True, slots=True)
class Access:
    """One authorisation; `until` is the first revocation after it, None while it stands."""

    fact: Fact
    since: datetime
    until: datetime | None

    def is_unbound(self, signed_at: datetime | None) -> bool:
        """Whether it began before the undertaking was signed; None: it never was."""
        return signed_at is None or self.since < signed_at

    def unbound_until(self, signed_at: datetime | None) -> datetime | None:
        """When access that began without an undertaking ended, or was bound; None while neither."""
        return min((end for end in (self.until, signed_at) if end), default=None)


def accesses(facts: Sequence[Fact]) -> list[Access]:
    """The authorisations of one person in order; a revocation ends all that stand."""
    # The log's order decides between an authorisation and a revocation of the same instant.
    revoked = sorted((moment(f, "at"), f.position) for f in of_type(facts, REVOKED))
    granted = sorted(
        (moment(f, "authorised_at"), f.position, f) for f in of_type(facts, AUTHORISED)
    )
    return [
        Access(fact, since, next((at for at, p in revoked if (at, p) > (since, position)), None))
        for since, position, fact in granted
    ]


def first_signed(facts: Sequence[Fact]) -> Act | None:
    """When a person was first bound to secrecy, and by which fact; None when never."""
    return next(iter(in_order(of_type(facts, SIGNED), "signed_at")), None)
