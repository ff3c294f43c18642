"""An open ledger: append, read, follow, with the keys and the database of its home.

`open_ledger` is what the service, the command line and the tests use; it refuses a server that may
lose what it acknowledged, and a key that is not that of the log. `tests/test_deployment.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from psycopg_pool import ConnectionPool

from ledger import admission, cloudevent, entry, events, keys
from ledger.admission import Admitted
from ledger.append import Appended, Outcome, append
from ledger.authorities import Authority
from ledger.checkpoint import Checkpoint
from ledger.checkpoint import sign as sign_checkpoint
from ledger.committer import Committer
from ledger.database import Database, require_durable
from ledger.deployment import (
    DEMO,
    NUMBERS,
    Clock,
    Home,
    LogIdentity,
    holds_log,
    now,
    read_identity,
)
from ledger.errors import ConfigurationError, Refused, UnknownKey
from ledger.keyring import KEY_EVENTS, EnrolledKey, KeyRing
from ledger.listener import Listener
from ledger.note import Signer, parse_vkey
from ledger.numbers import ControllerKeys
from ledger.reader import Reader
from ledger.timestamps import HOURLY, Timestamps


@dataclass(frozen=True, slots=True)
class Load:
    """How much one process takes on."""

    connections: int = 10
    batch: int = 1000
    waiting: int = 4000


class Ledger:
    """One open log: append, read, follow. Made by `open_ledger`."""

    def __init__(
        self,
        database: Database,
        pool: ConnectionPool,
        identity: LogIdentity,
        signer: Signer | None,
        controller_keys: ControllerKeys | None,
        *,
        clock: Clock,
        limits: admission.Limits,
        load: Load,
    ) -> None:
        self.database = database
        self.pool = pool
        self.identity = identity
        self.reader = Reader(pool)
        self.clock = clock
        self.limits = limits
        self.listener = Listener(database)
        self._signer = signer
        self.controller_keys = controller_keys
        self._ring = _Ring(self.reader)
        self._committer: Committer[Admitted, Outcome] = Committer(
            self._commit, batch=load.batch, waiting=load.waiting
        )

    def append(self, envelopes: Sequence[bytes]) -> list[Appended | Refused]:
        """Admit and commit envelopes; an answer for each, in order, once they are durable.

        A refused one does not touch the others. Raises Unavailable.
        """
        answers: dict[int, Appended | Refused] = {}
        admitted: list[tuple[int, Admitted]] = []
        for number, raw in enumerate(envelopes):
            try:
                admitted.append((number, self.admit(raw)))
            except Refused as refused:
                answers[number] = refused
        if admitted:
            outcomes = self._committer.append([event for _, event in admitted])
            for (number, _), outcome in zip(admitted, outcomes, strict=True):
                answers[number] = self._answer(outcome)
        return [answers[number] for number in range(len(envelopes))]

    def admit(self, raw: bytes) -> Admitted:
        """The checks that need no lock. Raises Refused."""
        try:
            return admission.admit(raw, self._ring.find, self.clock(), self.limits)
        except UnknownKey:
            # Enrolled meanwhile, perhaps by another process.
            self._ring.refresh()
            return admission.admit(raw, self._ring.find, self.clock(), self.limits)

    def find_key(self, key_id: str) -> EnrolledKey | None:
        """The key of this id, as the log enrols it now."""
        self._ring.refresh()
        return self._ring.find(key_id)

    def enrolled_keys(self) -> list[EnrolledKey]:
        """Every key the log enrols, in force or not."""
        self._ring.refresh()
        return self._ring.all()

    def now(self) -> datetime:
        """The moment that a question without one is about: what is due, overdue or in force.

        A demonstration ledger has the clock of its feed, which stands at the last entry.
        """
        if self.identity.origin.startswith(DEMO):
            return self.reader.checkpoint().recorded_at
        return self.clock()

    def own_source(self, system: str) -> str:
        """The `source` of a system of this processor, under the number `init` was given."""
        first = cloudevent.parse(entry.parse(self.reader.entry(0).leaf).payload)
        return f"{first.source.rpartition(':')[0]}:{system}"

    def sign(self, checkpoint: Checkpoint) -> str:
        """Sign a checkpoint with the key of this log."""
        if self._signer is None:
            raise ConfigurationError("the private key of the log is not here: this ledger reads")
        return sign_checkpoint(checkpoint, self._signer)

    def require_controller_keys(self) -> ControllerKeys:
        """The keys that open the numbers of each controller. Raises ConfigurationError."""
        if self.controller_keys is None:
            raise ConfigurationError(
                "the secret of the numbers is not here: this ledger reads. It is in"
                " keys/numbers.key where the ledger was made"
            )
        return self.controller_keys

    def timestamps(
        self, authorities: Sequence[Authority], *, every: timedelta = HOURLY
    ) -> Timestamps:
        """The timestamps over the checkpoints of this log, asked of these authorities."""
        verifier = parse_vkey(self.identity.vkey)
        return Timestamps(self.pool, verifier, authorities, clock=self.clock, every=every)

    def close(self) -> None:
        """Commit what waits, and let go of the database."""
        self._committer.close()
        self.listener.close()
        self.pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _commit(self, batch: Sequence[Admitted]) -> Sequence[Outcome]:
        with self.pool.connection() as conn:
            return append(
                conn,
                batch,
                origin=self.identity.origin,
                sign=self.sign,
                clock=self.clock,
                keys=self.require_controller_keys(),
            )

    def _answer(self, outcome: Outcome) -> Appended | Refused:
        if isinstance(outcome, Appended | Refused):
            return outcome
        index = outcome.position - 1
        recorded_at = self.reader.entry(index).recorded_at
        return Appended(index, recorded_at, self.reader.receipt(index), created=False)


class _Ring:
    """The enrolled keys, read from the log and kept up to date."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._ring = KeyRing()
        self._position = 0
        self._lock = threading.Lock()

    def find(self, key_id: str) -> EnrolledKey | None:
        return self._ring.find(key_id)

    def all(self) -> list[EnrolledKey]:
        return list(self._ring)

    def refresh(self) -> None:
        with self._lock:
            for stored in self._reader.events(after=self._position, types=KEY_TYPES, limit=100_000):
                event = cloudevent.parse(entry.parse(stored.leaf).payload)
                self._ring.apply(event.type.name, event.raw["data"], stored.recorded_at)
                self._position = stored.position


KEY_TYPES = [t.topic for t in events.EVENT_TYPES.values() if t.name in KEY_EVENTS]


@contextmanager
def open_ledger(
    home: Home,
    *,
    clock: Clock = now,
    limits: admission.Limits | None = None,
    load: Load | None = None,
) -> Iterator[Ledger]:
    """Open the log of a home, until the block ends. Raises ConfigurationError."""
    load = load or Load()
    with ExitStack() as stack:
        database = stack.enter_context(home.database())
        with database.connect_as_owner() as conn:
            require_durable(conn)
            if not holds_log(conn, home.schema):
                raise ConfigurationError(
                    f"there is no ledger in {home.data}; make one with `verantwoord init`"
                )
        with database.connect() as conn:
            identity = read_identity(conn)
        signer = _log_signer(home, identity)
        controller_keys = _controller_keys(home, identity)
        pool = stack.enter_context(database.pool(load.connections))
        yield stack.enter_context(
            Ledger(
                database,
                pool,
                identity,
                signer,
                controller_keys,
                clock=clock,
                limits=limits or admission.Limits(),
                load=load,
            )
        )


def _log_signer(home: Home, identity: LogIdentity) -> Signer | None:
    """The private key of the log; None where there is none, as on a machine that only reads."""
    file = keys.key_file(home.keys, "log")
    if not file.exists():
        return None
    signer = Signer(identity.origin, keys.load(file).private_key)
    if signer.verifier.vkey != identity.vkey:
        raise ConfigurationError(f"{file} is not the key of the log {identity.origin}")
    return signer


def _controller_keys(home: Home, identity: LogIdentity) -> ControllerKeys | None:
    """The keys of the controllers; None where their secret is not, as where a ledger only reads."""
    file = keys.key_file(home.keys, NUMBERS)
    if not file.exists():
        return None
    key = keys.load(file)
    if key.public_key != identity.numbers_key:
        # The sequences would go on under keys that no controller has.
        raise ConfigurationError(f"{file} is not the secret of the numbers of {identity.origin}")
    return ControllerKeys(key.secret, identity.origin)
