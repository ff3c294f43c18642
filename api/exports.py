"""The export for one controller over HTTP, which is recorded when it was sent.

`tests/test_exports.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.responses import StreamingResponse

from api.access import holder_of, reads, require_controller
from api.events import LARGEST
from api.state import ledger_of, state_of
from ledger.errors import ConfigurationError
from ledger.inspections import Export, Inspections
from ledger.roles import Holder
from projections.exports.controller import Prepared, prepare

router = APIRouter(prefix="/v1", tags=["log"], dependencies=[reads("export")])


@router.get(
    "/controllers/{controller}/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {}}}},
)
def get_export(
    request: Request,
    controller: Annotated[str, Path(max_length=64, description="Id of a controller")],
    before: Annotated[
        int | None, Query(ge=0, le=LARGEST, description="Only entries before this index")
    ] = None,
) -> StreamingResponse:
    """Every entry that concerns a controller, with the proofs that none is left out, for
    `verantwoord verify`."""
    require_controller(request, controller)
    ledger = ledger_of(request)
    checkpoint = ledger.reader.stamped(ledger.reader.published_or_latest())
    try:
        prepared = prepare(ledger, controller, checkpoint, before=before)
    except ConfigurationError:
        raise HTTPException(404, "The ledger has not committed to a number for it yet.") from None
    lines = prepared.lines
    inspections = state_of(request).inspections
    if inspections is not None:
        lines = recorded(prepared, inspections, holder_of(request), controller)
        request.state.inspects = None  # the export itself is what is recorded
    return StreamingResponse(lines, media_type="application/x-ndjson")


def recorded(
    prepared: Prepared, inspections: Inspections, reader: Holder, controller: str
) -> Iterator[bytes]:
    """The lines of an export as they are; what was sent is recorded at the end, whole or broken
    off."""
    size = prepared.covered
    scope = f"controller {controller}, with what the first {size} entries hold of it"
    digest, sha256 = hashlib.sha256(), None
    try:
        for line in prepared.lines:
            digest.update(line)
            yield line
        sha256 = digest.hexdigest()
    finally:
        inspections.exported(Export(reader, scope, sha256, size))
