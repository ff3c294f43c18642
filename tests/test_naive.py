"""The naive evaluation that the rules are compared with is right about the acceptance scenario.

It is `tests/naive`; the comparison is `tests/test_rules_naive.py`.
"""

from __future__ import annotations

import csv
import json
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.naive import Found, findings, registers
from tests.recording import local, scenario_file


@cache
def feed() -> list[dict[str, Any]]:
    return [json.loads(line) for line in scenario_file("feed.ndjson").read_text().splitlines()]


def expected() -> list[Found]:
    """The rows of `expected_findings.csv`."""
    with scenario_file("expected_findings.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    return [
        Found(
            row["rule"],
            row["severity"],
            () if row["controller"] == "-" else tuple(row["controller"].split("+")),
            datetime.fromisoformat(row["at"]).astimezone(UTC),
        )
        for row in rows
    ]


def test_it_finds_what_the_scenario_expects() -> None:
    """All 24 rows, in rule, severity, controllers and moment, and no other."""
    assert len(expected()) == 24
    assert sorted(findings(feed())) == sorted(expected())


@pytest.mark.parametrize("number", range(7))
def test_its_registers_are_those_of_the_scenario(number: int) -> None:
    """At each of the seven points of `expected_registers.json`."""
    point = json.loads(scenario_file("expected_registers.json").read_text())[number]
    as_of, known_at = (
        moment and local(moment.removesuffix(" Europe/Amsterdam"))
        for moment in (point["valid_at"], point["known_at"])
    )
    found = registers(feed(), as_of, known_at)
    counts = found.pop("breach_subject_count")
    for breach, count in point["expect"].pop("breach_subject_count").items():
        assert counts.get(breach) == count
    assert found == point["expect"]


def test_it_knows_nothing_of_what_it_is_compared_with() -> None:
    """No module of it imports a projection."""
    for module in Path(__file__).with_name("naive").glob("*.py"):
        assert not re.findall(r"^\s*(?:from|import)\s+projections", module.read_text(), re.M)
