"""What moves by itself: the size of the log, and that something changed, as server-sent events.

A page asks again for the part that changed (htmx), so nothing but these two words is sent.
`tests/test_desk.py`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse, StreamingResponse

from api.access import PUBLIC
from api.desk.shown import EVERY_READER
from api.events import HEARTBEAT, LONGEST_WAIT, STREAMS
from api.pages.page import CHOSEN, LANGUAGES, language_of, texts
from api.sign_in import attempt
from api.state import ledger_of
from ledger.opening import Ledger

SETTLED = 1.0
"""Seconds in which the registers follow, before a page is told to ask again."""

router = APIRouter(include_in_schema=False)


@router.get("/live/stream", dependencies=[EVERY_READER], response_class=StreamingResponse)
def live(request: Request) -> StreamingResponse:
    """The size of the log whenever it has grown."""
    if not STREAMS.acquire(blocking=False):
        raise HTTPException(503, headers={"Retry-After": str(LONGEST_WAIT)})
    says = texts(language_of(request))["basis_size"]
    return StreamingResponse(
        _stream(ledger_of(request), says),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store"},
    )


@router.get("/language/{language}", dependencies=[PUBLIC])
def choose_language(language: str, onward: str = "/home") -> RedirectResponse:
    """The language of the pages from now on, in this browser."""
    if language not in LANGUAGES:
        raise HTTPException(404)
    response = RedirectResponse(attempt.own_path(onward), 303)
    response.set_cookie(CHOSEN, language, max_age=31_536_000, samesite="lax", httponly=True)
    return response


def _stream(ledger: Ledger, says: str) -> Iterator[bytes]:
    try:
        size = ledger.reader.size()
        while not ledger.listener.closed:
            if not ledger.listener.wait_beyond(size, HEARTBEAT):
                yield b": nothing new\n\n"
                continue
            time.sleep(SETTLED)
            size = ledger.reader.size()
            yield f"event: size\ndata: {says} {size}\n\nevent: changed\ndata: {size}\n\n".encode()
    finally:
        STREAMS.release()
