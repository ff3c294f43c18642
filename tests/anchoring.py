"""Days of a log that are digested in a log of tests, and the proofs of their lines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from ledger import anchor
from ledger.anchor import Anchor, DayKey
from ledger.line_proof import DIGEST, Digest, LineProof, read_digest
from ledger.log_keys import LogKeys
from ledger.receipt_report import check
from ledger.report import Pins
from tests.log_builder import LogBuilder, payload, sign

DAY = date(2025, 1, 1)
SECRET = bytes(range(32))
SOURCE = "epd-toegang"
DESK = "security-desk"


def lines_of(count: int) -> list[bytes]:
    """Lines that say nothing twice."""
    return [b"2025-01-01T10:00:%02dZ user-7 read patient-%d" % (n % 60, n) for n in range(count)]


def digested(
    lines: Sequence[bytes],
    *,
    day: date = DAY,
    source: str = SOURCE,
    supplement: int = 0,
    secret: bytes = SECRET,
    previous: bytes | None = None,
) -> Anchor:
    """The anchor of some lines, that nobody recorded yet."""
    leaves = DayKey(secret, source, day).leaves(lines)
    data = anchor.digest_data(
        log_source=source,
        standard="nen7513",
        day=day,
        supplement=supplement,
        form="lines",
        leaves=leaves,
        previous=previous,
    )
    event = payload(DIGEST, data, id=anchor.event_id(source, day, supplement), system=DESK)
    return anchor.parse(b"".join([event, b"\n", leaves]))


def new_log() -> LogBuilder:
    """A log in which a security desk may record."""
    log = LogBuilder()
    log.enrol("k-desk", DESK)
    return log


def record(log: LogBuilder, made: Anchor) -> str:
    """Record the digest of an anchor; its receipt."""
    return log.receipt(log.append(sign(made.payload, "k-desk")))


def proof_of(made: Anchor, receipt: str, line: bytes, secret: bytes = SECRET) -> LineProof:
    """The proof of a line that the anchor has."""
    key = DayKey(secret, made.digest.log_source, made.digest.day)
    found = anchor.prove(made, key, line, receipt)
    assert found is not None
    return found


def digest_in(receipt: str, log: LogBuilder) -> Digest:
    """What the digest of a receipt says."""
    report = check(receipt, LogKeys.of(log.signer.verifier), Pins())
    assert report.event is not None
    return read_digest(report.event)
