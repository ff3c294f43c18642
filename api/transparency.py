"""The log itself: checkpoints and proofs, for whoever checks instead of trusting.

`tests/test_api.py` follows a growing log with consistency proofs.
"""

from __future__ import annotations

import base64
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from cryptography.hazmat.primitives.hashes import SHA256
from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from api.access import READS
from api.events import LARGEST, Index
from api.state import ledger_of, state_of
from ledger.timestamps import Standing

IMMUTABLE = {"Cache-Control": "private, max-age=31536000, immutable"}
FRESH = {"Cache-Control": "no-cache"}

router = APIRouter(tags=["log"], dependencies=[READS])


class Log(BaseModel):
    """Who this log is."""

    origin: str = Field(description="C2SP checkpoint origin")
    vkey: str = Field(description="C2SP verifier key; pin it from another source than this one")


class Consistency(BaseModel):
    """That the tree of `old` entries is the beginning of that of `new`."""

    old: int
    new: int
    proof: list[str] = Field(description="Hashes in base64, RFC 6962 section 2.1.2")


class Timestamp(BaseModel):
    """The latest timestamp of an authority (RFC 3161)."""

    size: int = Field(description="Of the checkpoint that was stamped")
    time: datetime = Field(description="By the clock of the authority")


class Failing(BaseModel):
    """Why an authority gives no timestamps now."""

    since: datetime
    attempts: int = Field(description="Failures in a row, since the service started")
    reason: str


class Authority(BaseModel):
    """A time-stamping authority and how it stands with it."""

    name: str
    url: str
    certificates: list[str] = Field(description="SHA-256 of those that the ledger trusts")
    last: Timestamp | None
    failing: Failing | None


class Timestamps(BaseModel):
    """The authorities that this ledger asks. Appends never wait for any of them."""

    every_seconds: int | None = Field(description="How often, when the log has grown")
    authorities: list[Authority]


@router.get("/log", response_model=Log)
def get_log(request: Request) -> Log:
    """The origin and the verifier key of the log."""
    identity = ledger_of(request).identity
    return Log(origin=identity.origin, vkey=identity.vkey)


@router.get("/checkpoint", response_class=PlainTextResponse)
def get_checkpoint(request: Request) -> PlainTextResponse:
    """The latest signed checkpoint (C2SP tlog-checkpoint)."""
    return PlainTextResponse(ledger_of(request).reader.checkpoint().note, headers=FRESH)


@router.get("/events/{index}/proof", response_class=PlainTextResponse)
def get_proof(
    request: Request,
    index: Index,
    latest: Annotated[
        bool, Query(description="With the timestamps that its checkpoint has got since")
    ] = False,
) -> PlainTextResponse:
    """The receipt of an event (c2sp.org/tlog-proof@v1), as it was first given; or refreshed, under
    the first checkpoint that was timestamped, or the latest one where none was."""
    reader = ledger_of(request).reader
    try:
        text = reader.refreshed_receipt(index) if latest else reader.receipt(index)
    except LookupError:
        raise HTTPException(404) from None
    return PlainTextResponse(text, headers=FRESH if latest else IMMUTABLE)


@router.get("/timestamps", response_model=Timestamps)
def get_timestamps(request: Request) -> Timestamps:
    """How it stands with the time-stamping authorities; empty where none is asked."""
    asked = state_of(request).timestamps
    if asked is None:
        return Timestamps(every_seconds=None, authorities=[])
    return Timestamps(
        every_seconds=int(asked.every.total_seconds()),
        authorities=[_authority(standing) for standing in asked.standings()],
    )


@router.get("/consistency", response_model=Consistency)
def get_consistency(
    request: Request,
    old: Annotated[int, Query(ge=0, le=LARGEST, description="Size of the earlier tree")],
    new: Annotated[int | None, Query(ge=0, le=LARGEST, description="Size of the later one")] = None,
) -> Consistency:
    """The consistency proof between two sizes; up to the latest checkpoint if `new` is absent."""
    reader = ledger_of(request).reader
    size = reader.size()
    new = size if new is None else new
    if not old <= new <= size:
        raise HTTPException(404, "The log does not have trees of these sizes.")
    proof = reader.prove_consistency(old, new)
    return Consistency(old=old, new=new, proof=[base64.b64encode(h).decode() for h in proof])


def _authority(standing: Standing) -> Authority:
    authority, last, failing = standing.authority, standing.last, standing.failing
    return Authority(
        name=authority.name,
        url=authority.url,
        certificates=[c.fingerprint(SHA256()).hex() for c in authority.certificates],
        last=None if last is None else Timestamp(**asdict(last)),
        failing=None if failing is None else Failing(**asdict(failing)),
    )
