"""Every error the ledger can answer with, by who is at fault.

    LedgerError
    ├── Refused               the producer's input; nothing was written
    │   ├── TooLarge                (1)   size
    │   ├── EnvelopeMalformed       (2)   DSSE shape
    │   ├── UnknownKey              (3)
    │   ├── KeyNotInForce           (4)
    │   ├── SignatureInvalid        (5)
    │   ├── CloudEventMalformed     (6)
    │   ├── UnknownEventType        (7)
    │   ├── FieldsInvalid           (8)
    │   ├── OccurredInFuture        (9)
    │   ├── NotAuthorisedToSign     (10)
    │   ├── PartyUnknown            (11)
    │   ├── PersonalDataInClear     (12)
    │   ├── IdAlreadyUsed           (13)
    │   ├── FormRuleViolated        (14)
    │   └── KeyDestroyed          a sealing key that was asked for is gone for good
    ├── Unavailable           the ledger cannot take it now; try again
    │   └── NotReplicated         no standby holds it: it is not acknowledged
    ├── SigningRefused        the ledger signs nothing before its operator acts
    ├── VerificationFailed    stored or received bytes do not prove what they claim
    │   ├── EntryMalformed
    │   ├── NoteMalformed
    │   ├── NoteUnverified
    │   ├── CheckpointMalformed
    │   ├── TileMalformed
    │   ├── ProofInvalid
    │   │   └── HistoriesDiffer
    │   ├── ExportMalformed
    │   ├── ArchiveMalformed
    │   ├── ReportMalformed
    │   ├── Incomplete
    │   ├── TimestampInvalid
    │   ├── AnchorMalformed
    │   └── WitnessMessageMalformed
    ├── WitnessError          a witness did not cosign; appends go on
    │   ├── WitnessUnavailable    no usable answer now; asked again later
    │   ├── WitnessRefused        it refuses, or its answer is not one
    │   └── WitnessAlarm          what it holds and this log do not fit: somebody must look
    ├── NothingSealed         there is nothing to erase of this subject
    ├── LogUnreadable         a log elsewhere could not be read; nothing is shown about it
    ├── LinesUnreadable       a log of a system cannot be read as lines; nothing was recorded
    ├── DayDigested           a day of a log has its digest already, which never changes
    └── ConfigurationError    the operator's settings or machine
        ├── PolicyMalformed
        └── MasterKeyMissing

The numbers are those of the admission checks (`ledger/admission.py`). `code` is stable and becomes
the last part of the problem type in the HTTP interface (RFC 9457); `tests/test_api.py` holds
every class to a mapping.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class LedgerError(Exception):
    """Never raised itself."""

    code: ClassVar[str] = "ledger-error"


@dataclass(frozen=True, slots=True)
class Fault:
    """One faulty place: a JSON pointer (RFC 6901) into the event, the rule, and what was wrong."""

    field: str
    rule: str
    detail: str


class Refused(LedgerError):
    """The input was refused and nothing was written.

    `faults` names each field and rule; a message never repeats the refused value, since that may be
    exactly what must not be stored or shown.
    """

    code: ClassVar[str] = "refused"

    def __init__(self, detail: str, *faults: Fault) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = faults


class TooLarge(Refused):
    """The envelope, the payload or the resulting entry is larger than the limit."""

    code = "too-large"


class EnvelopeMalformed(Refused):
    """The body is not a DSSE v1.0.2 envelope of a CloudEvent."""

    code = "envelope-malformed"


class UnknownKey(Refused):
    """No enrolled key has this key id."""

    code = "unknown-key"


class KeyNotInForce(Refused):
    """The key is not yet, or no longer, in force by the ledger's clock."""

    code = "key-not-in-force"


class SignatureInvalid(Refused):
    """A signature does not verify over the exact payload bytes."""

    code = "signature-invalid"


class CloudEventMalformed(Refused):
    """The payload is not a CloudEvents 1.0 event of the NL GOV profile."""

    code = "cloudevent-malformed"


class UnknownEventType(Refused):
    """The event type, or this version of it, is not in the vocabulary."""

    code = "unknown-event-type"


class FieldsInvalid(Refused):
    """Fields of `data` are missing, unknown or of the wrong form."""

    code = "fields-invalid"


class OccurredInFuture(Refused):
    """`occurredat` or `time` lies after the ledger's clock plus the tolerance."""

    code = "occurred-in-future"


class NotAuthorisedToSign(Refused):
    """The key may not sign this event type, from this source, for these controllers."""

    code = "not-authorised-to-sign"


class PartyUnknown(Refused):
    """A controller named in the event, or the processor, was never registered."""

    code = "party-unknown"


class PersonalDataInClear(Refused):
    """A field holds a BSN, an e-mail address or a phone number in clear."""

    code = "personal-data-in-clear"


class IdAlreadyUsed(Refused):
    """`source` and `id` were used before with other bytes."""

    code = "id-already-used"


class FormRuleViolated(Refused):
    """The event does not fit the events of its case so far. `faults[0].rule` names the form rule.

    `conflict` tells a state that may change (409: an update number out of order) from a reference
    to nothing (422: a correction of an event that is not there).
    """

    code = "form-rule-violated"

    def __init__(self, detail: str, *faults: Fault, conflict: bool) -> None:
        super().__init__(detail, *faults)
        self.conflict = conflict


class KeyDestroyed(Refused):
    """The sealing key of this subject was destroyed: what was sealed with it is to be forgotten,
    and there will be no other. What is new belongs to a case of its own."""

    code = "key-destroyed"


class Unavailable(LedgerError):
    """The ledger cannot take the event now; send the same again in `retry_after` seconds.

    Nothing was told to anyone, and as a rule nothing was written.
    """

    code = "unavailable"

    def __init__(self, detail: str, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class NotReplicated(Unavailable):
    """No standby holds what is committed, so nothing is acknowledged that a failover could lose.
    Send the same again: what was recorded after all is found by its source and id."""

    code = "not-replicated"

    def __init__(self, within: float) -> None:
        super().__init__(
            f"no standby holds it after {within:g} seconds: it is not acknowledged; send the same"
            " again",
            retry_after=5,
        )


class SigningRefused(LedgerError):
    """The ledger signs nothing: its database does not go on from the last checkpoint that this log
    signed, nothing says which one that was, or a private key of the log is not there. Nothing was
    written; its operator must act."""

    code = "signing-refused"

    def __init__(self, detail: str) -> None:
        super().__init__(
            f"{detail}. Nothing is signed until the operator acts: see `verantwoord kept show` and"
            " docs/how-to/recover.md"
        )
        self.detail = detail


class VerificationFailed(LedgerError):
    """Bytes do not prove what they claim.

    `index` is the first leaf index that differs, where it is known; `check` is the number of the
    check that found it (`ledger/checks.py`), when a whole log is verified.
    """

    code = "verification-failed"

    def __init__(self, detail: str, index: int | None = None, check: int | None = None) -> None:
        super().__init__(detail)
        self.index = index
        self.check = check


class EntryMalformed(VerificationFailed):
    """Leaf bytes are not the one spelling of an entry."""

    code = "entry-malformed"


class NoteMalformed(VerificationFailed):
    """Text is not a C2SP signed note, or a key is not a verifier key."""

    code = "note-malformed"


class NoteUnverified(VerificationFailed):
    """No known key signed the note, or a known key's signature fails."""

    code = "note-unverified"


class CheckpointMalformed(VerificationFailed):
    """A note's text is not a C2SP checkpoint."""

    code = "checkpoint-malformed"


class TileMalformed(VerificationFailed):
    """A tile or entry bundle has the wrong length or path."""

    code = "tile-malformed"


class ProofInvalid(VerificationFailed):
    """An inclusion or consistency proof does not lead to the root."""

    code = "proof-invalid"


class HistoriesDiffer(ProofInvalid):
    """Two receipts of one log are not shown to be of one history. `answer` is the later one."""

    code = "histories-differ"

    def __init__(self, detail: str, answer: str) -> None:
        super().__init__(detail)
        self.answer = answer


class ExportMalformed(VerificationFailed):
    """A file is not an export for one controller, or spells one in another way."""

    code = "export-malformed"


class ArchiveMalformed(VerificationFailed):
    """A ZIP file cannot be read, or is not the evidence pack that its list says."""

    code = "archive-malformed"


class ReportMalformed(VerificationFailed):
    """A PDF is not a report with what proves it, or shows something else than that says."""

    code = "report-malformed"


class Incomplete(VerificationFailed):
    """An export for one controller lacks an entry that concerns it. The message names which."""

    code = "incomplete"


class TimestampInvalid(VerificationFailed):
    """The answer of a time-stamping authority does not show that it saw these bytes at a time."""

    code = "timestamp-invalid"


class AnchorMalformed(VerificationFailed):
    """A file is not the anchor of a day of a log, or its leaves do not give the root it says."""

    code = "anchor-malformed"


class LinesUnreadable(LedgerError):
    """A log of a system cannot be read as the lines it is said to have; nothing was recorded.

    The message names file and line, and never repeats what stands there.
    """

    code = "lines-unreadable"

    def __init__(self, file: object, detail: str, number: int | None = None) -> None:
        super().__init__(f"{file}{'' if number is None else f', line {number}'}: {detail}")


class DayDigested(LedgerError):
    """A day of a log has its digest, and that one stays as it is."""

    code = "day-digested"


class LogUnreadable(LedgerError):
    """The server of a log did not answer, or not to us. Nothing is shown about the log."""

    code = "log-unreadable"


class WitnessMessageMalformed(VerificationFailed):
    """Bytes are not a request or an answer of C2SP tlog-witness."""

    code = "witness-message-malformed"


class WitnessError(LedgerError):
    """A witness did not cosign a checkpoint. Never raised itself."""

    code = "witness-error"


class WitnessUnavailable(WitnessError):
    """The witness gave no usable answer now; it is asked again, after ever longer pauses."""

    code = "witness-unavailable"


class WitnessRefused(WitnessError):
    """The witness does not cosign this log, or what it answers is no cosignature of it."""

    code = "witness-refused"


class WitnessAlarm(WitnessError):
    """The witness holds a tree that this log does not go on from, or has forgotten one.

    Either there are two histories of this log (an older database, a key in other hands), or the
    witness lost its state. `held` is the checkpoint it shows with this log's own signature, a note
    that proves the former; None when it shows none.
    """

    code = "witness-alarm"

    def __init__(self, detail: str, held: str | None = None) -> None:
        super().__init__(detail)
        self.held = held


class ConfigurationError(LedgerError):
    """The operator's settings, files or server do not allow this; the message gives the way out."""

    code = "configuration"


class PolicyMalformed(ConfigurationError):
    """A file is not a C2SP trust policy. `line` counts from 1; None when the whole is meant."""

    code = "policy-malformed"

    def __init__(self, detail: str, line: int | None = None) -> None:
        super().__init__(f"the policy: {detail}" if line is None else f"line {line}: {detail}")
        self.detail = detail
        self.line = line


class MasterKeyMissing(ConfigurationError):
    """There is no master key for sealed text here."""

    code = "master-key-missing"


class NothingSealed(LedgerError):
    """Nothing was ever sealed for this subject: there is no key of it."""

    code = "nothing-sealed"

    def __init__(self, subject: str) -> None:
        super().__init__(f"nothing was ever sealed for {subject}")


def told(error: BaseException) -> str:
    """What a log may say of an error: its kind, the SQLSTATE if it is of a database, and the
    message of one of ours. That of any other may repeat what it was given."""
    kind = type(error).__name__
    if isinstance(error, LedgerError):
        return f"{kind}: {error}"
    sqlstate = getattr(error, "sqlstate", None)
    return f"{kind} {sqlstate}" if sqlstate else kind
