"""Answering with problem documents (`api/problems.py`), whatever went wrong; on a page of the desk
with a page that says the same. `tests/test_api.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from api.problems import KINDS, MEDIA_TYPE, document, of_status
from ledger import errors
from ledger.database import is_away
from ledger.errors import LedgerError

log = structlog.get_logger(__name__)

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
