"""A witness over HTTP (C2SP tlog-witness): an application of its own, apart from the ledger's.

    POST /add-checkpoint               cosign a checkpoint of a log
    GET  /<origin hash>/checkpoint     the largest checkpoint cosigned of a log
    GET  /healthz                      200, or 503 once the state could not be written

There is no authentication but the log's signature in the request. A body has a limit in bytes and
in time; answers are the plain texts of the specification. `tests/test_witness_service.py`.
"""

from __future__ import annotations

import asyncio

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ledger.add_checkpoint import MAX_BODY
from ledger.errors import Unavailable
from ledger.witness import Answer, Witness

BODY_TIME = 10.0
"""Seconds in which a body must have come."""


def create_app(witness: Witness) -> Starlette:
    """The application of an open witness; who opens it also closes it."""

    async def add_checkpoint(request: Request) -> Response:
        body = await _body(request)
        return _response(await run_in_threadpool(witness.add_checkpoint, body))

    def checkpoint(request: Request) -> Response:
        try:
            held = witness.checkpoint(request.path_params["origin_hash"])
        except Unavailable as error:
            return PlainTextResponse(f"{error}\n", 503)
        if held is None:
            return PlainTextResponse("nothing was cosigned under this origin hash\n", 404)
        return PlainTextResponse(held)

    def health(_: Request) -> Response:
        if witness.state.failed:
            return PlainTextResponse("the state could not be written; restart the witness\n", 503)
        return PlainTextResponse("ok\n")

    app = Starlette(
        routes=[
            Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
            Route("/{origin_hash}/checkpoint", checkpoint, methods=["GET"]),
            Route("/healthz", health, methods=["GET"]),
        ]
    )
    app.router.redirect_slashes = False
    return app


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIME):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise HTTPException(413, f"a request has at most {MAX_BODY} bytes\n")
    except TimeoutError:
        raise HTTPException(408, f"a request comes within {BODY_TIME:g} seconds\n") from None
    return bytes(body)


def _response(answer: Answer) -> Response:
    headers = {"Content-Type": answer.media_type}
    if answer.retry_after is not None:
        headers["Retry-After"] = str(answer.retry_after)
    return Response(answer.body, answer.status, headers)
