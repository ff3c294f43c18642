"""The directory of anchors of a producer: what was recorded of each day of each log.

    DIR/LOG/DAY.anchor              the payload of the digest, and the leaves (`ledger/anchor.py`)
    DIR/LOG/DAY.tlog-proof          its receipt, once the ledger gave one
    DIR/LOG/DAY.1.anchor …          lines that came later

An anchor is on the disk before its digest is sent, and its payload is sent again as it was. So it
makes no difference where the work stops: the same command again gives the same event, which the
ledger takes once. `tests/test_anchor_store.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from urllib.parse import quote

from ledger import anchor as anchors
from ledger import durable_file, entry_check, line_proof, note, proof, receipt_files
from ledger import entry as entries
from ledger.anchor import Anchor
from ledger.errors import AnchorMalformed, ConfigurationError, DayDigested
from ledger.keyring import CIVIL_TIME
from ledger.line_proof import Digest
from ledger.log_files import Form
from ledger.merkle import HASH
from ledger.proof import Proof
from ledger.receipt import MAX_RECEIPT
from ledger.tags import ID

_NAME = re.compile(r"\d{4}-\d\d-\d\d(?:\.[1-9]\d{0,3})?")

Payload = Callable[[str, dict[str, object]], bytes]
"""(id, data) -> the payload of the digest, as its producer writes it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An anchor in its file, and the file of its receipt, which may not be there yet.

    `new` says that it was made just now, so its digest was never sent.
    """

    anchor: Anchor
    file: Path
    receipt: Path
    new: bool = field(default=False, compare=False)


class Anchors:
    """The anchors of one log below a directory. Raises ConfigurationError for no name of a log."""

    def __init__(self, directory: Path, log_source: str) -> None:
        if re.fullmatch(ID, log_source) is None:
            raise ConfigurationError(
                "the name of a log has letters, digits and `._:/-`, at most 64, with a letter or"
                " digit at both ends"
            )
        self.log_source = log_source
        # An id may hold what leads elsewhere in a path.
        self._directory = directory / quote(log_source, safe="")

    def of_day(self, day: date) -> list[Kept]:
        """What is kept of a day: the day itself, and its supplements. Raises AnchorMalformed."""
        found: list[Kept] = []
        while (file := self._file(day, len(found))).exists():
            found.append(self._read(file))
        return found

    def take(
        self,
        day: date,
        leaves: bytes,
        *,
        standard: str,
        form: Form,
        late: bool,
        payload: Payload,
    ) -> Kept | None:
        """The anchor of a day, on the disk; or with `late` that of the lines that came since, None
        when there are none.

        What is kept and has no receipt yet is given back as it is. Raises DayDigested when the day
        has its digest and lines came since.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        with durable_file.locked(self._directory / "anchors"):
            kept = self.of_day(day)
            if kept and not kept[-1].receipt.exists():
                return kept[-1]
            if late and not kept:
                raise ConfigurationError(f"{day} has no digest yet, so no line is late")
            if any(
                (a.anchor.digest.form, a.anchor.digest.standard) != (form, standard) for a in kept
            ):
                raise ConfigurationError(f"{day} was digested in another form, or standard")
            new = anchors.later([each.anchor for each in kept], leaves)
            if kept and not new:
                return None
            if kept and not late:
                raise DayDigested(
                    f"{day} of {self.log_source} has its digest, and"
                    f" {len(new) // HASH} lines are not in it: record them with --late"
                )
            data = anchors.digest_data(
                log_source=self.log_source,
                standard=standard,
                day=day,
                supplement=len(kept),
                form=form,
                leaves=new,
                previous=self._last(),
            )
            id_ = anchors.event_id(self.log_source, day, len(kept))
            return self.keep(payload(id_, data), new)

    def keep(self, payload: bytes, leaves: bytes) -> Kept:
        """Write an anchor, with leaves that its payload fixes. Raises AnchorMalformed."""
        digest = line_proof.read_digest(entry_check.read_event(payload))
        made = anchors.of_leaves(payload, digest, leaves)
        file = self._file(digest.day, digest.supplement)
        durable_file.write(file, anchors.format(made))
        return Kept(made, file, file.with_suffix(".tlog-proof"), new=True)

    def rebuild(self, receipt: str, leaves: bytes) -> Kept:
        """Write the anchor again whose receipt this is, from the leaves of the lines of its day.

        Lines of the other trees of that day, as far as their anchors are there, are passed over.
        Raises AnchorMalformed when what is left does not give the root.
        """
        payload = payload_of(proof.parse(receipt))
        digest = line_proof.read_digest(entry_check.read_event(payload))
        if digest.log_source != self.log_source:
            raise AnchorMalformed(f"the receipt is of the log {digest.log_source}")
        self._directory.mkdir(parents=True, exist_ok=True)
        kept = self.keep(payload, anchors.later(self._others(digest), leaves))
        receipt_files.write(kept.receipt, receipt)
        return kept

    def _others(self, digest: Digest) -> list[Anchor]:
        """The other anchors of the day of a digest, whichever are there."""
        files = self._directory.glob(f"{digest.day}*.anchor")
        found = [self._read(file).anchor for file in sorted(files)]
        return [each for each in found if each.digest.supplement != digest.supplement]

    def _file(self, day: date, supplement: int) -> Path:
        ending = f".{supplement}.anchor" if supplement else ".anchor"
        return self._directory / f"{day}{ending}"

    def _read(self, file: Path) -> Kept:
        kept = anchors.parse(file.read_bytes())
        if kept.digest.log_source != self.log_source or file != self._file(
            kept.digest.day, kept.digest.supplement
        ):
            raise AnchorMalformed(f"{file} is the anchor of another log or day")
        return Kept(kept, file, file.with_suffix(".tlog-proof"))

    def _last(self) -> bytes | None:
        """The payload of the digest that was recorded last: its receipt has the highest index."""
        receipts = (
            proof.parse(read_receipt(file))
            for file in self._directory.glob("*.tlog-proof")
            if _NAME.fullmatch(file.name.removesuffix(".tlog-proof"))
        )
        last = max(receipts, key=lambda receipt: receipt.index, default=None)
        return None if last is None else payload_of(last)


def payload_of(receipt: Proof) -> bytes:
    """The payload of the event that a receipt is of; nothing is verified. Raises
    VerificationFailed."""
    if receipt.extra is None:
        raise AnchorMalformed("the receipt carries no entry")
    return entries.parse(receipt.extra).payload


def digest_of(receipt: str) -> Digest:
    """The digest that a receipt is of; nothing is verified. Raises VerificationFailed."""
    return line_proof.read_digest(entry_check.read_event(payload_of(proof.parse(receipt))))


def read_receipt(file: Path) -> str:
    """The receipt in a file. Raises VerificationFailed."""
    with file.open("rb") as opened:
        return note.decode(opened.read(MAX_RECEIPT + 1))


def check_over(day: date, now: datetime) -> None:
    """Check that a civil day has ended. Raises ConfigurationError."""
    if now.astimezone(CIVIL_TIME).date() <= day:
        raise ConfigurationError(f"{day} is not over in Europe/Amsterdam")
