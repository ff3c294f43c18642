"""A rebuild folds each case once, and gives what following gives, whoever takes part in it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from ledger.database import Database
from projections import follow, rebuild
from projections.rebuild import Workers
from tests.check_ledger import check_registers
from tests.ledgers import TestLedger
from tests.test_context import REQUEST, agree
from tests.test_follow import stored, story
from tests.test_form_rules import correction
from tests.test_needed import check_questions


def as_stored(made: TestLedger) -> list[set[Any]]:
    """What is stored of the generation that is read.

    Not when a case last changed: following sees terms change that change no row of it, a rebuild
    takes any later ones for a change.
    """
    columns = (
        ("register_rows", f"register, {', '.join(follow.stored.COLUMNS)}"),
        ("register_cases", "register, case_key, first_position, first_occurred"),
        ("case_controllers", "register, controller, case_key"),
    )
    with made.ledger.pool.connection() as conn:
        return [
            set(
                conn.execute(
                    f"SELECT row_made::text FROM (SELECT {names} FROM {table} WHERE generation ="
                    " (SELECT generation FROM followed)) AS row_made".encode()
                )
            )
            for table, names in columns
        ]


def long_story(made: TestLedger) -> None:
    """With corrections, one of a correction, a retraction, and terms that change afterwards."""
    story(made)
    made.append("DataSubjectRequestReceived", REQUEST)
    made.append("EventCorrected", correction("engaged", "controller_ids", ["C2"]), id_="moved")
    made.append("EventCorrected", correction("moved", "field_changes.0.new", ["C3"]))
    made.append("EventCorrected", correction("update", "changed_facts.subject_count", 2151))
    made.fill(4)
    made.append("EventRetracted", {"retracts_event_id": "update", "reason": "x"})
    agree(made, 2, id_="terms")


@pytest.mark.parametrize("events", [1, 3, 10_000])
@pytest.mark.parametrize("batch", [1, 500])
def test_a_rebuild_stores_what_following_stores(
    ledger: TestLedger, monkeypatch: pytest.MonkeyPatch, events: int, batch: int
) -> None:
    """Rows, what stands beside them, spans and whom cases concern, in tasks of any size: also where
    a correction moved an event, and a correction of that did."""
    monkeypatch.setattr(follow, "BATCH", batch)
    monkeypatch.setattr(rebuild, "EVENTS", events)
    long_story(ledger)
    follow.catch_up(ledger.ledger.pool)
    before = as_stored(ledger)
    assert all(before)
    assert follow.rebuild(ledger.ledger.pool) == ledger.ledger.reader.size()
    assert as_stored(ledger) == before
    check_registers(ledger)


@pytest.mark.parametrize("anew", [False, True])
def test_terms_that_changed_later_do_not_change_what_was_known(
    ledger: TestLedger, anew: bool
) -> None:
    """A question about what was known before is not answered by rows that rest on them, also when
    both came in one batch."""
    ledger.append("DataSubjectRequestReceived", REQUEST)
    agree(ledger, 2, id_="terms")
    ledger.append("EventRetracted", {"retracts_event_id": "terms", "reason": "x"})
    agree(ledger, 3)
    follow.catch_up(ledger.ledger.pool)
    if anew:
        follow.rebuild(ledger.ledger.pool)
    size = ledger.ledger.reader.size()
    moments = [(size - back, None) for back in range(4)]
    assert check_questions(ledger.ledger, moments, ["C1"]) > 0


def test_several_processes_store_the_same(
    ledger: TestLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes some of the tasks; one connection writes what they hand back."""
    monkeypatch.setattr(rebuild, "EVENTS", 3)
    long_story(ledger)
    follow.catch_up(ledger.ledger.pool)
    before = as_stored(ledger)
    workers = Workers(2, ledger.ledger.database)
    assert follow.rebuild(ledger.ledger.pool, workers=workers) == ledger.ledger.reader.size()
    assert as_stored(ledger) == before
    check_registers(ledger)


def test_what_is_appended_meanwhile_is_in_the_new_rows(ledger: TestLedger) -> None:
    """Appends wait for no rebuild; readers have the old rows until its end."""
    long_story(ledger)
    follow.catch_up(ledger.ledger.pool)
    before, seen = stored(ledger), []

    def append(position: int) -> None:
        if not seen:
            ledger.append("EventCorrected", correction("engaged", "controller_ids", ["C1"]))
            ledger.fill(2, start=50)
        assert follow.follow_once(ledger.ledger.pool) == 0, "following stands still"
        seen.append(stored(ledger) == before)

    assert follow.rebuild(ledger.ledger.pool, progress=append) == ledger.ledger.reader.size()
    assert seen
    assert all(seen)
    assert stored(ledger) != before
    check_registers(ledger)


def _rebuild_until_killed(url: str, schema: str, told: Connection) -> None:
    """In a process of its own: what it was doing is half done when it says so."""
    database = Database(url, schema)

    def wait(position: int) -> None:
        told.send([child.pid for child in multiprocessing.active_children()])
        threading.Event().wait()

    with database.pool(2) as pool:
        follow.rebuild(pool, progress=wait, workers=Workers(2, database))


def test_a_rebuild_that_is_killed_leaves_the_old_rows_and_can_be_made_again(
    ledger: TestLedger,
) -> None:
    """Its workers end as well, and nothing that it wrote is seen."""
    long_story(ledger)
    follow.catch_up(ledger.ledger.pool)
    before = as_stored(ledger)
    spawned = multiprocessing.get_context("spawn")
    ours, theirs = spawned.Pipe(duplex=False)
    database = ledger.ledger.database
    process = spawned.Process(
        target=_rebuild_until_killed, args=(database.url, database.schema, theirs)
    )
    process.start()
    theirs.close()
    assert ours.poll(60)
    workers = ours.recv()
    assert workers
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join(10)
    assert as_stored(ledger) == before
    for _ in range(100):
        if not any(map(_runs, workers)):
            break
        threading.Event().wait(0.1)
    assert not any(map(_runs, workers))
    assert follow.rebuild(ledger.ledger.pool) == ledger.ledger.reader.size()
    assert as_stored(ledger) == before
    check_registers(ledger)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


def test_a_worker_that_is_killed_ends_the_rebuild(
    ledger: TestLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an error, and the old rows as they were."""
    monkeypatch.setattr(rebuild, "EVENTS", 1)
    long_story(ledger)
    follow.catch_up(ledger.ledger.pool)
    before = as_stored(ledger)

    def kill(position: int) -> None:
        for child in multiprocessing.active_children():
            child.kill()

    workers = Workers(1, ledger.ledger.database)
    with pytest.raises(ChildProcessError, match="the rows are as they were"):
        follow.rebuild(ledger.ledger.pool, progress=kill, workers=workers)
    assert as_stored(ledger) == before
    check_registers(ledger)
