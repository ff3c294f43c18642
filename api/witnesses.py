"""How the witnesses of this log stand: who cosigned what, and what went wrong.

`tests/test_publish.py` follows one through an outage and an alarm.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from api.access import READS_ALL
from api.state import state_of
from ledger.cosignature import ALGORITHM
from ledger.errors import WitnessAlarm
from ledger.policy import Witness
from ledger.publish import LastCosigned, Publisher, Standing, last_cosigned

router = APIRouter(prefix="/v1", tags=["log"], dependencies=[READS_ALL])


class Cosigned(BaseModel):
    """What a witness cosigned last."""

    size: int = Field(description="Entries of the checkpoint")
    at: datetime = Field(description="By the clock of the witness")


class Trouble(BaseModel):
    """Why a witness did not cosign the last time it was asked."""

    code: str = Field(description="witness-unavailable, witness-refused or witness-alarm")
    detail: str
    at: datetime = Field(description="By the clock of the ledger")
    failures: int = Field(description="In a row")
    held: str | None = Field(
        description="With an alarm: the checkpoint that proves it, signed by this log"
    )


class WitnessStanding(BaseModel):
    """One key of one witness in the policy."""

    name: str = Field(description="In the policy")
    key_name: str = Field(description="In signatures")
    algorithm: str
    vkey: str
    url: str | None = Field(description="Submission prefix; without one it is not asked")
    cosigned: Cosigned | None
    trouble: Trouble | None


class Witnesses(BaseModel):
    """The policy this log is published under, and how its witnesses stand."""

    rule: str | None = Field(description="The quorum in words; null when there is no policy")
    latest: int = Field(description="Entries of the latest checkpoint")
    published: int | None = Field(description="Entries of the published one")
    error: str | None = Field(description="What keeps this service from publishing at all")
    witnesses: list[WitnessStanding]


@router.get("/witnesses", response_model=Witnesses)
def get_witnesses(request: Request) -> Witnesses:
    """The witnesses of this log: what each cosigned last, and what went wrong."""
    state = state_of(request)
    reader = state.ledger.reader
    try:
        published: int | None = reader.published().size
    except LookupError:
        published = None
    publishing = state.publishing
    error = publishing.error if publishing else None
    return Witnesses(
        rule=publishing.publisher.policy.rule() if publishing else None,
        latest=reader.size(),
        published=published,
        error=type(error).__name__ if error else None,
        witnesses=standings(publishing.publisher, last_cosigned(state.ledger.pool))
        if publishing
        else [],
    )


def standings(publisher: Publisher, last: Mapping[str, LastCosigned]) -> list[WitnessStanding]:
    """Every witness key of the policy, in its order."""
    policy = publisher.policy
    asked = {w.name: s for s in publisher.standings for w in s.target.witnesses}
    return [_standing(w, asked.get(w.name), last.get(w.key.vkey)) for w in policy.witnesses]


def _standing(
    witness: Witness, standing: Standing | None, last: LastCosigned | None
) -> WitnessStanding:
    return WitnessStanding(
        name=witness.name,
        key_name=witness.key.name,
        algorithm=ALGORITHM[witness.key.kind],
        vkey=witness.key.vkey,
        url=witness.url,
        cosigned=Cosigned(size=last.size, at=last.at) if last else None,
        trouble=_trouble(standing) if standing else None,
    )


def _trouble(standing: Standing) -> Trouble | None:
    error, at = standing.error, standing.error_at
    if error is None or at is None:
        return None
    held = error.held if isinstance(error, WitnessAlarm) else None
    return Trouble(code=error.code, detail=str(error), at=at, failures=standing.failures, held=held)
