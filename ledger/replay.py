"""Building a demonstration ledger from a feed, with the clock set by the feed.

Only into a new ledger whose origin starts with `demo.`, or one that this feed was replayed into
before: a real ledger has a real clock. Each producer gets a key of its own when the feed enrols it;
`administrator` is the administrator key. Between the events the ledger notes itself as one in
service does: at the begin of each month with events, and at the end of the feed. Replaying again
goes on where it stopped, since the same line gives the same bytes. `tests/test_replay.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from ledger import cloudevent, envelope, feed, keys
from ledger.deployment import DEMO, Home, init
from ledger.errors import ConfigurationError, Refused
from ledger.feed import FeedError, FeedEvent
from ledger.keyring import ADMINISTRATOR, ENROLLED, LEDGER
from ledger.keys import SigningKey
from ledger.noting import Every, begin_of, last_noted, note
from ledger.opening import Ledger, open_ledger

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
    if not (resume and home.vkey_file.exists()):
        init(home, origin=origin, kvk=KVK, clock=clock, tables=tuple(tables))
    with open_ledger(home, clock=clock) as ledger:
        if not ledger.identity.origin.startswith(DEMO):
            raise ConfigurationError(
                f"{ledger.identity.origin} is not a demonstration ledger; nothing is replayed there"
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

    Raises FeedError, which names the first line that was refused; the lines above it are recorded.
    """
    signers = {ADMINISTRATOR: keys.load(keys.key_file(home.keys, ADMINISTRATOR))}
    own = keys.load(keys.key_file(home.keys, LEDGER))
    noted = last_noted(ledger.reader).recorded_at
    recorded = already = 0
    # Events of one moment go into one transaction; a key is enrolled before it is used.
    for (moment, _), group in groupby(feed.read(events), key=_moment_and_kind):
        month = begin_of(moment, Every.MONTH)
        if month > noted:
            clock.moment = noted = month
            note(ledger, own)
        clock.moment = max(moment, clock.moment)
        lines = list(group)
        answers = ledger.append([_signed(home, signers, event) for event in lines])
        for event, answer in zip(lines, answers, strict=True):
            if isinstance(answer, Refused):
                raise FeedError(event.line, f"{event.type} {event.id} was refused: {answer}")
            recorded += answer.created
            already += not answer.created
        progress(lines[-1].line)
    if last_noted(ledger.reader).position < ledger.reader.size():
        note(ledger, own)
    return Replayed(recorded, already)


def _moment_and_kind(event: FeedEvent) -> tuple[datetime, bool]:
    return event.recorded_at, event.type == ENROLLED


def _signed(home: Home, signers: dict[str, SigningKey], event: FeedEvent) -> bytes:
    data = dict(event.data)
    if event.type == ENROLLED:
        data = _enrol(home, signers, event)
    signer = signers.get(event.producer)
    if signer is None:
        raise FeedError(event.line, f"no key was enrolled for producer {event.producer!r}")
    try:
        payload = cloudevent.format(
            id=event.id,
            source=f"urn:nld:kvk:{KVK}:systeem:{event.producer}",
            type=event.type,
            time=event.recorded_at,
            occurred_at=event.occurred_at,
            data=data,
        )
    except KeyError:
        raise FeedError(event.line, f"{event.type!r} is not an event type") from None
    return envelope.format(signer.sign(payload))


def _enrol(home: Home, signers: dict[str, SigningKey], event: FeedEvent) -> dict[str, object]:
    """The data of the enrolment with the public key of a new key."""
    key_id, service = event.data.get("key_id"), event.data.get("service")
    if not isinstance(key_id, str) or not isinstance(service, str) or "/" in key_id:
        raise FeedError(event.line, "an enrolment names its key_id and service")
    signers[service] = keys.load_or_make(home.keys / "producers", key_id)
    return {**signers[service].enrolment(service), **event.data}
