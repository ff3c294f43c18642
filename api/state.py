"""What the routes share: the open ledger, the follower of its registers, and its publishing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from fastapi import Request

from api.rate import Rates
from api.sign_in.provider import Provider
from ledger.inspections import Inspections
from ledger.opening import Ledger
from ledger.publish import Publishing
from ledger.timestamps import Timestamps
from projections.follow import Follower
from projections.frameworks.framework import Framework, shipped
from projections.question import Basis


@dataclass(frozen=True, slots=True)
class State:
    """One served ledger. With `public_hashes`, checkpoints and hashes are read without a token;
    `publishing` is None when there is no policy, `timestamps` where no authority is asked, and
    `inspections` where nothing can be recorded, `rates` where nobody is limited, and `provider`
    where people have links alone. `frameworks` are those that evidence can be asked for.
    """

    ledger: Ledger
    follower: Follower
    public_hashes: bool = False
    publishing: Publishing | None = None
    timestamps: Timestamps | None = None
    inspections: Inspections | None = None
    rates: Rates | None = None
    provider: Provider | None = None
    frameworks: Mapping[str, Framework] = field(default_factory=shipped)


def state_of(request: Request) -> State:
    """The state of the application that answers."""
    return cast("State", request.app.state.served)


def ledger_of(request: Request) -> Ledger:
    """The ledger that is served."""
    return state_of(request).ledger


def rests_on(request: Request, on: Basis | int) -> None:
    """Say how much of the log an answer rests on: it is recorded of whoever reads it, and that
    much is kept before it is shown (`ledger/kept.py`). Raises SigningRefused and Unavailable."""
    if isinstance(on, Basis):
        ledger_of(request).vouch(on.size, on.checkpoint)
        request.state.rests_on = on.size
    else:
        ledger_of(request).cover(on)
        request.state.rests_on = on
