"""Every error as a problem document (RFC 9457): one table from error to status and title.

`type` is a relative address that this API answers with the explanation, and never changes. A detail
names fields and rules; no problem repeats a refused value, shows a secret or another controller's
data, and an unexpected error says nothing but that it happened. `tests/test_api.py` holds
every error class to this table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from ledger import errors
from ledger.database import is_away
from ledger.errors import LedgerError, Refused

MEDIA_TYPE = "application/problem+json"

log = structlog.get_logger(__name__)


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


Refusal = Callable[[Request, int, Mapping[str, Any]], Response]
"""Makes a page of a refusal: its status, and the problem document."""


def install(app: FastAPI, refusal: Refusal) -> None:
    """Answer every error of an application with a problem document, or where a page was asked for
    with a page."""
    app.state.refusal = refusal
    app.add_exception_handler(LedgerError, _ledger_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(psycopg.Error, _database_error)
    app.add_exception_handler(Exception, _unexpected)


def _document(code: str, status: int, title: str, detail: str) -> dict[str, Any]:
    return {"type": f"/v1/problems/{code}", "title": title, "status": status, "detail": detail}


def answer(problem: dict[str, Any], headers: dict[str, str] | None = None) -> JSONResponse:
    """A problem document as an answer, also for what stands before the application."""
    return JSONResponse(problem, problem["status"], headers, MEDIA_TYPE)


def _answer(
    request: Request, problem: dict[str, Any], headers: dict[str, str] | None = None
) -> Response:
    """A problem document; on a page of the desk a page that says the same."""
    if getattr(request.state, "on_page", False):
        shown: Response = request.app.state.refusal(request, problem["status"], problem)
        shown.headers.update(headers or {})
        return shown
    return answer(problem, headers)


def _ledger_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, LedgerError) or type(error) not in KINDS:
        return _unexpected(request, error)
    headers = {}
    if isinstance(error, errors.Unavailable):
        headers["Retry-After"] = str(error.retry_after)
    return _answer(request, document(error), headers)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    # Starlette's default detail is the bare phrase of the status; the meaning says more.
    if 300 <= error.status_code < 400:
        return Response(status_code=error.status_code, headers=dict(error.headers or {}))
    own = error.detail if error.detail != HTTPStatus(error.status_code).phrase else None
    return _answer(request, of_status(error.status_code, own), dict(error.headers or {}))


def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    problem = of_status(422)
    problem["errors"] = [
        {"parameter": ".".join(str(part) for part in fault["loc"][1:]), "detail": fault["msg"]}
        for fault in error.errors()
    ]
    return _answer(request, problem)


def _route(request: Request) -> str | None:
    """Where an error was met, as the program writes it: an address may name anybody."""
    return getattr(request.scope.get("route"), "path", None)


def _database_error(request: Request, error: Exception) -> Response:
    """The server went while it was asked, or another one takes over: the next try may find it."""
    if not is_away(error):
        return _unexpected(request, error)
    log.warning("the database does not answer", route=_route(request), error=type(error).__name__)
    problem = of_status(503, "The database does not answer; try again.")
    return _answer(request, problem, {"Retry-After": "5"})


def _unexpected(request: Request, error: Exception) -> Response:
    log.error("unexpected error", route=_route(request), exc_info=error)
    return _answer(request, of_status(500))
