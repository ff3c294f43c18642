"""How it stands with the time-stamping authorities: who stamped last, and who does not answer.

`tests/test_api.py`.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from cryptography.hazmat.primitives.hashes import SHA256
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from api.access import READS_ALL
from api.state import state_of
from ledger.timestamps import Standing

router = APIRouter(prefix="/v1", tags=["log"], dependencies=[READS_ALL])


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


def _authority(standing: Standing) -> Authority:
    authority, last, failing = standing.authority, standing.last, standing.failing
    return Authority(
        name=authority.name,
        url=authority.url,
        certificates=[c.fingerprint(SHA256()).hex() for c in authority.certificates],
        last=None if last is None else Timestamp(**asdict(last)),
        failing=None if failing is None else Failing(**asdict(failing)),
    )
