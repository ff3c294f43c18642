"""The export for a controller, over HTTP and on the command line."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ledger import auditor, completeness, keys
from ledger.auditor import Question
from ledger.completeness import Complete
from ledger.embedded import EmbeddedServer
from ledger.errors import ConfigurationError
from ledger.keyring import LEDGER
from ledger.noting import note
from projections.exports.controller import prepare
from tests.ledgers import TestLedger
from tests.serving import reader
from tests.test_api import problem
from tests.test_cli import answer, run, served
from tests.test_numbering import sequence
from tests.test_withheld import demand, told
from tests.vectors import shared


@pytest.fixture
def http(ledger: TestLedger) -> Iterator[httpx.Client]:
    with reader(ledger) as client:
        yield client


def noted(made: TestLedger) -> int:
    return note(made.ledger, keys.load(keys.key_file(made.home.keys, LEDGER)))


def fetched(http: httpx.Client, controller: str, **parameters: int) -> Complete:
    """The export, checked."""
    given = http.get(f"/v1/controllers/{controller}/export", params=parameters)
    assert given.status_code == 200, given.text
    assert given.headers["content-type"].startswith("application/x-ndjson")
    assert given.headers["cache-control"] == "no-store"
    return completeness.verify(given.content.splitlines(keepends=True))


def test_an_export_is_fetched_and_checked(http: httpx.Client, ledger: TestLedger) -> None:
    """Complete up to the last note; up to an earlier one when asked."""
    ledger.fill(120)
    first = noted(ledger)
    ledger.fill(2, start=500)
    found = fetched(http, "C1")
    assert (found.entries, found.later, found.covered) == (121, 2, first)
    second = noted(ledger)
    found = fetched(http, "C1")
    assert (found.entries, found.later, found.covered) == (123, 0, second)
    assert fetched(http, "C1", before=second).covered == first


def test_an_export_takes_the_token(http: httpx.Client, ledger: TestLedger) -> None:
    """It holds whole entries, and the key of the controller."""
    noted(ledger)
    del http.headers["Authorization"]
    problem(http.get("/v1/controllers/C1/export"), 401, "token-needed")


@pytest.mark.parametrize("controller", ["C1", "C9", "x" * 64])
def test_what_was_not_committed_to_is_not_found(http: httpx.Client, controller: str) -> None:
    """Before the first note nothing is; an unknown controller is no different."""
    problem(http.get(f"/v1/controllers/{controller}/export"), 404, "not-found")


def test_events_of_a_controller_come_with_their_numbers(
    http: httpx.Client, ledger: TestLedger
) -> None:
    """Also what amends one of its own; asked for all, events have none."""
    ledger.fill(3)
    data = {"retracts_event_id": "instruction-2", "reason": "booked wrongly"}
    ledger.append("EventRetracted", data, service="dpo")
    page = http.get("/v1/events", params={"controller": "C1"}).json()
    assert [event["index"] for event in page["events"]] == sequence(ledger, "C1")
    assert [event["number"] for event in page["events"]] == [1, 2, 3, 4, 5]
    assert page["events"][-1]["type"] == "EventRetracted"
    retractions = {"controller": "C1", "type": "EventRetracted"}
    (only,) = http.get("/v1/events", params=retractions).json()["events"]
    assert only["number"] == 5
    paged = http.get("/v1/events", params={"controller": "C1", "limit": 2}).json()
    following = http.get(paged["next"]).json()
    assert [event["number"] for event in following["events"]] == [3, 4]
    assert "number" not in http.get("/v1/events").json()["events"][0]


def test_what_may_not_be_told_is_in_no_export(http: httpx.Client, ledger: TestLedger) -> None:
    """The export ends with the note before it, as if nothing more had been; once told, all is in
    it. The operator can decide otherwise."""
    ledger.fill(2)
    first = noted(ledger)
    index = demand(ledger, "C1", "C2")
    ledger.fill(2, start=10)
    second = noted(ledger)
    assert fetched(http, "C1").covered == fetched(http, "C2").covered == first
    assert (fetched(http, "C1").entries, fetched(http, "C1").later) == (3, 0)
    assert fetched(http, "C3").covered == second
    assert prepare(ledger.ledger, "C1", ledger.ledger.reader.checkpoint()).withheld_from == index
    everything = prepare(ledger.ledger, "C1", ledger.ledger.reader.checkpoint(), tell_all=True)
    assert (everything.latest, everything.covered, everything.withheld_from) == (6, second, None)
    told(ledger, "C1")
    assert fetched(http, "C1").covered == second
    assert fetched(http, "C2").covered == first


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The acceptance scenario in a data directory of its own; its server stays up meanwhile."""
    data = tmp_path_factory.mktemp("scenario") / "data"
    with EmbeddedServer.open(data / "postgres"):
        run("replay", shared("scenario") / "feed.ndjson", "--data", data)
        yield data


def test_a_controller_checks_its_export_as_a_user_would(replayed: Path, tmp_path: Path) -> None:
    """Key handed over once, export each month, `verify` with what was kept."""
    run("keys", "controller", "C1", "--into", tmp_path, "--data", replayed)
    key, first = tmp_path / "C1.controller-key", tmp_path / "first"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    again = run("keys", "controller", "C1", "--into", tmp_path, "--data", replayed, status=2)
    assert "exists already" in again.stderr
    written = answer("export-controller", "C1", first, "--data", replayed)
    assert (written["entries"], written["covered"]) == (51, 248)
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    pinned = ["--key", key, "--vkey", replayed / "log.vkey"]
    found = answer("verify", first, *pinned, "--since", "2026-07-01")
    assert found["complete"] == {
        "controller": "C1",
        "entries": 51,
        "covered": 248,
        "committed_at": "2026-07-06T07:15:00+00:00",
        "later": 0,
    }
    assert found["verdict"] == "included"
    assert answer("note-checkpoint", "--data", replayed) == {"index": 249}
    second = tmp_path / "second"
    run("export-controller", "C1", second, "--data", replayed)
    text = run("verify", second, *pinned, "--kept", first).stdout
    assert "complete, included" in text
    assert "all 51 entries of C1 among the first 249" in text
    assert "pinned by you" in text
    older = run("verify", first, *pinned, "--kept", second, status=1)
    assert "old export" in older.stderr


def test_what_is_left_out_is_named_with_status_1(replayed: Path, tmp_path: Path) -> None:
    """In words and as JSON; so is what is no key, and a date that was not reached."""
    file = tmp_path / "export"
    run("export-controller", "C2", file, "--data", replayed)
    lines = file.read_bytes().splitlines(keepends=True)
    shorter = tmp_path / "shorter"
    shorter.write_bytes(b"".join(lines[:8] + lines[9:]))
    run("keys", "controller", "C2", "--into", tmp_path, "--data", replayed)
    key = tmp_path / "C2.controller-key"
    done = run("verify", shorter, status=1)
    assert done.stderr == "failed: number 7 of C2 is not in the export\n"
    failed = answer("verify", shorter, "--key", key, status=1)
    assert (failed["verdict"], failed["detail"]) == (
        "failed", "number 7 of C2 is not in the export",
    )  # fmt: skip
    assert "newer export" in run("verify", file, "--since", "2030-01-01", status=1).stderr
    assert "no key of a controller" in run("verify", file, "--key", file, status=2).stderr


@pytest.mark.parametrize("text", ["yesterday", "2026-01-01T12:00:00", "2026-13-01", "", "x" * 10])
def test_since_is_a_date_or_an_instant(text: str, tmp_path: Path) -> None:
    """Anything else is an error of the call."""
    (tmp_path / "export").write_bytes(b'{"controller":"C1"}')
    with pytest.raises(ConfigurationError, match="--since is a date"):
        auditor.answer(Question(str(tmp_path / "export"), since=text))


def test_an_auditor_checks_the_numbers_of_all_controllers(replayed: Path, tmp_path: Path) -> None:
    """With the whole log and the secret; a wrong one is no secret of it."""
    run("export-log", tmp_path / "log", "--data", replayed)
    secret = replayed / "keys" / "numbers.key"
    found = answer("verify", tmp_path / "log", "--numbers-key", secret)
    (check,) = [c for c in found["checks"] if c["number"] == 9]
    assert "right numbers, dense for each of 6 controllers" in check["showed"]
    wrong = replayed / "keys" / "log.key"
    failed = answer("verify", tmp_path / "log", "--numbers-key", wrong, status=1)
    assert failed["check"] == 9


def test_a_service_notes_itself(tmp_path: Path) -> None:
    """Without being asked, on the schedule that it was given."""
    data = tmp_path / "data"
    with EmbeddedServer.open(data / "postgres"):
        run("init", "--origin", "ledger.example/noting", "--kvk", "12345678", "--data", data)
        headers = {"Authorization": f"Bearer {(data / 'read.token').read_text()}"}
        with served("--data", data, "--note-after", "1") as address:
            deadline = time.monotonic() + 30
            found: list[dict[str, Any]] = []
            while not found and time.monotonic() < deadline:
                asked = f"{address}/v1/events?type=CheckpointSigned"
                found = httpx.get(asked, headers=headers).json()["events"]
        assert found[0]["event"]["data"]["tree_size"] == 2
        assert answer("fsck", "--data", data)["sound"] is True


def test_an_export_of_nobody_says_what_to_do(replayed: Path, tmp_path: Path) -> None:
    """And leaves no file."""
    file = tmp_path / "export"
    done = run("export-controller", "C9", file, "--data", replayed, status=2)
    assert "note-checkpoint" in done.stderr
    assert list(tmp_path.iterdir()) == []
