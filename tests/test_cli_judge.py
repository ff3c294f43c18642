"""Findings, clocks, checks and status from the command line: the real program."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.test_cli import answer, run


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demonstration ledger with a request of C1 answered too late, and one of C2 not yet."""
    folder = tmp_path_factory.mktemp("judge")
    feed = folder / "feed.ndjson"
    start = datetime(2025, 3, 3, 9, tzinfo=UTC)
    first = {"request_id": "R-1", "controller_id": "C1"}
    second = {"request_id": "R-2", "controller_id": "C2"}
    events: list[tuple[int, str, str, dict[str, Any]]] = [
        (0, "SigningKeyEnrolled", "administrator", {"key_id": "k", "service": "crm"}),
        (0, "ProcessorRegistered", "crm", {"processor_id": "P", "legal_name": "Beweegzorg"}),
        (0, "ControllerRegistered", "crm", {"controller_id": "C1", "legal_name": "Een"}),
        (0, "ControllerRegistered", "crm", {"controller_id": "C2", "legal_name": "Twee"}),
        (1, "DataSubjectRequestReceived", "crm", {**first, "right": "access"}),
        (12, "DataSubjectRequestForwarded", "crm", first),
        (13, "DataSubjectRequestReceived", "crm", {**second, "right": "access"}),
    ]
    lines = []
    for number, (day, type_, producer, data) in enumerate(events):
        moment = (start + timedelta(days=day)).isoformat()
        line = {"id": f"E{number}", "type": type_, "occurred_at": moment, "recorded_at": moment}
        lines.append(json.dumps({**line, "producer": producer, "data": data}))
    feed.write_text("\n".join(lines) + "\n")
    run("replay", feed, "--data", folder / "data")
    return folder / "data"


def test_findings_are_a_list_of_six_members(replayed: Path) -> None:
    """Machine-readable: the members that were agreed on, and no others."""
    found = answer("findings", "--rule", "R-8.1", "--data", replayed)
    assert [set(f) for f in found] == [{"rule", "severity", "controllers", "at", "text", "events"}]
    assert (found[0]["rule"], found[0]["controllers"]) == ("R-8.1", ["C1"])
    assert datetime.fromisoformat(found[0]["at"]) == datetime(2025, 3, 4, 9, tzinfo=UTC)
    assert len(found[0]["events"]) == 2


def test_findings_for_people(replayed: Path) -> None:
    """A table with the calculation in both languages, and what it rests on; CSV as well."""
    english = run("findings", "--data", replayed).stdout
    assert "only after 11 days" in " ".join(english.split())
    assert "rests on the first 10 entries" in english
    dutch = run("findings", "--lang", "nl", "--data", replayed).stdout
    assert "doorverwezen" in dutch
    table = run("findings", "--format", "csv", "--rule", "R-8.1", "--data", replayed).stdout
    assert [row[0] for row in csv.reader(io.StringIO(table))] == ["Rule", "R-8.1"]


def test_a_demonstration_is_judged_by_the_clock_of_its_feed(replayed: Path) -> None:
    """R-2 has days left at the last entry, whatever the machine's clock says; later it is late."""
    clocks = answer("clocks", "--data", replayed)
    assert clocks["at"] == "2025-03-16T09:00:00Z"
    open_ = {c["subject"]: c["state"] for c in clocks["clocks"] if c["rule"] == "R-8.1"}
    assert open_ == {"R-2": "running"}
    later = answer("findings", "--as-of", "2025-04-01", "--rule", "R-8.1", "--data", replayed)
    assert [f["controllers"] for f in later] == [["C1"], ["C2"]]


def test_clocks_for_people(replayed: Path) -> None:
    """A term in days ends at 24:00 of its last day."""
    assert "2025-03-21 24:00" in run("clocks", "--data", replayed).stdout
    assert "2025-03-21 24:00" not in run("clocks", "--within", 1, "--data", replayed).stdout
    stopped = answer("clocks", "--state", "late", "--controller", "C1", "--data", replayed)
    assert ("R-8.1", "R-1") in {(c["rule"], c["subject"]) for c in stopped["clocks"]}


def test_a_check_ends_with_the_status_of_its_answer(replayed: Path, tmp_path: Path) -> None:
    """0 when nothing stands in the way; 1 with the rule, in both forms."""
    act = tmp_path / "act.json"
    forward = {"request_id": "R-2", "controller_id": "C2"}
    act.write_text(json.dumps({"type": "DataSubjectRequestForwarded", "data": forward}))
    assert "nothing stands in its way" in run("check", act, "--data", replayed).stdout
    late = {
        "type": "DataSubjectRequestForwarded",
        "data": forward,
        "occurred_at": "2025-04-01T10:00:00+02:00",
    }
    act.write_text(json.dumps(late))
    found = answer("check", act, "--data", replayed, status=1)
    assert [f["rule"] for f in found["findings"]] == ["R-8.1"]
    assert "R-8.1" in run("check", act, "--data", replayed, status=1).stdout
    act.write_text(json.dumps({**late, "data": {**forward, "request_id": "R-9"}}))
    assert "would be refused" in run("check", act, "--data", replayed, status=1).stdout


def test_status_is_one_screen(replayed: Path) -> None:
    """The log, the registers, the findings, the clocks."""
    text = run("status", "--data", replayed).stdout
    for words in ("10 entries", "follow the whole log", "1 minor", "R-8.1", "root"):
        assert words in text
    assert len(text.splitlines()) < 40
    found = answer("status", "--data", replayed)
    assert (found["size"], found["followed"], found["findings"]["minor"]) == (10, 10, 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["findings", "--rule", "R-0"], "--rule is one of"),
        (["findings", "--severity", "grave"], "--severity is one of: major"),
        (["findings", "--as-of", "soon"], "as_of is a date"),
        (["clocks", "--state", "stopped"], "--state is one of: running"),
        (["clocks", "--known-at", "99"], "nothing had been recorded"),
        (["check", "missing.json"], "missing.json"),
    ],
)
def test_mistakes_end_with_a_sentence(replayed: Path, arguments: list[str], words: str) -> None:
    """That names the option and what it takes."""
    done = run(*arguments, "--data", replayed, status=2)
    assert words in " ".join(done.stderr.split())
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "an object with type, data"),
        ('{"type": "X", "data": {}, "extra": 1}', "an object with type, data"),
        ('{"type": 1, "data": {}}', "the name of an event type"),
        ('{"type": "LicenceGranted", "data": {}, "occurred_at": "2026-01-01"}', "with its offset"),
    ],
)
def test_a_file_that_holds_no_act_is_refused(
    replayed: Path, tmp_path: Path, text: str, words: str
) -> None:
    """Each with what is wrong in it."""
    act = tmp_path / "act.json"
    act.write_text(text)
    done = run("check", act, "--data", replayed, status=2)
    assert words in " ".join(done.stderr.split())
