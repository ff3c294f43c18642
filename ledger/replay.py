"""Building a demonstration ledger from a feed, with the clock set by the feed.

Only into a new ledger whose origin starts with `demo.`, or one that this feed was replayed into
before: a real ledger has a real clock. Each producer gets a key of its own when the feed enrols it;
`administrator` is the administrator key. A line that cannot be recorded ends it, and nothing below
that line is recorded. When the feed was mended it goes on where it stopped: the same line gives the
same bytes, so what is recorded is recognised. Between the events the ledger notes itself as one in
service does: at the begin of each month with events, and at the end of the feed.
`tests/test_replay.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from ledger import cloudevent, entry, envelope, feed, keys
from ledger.deployment import DEMO, Home, holds_log, init
from ledger.errors import ConfigurationError, Refused
from ledger.feed import FeedError, FeedEvent, shown
from ledger.keyring import ADMINISTRATOR, ENROLLED, LEDGER
from ledger.keys import SigningKey
from ledger.noting import Every, begin_of, last_noted, note
from ledger.opening import Ledger, open_ledger
from ledger.tags import ID

KVK = "00000000"
"""The Chamber of Commerce number of a fictional processor."""

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many events were recorded now, and how many had been before."""

    recorded: int
    already: int


class FeedClock:
    """The ledger's clock while a feed is replayed."""

    def __init__(self) -> None:
        self.moment = datetime(1970, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment


@contextmanager
def demo_ledger(
    home: Home, events: Path, *, origin: str, tables: Iterable[str], resume: bool
) -> Iterator[tuple[Ledger, FeedClock]]:
    """A new demonstration ledger for a feed, or with `resume` the one it was replayed into.

    Raises ConfigurationError for any other ledger, and FeedError when the feed has no event.
    """
    first = next(feed.read(events), None)
    if first is None:
        raise FeedError(1, "the feed has no event")
    if not origin.startswith(DEMO):
        raise ConfigurationError(f"a demonstration ledger has an origin that starts with {DEMO}")
    clock = FeedClock()
    clock.moment = first.recorded_at
    with home.database() as database:  # in use all the while: one start of the embedded server
        with database.connect_as_owner() as conn:
            there = holds_log(conn, home.schema)
        if there and not resume:
            raise ConfigurationError(
                f"schema {home.schema!r} holds a log already; --resume goes on with a replay that"
                " stopped, and another --data directory or database makes another ledger"
            )
        if not there:
            init(home, origin=origin, kvk=KVK, clock=clock, tables=tuple(tables))
        with open_ledger(home, clock=clock) as ledger:
            if not ledger.identity.origin.startswith(DEMO):
                raise ConfigurationError(
                    f"{ledger.identity.origin} is not a demonstration ledger;"
                    " nothing is replayed there"
                )
            yield ledger, clock


def replay(
    home: Home,
    ledger: Ledger,
    clock: FeedClock,
    events: Path,
    progress: Progress = lambda line: None,
) -> Replayed:
    """Sign every event of a feed with the key of its producer, and append it.

    Raises FeedError, which names the first line that cannot be recorded: the lines above it are
    recorded, those below it are not.
    """
    producers = Producers(home)
    own = keys.load(keys.key_file(home.keys, LEDGER))
    already, left = _recorded_before(ledger, producers, feed.read(events), progress)
    noted = last_noted(ledger.reader).recorded_at
    recorded = 0
    for group in _groups(left, _moment_and_kind):
        month = begin_of(group[0].recorded_at, Every.MONTH)
        if month > noted:
            clock.moment = noted = month
            note(ledger, own)
        clock.moment = max(group[0].recorded_at, clock.moment)
        for event, created in _append(ledger, producers, group):
            recorded += created
            already += not created
            progress(event.line)
    if last_noted(ledger.reader).position < ledger.reader.size():
        note(ledger, own)
    return Replayed(recorded, already)


class Producers:
    """The producers of a feed, by name, each with the key that the feed enrolled last for it."""

    def __init__(self, home: Home) -> None:
        self._keys = home.keys / "producers"
        administrator = keys.load(keys.key_file(home.keys, ADMINISTRATOR))
        self._signers: dict[str, SigningKey] = {ADMINISTRATOR: administrator}

    def payload(self, event: FeedEvent) -> bytes:
        """The event as its producer says it. Raises FeedError."""
        data = dict(event.data)
        if event.type == ENROLLED:
            data = self._enrol(event)
        try:
            return cloudevent.format(
                id=event.id,
                source=_source(event),
                type=event.type,
                time=event.recorded_at,
                occurred_at=event.occurred_at,
                data=data,
            )
        except KeyError:
            raise FeedError(event.line, f"{shown(event.type)} is not an event type") from None

    def sign(self, event: FeedEvent) -> bytes:
        """The envelope that its producer sends. Raises FeedError."""
        payload = self.payload(event)
        signer = self._signers.get(event.producer)
        if signer is None:
            detail = f"no key was enrolled for producer {shown(event.producer)}"
            raise FeedError(event.line, detail)
        return envelope.format(signer.sign(payload))

    def _enrol(self, event: FeedEvent) -> dict[str, object]:
        """The data of an enrolment with the public key of a new key, or of the one made before."""
        key_id, service = event.data.get("key_id"), event.data.get("service")
        if not isinstance(key_id, str) or not isinstance(service, str) or not _FILE.match(key_id):
            raise FeedError(event.line, "an enrolment names its key_id and service")
        self._signers[service] = keys.load_or_make(self._keys, key_id)
        return {**self._signers[service].enrolment(service), **event.data}


_FILE = re.compile(rf"(?!.*/){ID}\Z")
"""The id of a key that can be the name of a file."""

GROUP = 500
"""Events that are looked up, or appended, at once: what a replay holds of a feed."""


def _append(
    ledger: Ledger, producers: Producers, group: list[FeedEvent]
) -> Iterator[tuple[FeedEvent, bool]]:
    """Append events of one moment: each, and whether it was recorded now, up to the first that
    cannot be. Raises FeedError for that one."""
    signed: list[bytes] = []
    unsigned: FeedError | None = None
    for event in group:
        try:
            signed.append(producers.sign(event))
        except FeedError as error:
            unsigned = error
            break
    for event, answer in zip(group, ledger.append_in_order(signed), strict=False):
        if isinstance(answer, Refused):
            name = f"{shown(event.type)} {shown(event.id)}"
            raise FeedError(event.line, f"{name} was refused: {answer}")
        yield event, answer.created
    if unsigned is not None:
        raise unsigned


def _recorded_before(
    ledger: Ledger, producers: Producers, events: Iterator[FeedEvent], progress: Progress
) -> tuple[int, Iterator[FeedEvent]]:
    """How many of the first events are in the ledger, and the events after them.

    Raises FeedError when this is not the feed that the ledger was filled from.
    """
    count = 0
    last = ledger.reader.entry(ledger.reader.size() - 1).recorded_at
    batches = _groups(events, lambda event: None)
    for batch in batches:
        found = ledger.reader.tagged([_tag(event) for event in batch])
        for number, event in enumerate(batch):
            stored = found.get(_tag(event))
            if stored is None:
                if event.recorded_at < last:
                    detail = f"is not in this ledger, which has what was recorded until {last}"
                    raise FeedError(event.line, f"{detail}: it was filled from another feed")
                return count, chain(batch[number:], chain.from_iterable(batches))
            if entry.parse(stored.leaf).payload != producers.payload(event):
                detail = f"{shown(event.id)} was recorded before, with other content"
                raise FeedError(event.line, detail)
            count += 1
            progress(event.line)
    return count, iter(())


def _groups(
    events: Iterable[FeedEvent], key: Callable[[FeedEvent], object]
) -> Iterator[list[FeedEvent]]:
    """Events that follow each other with the same key, up to so many at once. What came before a
    line that cannot be read is given before the error."""
    group: list[FeedEvent] = []
    try:
        for event in events:
            if group and (len(group) == GROUP or key(event) != key(group[0])):
                yield group
                group = []
            group.append(event)
    except FeedError:
        if group:
            yield group
        raise
    if group:
        yield group


def _moment_and_kind(event: FeedEvent) -> tuple[datetime, bool]:
    # Events of one moment go into one transaction; a key is enrolled before it is used.
    return event.recorded_at, event.type == ENROLLED


def _source(event: FeedEvent) -> str:
    return f"urn:nld:kvk:{KVK}:systeem:{event.producer}"


def _tag(event: FeedEvent) -> str:
    return f"source-id:{_source(event)} {event.id}"
