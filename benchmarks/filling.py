"""Filling a database with a story (`benchmarks/story.py`), as fast as one process can.

    python -m benchmarks.filling DIR EVENTS [--seed 1]

The events go through the append itself, in large transactions: form rules, tags, tree, tiles and
checkpoints are the real ones, and each event is signed, so `fsck` and `verify` find the log sound.
What is left out is the check of the signature that was made a moment before, and HTTP.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.story import START, Told, tell
from ledger import cloudevent, deployment, envelope, keys, opening
from ledger.admission import Admitted
from ledger.append import Appended, append
from ledger.deployment import Home
from ledger.keyring import ADMINISTRATOR
from ledger.keys import SigningKey
from ledger.opening import Ledger
from ledger.tags import controllers_of
from projections import sql

KVK = "12345678"
SERVICE = "story"
BATCH = 2_000
DAY = timedelta(days=1)


class StoryClock:
    """The ledger's clock: where the story is."""

    def __init__(self) -> None:
        self.moment = START

    def __call__(self) -> datetime:
        return self.moment


@contextmanager
def filled(
    home: Home, events: int, *, seed: int = 1, progress: Callable[[int], None] = lambda done: None
) -> Iterator[Ledger]:
    """A new ledger with a story of so many events, open for the block."""
    clock = StoryClock()
    deployment.init(
        home,
        origin="demo.benchmark.example/log",
        kvk=KVK,
        clock=clock,
        tables=[sql.text("registers.sql")],
    )
    with opening.open_ledger(home, clock=clock) as ledger:
        fill(ledger, clock, _enrol(home, ledger), tell(events, seed=seed), progress)
        yield ledger


def fill(
    ledger: Ledger,
    clock: StoryClock,
    key: SigningKey,
    story: Iterator[Told],
    progress: Callable[[int], None] = lambda done: None,
) -> None:
    """Append a story; raises when an event of it is refused."""
    done = 0
    for batch in _batches(story):
        clock.moment = batch[-1].occurred_at
        admitted = [_admitted(told, key) for told in batch]
        with ledger.pool.connection() as conn:
            outcomes = append(
                conn,
                admitted,
                origin=ledger.identity.origin,
                sign=ledger.sign,
                kept=ledger.signing.kept,
                clock=clock,
                keys=ledger.require_controller_keys(),
                routing=ledger.routing,
            )
        for told, outcome in zip(batch, outcomes, strict=True):
            if not isinstance(outcome, Appended):
                raise RuntimeError(f"{told.type} {told.data} was not recorded: {outcome}")
        done += len(batch)
        progress(done)


def _batches(story: Iterator[Told]) -> Iterator[list[Told]]:
    """Events that are recorded at one moment: no more than a day after they occurred, which is
    what services do, and what the rules call in time."""
    batch: list[Told] = []
    for told in story:
        if batch and (len(batch) == BATCH or told.occurred_at - batch[0].occurred_at > DAY):
            yield batch
            batch = []
        batch.append(told)
    if batch:
        yield batch


def _admitted(told: Told, key: SigningKey) -> Admitted:
    payload = cloudevent.format(
        id=f"e-{told.number}",
        source=f"urn:nld:kvk:{KVK}:systeem:{SERVICE}",
        type=told.type,
        time=told.occurred_at,
        occurred_at=told.occurred_at,
        data=told.data,
    )
    event = cloudevent.parse(payload)
    controllers = controllers_of(event.type.name, event.raw["data"])
    return Admitted(key.sign(payload), event, event.tags(), controllers)


def _enrol(home: Home, ledger: Ledger) -> SigningKey:
    key = keys.make_key("k-story")
    administrator = keys.load(keys.key_file(home.keys, ADMINISTRATOR))
    payload = cloudevent.format(
        id="enrol-story",
        source=ledger.own_source(ADMINISTRATOR),
        type="SigningKeyEnrolled",
        time=START,
        occurred_at=START,
        data=key.enrolment(SERVICE),
    )
    (answer,) = ledger.append([envelope.format(administrator.sign(payload))])
    if not isinstance(answer, Appended):
        raise answer
    return key


def main(arguments: list[str] | None = None) -> None:
    """Fill a new ledger in a directory, and say how fast."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.filling")
    parser.add_argument("directory", type=Path)
    parser.add_argument("events", type=int)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    start = time.perf_counter()
    with filled(Home(asked.directory), asked.events, seed=asked.seed) as ledger:
        spent = time.perf_counter() - start
        print(f"{ledger.reader.size()} entries in {spent:.0f} s, {asked.events / spent:.0f}/s")


if __name__ == "__main__":
    main()
