"""`verantwoord logs` and `--all-logs`, with the real program and a server of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger.deployment import DATABASE
from ledger.embedded import EmbeddedServer
from tests.test_cli import answer, run

WEST = ["--origin", "test.example/west", "--kvk", "12345678"]
EAST = ["--origin", "test.example/east", "--part-of", "west"]


def line(id_: str, type_: str, **data: Any) -> str:
    """A line of the file that `append` takes."""
    said = {"id": id_, "type": type_, "occurred_at": "2026-02-02T10:00:00Z", "data": data}
    return json.dumps(said) + "\n"


def controller(id_: str) -> str:
    return line(f"c-{id_}", "ControllerRegistered", controller_id=id_, legal_name=f"Praktijk {id_}")


PROCESSOR = line("p", "ProcessorRegistered", processor_id="P", legal_name="Beweegzorg")
INSTRUCTED = line(
    "i-4", "InstructionReceived", instruction_id="I-4", controller_id="C4", channel="email"
)
RETRACTED = line("r-4", "EventRetracted", retracts_event_id="i-4", reason="mistaken")


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of two logs of one processor: `west`, and `east` for C4."""
    data = tmp_path_factory.mktemp("several") / "data"
    run("logs", "create", "west", *WEST, "--data", data)
    said = run("logs", "create", "east", *EAST, "--data", data).stdout
    assert "logs assign" in said
    run("logs", "assign", "C4", "--log", "east", "--data", data)
    run("keys", "new", "k-crm", "--service", "crm", "--into", data, "--all-logs", "--data", data)
    return data


def test_events_go_to_the_log_that_keeps_their_controllers(several: Path, tmp_path: Path) -> None:
    """What concerns none goes to both; what continues a case, to where that is; again, nothing is
    recorded twice."""
    file = tmp_path / "events"
    file.write_text(PROCESSOR + controller("C1") + controller("C4") + INSTRUCTED + RETRACTED)
    options = ["--key", several / "k-crm.key", "--all-logs", "--data", several]
    found = answer("append", file, *options, "--receipts", tmp_path / "receipts")
    assert [(one["log"], one["id"]) for one in found] == [
        *[("east", id_) for id_ in ("p", "c-C4", "i-4", "r-4")],
        *[("west", id_) for id_ in ("p", "c-C1")],
    ]
    assert (tmp_path / "receipts" / "east" / "i-4.tlog-proof").exists()
    again = answer("append", file, *options)
    assert [one["created"] for one in again] == [False] * 6
    wrong = tmp_path / "wrong"
    wrong.write_text(
        line("b", "BreachConfirmed", breach_id="B-1", controller_ids=["C1", "C4"], summary="x")
        + line("r-9", "EventRetracted", retracts_event_id="nothing", reason="mistaken")
    )
    refused = answer("append", wrong, *options, status=1)
    assert sorted((one["log"], one["id"]) for one in refused) == [
        ("east", "b"), ("west", "b"), ("west", "r-9"),
    ]  # fmt: skip
    assert all("refused" in one for one in refused)


def test_a_command_takes_one_log_by_its_directory(several: Path) -> None:
    """As any ledger; the directory of all of them is none."""
    assert answer("status", "--data", several / "logs/west")["origin"] == "test.example/west"
    assert answer("fsck", "--data", several / "logs/east")["sound"]
    assert "logs/NAME" in run("status", "--data", several, status=2).stderr


@pytest.mark.parametrize(
    "command",
    [
        ["findings"],
        pytest.param(["clocks"], marks=pytest.mark.long),
        pytest.param(["register", "agreements"], marks=pytest.mark.long),
    ],
)
def test_a_question_to_all_logs_names_every_checkpoint(several: Path, command: list[str]) -> None:
    """For machines with the signed checkpoint, for people with its size and root; what has no place
    for them is refused."""
    told = answer(*command, "--all-logs", "--data", several)
    assert told["complete"] is True
    assert [one["log"] for one in told["logs"]] == ["east", "west"]
    shown = {one["log"]: one["checkpoint"] for one in answer("logs", "list", "--data", several)}
    for one in told["logs"]:
        assert one["basis"]["checkpoint"] == shown[one["log"]]
        assert one["answer"]["basis"]["size"] == one["basis"]["size"]
    text = run(*command, "--all-logs", "--data", several).stdout
    for checkpoint in shown.values():
        assert checkpoint.splitlines()[2] in text
    refused = run(*command, "--all-logs", "--format", "csv", "--data", several, status=2)
    assert "no place for the checkpoints" in refused.stderr
    refused = run(*command, "--all-logs", "--known-at", 3, "--data", several, status=2)
    assert "of one log" in refused.stderr


@pytest.mark.long
def test_nothing_was_recorded_before_the_logs_were_made(several: Path) -> None:
    """Which is an answer, and no log that failed."""
    asked = ["findings", "--all-logs", "--known-at", "2020-01-01", "--data", several]
    told = answer(*asked)
    assert told["complete"] is True
    assert [one["answer"] for one in told["logs"]] == [None, None]
    assert "nothing was recorded then" in run(*asked).stdout


def test_the_logs_are_listed_and_checked(several: Path) -> None:
    """Whom each keeps; and all of them are sound."""
    found = {one["log"]: one for one in answer("logs", "list", "--data", several)}
    assert (found["east"]["controllers"], found["west"]["main"]) == (["C4"], True)
    assert "whom no other log keeps" in run("logs", "list", "--data", several).stdout
    checked = answer("fsck", "--all-logs", "--data", several)
    assert [one["sound"] for one in checked["logs"]] == [True, True]
    assert checked["not_where_kept"] == []


def test_a_move_is_refused_on_one_server(several: Path) -> None:
    """With what is possible instead."""
    said = run("logs", "move", "east", "--to", "other", "--data", several, status=2).stderr
    assert "no Citus cluster" in said
    assert "standby" in said
    assert (
        "there are: east, west"
        in run("logs", "move", "north", "--to", "other", "--data", several, status=2).stderr
    )


def test_a_log_that_does_not_answer_makes_the_answer_incomplete(
    several: Path, tmp_path: Path
) -> None:
    """The status is 1, both forms say which log and why, and the other one has answered."""
    away = tmp_path / "away"
    shutil.copytree(several / "logs", away / "logs", symlinks=True)
    for file in away.glob("logs/*/log.toml"):
        server = several / "postgres"
        text = file.read_text().replace('"../../postgres"', f'"{server}"')
        file.write_text(text)
    with (
        EmbeddedServer.open(several / "postgres") as server,
        psycopg.connect(server.url(dbname=DATABASE), autocommit=True) as conn,
    ):
        conn.execute("ALTER SCHEMA east RENAME TO gone")
        try:
            for command in (["findings"], ["register", "agreements"], ["fsck"]):
                asked = [*command, "--all-logs", "--data", away]
                told = answer(*asked, status=1)
                failed = {one["log"]: one["failed"] for one in told["logs"]}
                assert failed["west"] is None
                assert "there is no ledger" in failed["east"]
                assert told.get("complete", False) is False
                said = run(*asked, status=1).stderr
                assert "1 of 2 logs did not answer" in said
            assert "no answer" in run("logs", "list", "--data", away, status=1).stdout
        finally:
            conn.execute("ALTER SCHEMA gone RENAME TO east")
