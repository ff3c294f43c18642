"""A served ledger for those who have a token, and tokens for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx
import psycopg

from ledger import auditor_grants
from ledger.granted_access import grant, revoke
from ledger.inspections import Inspections
from ledger.roles import Role
from tests.ledgers import TestLedger
from tests.serving import serving

Owner = Callable[[], psycopg.Connection]


class Door:
    """A served ledger, and tokens for it."""

    def __init__(self, made: TestLedger, url: str, owner: Owner) -> None:
        self.made, self.url, self._owner = made, url, owner

    def token(self, role: Role, **options: Any) -> str:
        """A token of a role for a day; of an auditor, under a grant of its own."""
        now = self.made.clock.moment
        if role is Role.AUDITOR:
            options = self._granted(now, **options)
        with self._owner() as conn:
            asked = {"holder": f"{role}-1", "expires_at": now + timedelta(days=1), **options}
            return grant(conn, now, role=role, **asked)[1]

    def _granted(
        self,
        now: datetime,
        *,
        holder: str = "auditor-1",
        controllers: Sequence[str] = (),
        registers: Sequence[str] = (),
    ) -> dict[str, Any]:
        grant_id = f"G-{next(self.made.numbers)}"
        auditor_grants.grant(
            self.made.ledger,
            grant_id=grant_id,
            reader=holder,
            purpose="a test",
            since=now,
            until=now + timedelta(days=1),
            controllers=controllers,
            registers=registers,
            by="operator",
        )
        return {"holder": holder, "grant_id": grant_id}

    def as_(self, role: Role, **options: Any) -> httpx.Client:
        """A client with a token of a role."""
        return self.with_(self.token(role, **options))

    def with_(self, token: str) -> httpx.Client:
        """A client with a token."""
        headers = {"Authorization": f"Bearer {token}".encode()}
        return httpx.Client(base_url=self.url, headers=headers, timeout=40)

    def revoke_all(self) -> None:
        """End every token."""
        with self._owner() as conn:
            for (id_,) in conn.execute("SELECT id FROM granted_access").fetchall():
                revoke(conn, self.made.clock.moment, id_)


@contextmanager
def opened(
    made: TestLedger, owner: Owner, inspections: Inspections | None = None
) -> Iterator[Door]:
    """Serve a ledger to whoever has a token."""
    with serving(made, inspections=inspections) as url:
        yield Door(made, url, owner)
