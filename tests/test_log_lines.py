"""What reaches a log line: what happened and where in the program, and nothing that was sent."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from ledger.background import Background
from ledger.errors import Unavailable, told
from tests.faults.service import Service
from tests.senders import prepared
from tests.test_workers import until, workers

SENT = "Zonnebloem"
"""Stands for whatever somebody sent: a name, a token, a payload."""

PROGRAM = """
import asyncio, gc, logging, sys, threading
import structlog
from pydantic import BaseModel
from api import logs

logs.configure()
log = structlog.get_logger()

class Model(BaseModel):
    number: int

def inner(text):
    try:
        Model(number=text)
    except ValueError as error:
        raise KeyError(text) from error

def outer(text):
    try:
        inner(text)
    except KeyError:
        raise RuntimeError(f"no {text} here")

text = sys.argv[1]
try:
    outer(text)
except RuntimeError:
    log.exception("of ours")
    logging.getLogger("library").exception("of a library\\n%s", text)

async def forgotten():
    async def fails(text):
        raise ValueError(text)
    task = asyncio.get_running_loop().create_task(fails(text))
    await asyncio.sleep(0.01)
    del task
    gc.collect()
    asyncio.get_running_loop().call_soon(lambda of=text: 1 / 0, text)
    await asyncio.sleep(0.01)

asyncio.run(forgotten())
thread = threading.Thread(target=outer, args=(text,), name="worker")
thread.start()
thread.join()
"""


def logged(format_: str | None = None) -> str:
    """What a program logs that meets errors of every kind, each with a secret in its message."""
    environment = {k: v for k, v in os.environ.items() if k != "VERANTWOORD_LOG_FORMAT"}
    if format_ is not None:
        environment["VERANTWOORD_LOG_FORMAT"] = format_
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, SENT],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=environment,
    )
    assert done.stdout == ""
    return done.stderr


def test_no_line_repeats_what_an_error_was_given() -> None:
    """Neither of ours, nor of a library, a task that nobody awaited, a callback or a thread: each
    is one line of JSON with the kinds of the errors, in their order, and places in the program."""
    text = logged()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["event"] for line in lines] == [
        "of ours",
        "of a library",
        "Task exception was never retrieved",
        "Exception in callback forgotten.",
        "a thread ended",
    ]
    assert SENT not in text
    first = lines[0]["trace"]
    assert [one["error"] for one in first] == ["RuntimeError", "KeyError", "ValidationError"]
    assert [re.search(r":\d+ (\w+)$", one["at"][-1])[1] for one in first[:2]] == ["outer", "inner"]  # type: ignore[index]
    assert all({"event", "level", "timestamp", "trace"} <= set(line) for line in lines)
    assert lines[4]["thread"] == "worker"


def test_lines_for_people_repeat_nothing_either() -> None:
    """With `text`; and it is no JSON."""
    text = logged("text")
    assert "of ours" in text
    assert "RuntimeError" in text
    assert SENT not in text
    with pytest.raises(json.JSONDecodeError):
        json.loads(text.splitlines()[0])


def test_an_unknown_format_is_refused() -> None:
    """Before anything is done, in one line."""
    program = Path(sys.executable).with_name("verantwoord")
    done = subprocess.run(
        [program, "status"],
        env={**os.environ, "VERANTWOORD_LOG_FORMAT": "xml"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "VERANTWOORD_LOG_FORMAT is 'xml': it is json or text" in " ".join(done.stderr.split())


def test_of_an_error_the_kind_is_told_and_of_ours_the_message(server_url: str) -> None:
    """PostgreSQL names the row that it could not take; its SQLSTATE is enough to find out why."""
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute("CREATE TEMP TABLE t (a text CHECK (a <> 'Zonnebloem'))")
        with pytest.raises(psycopg.errors.CheckViolation, match=SENT) as caught:
            conn.execute("INSERT INTO t VALUES (%s)", (SENT,))
    assert told(caught.value) == "CheckViolation 23514"
    assert told(ValueError(SENT)) == "ValueError"
    assert told(Unavailable("the ledger is stopping")) == "Unavailable: the ledger is stopping"


def test_what_fails_in_the_background_repeats_nothing(
    server_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line names what failed and the SQLSTATE."""
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute("CREATE TEMP TABLE t (a integer)")
        background = Background("looking", lambda: None, look=60)
        background.attempt(lambda: conn.execute("INSERT INTO t VALUES ('Zonnebloem')"))
        background.close()
    said = capsys.readouterr()
    assert "looking failed" in said.out + said.err
    assert "22P02" in said.out + said.err
    assert SENT not in said.out + said.err


def test_the_service_logs_nothing_that_anybody_sent(tmp_path: Path) -> None:
    """Two processes, asked with secrets in every place, over a database that refuses rows and says
    which: every line is JSON, the errors are there, and no secret, token, key or controller is."""
    log = tmp_path / "log"
    with prepared(tmp_path / "data") as made:
        service = Service(made.home.data, "--workers", "2")
        service.log = log
        service.start()
        assert service.process is not None
        try:
            until(lambda: len(workers(service)) == 1)
            token = made.home.token_file.read_text().strip()
            with made.home.database() as database, database.connect_as_owner() as owner:
                _refuse_rows(owner)
                ask(service, token, made.instruction(1, controller="C2"))
                data = {"instruction_id": f"I-{SENT}", "controller_id": "C2", "channel": "email"}
                signed = made.sign("InstructionReceived", data)
                statuses = [
                    httpx.post(f"{service.url}/v1/events", content=signed, timeout=20).status_code
                    for _ in range(20)
                ]
                assert set(statuses) == {500}
                until(lambda: '"following stopped"' in log.read_text())
            (other,) = workers(service)
            os.kill(other, signal.SIGKILL)
            until(lambda: "a serving process ended" in log.read_text())
        finally:
            service.process.terminate()
            service.process.communicate(timeout=30)
    lines = [*_lines(log)]
    events = {line["event"] for line in lines}
    assert {"unexpected error", "following stopped", "Invalid HTTP request received."} <= events
    unexpected = next(line for line in lines if line["event"] == "unexpected error")
    assert unexpected["route"] == "/v1/events"
    assert unexpected["trace"][0]["error"] == "CheckViolation 23514"
    text = log.read_text()
    for secret in (SENT, token, "C2", "k-helpdesk", "Bearer"):
        assert secret not in text


def _refuse_rows(owner: psycopg.Connection) -> None:
    """A database that repeats the row in its error: of the log, and of a register."""
    owner.execute(
        "ALTER TABLE entries ADD CONSTRAINT none CHECK"
        f" (position('{SENT}'::bytea in leaf) = 0) NOT VALID"
    )
    owner.execute(
        "ALTER TABLE register_rows ADD CONSTRAINT none CHECK (key NOT LIKE '%I-1%') NOT VALID"
    )


def ask(service: Service, token: str, envelope: bytes) -> None:
    """Ask with a secret in every place there is."""
    own = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=service.url, timeout=20) as client:
        assert client.post("/v1/events", content=envelope).status_code == 201
        for number in range(6):
            client.get(f"/v1/registers/{SENT}?controller={SENT}", headers=own)
            client.get(f"/v1/events/{number}", headers={"Authorization": f"Bearer {SENT}"})
            client.get("/sign-in/callback", params={"error": SENT, "state": SENT})
            client.post("/sign-in/link", data={"token": SENT})
            client.post("/v1/events", content=f'{{"payload": "{SENT}"}}')
            client.get("/home", headers={"Cookie": f"__Host-session={SENT}"})
        client.get("/v1/clocks", params={"within": SENT}, headers=own)
    with socket.create_connection(("127.0.0.1", service.port)) as raw:
        raw.sendall(f"{SENT} {SENT}\r\n\r\n".encode())
        raw.recv(1000)


def _lines(log: Path) -> Iterator[dict[str, Any]]:
    for line in log.read_text().splitlines():
        yield json.loads(line)
