"""Every error as a problem document (RFC 9457): one table from error to status and title.

`type` is a relative address that this API answers with the explanation, and never changes. A detail
names fields and rules; no problem repeats a refused value, shows a secret or another controller's
data, and an unexpected error says nothing but that it happened. `api/refusing.py` answers with
them; `tests/test_api.py` holds every error class to this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ledger import errors
from ledger.errors import LedgerError, Refused

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: its HTTP status and a title that is the same every time."""

    status: int
    title: str


KINDS: dict[type[LedgerError], Kind] = {
    errors.TooLarge: Kind(413, "Too large"),
    errors.EnvelopeMalformed: Kind(400, "Not a DSSE envelope of a CloudEvent"),
    errors.UnknownKey: Kind(403, "Unknown signing key"),
    errors.KeyNotInForce: Kind(403, "Signing key not in force"),
    errors.SignatureInvalid: Kind(403, "Signature does not verify"),
    errors.CloudEventMalformed: Kind(422, "Not a CloudEvent of the NL GOV profile"),
    errors.UnknownEventType: Kind(422, "Unknown event type"),
    errors.FieldsInvalid: Kind(422, "Fields missing, unknown or of the wrong form"),
    errors.OccurredInFuture: Kind(422, "Time in the future"),
    errors.NotAuthorisedToSign: Kind(403, "Key may not sign this"),
    errors.PartyUnknown: Kind(422, "Party never registered"),
    errors.PersonalDataInClear: Kind(422, "Personal data in clear"),
    errors.IdAlreadyUsed: Kind(409, "Source and id used before with other content"),
    errors.FormRuleViolated: Kind(422, "Does not fit the events of its case"),
    errors.KeyDestroyed: Kind(410, "Sealing key destroyed"),
    errors.NothingSealed: Kind(404, "Nothing sealed for this subject"),
    errors.Unavailable: Kind(503, "The ledger cannot take it now"),
    errors.NotReplicated: Kind(503, "No standby holds it"),
    errors.SigningRefused: Kind(503, "The ledger signs nothing until its operator acts"),
}


def kind_of(error: LedgerError) -> Kind:
    """The kind of an error; a form rule that a later state may satisfy is a conflict (409)."""
    kind = KINDS[type(error)]
    if isinstance(error, errors.FormRuleViolated) and error.conflict:
        return Kind(409, kind.title)
    return kind


def document(error: LedgerError) -> dict[str, Any]:
    """The problem document of an error."""
    kind = kind_of(error)
    problem = _document(error.code, kind.status, kind.title, str(error))
    if isinstance(error, Refused) and error.faults:
        problem["errors"] = [
            {"pointer": f.field, "rule": f.rule, "detail": f.detail} for f in error.faults
        ]
    return problem


def of_status(status: int, detail: str | None = None) -> dict[str, Any]:
    """The problem document of an HTTP status, for what is not an error of the ledger."""
    code, title, meaning = HTTP_PROBLEMS.get(status, HTTP_PROBLEMS[500])
    return _document(code, status, title, detail or meaning)


def explanations() -> dict[str, dict[str, Any]]:
    """What each problem type means, by its code."""
    known = {
        error.code: {"title": kind.title, "status": kind.status, "meaning": error.__doc__}
        for error, kind in KINDS.items()
    }
    known |= {
        code: {"title": title, "status": status, "meaning": meaning}
        for status, (code, title, meaning) in HTTP_PROBLEMS.items()
    }
    return known


HTTP_PROBLEMS: dict[int, tuple[str, str, str]] = {
    400: ("bad-request", "Bad request", "The request cannot be read."),
    401: ("token-needed", "Token needed", "Reading needs a token: Authorization: Bearer …"),
    403: (
        "not-allowed",
        "Not allowed",
        "Your role, or the scope that was granted to you, does not reach this.",
    ),
    404: ("not-found", "Not found", "There is nothing at this address, or not for you."),
    405: ("method-not-allowed", "Method not allowed", "This address does not take this method."),
    408: ("body-too-slow", "Too slow", "The body did not come in time."),
    413: ("body-too-large", "Too large", "The body is larger than this address takes."),
    415: ("media-type", "Media type not supported", "The body is not of the media type asked for."),
    422: ("parameters-invalid", "Parameters invalid", "A parameter has the wrong form."),
    431: ("headers-too-large", "Headers too large", "The headers are larger than is read."),
    429: ("too-many", "Too many requests", "You asked, or were refused, too often; wait a while."),
    500: ("internal", "Internal error", "Something went wrong here; nothing was acknowledged."),
    503: ("busy", "Busy", "Too many requests at once; try again."),
}


def _document(code: str, status: int, title: str, detail: str) -> dict[str, Any]:
    return {"type": f"/v1/problems/{code}", "title": title, "status": status, "detail": detail}
