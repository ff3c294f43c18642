"""Following: stored registers are the folds of the log, exactly once, whatever happens."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections import follow
from projections.folds import FOLLOWED
from projections.question import Moment, ask
from projections.register import Column, Label, Register, Row
from projections.registers import REGISTERS
from tests.check_ledger import check_registers
from tests.ledgers import TestLedger
from tests.test_form_rules import BREACH, correction, update


def agreement(controller: str) -> dict[str, Any]:
    return {
        "controller_id": controller,
        "effective_from": "2026-01-05",
        "objection_days": 7,
        "transfer_area": "EU",
        "initial_subprocessors": ["S1"],
    }


def story(made: TestLedger) -> None:
    """Events of several cases, with a correction that moves one to another controller."""
    for controller in ("C1", "C2"):
        made.append("ProcessingAgreementConcluded", agreement(controller))
        made.append(
            "LicenceGranted", {"controller_id": controller, "licence_id": f"L-{controller}"}
        )
    made.append(
        "ProcessingActivityRegistered",
        {"activity_id": "PA-1", "controller_ids": ["C1", "C2"], "data_categories": ["name", "bsn"]},
    )
    engaged = {"subprocessor_id": "S1", "controller_ids": ["C1"], "countries": ["NL"]}
    made.append("SubprocessorEngaged", engaged, id_="engaged")
    made.append("BreachConfirmed", BREACH)
    made.append("BreachUpdateIssued", update(1), id_="update")


def stored(made: TestLedger) -> list[tuple[Any, ...]]:
    with made.ledger.pool.connection() as conn:
        return conn.execute(
            "SELECT register, key, case_key, controller, body FROM register_rows"
            " WHERE generation = (SELECT generation FROM followed) ORDER BY register, key"
        ).fetchall()


def test_rows_follow_event_by_event(ledger: TestLedger) -> None:
    """After each event the stored rows are what a fold of the whole log gives."""
    story(ledger)
    check_registers(ledger)
    ledger.append("EventCorrected", correction("update", "changed_facts.subject_count", 2151))
    check_registers(ledger)


def test_a_correction_that_moves_an_event_moves_its_rows(ledger: TestLedger) -> None:
    """The engagement entered for C1 becomes one of C2, and back again when that is retracted."""
    story(ledger)
    check_registers(ledger)
    change = correction("engaged", "controller_ids", ["C2"])
    ledger.append("EventCorrected", change, id_="moved")
    check_registers(ledger)
    assert engaged_for(ledger) == {"C2"}
    ledger.append("EventRetracted", {"retracts_event_id": "moved", "reason": "was right"})
    check_registers(ledger)
    assert engaged_for(ledger) == {"C1"}


def test_a_corrected_correction_moves_rows_as_well(ledger: TestLedger) -> None:
    """Moved to C2 by a correction, to C3 by the correction of that: the rows are those of C3."""
    story(ledger)
    ledger.append("EventCorrected", correction("engaged", "controller_ids", ["C2"]), id_="moved")
    check_registers(ledger)
    ledger.append("EventCorrected", correction("moved", "field_changes.0.new", ["C3"]))
    check_registers(ledger)
    assert engaged_for(ledger) == {"C3"}


def engaged_for(made: TestLedger) -> set[str]:
    answer = ask(made.ledger.pool, REGISTERS["subprocessors"])
    return {
        controller
        for row in answer.rows
        if row.values["kind"] == "engagement"
        for controller in row.controllers
    }


def test_a_rebuild_gives_the_same_bytes(ledger: TestLedger) -> None:
    """Twice, and readers see a whole register meanwhile."""
    story(ledger)
    follow.catch_up(ledger.ledger.pool)
    before = stored(ledger)
    assert before
    for _ in range(2):
        assert follow.rebuild(ledger.ledger.pool) == ledger.ledger.reader.size()
        assert stored(ledger) == before
    with ledger.ledger.pool.connection() as conn:
        left = conn.execute("SELECT count(DISTINCT generation) FROM register_rows").fetchone()
    assert left == (1,)


def test_a_rebuild_that_dies_leaves_the_old_rows(
    ledger: TestLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is one transaction: nothing of it is seen before its end."""
    story(ledger)
    follow.catch_up(ledger.ledger.pool)
    before = stored(ledger)

    def die(position: int) -> None:
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        follow.rebuild(ledger.ledger.pool, progress=die)
    assert stored(ledger) == before
    check_registers(ledger)


def test_each_event_counts_once_when_the_process_dies(
    ledger: TestLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that fails after its rows were written is applied again as a whole."""
    monkeypatch.setattr(follow, "BATCH", 3)
    story(ledger)
    real, calls = follow._replace, itertools.count()

    def dies_now_and_then(*args: Any) -> None:
        real(*args)
        if next(calls) in (2, 9, 20, 33):
            raise psycopg.OperationalError("killed")

    monkeypatch.setattr(follow, "_replace", dies_now_and_then)
    for _ in range(60):
        try:
            if not follow.follow_once(ledger.ledger.pool):
                break
        except psycopg.OperationalError:
            pass
    monkeypatch.setattr(follow, "_replace", real)
    check_registers(ledger)


def test_two_followers_do_not_do_the_same_work_twice(
    ledger: TestLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second finds the position locked and leaves it to the first."""
    monkeypatch.setattr(follow, "BATCH", 2)
    story(ledger)
    threads = [
        threading.Thread(target=follow.catch_up, args=(ledger.ledger.pool,)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check_registers(ledger)


def test_a_fold_that_fails_stops_following_and_is_seen(
    ledger: TestLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No event is skipped: the follower keeps the error and the rows stay as they were."""

    def fails(case: str, facts: object) -> list[Row]:
        raise ValueError("a fold failed")

    broken = Register(
        "broken",
        Label("", ""),
        "",
        (Column("x", Label("", ""), ""),),
        frozenset({"InstructionReceived"}),
        lambda event: ["instruction:I-1"],
        fails,
    )
    monkeypatch.setattr(follow.follow_once, "__defaults__", ({"broken": broken},))
    follower = follow.Follower(ledger.ledger.pool, ledger.ledger.listener)
    ledger.fill(1)
    for _ in range(100):
        if follower.error is not None:
            break
        threading.Event().wait(0.05)
    follower.close()
    assert isinstance(follower.error, ValueError)


def test_the_follower_keeps_up_by_itself(
    ledger: TestLedger, owner: Callable[[], psycopg.Connection]
) -> None:
    """New events reach the rows without anybody asking, also after its connections are cut."""
    follower = follow.Follower(ledger.ledger.pool, ledger.ledger.listener)
    try:
        story(ledger)
        with owner() as conn:
            cut = conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = %s",
                (ledger.ledger.database.application_name,),
            )
            assert cut.rowcount > 1
        ledger.append("EventRetracted", {"retracts_event_id": "engaged", "reason": "x"})
        for _ in range(200):
            if ask(ledger.ledger.pool, REGISTERS["processing"]).basis.size == (
                ledger.ledger.reader.size()
            ):
                break
            threading.Event().wait(0.05)
    finally:
        follower.close()
    assert follower.error is None
    check_registers(ledger)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_chain_of_amendments_leaves_rows_and_folds_equal(
    ledger: TestLedger, data: st.DataObject
) -> None:
    """Random events, corrections of corrections and retractions, followed in random batches."""
    ids = []
    for _ in range(data.draw(st.integers(1, 8))):
        kind = data.draw(st.sampled_from("eecr"))
        number = next(ledger.numbers)
        target = data.draw(st.sampled_from(ids)) if ids else None
        if kind == "e" or target is None:
            content = {
                "subprocessor_id": data.draw(st.sampled_from(["S1", "S2"])),
                "controller_ids": data.draw(st.sampled_from([["C1"], ["C2"], ["C1", "C3"]])),
                "countries": ["NL"],
            }
            ledger.append("SubprocessorEngaged", content, id_=f"h-{number}")
            ids.append((f"h-{number}", "controller_ids"))
        elif kind == "c" and target[1]:
            new = data.draw(st.sampled_from([["C1"], ["C2"], ["C3"]]))
            ledger.append(
                "EventCorrected", correction(target[0], target[1], new), id_=f"h-{number}"
            )
            ids.append((f"h-{number}", "field_changes.0.new"))
        else:
            retraction = {"retracts_event_id": target[0], "reason": "x"}
            ledger.append("EventRetracted", retraction, id_=f"h-{number}")
            ids.append((f"h-{number}", ""))
        if data.draw(st.booleans()):
            follow.follow_once(ledger.ledger.pool)
    check_registers(ledger)


def test_a_question_about_the_past_is_answered_by_what_was_known(ledger: TestLedger) -> None:
    """At each size the answer is that of a log which ends there; and for one controller the same
    rows, without those of others."""
    story(ledger)
    ledger.append("EventCorrected", correction("engaged", "controller_ids", ["C2"]))
    follow.catch_up(ledger.ledger.pool)
    register = REGISTERS["subprocessors"]
    size = ledger.ledger.reader.size()
    before = ask(ledger.ledger.pool, register, Moment(known_at=size - 1))
    engaged = [r for r in before.rows if r.values["kind"] == "engagement"]
    assert [row.controllers for row in engaged] == [("C1",)]
    assert before.basis.size == size - 1
    for name, reg in FOLLOWED.items():
        now = ask(ledger.ledger.pool, reg, controller="C1")
        folded = ask(ledger.ledger.pool, reg, Moment(known_at=size), controller="C1")
        assert [r.key for r in now.rows] == [r.key for r in folded.rows], name
        assert all(r.controllers in ((), ("C1",)) for r in now.rows), name


def test_a_moment_before_the_log_has_no_answer(ledger: TestLedger) -> None:
    """Neither before it began nor beyond its end."""
    register = REGISTERS["processing"]
    began = ledger.ledger.reader.entry(0).recorded_at
    with pytest.raises(LookupError):
        ask(ledger.ledger.pool, register, Moment(known_at=began - timedelta(days=1)))
    with pytest.raises(LookupError):
        ask(ledger.ledger.pool, register, Moment(known_at=10**6))
