"""Publishing: the newest checkpoint is shown to the witnesses, and what they sign is kept.

    new checkpoint ── ask all witnesses at once ── keep each cosignature ── quorum met: published

It happens after appends and apart from them: no witness, however slow, holds one up. A round asks
about one checkpoint, so that the cosignatures of different witnesses are of the same tree; a
witness that fails is left out of the next rounds, for twice as long each time. The published
checkpoint is the latest one whose cosignatures met the quorum of the policy. Several processes may
publish the same log: what is kept is verified, and kept once. `tests/test_publish.py`.
"""

from __future__ import annotations

import hashlib
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
import structlog
from psycopg_pool import ConnectionPool

from ledger import witnesses
from ledger.cosignature import Cosignature
from ledger.deployment import Clock, now
from ledger.errors import (
    ConfigurationError,
    WitnessAlarm,
    WitnessError,
    WitnessUnavailable,
)
from ledger.log_keys import LogKey
from ledger.opening import Ledger
from ledger.policy import Policy
from ledger.reader import StoredCheckpoint
from ledger.witnesses import Submission, Target

INTERVAL = 5.0
"""Seconds between rounds, at least."""

ROUND = 2 * witnesses.TIMEOUT
"""Seconds after which a round goes on without those who did not answer."""

LONGEST_PAUSE = 600.0
"""Seconds until a witness that fails is asked again, at most."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Standing:
    """How a witness stands: what went wrong last, and when it is asked again.

    `error` is None when it cosigned the last time it was asked, and an alarm stays until it does;
    `failures` are those in a row; `asked_again` is when, on the publisher's ticks; `busy` while an
    answer is outstanding.
    """

    target: Target
    error: WitnessError | None = None
    error_at: datetime | None = None
    failures: int = 0
    asked_again: float = 0.0
    busy: bool = False


@dataclass(frozen=True, slots=True)
class LastCosigned:
    """The largest checkpoint a witness key cosigned, and when by the clock of the witness."""

    size: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Round:
    """What a round came to: whether the checkpoint of `size` entries is published."""

    size: int
    published: bool


class Publisher:
    """Publishes one log to the witnesses of a policy, a round at a time.

    Raises ConfigurationError for a policy that is not about this log, or in which a witness cannot
    be asked. `pause` is what is waited between rounds at least, in seconds; `ticks` is a clock of
    seconds that is never set.
    """

    def __init__(
        self,
        ledger: Ledger,
        policy: Policy,
        *,
        pause: float = INTERVAL,
        clock: Clock = now,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.policy = policy
        self.pause = pause
        self._ledger = ledger
        _check_policy(policy, ledger.log_keys().at(ledger.reader.size() + 1))
        self.standings = tuple(Standing(target) for target in witnesses.targets(policy))
        self._clock = clock
        self._ticks = ticks
        self._http = witnesses.make_client()

    def close(self) -> None:
        """Let go of the connections to witnesses."""
        self._http.close()

    def round(self) -> Round:
        """Ask every witness that is due about the newest checkpoint.

        A witness whose cosignature of it is kept already is not asked. Does not raise because of a
        witness: how each stands is in `standings`.
        """
        newest = self._ledger.reader.checkpoint()
        last = last_cosigned(self._ledger.pool)
        submission = self._submission(newest)
        answers: queue.SimpleQueue[tuple[Standing, tuple[Cosignature, ...] | WitnessError]]
        answers = queue.SimpleQueue()
        asked = 0
        for standing in self.standings:
            keys = [last.get(w.key.vkey) for w in standing.target.witnesses]
            if all(key is not None and key.size >= newest.size for key in keys):
                self._cosigned(standing)
            elif not standing.busy and standing.asked_again <= self._ticks():
                known = max((key.size for key in keys if key is not None), default=0)
                self._ask(standing, submission, known, answers.put)
                asked += 1
        deadline = self._ticks() + ROUND
        for _ in range(asked):
            try:
                standing, answer = answers.get(timeout=max(0.0, deadline - self._ticks()))
            except queue.Empty:
                break
            self._take(standing, newest.size, answer)
            # Not at the end of the round: the slowest witness would hold up what a quorum saw.
            self._publish(newest)
        self._late(deadline)
        return Round(newest.size, self._publish(newest))

    def next_try(self) -> float | None:
        """Seconds until a witness that failed is to be asked again; None when none failed."""
        failed = [s.asked_again for s in self.standings if s.failures and not s.busy]
        return max(0.0, min(failed) - self._ticks()) if failed else None

    def _submission(self, newest: StoredCheckpoint) -> Submission:
        reader, known = self._ledger.reader, self._ledger.log_keys()
        return Submission(
            newest.note,
            known.open(newest.note),
            known,
            reader.prove_consistency,
            reader.size,
        )

    def _ask(
        self,
        standing: Standing,
        submission: Submission,
        known: int,
        put: Callable[[tuple[Standing, tuple[Cosignature, ...] | WitnessError]], None],
    ) -> None:
        """Ask in a thread of its own: a witness that sends a byte now and then holds up nobody."""

        def run() -> None:
            answer: tuple[Cosignature, ...] | WitnessError
            try:
                answer = witnesses.ask(
                    self._http,
                    standing.target,
                    submission,
                    known=known,
                    now=lambda: self._clock().timestamp(),
                )
            except WitnessError as error:
                answer = error
            except Exception as error:
                log.exception("asking a witness failed", witness=standing.target.name)
                answer = WitnessUnavailable(f"asking it failed here: {type(error).__name__}")
            standing.busy = False
            put((standing, answer))

        standing.busy = True
        threading.Thread(target=run, name=f"ask {standing.target.name}", daemon=True).start()

    def _take(
        self, standing: Standing, size: int, answer: tuple[Cosignature, ...] | WitnessError
    ) -> None:
        if isinstance(answer, WitnessError):
            self._failed(standing, answer)
        else:
            keep(self._ledger.pool, size, answer)
            self._cosigned(standing)

    def _late(self, deadline: float) -> None:
        if self._ticks() >= deadline:
            for standing in self.standings:
                if standing.busy:
                    self._failed(
                        standing, WitnessUnavailable(f"no answer within {ROUND:g} seconds")
                    )

    def _failed(self, standing: Standing, error: WitnessError) -> None:
        write = log.error if isinstance(error, WitnessAlarm) else log.warning
        write("a witness did not cosign", witness=standing.target.name, reason=str(error))
        standing.failures += 1
        # An alarm is not forgotten because the witness then went away.
        if isinstance(error, WitnessAlarm) or not isinstance(standing.error, WitnessAlarm):
            standing.error, standing.error_at = error, self._clock()
        wait = min(max(self.pause, 1.0) * 2**standing.failures, LONGEST_PAUSE)
        standing.asked_again = self._ticks() + wait

    def _cosigned(self, standing: Standing) -> None:
        standing.error = standing.error_at = None
        standing.failures, standing.asked_again = 0, 0.0

    def _publish(self, newest: StoredCheckpoint) -> bool:
        cosigned = self._ledger.reader.cosigned(newest)
        known = [key.verifier for key in self._ledger.log_keys().at(newest.size)]
        if not self.policy.judge(cosigned.note, known).quorum_met:
            return False
        with self._ledger.pool.connection() as conn:
            conn.execute(
                "INSERT INTO publications (size, published_at) VALUES (%s, %s)"
                " ON CONFLICT DO NOTHING",
                (newest.size, self._clock()),
            )
        return True


class Publishing:
    """Publishes in a thread of its own until it is closed; `error` is the last that was not a
    witness's, None once a round went well again."""

    def __init__(self, publisher: Publisher, ledger: Ledger) -> None:
        self.publisher = publisher
        self.error: BaseException | None = None
        self._listener = ledger.listener
        self._new = threading.Event()
        self._closing = threading.Event()
        self._listener.subscribe(self._new.set)
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop after the running round, and let go of the connections."""
        self._closing.set()
        self._new.set()
        self._listener.unsubscribe(self._new.set)
        self._thread.join()
        self.publisher.close()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._new.clear()
            try:
                self.publisher.round()
                self.error = None
            except psycopg.OperationalError as error:
                log.warning("publishing waits for the database", error=type(error).__name__)
                self.error = error
            except Exception as error:
                # Publishing less often is better than not at all, and it is visible.
                log.exception("publishing failed")
                self.error = error
            self._closing.wait(self.publisher.pause)
            self._new.wait(self.publisher.pause if self.error else self.publisher.next_try())


def keep(pool: ConnectionPool, size: int, cosignatures: Iterable[Cosignature]) -> None:
    """Keep cosignatures, which the caller verified, of the checkpoint of a size."""
    with pool.connection() as conn, conn.transaction():
        for made in cosignatures:
            vkey = made.by.vkey
            key = hashlib.sha256(vkey.encode()).digest()
            conn.execute(
                "INSERT INTO witness_keys (id, vkey) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                (key, vkey),
            )
            conn.execute(
                "INSERT INTO cosignatures (size, witness_key, cosigned_at, line)"
                " VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (size, key, datetime.fromtimestamp(made.time, UTC), made.line),
            )


def learn_from_witnesses(ledger: Ledger, policy: Policy) -> None:
    """See that a ledger goes on from what its witnesses hold, before it signs anything.

    A witness is a place that keeps the last checkpoint outside the database (`ledger/kept.py`); one
    that does not answer says nothing, and is passed over. Raises SigningRefused and Unavailable.
    """
    targets = witnesses.targets(policy)
    if not targets:
        return
    keys = ledger.log_keys()
    with witnesses.make_client() as http, ThreadPoolExecutor(len(targets)) as pool:
        shown = list(pool.map(lambda target: witnesses.shown(http, target.url, keys), targets))
    for target, held in zip(targets, shown, strict=True):
        if held is None:
            log.warning("a witness does not say what it holds", witness=target.name)
            continue
        ledger.learn(held[0])


def last_published(conn: psycopg.Connection) -> tuple[int, datetime] | None:
    """The size of the published checkpoint, and when it was published; None before the first."""
    return conn.execute(
        "SELECT size, published_at FROM publications ORDER BY size DESC LIMIT 1"
    ).fetchone()


def last_cosigned(pool: ConnectionPool) -> dict[str, LastCosigned]:
    """The largest checkpoint each witness key ever cosigned, by vkey."""
    with pool.connection() as conn:
        rows = conn.execute(
            "SELECT w.vkey, c.size, c.cosigned_at FROM witness_keys w, LATERAL"
            " (SELECT size, cosigned_at FROM cosignatures WHERE witness_key = w.id"
            "  ORDER BY size DESC LIMIT 1) c"
        )
        return {vkey: LastCosigned(size, at) for vkey, size, at in rows}


def _check_policy(policy: Policy, own_keys: Sequence[LogKey]) -> None:
    named = [found.key for found in policy.logs]
    for key in own_keys:
        if named and key.verifier not in named:
            raise ConfigurationError(
                "the policy names logs, and this one is not among them: add"
                f" `log {key.verifier.vkey}`"
            )
    public = {key.verifier.public_key for key in own_keys}
    own = [w.name for w in policy.witnesses if w.key.public_key in public]
    if own:
        raise ConfigurationError(f"the witness {own[0]} has the key of this log: it is no witness")
