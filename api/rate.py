"""How much may be asked in a minute: by one reader, of one address, and by whoever is refused.

A token that leaked, or a program gone astray, cannot copy the whole ledger in a moment; whoever
tries tokens or keys is turned away before one is looked up; and one service that appends without
end leaves room for the others. The operator is not limited. Counted in memory, by each process for
itself, over the last minute. `tests/test_rate.py`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from fastapi import HTTPException, Request
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from ledger.roles import Holder, Role


@dataclass(frozen=True, slots=True)
class Limits:
    """What is let through in a minute: questions of one reader, events that one address appends
    (None: any number), and what one address brings without a token, key or session in force."""

    reads: int = 3000
    appends: int | None = None
    refusals: int = 60


class Rates:
    """Counts questions, appended events and refusals, up to their limits."""

    def __init__(self, limits: Limits) -> None:
        self._reads = RateLimitItemPerMinute(limits.reads)
        self._appends = RateLimitItemPerMinute(limits.appends) if limits.appends else None
        self._refusals = RateLimitItemPerMinute(limits.refusals)
        self._counted = SlidingWindowCounterRateLimiter(MemoryStorage())

    def check_address(self, request: Request) -> None:
        """429 for an address that was refused too often."""
        of = ("refused", address(request))
        if not self._counted.test(self._refusals, *of):
            raise self._too_many(self._refusals, of)

    def refused(self, request: Request, times: int = 1) -> None:
        """Somebody at an address showed, so many times, nothing that is in force."""
        for _ in range(min(times, self._refusals.amount)):
            self._counted.hit(self._refusals, "refused", address(request))

    def asked(self, reader: Holder) -> None:
        """A reader asks; 429 when it has asked too much."""
        if reader.role is not Role.OPERATOR:
            self._count(self._reads, ("reader", reader.role, reader.name))

    def appends(self, request: Request, events: int) -> None:
        """So many events come from an address; 429 when they are too many, and none is taken."""
        if self._appends is not None:
            self._count(self._appends, ("appends", address(request)), events)

    def _count(self, limit: RateLimitItem, of: tuple[str, ...], cost: int = 1) -> None:
        if not self._counted.hit(limit, *of, cost=cost):
            raise self._too_many(limit, of)

    def _too_many(self, limit: RateLimitItem, of: tuple[str, ...]) -> HTTPException:
        ends = self._counted.get_window_stats(limit, *of).reset_time
        return HTTPException(429, headers={"Retry-After": str(max(1, round(ends - time.time())))})


def address(request: Request) -> str:
    """The address a request comes from: that of the client, where a proxy is trusted to tell it."""
    return request.client.host if request.client else ""
