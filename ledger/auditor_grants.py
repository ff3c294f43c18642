"""Granting an auditor read access: events of the ledger itself, for whoever asks what was granted.

    AuditorAccessGranted      who, for what purpose, which controllers and registers, from when
                              until when
    AuditorAccessExtended     until later, and why
    AuditorAccessRevoked      from now on no more, and why

A grant for several controllers is an event for each, so that none is told of another. A token of an
auditor names its grant and reads what that says at each request (`ledger/granted_access.py`).
`tests/test_auditor_grants.py`.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ledger import own_events
from ledger.cloudevent import write_instant
from ledger.errors import ConfigurationError, Refused
from ledger.granted_access import LONGEST
from ledger.opening import Ledger


def grant(
    ledger: Ledger,
    *,
    grant_id: str,
    reader: str,
    purpose: str,
    since: datetime,
    until: datetime,
    controllers: Sequence[str] = (),
    registers: Sequence[str] = (),
    frameworks: Sequence[str] = (),
    audit_id: str | None = None,
    by: str,
) -> None:
    """Record a grant. Raises ConfigurationError that names the rule, Refused and Unavailable."""
    now = ledger.clock()
    if not max(now, since) < until <= now + LONGEST:
        raise ConfigurationError("a grant ends after it begins, at most a year ahead")
    optional: dict[str, Any] = {
        "registers": list(registers),
        "frameworks": list(frameworks),
        "audit_id": audit_id,
    }
    data = {
        "grant_id": grant_id,
        "reader": reader,
        "purpose": purpose,
        "valid_from": write_instant(since),
        "valid_until": write_instant(until),
        "by": by,
        **{name: value for name, value in optional.items() if value},
    }
    _record(ledger, "AuditorAccessGranted", data, controllers)


def extend(
    ledger: Ledger,
    grant_id: str,
    controllers: Sequence[str],
    *,
    until: datetime,
    reason: str,
    by: str,
) -> None:
    """Record that a grant lasts until later. Raises as `grant`."""
    now = ledger.clock()
    if not now < until <= now + LONGEST:
        raise ConfigurationError("a grant is extended to a moment to come, at most a year ahead")
    data = {"grant_id": grant_id, "valid_until": write_instant(until), "reason": reason, "by": by}
    _record(ledger, "AuditorAccessExtended", data, controllers)


def revoke(
    ledger: Ledger, grant_id: str, controllers: Sequence[str], *, reason: str, by: str
) -> None:
    """Record that a grant has ended. Raises as `grant`."""
    data = {"grant_id": grant_id, "reason": reason, "by": by}
    _record(ledger, "AuditorAccessRevoked", data, controllers)


def _record(ledger: Ledger, type: str, data: Mapping[str, Any], controllers: Sequence[str]) -> None:
    key = ledger.require_own_key()
    now = ledger.clock()
    events = [
        own_events.sign(ledger, key, type, f"{type}-{secrets.token_hex(8)}", now, {**data, **named})
        for named in ([{"controller_id": each} for each in controllers] or [{}])
    ]
    for answer in ledger.append_in_order(events):
        if isinstance(answer, Refused):
            raise answer
