"""The acceptance scenario, as an auditor would run it: two years replayed by the real program.

    verantwoord replay ../shared/scenario/feed.ndjson --data DIR

Then the findings are those of `expected_findings.csv`, none missing and none extra, the registers
say at seven points what `expected_registers.json` has, and the log is sound.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from ledger.deployment import Home
from ledger.opening import Ledger, open_ledger
from projections.findings import ask_findings
from projections.question import Moment, ask
from projections.registers import REGISTERS
from tests.counts import counts
from tests.naive import Found
from tests.recording import local, scenario_file
from tests.test_cli import answer, run
from tests.test_naive import expected


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of the ledger that the scenario was replayed into."""
    made = tmp_path_factory.mktemp("acceptance") / "data"
    run("replay", scenario_file("feed.ndjson"), "--data", made)
    return made


@pytest.fixture(scope="module")
def ledger(data: Path) -> Iterator[Ledger]:
    with open_ledger(Home(data)) as made:
        yield made


def test_the_findings_are_those_expected(data: Path) -> None:
    """All 24 in rule, severity, controllers and moment; each with a text in both languages, and the
    events it rests on, which are entries of the log."""
    found = answer("findings", "--data", data)
    rows = [
        Found(f["rule"], f["severity"], tuple(f["controllers"]), datetime.fromisoformat(f["at"]))
        for f in found
    ]
    assert sorted(rows) == sorted(expected())
    dutch = answer("findings", "--lang", "nl", "--data", data)
    assert all(f["text"] and f["events"] for f in [*found, *dutch])
    assert all(f["text"] != g["text"] for f, g in zip(found, dutch, strict=True))


def test_asked_within_the_program_they_are_the_same(ledger: Ledger) -> None:
    """And computed anew from the log they are the same, to the byte."""
    now = ask_findings(ledger.pool, ledger.now(), Moment())
    again = ask_findings(ledger.pool, ledger.now(), Moment(known_at=ledger.reader.size()))
    assert sorted(
        Found(f.rule.id, f.severity, f.controllers, f.at) for f in now.findings
    ) == sorted(expected())
    assert repr(now.findings) == repr(again.findings)
    assert now.basis == again.basis


@pytest.mark.parametrize("number", range(7))
def test_the_registers_say_what_is_expected(ledger: Ledger, number: int) -> None:
    """At each of the seven points: as of when, as known when."""
    point = json.loads(scenario_file("expected_registers.json").read_text())[number]
    as_of, known_at = (
        moment and local(moment.removesuffix(" Europe/Amsterdam"))
        for moment in (point["valid_at"], point["known_at"])
    )
    asked = Moment(as_of, known_at)
    found = counts(lambda name: ask(ledger.pool, REGISTERS[name], asked).rows)
    breaches = found.pop("breach_subject_count")
    for breach, count in point["expect"].pop("breach_subject_count").items():
        assert breaches.get(breach) == count
    assert found == point["expect"]


def test_the_log_is_sound(data: Path, tmp_path: Path) -> None:
    """In the database, and exported and verified without it."""
    assert answer("fsck", "--data", data)["sound"] is True
    run("export-log", tmp_path / "log", "--data", data)
    found = answer("verify", tmp_path / "log", "--vkey", data / "log.vkey")
    assert found["verdict"] == "included"
