"""The export for one controller: over HTTP, and prepared for the command line.

It ends before what the controller may not be told of yet (`projections/withheld.py`).
`tests/test_exports.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.responses import StreamingResponse

from api.access import holder_of, reads, require_controller
from api.events import LARGEST
from api.state import ledger_of, state_of
from ledger.errors import ConfigurationError
from ledger.export_controller import export_controller
from ledger.inspections import Export, Inspections
from ledger.isolation import OneController
from ledger.opening import Ledger
from ledger.roles import Holder
from projections.withheld import withheld_from

router = APIRouter(prefix="/v1", tags=["log"], dependencies=[reads("export")])


@dataclass(frozen=True, slots=True)
class Prepared:
    """An export that can be written: `latest` entries among the first `covered` of the log, later
    ones when nothing is withheld, as `lines`.

    `withheld_from` is the first entry that the controller may not see yet.
    """

    latest: int
    covered: int
    withheld_from: int | None
    lines: Iterator[bytes]


def prepare(
    ledger: Ledger,
    controller: str,
    *,
    before: int | None = None,
    latest: bool = False,
    tell_all: bool = False,
) -> Prepared:
    """The export for a controller, with `before` of so many entries of the log at most.

    It is under the published checkpoint, or with `latest` under the latest. With `tell_all` nothing
    is withheld: that is for the operator to decide. Raises ConfigurationError where there is no
    export.
    """
    keys = ledger.require_controller_keys()
    reader = ledger.reader
    checkpoint = reader.cosigned(reader.checkpoint()) if latest else reader.published_or_latest()
    checkpoint = reader.stamped(checkpoint)
    withheld = None
    if not tell_all:
        with ledger.pool.connection() as conn:
            withheld = withheld_from(conn, controller, upto=checkpoint.size)
    ends = [size for size in (before, withheld) if size is not None]
    shown = OneController(ledger.pool, ledger.database, controller, min([*ends, checkpoint.size]))
    export = export_controller(
        reader,
        ledger.pool,
        shown,
        keys,
        ledger.log_keys().vkey,
        checkpoint,
        controller,
        before=min(ends, default=None),
    )
    return Prepared(export.latest, export.covered, withheld, export.lines)


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
    try:
        prepared = prepare(ledger_of(request), controller, before=before)
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
