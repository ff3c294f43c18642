"""The ledger notes itself: on a schedule, once, by its own key, and never in the way of appends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from ledger import checkpoint, cloudevent, entry, keys
from ledger.keyring import LEDGER
from ledger.keys import SigningKey
from ledger.noting import NOTES, Every, Noter, Schedule, begin_of, last_noted, note
from ledger.opening import open_ledger
from tests.check_ledger import check_ledger, check_registers
from tests.ledgers import TestLedger

MONTHLY = Schedule(Every.MONTH, 10_000)


@pytest.fixture
def own(ledger: TestLedger) -> SigningKey:
    """The ledger's own key."""
    return keys.load(keys.key_file(ledger.home.keys, LEDGER))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def notes(made: TestLedger) -> list[int]:
    """The indexes of the notes in the log."""
    found = made.ledger.reader.events(types=NOTES, limit=1000)
    return [stored.position - 1 for stored in found]


@pytest.mark.parametrize(
    ("every", "moment", "begin"),
    [
        (Every.MONTH, "2026-01-01T00:00:00+01:00", "2026-01-01T00:00:00+01:00"),
        (Every.MONTH, "2025-12-31T23:59:59.999999+01:00", "2025-12-01T00:00:00+01:00"),
        (Every.MONTH, "2025-12-31T23:30:00+00:00", "2026-01-01T00:00:00+01:00"),
        (Every.MONTH, "2026-03-31T12:00:00+02:00", "2026-03-01T00:00:00+01:00"),
        (Every.MONTH, "2026-04-30T23:59:59+02:00", "2026-04-01T00:00:00+02:00"),
        (Every.DAY, "2026-03-29T12:00:00+02:00", "2026-03-29T00:00:00+01:00"),
        (Every.DAY, "2026-10-25T12:00:00+01:00", "2026-10-25T00:00:00+02:00"),
        (Every.DAY, "2026-01-01T23:30:00+00:00", "2026-01-02T00:00:00+01:00"),
        (Every.HOUR, "2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+02:00"),
        (Every.HOUR, "2026-10-25T02:30:00+01:00", "2026-10-25T02:00:00+01:00"),
        (Every.MONTH, "9999-12-31T12:00:00+01:00", "9999-12-01T00:00:00+01:00"),
    ],
)
def test_months_and_days_begin_in_civil_time(every: Every, moment: str, begin: str) -> None:
    """In Europe/Amsterdam, over a change of the clocks as well."""
    assert begin_of(at(moment), every) == at(begin)


def test_a_note_says_what_the_log_is(ledger: TestLedger, own: SigningKey) -> None:
    """Size and root of the checkpoint before it, signed by the ledger itself, from itself."""
    ledger.fill(3)
    before = ledger.ledger.reader.checkpoint()
    said = checkpoint.open(before.note, ledger.verifier)
    index = note(ledger.ledger, own)
    assert notes(ledger) == [index] == [said.size]
    stored = entry.parse(ledger.ledger.reader.entry(index).leaf)
    event = cloudevent.parse(stored.payload)
    assert event.raw["data"]["tree_size"] == said.size
    assert len(stored.numbers or b"") == 32
    assert [signature.keyid for signature in stored.signatures] == [LEDGER]
    assert event.system == LEDGER
    check_ledger(ledger)
    check_registers(ledger)


def test_a_note_of_a_large_log_is_no_citizen_service_number(ledger: TestLedger) -> None:
    """Nine digits by themselves could be one; the id has twelve."""
    own = keys.load(keys.key_file(ledger.home.keys, LEDGER))
    index = note(ledger.ledger, own)
    event = cloudevent.parse(entry.parse(ledger.ledger.reader.entry(index).leaf).payload)
    assert event.id == f"checkpoint-{index:012}"


def test_two_processes_note_a_checkpoint_once(ledger: TestLedger, own: SigningKey) -> None:
    """The one that comes too late is told which note there is."""
    ledger.fill(1)
    with open_ledger(ledger.home, clock=ledger.clock) as other:
        stale = other.reader.checkpoint()
        first = note(ledger.ledger, own)
        other.reader.checkpoint = lambda: stale  # type: ignore[method-assign]
        assert note(other, own) == first
    assert notes(ledger) == [first]


def test_a_log_without_notes_counts_from_its_beginning(ledger: TestLedger) -> None:
    """So a new ledger is not due at once."""
    assert last_noted(ledger.ledger.reader).position == 1


class Watched:
    """A noter that looks all the time, and how many notes there are."""

    def __init__(self, made: TestLedger, own: SigningKey, schedule: Schedule) -> None:
        self.made = made
        # Every look at this clock moves it on; the noter is to see the moment that is set.
        self.moment = made.clock.moment
        made.ledger.clock = lambda: self.moment
        self.noter = Noter(made.ledger, own, schedule, look=0.01)

    def wait(self, count: int) -> None:
        """Wait until there are so many notes, and see that no more come."""
        deadline = time.monotonic() + 20
        while len(notes(self.made)) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        assert len(notes(self.made)) == count


def test_a_new_month_is_noted_once(ledger: TestLedger, own: SigningKey) -> None:
    """Also when nothing happened in the one before: then the note shows that."""
    watched = Watched(ledger, own, MONTHLY)
    try:
        watched.wait(0)
        for number, moment in enumerate(("2026-02-01T00:00:00+01:00", "2026-03-07T00:00:00Z"), 1):
            watched.moment = at(moment)
            watched.wait(number)
        watched.moment += timedelta(days=20)
        watched.wait(2)
    finally:
        watched.noter.close()
    check_ledger(ledger)


def test_many_entries_are_noted_before_the_month_ends(ledger: TestLedger, own: SigningKey) -> None:
    """When so many came after the last note."""
    size = ledger.ledger.reader.size()
    watched = Watched(ledger, own, Schedule(Every.MONTH, size + 4))
    try:
        watched.wait(0)
        ledger.fill(4, start=1)
        watched.wait(0)  # the first entry counts as a note of nothing
        ledger.fill(1, start=10)
        watched.wait(1)
        ledger.fill(size + 3, start=100)
        watched.wait(1)
        ledger.fill(1, start=1000)
        watched.wait(2)
    finally:
        watched.noter.close()


def test_a_note_that_fails_is_tried_again(
    ledger: TestLedger, own: SigningKey, owner: Callable[[], psycopg.Connection]
) -> None:
    """Appending goes on without it, and the noter with its next look."""
    failed = threading.Event()
    sign = ledger.ledger.sign

    def refuse(*told: object) -> str:
        failed.set()
        raise psycopg.OperationalError("the disk is full")

    ledger.ledger.sign = refuse  # type: ignore[method-assign]
    ledger.ledger._committer._pause = 0.0
    watched = Watched(ledger, own, MONTHLY)
    try:
        watched.moment = at("2026-02-01T12:00:00Z")
        assert failed.wait(20)
        assert notes(ledger) == []
        ledger.ledger.sign = sign  # type: ignore[method-assign]
        watched.wait(1)
    finally:
        watched.noter.close()
    check_ledger(ledger)


def test_closing_does_not_wait_for_the_next_look(ledger: TestLedger, own: SigningKey) -> None:
    """A service that stops is not held up."""
    noter = Noter(ledger.ledger, own, MONTHLY, look=3600)
    begun = time.monotonic()
    noter.close()
    assert time.monotonic() - begun < 10


def test_the_moment_of_a_note_is_the_ledgers(ledger: TestLedger, own: SigningKey) -> None:
    """Its clock, as for every other entry."""
    index = note(ledger.ledger, own)
    stored = ledger.ledger.reader.entry(index)
    assert stored.recorded_at.tzinfo is not None
    assert stored.recorded_at.astimezone(UTC) <= ledger.clock.moment
