"""Timestamps over checkpoints: asked of authorities (RFC 3161), verified, kept beside the log.

When the log has grown, each authority is asked, now and then, for a token over the published
checkpoint, so that a receipt can have both cosignatures and a time; or over the latest, where
nothing new was published (`ledger/tokens.py` says over which bytes). What it answers is verified
against its certificates, and against the clock, before it is kept. Nothing waits for an authority:
appends go on without one, and that one does not answer is in the state and in the log of the
service. `tests/test_timestamps.py` has an authority that is slow, huge, lying or away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
import structlog
from psycopg_pool import ConnectionPool

from ledger import note, rfc3161, tokens
from ledger.authorities import Authority
from ledger.background import Background
from ledger.deployment import Clock
from ledger.errors import TimestampInvalid
from ledger.log_keys import LogKeys
from ledger.rfc3161 import Timestamp

log = structlog.get_logger(__name__)

HOURLY = timedelta(hours=1)

AGAIN = timedelta(minutes=5)
"""After a failure an authority is asked again this much later, or when it would be anyway."""

PATIENCE = 15.0
"""Seconds for one authority: connecting, asking and the whole answer."""

SKEW = timedelta(minutes=5)
"""How far the time of a token may be from the clock here (RFC 3161, 2.4.2: it must be looked at)"""


PUBLISHED = """
    SELECT size, note FROM checkpoints WHERE size = (SELECT max(size) FROM publications)
"""
LATEST = "SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class Kept:
    """A token that is kept: the checkpoint of this size was there at `time`, says the authority."""

    size: int
    time: datetime


@dataclass(frozen=True, slots=True)
class Failing:
    """An authority that gave no good answer since a moment: how often in a row, and why last."""

    since: datetime
    attempts: int
    reason: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with one authority: the last token kept of it, and whether it fails now."""

    authority: Authority
    last: Kept | None
    failing: Failing | None


class Timestamps:
    """Asks authorities about the checkpoints of one log, and keeps what they answer."""

    def __init__(
        self,
        pool: ConnectionPool,
        log_keys: Callable[[], LogKeys],
        authorities: Sequence[Authority],
        *,
        clock: Clock,
        every: timedelta = HOURLY,
        patience: float = PATIENCE,
        before_showing: Callable[[int], None] = lambda size: None,
    ) -> None:
        self.every = every
        self._pool = pool
        self._log_keys = log_keys
        self._authorities = tuple(authorities)
        self._clock = clock
        self._patience = patience
        self._before_showing = before_showing
        self._failing: dict[str, Failing] = {}
        self._asked: dict[str, datetime] = {}

    def standings(self) -> list[Standing]:
        """How it stands with each authority."""
        with self._pool.connection() as conn:
            rows = conn.execute(
                "SELECT DISTINCT ON (authority) authority, size, stamped_at FROM timestamps"
                " ORDER BY authority, size DESC"
            ).fetchall()
        last = {name: Kept(size, time) for name, size, time in rows}
        return [
            Standing(each, last.get(each.name), self._failing.get(each.name))
            for each in self._authorities
        ]

    def ask_all(self) -> list[Standing]:
        """One round: ask each authority that has no token for the newest checkpoint."""
        return self._ask(self._authorities)

    def ask_due(self) -> list[Standing]:
        """Ask each authority whose time has come: `every` after its last token, sooner after a
        failure."""
        return self._ask([s.authority for s in self.standings() if self._due(s)])

    def _due(self, standing: Standing) -> bool:
        now = self._clock()
        if standing.failing is not None:
            asked = self._asked[standing.authority.name]
            return now - asked >= min(AGAIN, self.every)
        return standing.last is None or now - standing.last.time >= self.every

    def _ask(self, authorities: Sequence[Authority]) -> list[Standing]:
        published, latest = self._checkpoint(PUBLISHED), self._checkpoint(LATEST)
        last = {s.authority.name: s.last.size for s in self.standings() if s.last is not None}
        for authority in authorities:
            stamped = last.get(authority.name, -1)
            for size, signed in filter(None, (published, latest)):
                if size > stamped:
                    self._before_showing(size)
                    self._ask_one(authority, size, signed)
                    break
        return self.standings()

    def _ask_one(self, authority: Authority, size: int, signed: str) -> None:
        now = self._clock()
        self._asked[authority.name] = now
        try:
            answer, found = self._stamp(authority, message(signed, self._log_keys()))
        except (
            TimestampInvalid,
            httpx.HTTPError,
            httpx.InvalidURL,
            OSError,
            TimeoutError,
        ) as error:
            reason = str(error) or type(error).__name__
            before = self._failing.get(authority.name, Failing(now, 0, reason))
            failing = Failing(before.since, before.attempts + 1, reason)
            self._failing[authority.name] = failing
            log.warning("no timestamp", authority=authority.name, size=size, reason=reason)
            return
        with self._pool.connection() as conn:
            conn.execute(
                "INSERT INTO timestamps (size, authority, stamped_at, answer)"
                " VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (size, authority.name, found.time, answer),
            )
        self._failing.pop(authority.name, None)
        log.info(
            "checkpoint timestamped", authority=authority.name, size=size, time=str(found.time)
        )

    def _stamp(self, authority: Authority, message: bytes) -> tuple[bytes, Timestamp]:
        question = rfc3161.ask(message)
        answer = asyncio.run(_post(authority.url, question.der, self._patience))
        found = rfc3161.check(answer, message, authority.certificates, question.nonce)
        off = found.time - self._clock()
        if abs(off) > SKEW:
            raise TimestampInvalid(
                f"the authority's clock and this machine's are {abs(off)} apart: one is wrong"
            )
        return answer, found

    def _checkpoint(self, query: str) -> tuple[int, str] | None:
        with self._pool.connection() as conn:
            return conn.execute(query).fetchone()


class Stamper(Background):
    """Asks the authorities when their time has come, in a thread of its own; close it when done."""

    LOOK = 20.0
    """Seconds between looks at whether somebody is due."""

    def __init__(self, timestamps: Timestamps) -> None:
        super().__init__("asking for timestamps", timestamps.ask_due, self.LOOK)


def message(signed: str, log_keys: LogKeys) -> bytes:
    """What an authority stamps of a checkpoint as it is stored. Raises VerificationFailed."""
    opened = note.open(signed, [log_keys.signer_of(signed)])
    return tokens.covered(opened.text, opened.verified[0])


async def _post(url: str, question: bytes, patience: float) -> bytes:
    """The answer to a question over HTTP (RFC 3161, 3.4). Raises TimestampInvalid, httpx.HTTPError
    and TimeoutError.

    Asynchronous for one reason: this time limit is for the whole exchange, while those of sockets
    start anew with every byte that a slow server lets fall.
    """
    headers = {"Content-Type": "application/timestamp-query", "Accept-Encoding": "identity"}
    try:
        async with (
            asyncio.timeout(patience),
            httpx.AsyncClient(timeout=patience) as client,
            client.stream("POST", url, content=question, headers=headers) as answer,
        ):
            if answer.status_code != 200:
                raise TimestampInvalid(f"{url} answered with status {answer.status_code}")
            received = bytearray()
            async for piece in answer.aiter_raw():
                received += piece
                if len(received) > rfc3161.MAX_ANSWER:
                    raise TimestampInvalid(
                        f"the answer of {url} is larger than {rfc3161.MAX_ANSWER} bytes"
                    )
            return bytes(received)
    except TimeoutError:
        raise TimestampInvalid(f"{url} took longer than {patience:g} s") from None
