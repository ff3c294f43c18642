"""The HTTP interface: NLGov API Design Rules 2.x, problem documents (RFC 9457), OpenAPI 3.1.

`create_app` serves an open ledger; who opens it also closes it. Routes that wait on the database
are plain functions and run in threads. `tests/test_api.py` walks every route.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, FastAPI, HTTPException, Path
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import (
    dossiers,
    events,
    exports,
    findings,
    frameworks,
    health,
    openapi,
    packs,
    problems,
    refusing,
    registers,
    sealing,
    tiles,
    timestamps,
    transparency,
    vocabulary,
    witnesses,
)
from api.access import PUBLIC, declared
from api.cross_site import CrossSite
from api.desk import ROUTERS as DESK
from api.desk.shown import error_page
from api.inspected import Inspected
from api.observed import Observed
from api.pages import routes as assets
from api.plain import Plain
from api.pushback import PushBack
from api.sign_in import routes as signing_in
from api.state import State

VERSION = "1.0.0"
"""The version of the interface, sent as `API-Version` with every answer."""

AT_ONCE = 200
"""Requests that are worked on at once, most of them waiting for a commit they share."""

LATE = 0.4
"""Seconds the event loop may be late before requests are pushed back."""


def create_app(state: State) -> FastAPI:
    """The application that serves one ledger. Raises TypeError when a route declares no role."""
    app = FastAPI(
        title="Verantwoord",
        version=VERSION,
        description="The audit ledger of a processor agreement.",
        openapi_url="/v1/openapi.json",
        docs_url=None,  # the usual pages load scripts from other hosts
        redoc_url=None,
        redirect_slashes=False,  # an address has one spelling; clients of logs follow no redirect
        lifespan=_lifespan,
        # FastAPI's own would send addresses, with the controllers in them, and messages of errors,
        # and go on with a trace of whoever asks; `api/observed.py` does not.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.served = state
    if state.inspections is not None:
        app.add_middleware(Inspected, inspections=state.inspections)
    app.add_middleware(PushBack, most=AT_ONCE, late=LATE)
    app.add_middleware(CrossSite)
    app.add_middleware(Plain)
    app.add_middleware(_Headers)
    app.add_middleware(Observed, metrics=state.ledger.metrics)
    refusing.install(app, error_page)
    for router in ROUTERS:
        # Not `include_router`: a router that is included is matched again for each request, which
        # takes longer than many an answer.
        app.router.routes.extend(router.routes)
    declared(app.routes)
    openapi.describe(app)
    return app


problem_types = APIRouter(prefix="/v1", tags=["problems"], dependencies=[PUBLIC])

ROUTERS = (
    events.router,
    transparency.router,
    timestamps.router,
    exports.router,
    witnesses.router,
    vocabulary.router,
    registers.router,
    findings.router,
    frameworks.router,
    dossiers.router,
    packs.router,
    sealing.router,
    problem_types,
    tiles.router,
    health.router,
    signing_in.router,
    assets.router,
    *DESK,
)
"""Every route of the interface."""


Code = Annotated[str, Path(json_schema_extra={"enum": sorted(problems.explanations())})]


@problem_types.get("/problems")
def list_problems() -> dict[str, dict[str, object]]:
    """Every type of problem this interface answers with."""
    return {f"/v1/problems/{code}": meaning for code, meaning in problems.explanations().items()}


@problem_types.get("/problems/{code}")
def get_problem(code: Code) -> dict[str, object]:
    """What one type of problem means: the `type` of a problem document is this address."""
    found = problems.explanations().get(code)
    if found is None:
        raise HTTPException(404, "There is no problem of this type.")
    return found


@asynccontextmanager
async def _lifespan(_: FastAPI) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = AT_ONCE
    yield


class _Headers:
    """Puts the headers of every answer on it, without reading along with its body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["API-Version"] = VERSION
                headers.setdefault("Cache-Control", "no-store")
                headers["X-Content-Type-Options"] = "nosniff"
                # In a browser an answer runs nothing, loads nothing and is framed by nobody; what a
                # page loads, it says itself (`api/pages/page.py`).
                headers.setdefault(
                    "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"
                )
                headers["Referrer-Policy"] = "no-referrer"
                if scope["scheme"] == "https":
                    headers["Strict-Transport-Security"] = "max-age=31536000"
            await send(message)

        await self._app(scope, receive, send_with_headers)
