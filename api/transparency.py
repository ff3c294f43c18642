"""The log itself: checkpoints and proofs, for whoever checks instead of trusting.

`tests/test_api.py` follows a growing log with consistency proofs.
"""

from __future__ import annotations

import base64
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from api.access import READS_HASHES, reads, require_entry
from api.events import LARGEST, Index
from api.state import ledger_of
from ledger.roles import EVERYBODY

IMMUTABLE = {"Cache-Control": "private, max-age=31536000, immutable"}
FRESH = {"Cache-Control": "no-cache"}

router = APIRouter(prefix="/v1", tags=["log"])


class Key(BaseModel):
    """One key of a log, and the sizes of the trees that it signs."""

    vkey: str = Field(description="C2SP verifier key")
    first: int = Field(description="Entries of the smallest tree that it signs")
    last: int | None = Field(description="Entries of the largest one; null while it signs")


class Log(BaseModel):
    """Who this log is."""

    origin: str = Field(description="C2SP checkpoint origin")
    vkey: str = Field(description="C2SP verifier key; pin it from another source than this one")
    keys: list[Key] = Field(description="Every key of the log, newest first, second signers last")


class Consistency(BaseModel):
    """That the tree of `old` entries is the beginning of that of `new`."""

    old: int
    new: int
    proof: list[str] = Field(description="Hashes in base64, RFC 6962 section 2.1.2")


@router.get("/log", response_model=Log, dependencies=[READS_HASHES])
def get_log(request: Request) -> Log:
    """The origin of the log and its verifier keys."""
    known = ledger_of(request).vkeys()
    keys = [Key(vkey=k.verifier.vkey, first=k.first, last=k.last) for k in known.ordered()]
    return Log(origin=known.name, vkey=known.vkey, keys=keys)


@router.get("/checkpoint", response_class=PlainTextResponse, dependencies=[READS_HASHES])
def get_checkpoint(
    request: Request,
    latest: Annotated[
        bool, Query(description="The latest, whether witnesses cosigned it or not")
    ] = False,
) -> PlainTextResponse:
    """The published checkpoint (C2SP tlog-checkpoint) with the cosignatures of witnesses: the
    latest one that met the quorum of the policy, or the latest when there is no such one."""
    reader = ledger_of(request).replica_reader
    checkpoint = reader.cosigned(reader.checkpoint()) if latest else reader.published_or_latest()
    return PlainTextResponse(checkpoint.note, headers=FRESH)


@router.get(
    "/events/{index}/proof",
    response_class=PlainTextResponse,
    dependencies=[reads("events", EVERYBODY)],
)
def get_proof(
    request: Request,
    index: Index,
    latest: Annotated[
        bool, Query(description="With the timestamps that its checkpoint has got since")
    ] = False,
) -> PlainTextResponse:
    """The receipt of an event (c2sp.org/tlog-proof@v1), as it was first given; or refreshed, under
    the first checkpoint that was timestamped, or the latest one where none was."""
    require_entry(request, index)
    reader = ledger_of(request).replica_reader
    try:
        text = reader.refreshed_receipt(index) if latest else reader.receipt(index)
    except LookupError:
        raise HTTPException(404) from None
    return PlainTextResponse(text, headers=FRESH if latest else IMMUTABLE)


@router.get("/consistency", response_model=Consistency, dependencies=[READS_HASHES])
def get_consistency(
    request: Request,
    old: Annotated[int, Query(ge=0, le=LARGEST, description="Size of the earlier tree")],
    new: Annotated[int | None, Query(ge=0, le=LARGEST, description="Size of the later one")] = None,
) -> Consistency:
    """The consistency proof between two sizes; up to the latest checkpoint if `new` is absent."""
    reader = ledger_of(request).replica_reader
    size = reader.size()
    new = size if new is None else new
    if not old <= new <= size:
        raise HTTPException(404, "The log does not have trees of these sizes.")
    proof = reader.prove_consistency(old, new)
    return Consistency(old=old, new=new, proof=[base64.b64encode(h).decode() for h in proof])
