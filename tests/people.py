"""A served ledger, and people who signed in to it, each in a browser of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from html import unescape
from typing import Any

import httpx
import psycopg

from api.sign_in.cookie import COOKIE
from ledger import auditor_grants, cloudevent, entry, granted_access, sessions
from ledger.events import versions
from ledger.granted_access import Means
from ledger.roles import Role
from tests.ledgers import TestLedger

Owner = Callable[[], psycopg.Connection]


class People:
    """Whoever comes to a served ledger."""

    def __init__(self, made: TestLedger, owner: Owner, url: str) -> None:
        self.made, self.url, self.owner = made, url, owner

    @contextmanager
    def signed_in(
        self,
        role: Role,
        holder: str,
        controllers: Sequence[str] = (),
        registers: Sequence[str] = (),
        frameworks: Sequence[str] = (),
    ) -> Iterator[httpx.Client]:
        """A browser of somebody who signed in with a link; of an auditor, under a grant."""
        now = self.made.clock.moment
        asked: dict[str, Any] = {"controllers": controllers, "registers": registers}
        if role is Role.AUDITOR:
            asked = {"grant_id": self.grant(holder, controllers, registers, frameworks)}
        with self.owner() as conn:
            access, _ = granted_access.grant(
                conn,
                now,
                role=role,
                holder=holder,
                expires_at=now + timedelta(days=1),
                means=Means.LINK,
                **asked,
            )
        with self.made.ledger.pool.connection() as conn:
            secret = sessions.start(conn, access, now)
        headers = {"Cookie": f"{COOKIE}={secret}; language=en"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=40) as http:
            yield http

    def grant(
        self,
        holder: str,
        controllers: Sequence[str] = (),
        registers: Sequence[str] = (),
        frameworks: Sequence[str] = (),
    ) -> str:
        """The id of a grant of an auditor, for a day."""
        grant_id, now = f"G-{next(self.made.numbers)}", self.made.clock.moment
        auditor_grants.grant(
            self.made.ledger,
            grant_id=grant_id,
            reader=holder,
            purpose="a test",
            since=now,
            until=now + timedelta(days=1),
            controllers=controllers,
            registers=registers,
            frameworks=frameworks,
            by="operator",
        )
        return grant_id

    def recorded(self, name: str) -> list[dict[str, Any]]:
        """The data of the events of a type, as they are in the log."""
        found = self.made.ledger.reader.events(types=[t.topic for t in versions(name)], limit=100)
        return [cloudevent.parse(entry.parse(e.leaf).payload).raw["data"] for e in found]


def hidden(answer: httpx.Response) -> dict[str, str]:
    """What the forms of a page would send without being filled in; of several, the first says."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', answer.text)
    return {name: unescape(value) for name, value in reversed(found)}
