"""The state of a ledger on one screen: the log, its registers, what is due and what was found.

`tests/test_cli_judge.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ledger.checkpoint import parse as parse_checkpoint
from ledger.note import parse as parse_note
from ledger.opening import Ledger
from projections import follow
from projections.civil import civil_date
from projections.clocks import SeenClock, ask_clocks
from projections.findings import SEVERITIES, ask_findings
from projections.question import Moment, ask
from projections.reading import civil_day
from projections.registers import REGISTERS

EXPIRING = timedelta(days=180)
"""How long before its end a certificate is shown: a recertification takes months."""


@dataclass(frozen=True, slots=True)
class Expiring:
    """A certificate in force that ends soon; `valid_until` is its last day."""

    certificate_id: str
    standard: str
    valid_until: str


@dataclass(frozen=True, slots=True)
class Status:
    """How a ledger stands at `at`.

    `followed` is how many of its `size` entries the stored registers have; `findings` counts them
    by severity; `clocks` are those due soon or overdue.
    """

    origin: str
    at: datetime
    size: int
    recorded_at: datetime
    root: bytes
    checkpoint: str
    followed: int
    findings: Mapping[str, int]
    clocks: Sequence[SeenClock]
    certificates: Sequence[Expiring]
    expiring: timedelta = EXPIRING


def ask_status(ledger: Ledger, *, within: timedelta) -> Status:
    """The status now, from the stored registers as far as they follow."""
    now, latest = ledger.now(), ledger.reader.checkpoint()
    found = ask_findings(ledger.pool, now, Moment())
    counts = Counter(finding.severity for finding in found.findings)
    checkpoint = parse_checkpoint(parse_note(latest.note).text)
    return Status(
        origin=checkpoint.origin,
        at=now,
        size=latest.size,
        recorded_at=latest.recorded_at,
        root=checkpoint.root,
        checkpoint=latest.note,
        followed=follow.position(ledger.pool),
        findings={severity: counts[severity] for severity in SEVERITIES},
        clocks=ask_clocks(ledger.pool, now, Moment(), within=within).clocks,
        certificates=_expiring(ledger, now),
    )


def _expiring(ledger: Ledger, now: datetime) -> list[Expiring]:
    rows = ask(ledger.pool, REGISTERS["assurance"]).rows
    found = []
    for row in rows:
        last = civil_day(row.values, "valid_until")
        held = row.values["kind"] == "certificate" and row.values["state"] == "issued"
        if held and last and civil_date(now) <= last <= civil_date(now + EXPIRING):
            named = str(row.values["id"]), str(row.values["standard"])
            found.append(Expiring(*named, last.isoformat()))
    return sorted(found, key=lambda certificate: certificate.valid_until)
