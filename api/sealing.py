"""Keys for sealing text, and erasing what was sealed.

A service asks for the key of a case, seals what may be personal, and signs the event; the privacy
officer erases the case, with a ground. `tests/test_sealing_api.py`.
"""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field

from api.access import ERASES, SEALS, holder_of
from api.state import ledger_of
from ledger import erasure, sealing_keys
from ledger.errors import MasterKeyMissing
from ledger.sealed_text import ALGORITHM, ENCRYPTION
from ledger.sealing_keys import KeptKey

router = APIRouter(prefix="/v1", tags=["sealing"])

SUBJECT = Field(
    max_length=97,
    pattern=r"^[^\x00-\x1f]+$",
    description="A kind and an id: request:V-1. No name or number of a person",
)


class Wanted(BaseModel):
    """Whose key is asked for."""

    model_config = ConfigDict(extra="forbid")

    subject: Annotated[str, SUBJECT]


class Key(BaseModel):
    """A sealing key, as JSON Web Key (RFC 7517). Keep it no longer than sealing takes."""

    kty: Literal["oct"] = "oct"
    kid: str = Field(description="Its name, for the header of the JWE")
    k: str = Field(description="The key, 32 bytes in base64url")
    alg: Literal["A256KW"] = ALGORITHM
    enc: Literal["A256GCM"] = ENCRYPTION


class Standing(BaseModel):
    """What is told of a key without showing it."""

    subject: str
    kid: str
    created_at: datetime
    destroyed_at: datetime | None


class Standings(BaseModel):
    """The keys that there are, and were."""

    keys: list[Standing]


class Erasing(BaseModel):
    """What is to be erased, and why."""

    model_config = ConfigDict(extra="forbid")

    subject: Annotated[str, SUBJECT]
    ground: str = Field(
        min_length=1, max_length=1000, description="Why, in the event: art. 17(1)(a) …"
    )


class ErasedEvent(BaseModel):
    """An event whose sealed text is gone."""

    index: int = Field(description="Leaf index in the log, from 0")
    fields: list[str] = Field(description="Where the text was: JSON pointers into the event")


class Erasure(BaseModel):
    """What was erased."""

    subject: str
    kid: str
    destroyed_at: datetime
    events: list[ErasedEvent]
    recorded: int = Field(description="Events recorded as shredded now; the others were before")
    proven: int = Field(description="Events whose receipt and signature verify as before")


@router.post("/sealing-keys", response_model=Key, dependencies=[SEALS])
def post_sealing_key(request: Request, wanted: Wanted) -> Key:
    """The key for the text of one subject or case; made when there is none. 410 when it was
    destroyed."""
    ledger = ledger_of(request)
    try:
        with ledger.pool.connection() as conn:
            key = sealing_keys.key_for(conn, ledger.master_keys, wanted.subject, ledger.clock())
    except MasterKeyMissing:
        raise HTTPException(503, "The master key of sealed text is not here.") from None
    return Key(kid=key.kid, k=base64.urlsafe_b64encode(key.secret).decode().rstrip("="))


@router.get("/sealing-keys", response_model=Standings, dependencies=[ERASES])
def list_sealing_keys(request: Request) -> Standings:
    """The subjects and cases with sealed text, and since when that of some is gone. No key."""
    with ledger_of(request).pool.connection() as conn:
        return Standings(keys=[_standing(kept) for kept in sealing_keys.all_keys(conn)])


@router.post("/erasures", response_model=Erasure, dependencies=[ERASES])
def post_erasure(request: Request, wanted: Erasing) -> Erasure:
    """Destroy the key of a subject or case, and record it of every event that it opened. There is
    no way back. The same again goes on where it was interrupted."""
    done = erasure.erase(
        ledger_of(request),
        wanted.subject,
        ground=wanted.ground,
        by=holder_of(request).name,
    )
    return Erasure(
        subject=done.subject,
        kid=done.kid,
        destroyed_at=done.destroyed_at,
        events=[ErasedEvent(index=e.index, fields=list(e.fields)) for e in done.events],
        recorded=done.recorded,
        proven=done.proven,
    )


def _standing(kept: KeptKey) -> Standing:
    return Standing(
        subject=kept.subject,
        kid=kept.kid,
        created_at=kept.created_at,
        destroyed_at=kept.destroyed_at,
    )
