"""A question to several logs: each answer names its checkpoint, and no log is passed over."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import psycopg

from ledger import across
from ledger.across import Told
from ledger.logs import DeployedLog
from ledger.opening import Ledger
from projections import follow
from projections.findings import Findings, ask_findings
from projections.question import Moment
from tests.deployments import Deployment


def findings(ledger: Ledger) -> Findings:
    """What a question does in each log."""
    follow.catch_up(ledger.pool)
    return ask_findings(ledger.pool, ledger.now(), Moment())


def named(told: list[Told[Findings]], name: str) -> Told[Findings]:
    (found,) = (one for one in told if one.log.name == name)
    return found


def test_every_answer_rests_on_the_checkpoint_of_its_log(deployed: Deployment) -> None:
    """Which its own log signed, and covers what was in it."""
    deployed.main.fill(3)
    told = across.ask(deployed.logs, findings)
    assert [one.log for one in told] == deployed.logs
    for made in (deployed.main, deployed.part):
        answer = named(told, made.home.schema).answer
        assert answer is not None
        shown = made.ledger.reader.checkpoint()
        assert (answer.basis.size, answer.basis.checkpoint) == (shown.size, shown.note)
        assert str(answer.basis.checkpoint).startswith(made.ledger.identity.origin + "\n")


def test_a_log_that_is_busy_is_told_and_holds_up_no_other(deployed: Deployment) -> None:
    """They are asked side by side: the others have answered when its time is up."""
    busy = deployed.logs[0].name
    with psycopg.connect(deployed.url or "") as conn:
        conn.execute(f'LOCK TABLE "{busy}".register_rows'.encode())
        begin = time.monotonic()
        told = across.ask(deployed.logs, findings, patience=8)
        assert time.monotonic() - begin < 20
    assert named(told, busy).answer is None
    assert named(told, busy).failure == "did not answer within 8 seconds"
    assert named(told, deployed.logs[1].name).answer is not None


def test_a_log_without_its_database_is_told(deployed: Deployment, tmp_path: Path) -> None:
    """With the reason; so is one whose schema is not there."""
    away = replace(deployed.logs[0].home, database_url="postgresql://x@127.0.0.1:1/x")
    gone = replace(deployed.logs[0].home, schema="not_there")
    logs = [
        DeployedLog(away, deployed.logs[0].place),
        DeployedLog(gone, deployed.logs[0].place),
        deployed.logs[1],
    ]
    told = across.ask(logs, findings, patience=30)
    assert "cannot connect" in str(told[0].failure)
    assert "there is no ledger" in str(told[1].failure)
    assert [one.answer is None for one in told] == [True, True, False]


def test_an_error_of_one_log_is_no_answer_of_the_others(deployed: Deployment) -> None:
    """Whatever it is."""

    def question(ledger: Ledger) -> int:
        if ledger.home.schema == deployed.logs[0].name:
            raise ZeroDivisionError
        return ledger.reader.size()

    told = across.ask(deployed.logs, question)
    assert (told[0].answer, told[0].failure) == (None, "an error of the program: ZeroDivisionError")
    assert told[1].answer


def test_more_logs_than_are_asked_at_a_time_all_answer(deployed: Deployment) -> None:
    """In the order in which they were given."""
    logs = [deployed.logs[number % 2] for number in range(across.AT_ONCE + 3)]
    told = across.ask(logs, lambda ledger: ledger.home.schema)
    assert [one.answer for one in told] == [log.name for log in logs]
