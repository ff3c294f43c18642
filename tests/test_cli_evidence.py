"""`verantwoord evidence`, as people and machines use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.test_cli import answer, run

PERIOD = ("--from", "2024-02-01", "--until", "2025-12-31")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of the demonstration."""
    data = tmp_path_factory.mktemp("evidence") / "data"
    run("demo", "--no-serve", "--data", data)
    return data


def test_frameworks_and_coverage_are_printed(demo: Path) -> None:
    """A line for each control that has something, and at the end what has nothing."""
    listed = run("evidence", "--data", demo).stdout
    assert "iso27001" in listed
    assert "ISO/IEC 27001:2022" in listed
    shown = run("evidence", "iso27001", *PERIOD, "--data", demo).stdout
    assert "A.5.26" in shown
    assert "123 controls: " in shown
    assert "no evidence in this ledger: " in shown
    assert "missed CheckpointSigned" in shown
    assert "Evidence is no judgement" in shown
    dutch = run("evidence", "nen7510", *PERIOD, "--lang", "nl", "--data", demo).stdout
    assert "Bewijs is geen oordeel" in dutch


def test_one_control_is_printed_with_findings_and_sample(demo: Path) -> None:
    """The same in JSON, for machines."""
    asked = ("evidence", "iso27001", "A.5.26", *PERIOD, "--sample", "2", "--seed", "s")
    shown = run(*asked, "--data", demo).stdout
    assert "A.5.26 Acting on incidents: primary" in shown
    assert "finding R-9.2" in shown
    assert "sample, seed 's': entries " in shown
    found = answer(*asked, "--data", demo)
    assert len(found["sample"]) == 2
    assert str(found["sample"][0]["index"]) in shown
    lines = run("evidence", "gdpr", *PERIOD, "--format", "csv", "--data", demo).stdout.splitlines()
    assert len(lines) == 68


def test_it_is_printed_as_oscal(demo: Path) -> None:
    """With a sample for every control."""
    shown = run(
        "evidence", "gdpr", *PERIOD, "--format", "oscal", "--sample", "1", "--data", demo
    ).stdout
    assert json.loads(shown)["assessment-results"]["metadata"]["oscal-version"] == "1.2.1"


def test_a_controller_s_part_is_printed(demo: Path) -> None:
    """It misses nothing that it does not see."""
    shown = run("evidence", "iso27001", *PERIOD, "--controller", "C2", "--data", demo).stdout
    assert "missed" not in shown
    assert "nothing about this controller" in shown


def test_a_framework_of_the_operator_is_there(demo: Path) -> None:
    """A file in DIR/frameworks; what is wrong with it is said."""
    directory = demo / "frameworks"
    directory.mkdir()
    file = directory / "house.toml"
    text = (
        'id = "house"\nname = "House"\nabout = { en = "Rules", nl = "Regels" }\n'
        '[[control]]\nid = "1"\ngroup = { en = "All", nl = "Alles" }\n'
        'label = { en = "Instructions", nl = "Instructies" }\nprimary = ["InstructionReceived"]\n'
    )
    file.write_text(text)
    try:
        shown = run("evidence", "house", *PERIOD, "--data", demo).stdout
        assert "1 controls: 1 with primary evidence" in shown
        file.write_text(text.replace("InstructionReceived", "Nothing"))
        done = run("evidence", "house", "--data", demo, status=2)
        assert "house.toml: control 1: primary has Nothing" in done.stderr
    finally:
        file.unlink()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none"], "there is no framework none"),
        (["gdpr", "Art. 99"], "gdpr has no control Art. 99"),
        (["gdpr", "--from", "soon"], "from is a date"),
        (["gdpr", "--from", "2026-01-01", "--until", "2025-01-01"], "until is after from"),
        (["gdpr", "--sample", "3"], "for one control"),
    ],
)
def test_a_slip_is_told(demo: Path, arguments: list[str], said: str) -> None:
    """With what is wrong."""
    assert said in run("evidence", *arguments, "--data", demo, status=2).stderr
