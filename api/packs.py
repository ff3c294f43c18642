"""Evidence packs over HTTP: asked for, made in the background, fetched, given up.

    POST   /v1/packs             202, and where to look
    GET    /v1/packs             those that you asked for
    GET    /v1/packs/{id}        how far it is
    GET    /v1/packs/{id}/file   the pack, once it is ready
    DELETE /v1/packs/{id}        cancelled, or removed

A pack is for whoever asked for it, as long as what it is about is in the scope of that holder; the
operator sees all. Each time it is sent is recorded. `tests/test_packs_api.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from api.access import holder_of, reads, require_controller
from api.events import LARGEST
from api.moments import MomentError, parse_period
from api.pack_scope import scope_of
from api.state import ledger_of, state_of
from ledger import asked_packs
from ledger.asked_packs import AskedPack, TooManyPacks
from ledger.errors import ConfigurationError, SigningRefused
from ledger.inspections import Export, Inspections
from ledger.opening import Ledger
from ledger.pack import MOST_PARTS
from ledger.roles import Holder, Role
from projections.reading import stamp

router = APIRouter(prefix="/v1/packs", tags=["packs"], dependencies=[reads("packs")])

Id = Annotated[str, Path(max_length=64, description="Id of a pack")]
Named = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")]

ZIP = "application/zip"


class Asked(BaseModel):
    """What a pack is to be about."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    controllers: list[Named] | None = Field(
        None, min_length=1, max_length=MOST_PARTS, description="Ids; the whole ledger without"
    )
    frameworks: list[Named] | None = Field(
        None, min_length=1, max_length=100, description="Ids of frameworks; all of them without"
    )
    begin: str | None = Field(
        None, alias="from", max_length=40, description="Begin of the period; a year before its end"
    )
    until: str | None = Field(None, max_length=40, description="End; that of the log")
    lang: Literal["nl", "en"] = "en"
    size: int | None = Field(
        None, ge=1, le=LARGEST, description="Only the first so many entries, up to a checkpoint"
    )


@router.post("", status_code=202)
def ask_for_pack(request: Request, asked: Asked) -> JSONResponse:
    """Ask for a pack. It is made in the background; `Location` says where to look."""
    ledger, holder = ledger_of(request), holder_of(request)
    if not ledger.signs:
        raise SigningRefused("the key that signs packs is not with this service")
    controllers = _controllers(request, asked)
    frameworks = _frameworks(holder, asked)
    try:
        parse_period(asked.begin, asked.until, ledger.now())
        scope_of(
            state_of(request).frameworks,
            controllers=controllers,
            named=frameworks,
            begin=asked.begin,
            until=asked.until,
            language=asked.lang,
            size=asked.size,
        )
    except (ConfigurationError, MomentError) as error:
        raise HTTPException(422, f"{error}.") from None
    question = {
        "controllers": controllers,
        "frameworks": frameworks,
        "from": asked.begin,
        "until": asked.until,
        "lang": asked.lang,
        "size": asked.size,
    }
    with ledger.pool.connection() as conn:
        try:
            found = asked_packs.ask(conn, holder, question, ledger.clock())
        except TooManyPacks as error:
            raise HTTPException(429, f"{error}.") from None
    headers = {"Location": f"/v1/packs/{found.id}", "Retry-After": "2"}
    return JSONResponse(shown_pack(found), 202, headers)


@router.get("")
def list_packs(request: Request) -> dict[str, list[dict[str, Any]]]:
    """The packs that you asked for, the newest first."""
    with ledger_of(request).pool.connection() as conn:
        return {"packs": [shown_pack(each) for each in asked_packs.of(conn, holder_of(request))]}


@router.get("/{id}")
def get_pack(request: Request, id: Id) -> JSONResponse:
    """How far a pack is, and what it became."""
    return JSONResponse(shown_pack(own_pack(request, id)))


@router.get(
    "/{id}/file",
    response_class=StreamingResponse,
    responses={200: {"content": {ZIP: {"schema": {"type": "string", "format": "binary"}}}}},
)
def get_file(request: Request, id: Id) -> StreamingResponse:
    """The pack, for `verantwoord verify`."""
    found, ledger = own_pack(request, id), ledger_of(request)
    if found.state != "ready":
        raise HTTPException(404, f"The pack is {found.state}: there is no file of it.")
    content = asked_packs.pieces(ledger.pool, id)
    inspections = state_of(request).inspections
    if inspections is not None:
        content = _recorded(content, found, inspections, holder_of(request))
        request.state.inspects = None  # that it was sent is what is recorded
    headers = {
        "Content-Disposition": f'attachment; filename="{found.id}.zip"',
        "Content-Length": str(found.bytes),
    }
    return StreamingResponse(content, media_type=ZIP, headers=headers)


@router.delete("/{id}", status_code=204)
def give_up(request: Request, id: Id) -> Response:
    """Cancel a pack that is not finished; remove one that is."""
    found, ledger = own_pack(request, id), ledger_of(request)
    with ledger.pool.connection() as conn:
        asked_packs.give_up(conn, found.id, ledger.clock())
    return Response(status_code=204)


def _controllers(request: Request, asked: Asked) -> list[str] | None:
    """Those that were named, or all that may be asked about; 403 for another one."""
    granted = holder_of(request).controllers
    if asked.controllers is None:
        if granted is not None and len(granted) > MOST_PARTS:
            raise HTTPException(
                422, f"controllers is needed: a pack is about {MOST_PARTS} at most."
            )
        return None if granted is None else [*granted]
    named = [*dict.fromkeys(asked.controllers)]
    for controller in named:
        require_controller(request, controller)
    return named


def _frameworks(holder: Holder, asked: Asked) -> list[str] | None:
    granted = holder.frameworks
    if granted is not None and not {*(asked.frameworks or ())} <= {*granted}:
        raise HTTPException(403)
    return asked.frameworks or (None if granted is None else [*granted])


def own_pack(request: Request, id: str) -> AskedPack:
    """The pack of an id, for whoever may have it; 404 for everybody else, as when there is none."""
    holder, ledger = holder_of(request), ledger_of(request)
    found = _find(ledger, id)
    if found is None or not _may_have(holder, found):
        raise HTTPException(404, "There is no pack of this id.")
    return found


def _find(ledger: Ledger, id: str) -> AskedPack | None:
    with ledger.pool.connection() as conn:
        return asked_packs.find(conn, id)


def _may_have(holder: Holder, found: AskedPack) -> bool:
    if holder.role is Role.OPERATOR:
        return True
    if (found.role, found.holder) != (holder.role, holder.name):
        return False
    # What was granted may have become less since.
    scope, frameworks = found.controllers, found.asked["frameworks"]
    return (
        holder.controllers is None or (scope is not None and {*scope} <= {*holder.controllers})
    ) and (
        holder.frameworks is None
        or (frameworks is not None and {*frameworks} <= {*holder.frameworks})
    )


def _recorded(
    content: Iterator[bytes], found: AskedPack, inspections: Inspections, reader: Holder
) -> Iterator[bytes]:
    """The pieces as they are; that they were sent is recorded at the end, whole or broken off."""
    sha256 = None
    try:
        yield from content
        sha256 = found.sha256
    finally:
        inspections.exported(Export(reader, str(found.scope), sha256, int(found.size or 0)))


def shown_pack(found: AskedPack) -> dict[str, Any]:
    """A pack as it is told of."""
    address = f"/v1/packs/{found.id}"
    return {
        "id": found.id,
        "state": found.state,
        "asked": dict(found.asked),
        "asked_at": stamp(found.asked_at),
        "progress": {"done": found.done, "of": found.of_all},
        "reason": found.reason,
        "scope": found.scope,
        "size": found.size,
        "bytes": found.bytes,
        "manifest_sha256": found.sha256,
        "finished_at": stamp(found.finished_at),
        "kept_until": stamp(found.finished_at + asked_packs.KEPT if found.finished_at else None),
        "address": address,
        "file": f"{address}/file" if found.state == "ready" else None,
    }
