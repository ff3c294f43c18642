"""The types of events that concern nobody in particular, and that every controller may read.

PostgreSQL knows them as well (`sql/access.sql`), so that a mistake in a question shows no other
type. `tests/test_isolation.py` has the list a second time.
"""

from __future__ import annotations

from ledger.events import versions

SHARED = (
    "ProcessorRegistered",
    "SecurityMeasureAdopted",
    "SecurityMeasureAmended",
    "SecurityMeasureRetired",
    "CertificateIssued",
    "CertificateWithdrawn",
    "ApplicabilityStatementIssued",
    "ExternalAuditCompleted",
    "SubprocessingContractConcluded",
    "SigningKeyRevoked",
    "CheckpointSigned",
    "EntriesLost",
)
"""Types of what concerns nobody in particular, and every controller may read; unless an event of
them names a controller. Staff, readers, security events and findings are not among them, nor are
enrolled keys: they may say for which controllers."""

SHARED_TOPICS = tuple(each.topic for name in SHARED for each in versions(name))
"""The same as entries have them."""
