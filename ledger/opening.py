"""An open ledger: append, read, follow, with the keys and the database of its home.

`open_ledger` is what the service, the command line and the tests use; it refuses a server that may
lose what it acknowledged, a key that is not that of the log, and to sign over a database that was
set back (`ledger/kept.py`). `tests/test_deployment.py`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg_pool import ConnectionPool

from ledger import admission, cloudevent, entry, events, keys, master_keys, statement
from ledger import standby as standbys
from ledger.admission import Admitted
from ledger.append import Appended, Outcome, append
from ledger.authorities import Authority
from ledger.checkpoint import Checkpoint
from ledger.committer import Committer
from ledger.database import Connections, Database, require_durable
from ledger.deployment import (
    DEMO,
    NUMBERS,
    Clock,
    Home,
    LogIdentity,
    holds_log,
    now,
    read_identity,
    read_vkeys,
    upgrade,
)
from ledger.errors import ConfigurationError, NotReplicated, Refused, Unavailable, UnknownKey
from ledger.form_rules import AlreadyRecorded
from ledger.head import NewEntry
from ledger.kept import SOON, Kept
from ledger.keyring import KEY_EVENTS, LEDGER, EnrolledKey, KeyRing
from ledger.keys import SigningKey
from ledger.listener import Listener
from ledger.log_keys import LogKeys
from ledger.master_keys import MasterKeys
from ledger.metrics import Metrics
from ledger.note import Verifier, parse_vkey
from ledger.numbers import ControllerKeys
from ledger.reader import Reader
from ledger.replica import Replica, ReplicaReader
from ledger.signers import Signers
from ledger.standby import Standby
from ledger.statement import Kind, Statement
from ledger.timestamps import HOURLY, Timestamps
from ledger.traces import traced


@dataclass(frozen=True, slots=True)
class Signing:
    """What makes an open ledger one that signs: its keys, and the files of what it signed last."""

    signers: Signers
    kept: Kept


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
        home: Home,
        database: Database,
        pool: ConnectionPool,
        identity: LogIdentity,
        signing: Signing | None,
        controller_keys: ControllerKeys | None,
        *,
        replica: Replica | None,
        standby: Standby | None,
        clock: Clock,
        limits: admission.Limits,
        load: Load,
    ) -> None:
        self.home = home
        self.database = database
        self.pool = pool
        self.identity = identity
        self.reader = Reader(pool, self.cover)
        self.clock = clock
        self.limits = limits
        self.listener = Listener(database)
        self.metrics = Metrics()
        self._signing = signing
        self.routing = home.routing()
        # Of the primary as well, where there is no replica or it will not do.
        self.replicas: Connections = replica or pool
        self.replica_reader = (
            ReplicaReader(replica, self.signing.kept.last, self.reader) if replica else self.reader
        )
        self._vouched: str | None = None  # the last checkpoint that a replica has as the primary
        self.controller_keys = controller_keys
        self._ring = _Ring(self.reader)
        self._log_keys = _LogKeys(LogKeys.of(parse_vkey(identity.vkey)))
        self._standby = standby
        self._held = -1  # the largest tree that a standby is known to hold
        self._committer: Committer[Admitted, Outcome] = Committer(
            self._commit,
            batch=load.batch,
            waiting=load.waiting,
            patience=standby.wait if standby else None,
            metrics=self.metrics,
        )

    def append(self, envelopes: Sequence[bytes]) -> list[Appended | Refused]:
        """Admit and commit envelopes; an answer for each, in order, once they are durable.

        A refused one does not touch the others. Raises Unavailable.
        """
        with self.metrics.appending(), traced("append"):
            return self._append(envelopes)

    def _append(self, envelopes: Sequence[bytes]) -> list[Appended | Refused]:
        answers: dict[int, Appended | Refused] = {}
        admitted: list[tuple[int, Admitted]] = []
        with traced("admission"):
            for number, raw in enumerate(envelopes):
                try:
                    admitted.append((number, self.admit(raw)))
                except Refused as refused:
                    answers[number] = refused
        if admitted:
            try:
                outcomes = self._committer.append([event for _, event in admitted])
            except TimeoutError:
                raise self._late() from None
            for (number, _), outcome in zip(admitted, outcomes, strict=True):
                answers[number] = self._answer(outcome)
        return [answers[number] for number in range(len(envelopes))]

    async def append_one(self, envelope: bytes) -> Appended:
        """`append` for one envelope, on an event loop, which is never kept waiting for the
        database. Raises Refused and Unavailable."""
        with self.metrics.appending(), traced("append"):
            return await self._append_one(envelope)

    async def _append_one(self, envelope: bytes) -> Appended:
        with traced("admission"):
            try:
                admitted = self._admit(envelope)
            except UnknownKey:
                admitted = await asyncio.to_thread(self.admit, envelope)
            except Refused as refused:
                self.metrics.refused(refused)
                raise
        answer = asyncio.wrap_future(self._committer.submit([admitted]))
        try:
            (outcome,) = await asyncio.wait_for(answer, self._committer.patience)
        except TimeoutError:
            raise self._late() from None
        if isinstance(outcome, AlreadyRecorded):
            return await asyncio.to_thread(self._answer_again, outcome)
        if isinstance(outcome, Refused):
            raise outcome
        return outcome

    def append_in_order(self, envelopes: Sequence[bytes]) -> list[Appended | Refused]:
        """Append envelopes as far as they are taken: the last answer may be of a refused one, and
        nothing after that was tried.

        It takes a transaction of its own, and a lost connection is not made again: psycopg's
        OperationalError is raised, and appending the same once more finds what was committed.
        """
        admitted: list[Admitted] = []
        refused: list[Refused] = []
        for raw in envelopes:
            try:
                admitted.append(self.admit(raw))
            except Refused as error:
                refused.append(error)
                break
        outcomes = self._commit(admitted, in_order=True) if admitted else []
        answers = [self._answer(outcome) for outcome in outcomes]
        stopped = any(isinstance(answer, Refused) for answer in answers)
        return answers if stopped else [*answers, *refused]

    def admit(self, raw: bytes) -> Admitted:
        """The checks that need no lock. Raises Refused."""
        try:
            try:
                return self._admit(raw)
            except UnknownKey:
                # Enrolled meanwhile, perhaps by another process.
                self._ring.refresh()
                return self._admit(raw)
        except Refused as refused:
            self.metrics.refused(refused)
            raise

    def _admit(self, raw: bytes) -> Admitted:
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

    def own_key(self) -> SigningKey | None:
        """The ledger's own key, for what it records by itself; None where it records nothing: the
        key is not here, or the clock is that of a feed."""
        file = keys.key_file(self.home.keys, LEDGER)
        if not self.signs or self.identity.origin.startswith(DEMO) or not file.exists():
            return None
        return keys.load(file)

    def require_own_key(self) -> SigningKey:
        """The ledger's own key. Raises ConfigurationError where it records nothing by itself."""
        key = self.own_key()
        if key is None:
            raise ConfigurationError(
                "this is an event of the ledger itself, and here it records none: it only reads, or"
                " it is a demonstration, whose clock is that of its feed"
            )
        return key

    def master_keys(self) -> MasterKeys:
        """The master keys of sealed text, as they are now. Raises ConfigurationError."""
        return master_keys.load(self.home.keys)

    def own_source(self, system: str) -> str:
        """The `source` of a system of this processor, under the number `init` was given."""
        return f"{self._own_sources}:{system}"

    @cached_property
    def _own_sources(self) -> str:
        """How each of them begins: the first entry says it, for ever."""
        first = cloudevent.parse(entry.parse(self.reader.entry(0).leaf).payload)
        return first.source.rpartition(":")[0]

    def log_keys(self) -> LogKeys:
        """The keys of this log, as its events have them; second signers are not among them."""
        with self.pool.connection() as conn:
            return self._log_keys.read(conn)

    def vkeys(self) -> LogKeys:
        """What `log.vkey` says, for whoever verifies: the keys of the log and its second signers.

        Raises ConfigurationError.
        """
        published = read_vkeys(self.home)
        second = [key for key in published.keys if key.second] if published else []
        return LogKeys((*self.log_keys().keys, *second))

    def sign(
        self, conn: psycopg.Connection, checkpoint: Checkpoint, entries: Sequence[NewEntry]
    ) -> str:
        """Sign a checkpoint with the keys that the log has at its size.

        Which these are is told by what a connection sees committed, and by the entries that are
        about to be. Raises SigningRefused when one of them is not here.
        """
        log_keys = self._log_keys.read(conn)
        first = checkpoint.size - len(entries) + 1
        for position, new in enumerate(entries, start=first):
            if new.type in KEY_TYPES:
                log_keys = log_keys.apply(position, *_read(new.leaf))
        return self.signing.signers.sign(checkpoint, log_keys, int(self.clock().timestamp()))

    def state(self, kind: Kind, size: int, content: bytes) -> str:
        """A signed statement that a file was made from the first `size` entries. Raises
        SigningRefused, and ConfigurationError where nothing signs."""
        made = Statement.of(kind, self.identity.origin, size, content)
        return self.signing.signers.sign_text(statement.format(made), size, self.log_keys())

    @property
    def signing(self) -> Signing:
        """What signs, and what it signed last. Raises ConfigurationError where nothing signs."""
        if self._signing is None:
            raise ConfigurationError("the private key of the log is not here: this ledger reads")
        return self._signing

    @property
    def signs(self) -> bool:
        """Whether this ledger can be appended to, or is only read."""
        return self._signing is not None

    def require_log_keys(self, directory: Path) -> None:
        """Raises ConfigurationError unless every key that must sign next is in the directory."""
        here = self.signing.signers.verifiers()
        for key in self.log_keys().at(self.reader.size() + 1):
            if key.verifier not in here:
                raise ConfigurationError(
                    f"{directory} does not hold the private key of the log, {key.verifier.vkey}:"
                    " copy it there from where it is, or see docs/how-to/recover.md"
                )

    def learn(self, signed: str) -> None:
        """Take notice of a checkpoint of this log that somebody else keeps; see `Kept.learn`."""
        with self.pool.connection() as conn:
            self.signing.kept.learn(conn, signed)

    def cover(self, size: int) -> None:
        """See to it that a tree is kept before it is shown to anyone; where nothing is kept, that
        the standby holds it. Raises SigningRefused and Unavailable."""
        if self._signing is not None:
            self._signing.kept.cover(self.pool.connection, size)
        elif self._standby is not None and size > self._held:
            with self.pool.connection() as conn:
                self._standby.await_held(conn, SOON)
            self._held = size

    def vouch(self, size: int, signed: str | None) -> None:
        """As `cover`, for a checkpoint over so many entries that may have been read from a replica:
        the primary has the same. Raises Unavailable when it does not, or not yet."""
        self.cover(size)
        if self.replicas is self.pool or signed in (None, self._vouched):
            return
        try:
            same = self.reader.checkpoint_covering(size).note == signed
        except LookupError:
            same = False
        if not same:
            raise Unavailable("the replica is not where the primary is")
        self._vouched = signed

    def replicated(self) -> bool:
        """Whether a standby holds what is committed, where this log needs one."""
        if self._standby is None:
            return True
        with self.pool.connection() as conn:
            try:
                self._standby.await_held(conn, SOON)
            except NotReplicated:
                return False
        return True

    def set_back(self) -> bool:
        """Whether the database has fewer entries than is known here to be kept outside it."""
        if self._signing is None:
            return False
        kept = self._signing.kept.largest()  # first: others append meanwhile
        return self.reader.size() < kept

    def require_signing(self) -> None:
        """Raises as an append would now: SigningRefused when the log does not go on from its kept
        checkpoint, ConfigurationError when a key is not here, and Unavailable. Nothing is locked,
        and nothing is asked of a ledger that only reads."""
        if self._signing is None:
            return
        with self.pool.connection() as conn:
            self._signing.kept.require_now(conn)
        self.require_log_keys(self.home.keys)
        self.require_controller_keys()

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
        return Timestamps(
            self.pool,
            self.log_keys,
            authorities,
            clock=self.clock,
            every=every,
            before_showing=self.cover,
        )

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

    def _commit(self, batch: Sequence[Admitted], in_order: bool = False) -> Sequence[Outcome]:
        with self.metrics.transaction(len(batch)), self.pool.connection() as conn:
            outcomes = append(
                conn,
                batch,
                origin=self.identity.origin,
                sign=self.sign,
                kept=self.signing.kept,
                clock=self.clock,
                keys=self.require_controller_keys(),
                routing=self.routing,
                in_order=in_order,
            )
        self.metrics.committed(outcomes)
        return outcomes

    def _late(self) -> NotReplicated:
        assert self._standby is not None  # noqa: S101 - without one, an append has all the time
        return NotReplicated(self._standby.wait)

    def _answer(self, outcome: Outcome) -> Appended | Refused:
        return self._answer_again(outcome) if isinstance(outcome, AlreadyRecorded) else outcome

    def _answer_again(self, outcome: AlreadyRecorded) -> Appended:
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
                name, data = _read(stored.leaf)
                self._ring.apply(name, data, stored.recorded_at)
                self._position = stored.position


class _LogKeys:
    """The keys of the log itself, read from its events. What admission knows of the keys of
    services is apart from this: it is refreshed when an unknown one is met."""

    def __init__(self, first: LogKeys) -> None:
        self._known = first
        self._position = 0
        self._lock = threading.Lock()

    def read(self, conn: psycopg.Connection) -> LogKeys:
        """The keys as a connection that wrote nothing sees them."""
        with self._lock:
            rows = conn.execute(
                "SELECT position, leaf FROM entries WHERE type = ANY(%s) AND position > %s"
                " ORDER BY position",
                (KEY_TYPES, self._position),
            )
            for position, leaf in rows:
                self._known = self._known.apply(position, *_read(leaf))
                self._position = position
            return self._known


def _read(leaf: bytes) -> tuple[str, dict[str, Any]]:
    """The type and data of the event in an entry."""
    event = cloudevent.parse(entry.parse(leaf).payload)
    return event.type.name, event.raw["data"]


KEY_TYPES = [t.topic for t in events.EVENT_TYPES.values() if t.name in KEY_EVENTS]


@contextmanager
def open_ledger(
    home: Home,
    *,
    clock: Clock = now,
    limits: admission.Limits | None = None,
    load: Load | None = None,
    signs: bool = True,
    replacing_key: bool = False,
    accepting: bool = False,
) -> Iterator[Ledger]:
    """Open the log of a home, until the block ends.

    With `signs`, and the log's key in the home, it can be appended to: then the log is first seen
    to go on from its kept checkpoint. Without, it is read, whatever its state. `replacing_key`
    opens a log whose key is lost, to enrol another; `accepting` one that does not go on from its
    kept checkpoint, to say so in it (`ledger/rollback.py`). Raises ConfigurationError,
    SigningRefused and Unavailable.
    """
    load = load or Load()
    with ExitStack() as stack:
        standby = standbys.read(home.standby_file) if signs else None
        database = stack.enter_context(home.database())
        with database.connect_as_owner() as conn:
            require_durable(conn)
            if not holds_log(conn, home.schema):
                raise ConfigurationError(_nothing_in(home))
            upgrade(conn, database)
        with database.connect() as conn:
            identity = read_identity(conn)
            if standby is not None:
                standby.require(conn)
        signing = _signing(home, identity, standby) if signs else None
        controller_keys = _controller_keys(home, identity)
        pool = stack.enter_context(database.pool(load.connections, local=standby is not None))
        replica = _replica(stack, home, pool, signing, load) if home.read_url else None
        ledger = stack.enter_context(
            Ledger(
                home,
                database,
                pool,
                identity,
                signing,
                controller_keys,
                replica=replica,
                standby=standby,
                clock=clock,
                limits=limits or admission.Limits(),
                load=load,
            )
        )
        if signing is not None:
            if not accepting:
                with pool.connection() as conn, suppress(NotReplicated):
                    # Without its standby a ledger can be read, of what is kept.
                    signing.kept.check(conn)
            if not replacing_key:
                ledger.require_log_keys(home.keys)
        yield ledger


def _nothing_in(home: Home) -> str:
    """What to do where there is no log."""
    if (home.data / "logs").is_dir() and home.place is None:
        names = sorted(each.name for each in (home.data / "logs").iterdir())
        return (
            f"{home.data} holds several logs ({', '.join(names)}): point --data at one of them,"
            f" {home.data}/logs/NAME"
        )
    how = "logs create" if home.place else "init"
    return f"there is no ledger in {home.data}; make one with `verantwoord {how}`"


def _signing(home: Home, identity: LogIdentity, standby: Standby | None) -> Signing | None:
    """What signs here; None where no key of the log is, as on a machine that only reads."""
    signers = Signers(home.keys, identity.origin)
    if not signers.verifiers():
        return None
    return Signing(signers, Kept(home.kept_files, lambda: known_keys(home, signers), standby))


def _replica(
    stack: ExitStack, home: Home, pool: ConnectionPool, signing: Signing | None, load: Load
) -> Replica:
    if signing is None:
        raise ConfigurationError(
            "--read-url is for a service that signs: here nothing says what a replica must hold"
        )
    database = Database(home.read_url or "", home.schema)
    replica = Replica(database, load.connections, pool, signing.kept.last)
    return stack.enter_context(closing(replica))


def known_keys(home: Home, signers: Signers) -> list[Verifier]:
    """The keys of the log that this machine knows of without asking the database."""
    published = read_vkeys(home)
    found = [] if published is None else [key.verifier for key in published.keys]
    return [*signers.verifiers(), *(v for v in found if isinstance(v, Verifier))]


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
