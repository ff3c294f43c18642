"""The benchmarks run: a figure that nobody can measure again is none. Nothing is timed here."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import __main__ as all_of_them
from benchmarks import append, evidence, logs, packs, plot, questions
from benchmarks.filling import filled
from ledger.deployment import Home
from tests.check_ledger import check_ledger, check_registers
from tests.ledgers import Clock, TestLedger


def test_a_filled_ledger_is_sound_and_can_be_asked(tmp_path: Path) -> None:
    """The ledgers that are measured are as real as others."""
    home = Home(tmp_path / "data")
    with filled(home, 600) as ledger:
        assert ledger.reader.size() > 600
        made = TestLedger(home, ledger, Clock())
        check_ledger(made)
        check_registers(made)
    result = tmp_path / "questions.json"
    questions.main(["--data", str(home.data), "--json", str(result)])
    asked = json.loads(result.read_text())
    assert {one["moment"] for one in asked} >= {"now", "as of half way"}
    assert max(one["events"] for one in asked) > 10


def test_evidence_is_measured(tmp_path: Path) -> None:
    """For every framework, beside reading alone."""
    result = tmp_path / "evidence.json"
    evidence.main(["--events", "400", "--json", str(result)])
    found = json.loads(result.read_text())
    assert {one["framework"] for one in found} == {"gdpr", "iso27001", "iso27701", "nen7510"}
    assert all(one["counted"] > 0 and one["pdf_kb"] > 1 for one in found)


@pytest.mark.long
def test_packs_are_measured(tmp_path: Path) -> None:
    """Made, checked, and made again; beside the export and verification of the log."""
    result = tmp_path / "packs.json"
    packs.main(["--events", "300", "--json", str(result)])
    found = json.loads(result.read_text())
    assert [one["name"].partition(":")[0] for one in found] == [
        *["log"] * 2,
        *["whole"] * 3,
        *["one controller"] * 2,
    ]
    assert all(one["seconds"] > 0 and one["memory"] > 10 for one in found)


@pytest.mark.long
def test_appends_are_measured(tmp_path: Path) -> None:
    """Every run has its figures, and its references before and after."""
    result = tmp_path / "append.json"
    append.main(["--seconds", "2", "--json", str(result)])
    found = json.loads(result.read_text())
    names = [run["name"] for run in found["runs"]]
    assert names[:3] == ["single", "concurrent", "batched"]
    assert names[3:] == ["concurrent-2-workers", "batched-2-workers"]
    assert all(run["events_per_second"] > 0 for run in found["runs"])


def test_a_plot_shows_each_figure() -> None:
    """Where it belongs on scales of powers of ten; no label is written over another."""
    curves = {"flat": [1.0, 1.0, 1.0], "steep": [0.1, 1.0, 10.0], "<near>": [0.1, 1.1, 1.1]}
    svg = plot.lines("Cost & size", [1_000, 10_000, 100_000], curves)
    drawn = ElementTree.fromstring(svg)  # noqa: S314 - our own
    spots = drawn.iter("{http://www.w3.org/2000/svg}circle")
    places = [(float(spot.attrib["cx"]), float(spot.attrib["cy"])) for spot in spots]
    assert len(places) == 9
    flat, steep = places[:3], places[3:6]
    assert len({y for _, y in flat}) == 1
    assert steep[0][1] - steep[1][1] == pytest.approx(steep[1][1] - steep[2][1], abs=0.2)
    assert flat[1][0] - flat[0][0] == pytest.approx(flat[2][0] - flat[1][0], abs=0.2)
    texts = {each.text: each.attrib for each in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert {"Cost & size", "1,000", "100,000", "0.1", "10"} < texts.keys()
    labels = sorted(float(texts[name]["y"]) for name in curves)
    assert all(below - above >= plot.LABEL for above, below in pairwise(labels))


@pytest.mark.long
def test_several_logs_are_measured(tmp_path: Path) -> None:
    """In batches and one by one, each beside the rows of as many connections."""
    result = tmp_path / "logs.json"
    logs.main(["--seconds", "2", "--logs", "1", "2", "--json", str(result)])
    found = json.loads(result.read_text())
    assert [(one["kind"], one["logs"]) for one in found] == [
        (kind, count) for count in (1, 2) for kind in ("batched", "concurrent")
    ]
    assert all(len(one["of_each"]) == one["logs"] and min(one["of_each"]) > 0 for one in found)
    assert all(one["durable_rows"] > 0 for one in found)


@pytest.mark.long
def test_all_of_them_run(tmp_path: Path) -> None:
    """One after the other on small ledgers, each with its result."""
    all_of_them.main([str(tmp_path), "--events", "1500", "--seconds", "2", "--most", "4"])
    results = {file.stem: json.loads(file.read_text()) for file in tmp_path.glob("*.json")}
    assert results.keys() >= {"append", "strain", "sizes", "serving", "verifying", "rebuilding"}
    assert [one["size"] for one in results["growth"]] == [1_000, 10_000]
    assert (tmp_path / "growth.svg").read_text().count("<circle") == 12
    assert results["strain"]["half"]["taken"] > 0
    assert all(one["per_second"] > 0 for one in results["serving-grown"]["answered"])
    assert results["verifying"]["entries"] > 1_500
