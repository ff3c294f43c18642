"""The registers at the seven points of the scenario: as of when, as known when, what must hold."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any

import pytest

from projections.registers import REGISTERS
from tests.recording import rows_of, scenario, scenario_file


def point(number: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(scenario_file("expected_registers.json").read_text())[number]
    return found


def values(number: int, register: str, kind: str | None, state: str | None) -> list[dict[str, Any]]:
    """The values of the rows of a kind and state at one of the points."""
    moments = [point(number)[key] for key in ("valid_at", "known_at")]
    as_of, known_at = (m and m.removesuffix(" Europe/Amsterdam") for m in moments)
    rows = rows_of(REGISTERS[register], scenario(), as_of, known_at).values()
    found = [dict(row.values) for row in rows]
    return [
        v
        for v in found
        if (kind is None or v["kind"] == kind) and (state is None or v["state"] == state)
    ]


each_point = pytest.mark.parametrize("number", range(7))


@each_point
@pytest.mark.parametrize(
    ("expected", "kind", "state"),
    [("licences", "licence", "granted"), ("agreements", "agreement", "in_force")],
)
def test_who_has_a_licence_and_an_agreement(
    number: int, expected: str, kind: str, state: str
) -> None:
    """A licence may have ended while its agreement goes on."""
    found = values(number, "agreements", kind, state)
    assert sorted(v["controller"] for v in found) == point(number)["expect"][expected]


@each_point
@pytest.mark.parametrize(
    ("expected", "rows", "by"),
    [
        ("subprocessors", ("subprocessors", "engagement", "engaged"), ("subprocessor",)),
        ("transfers", ("transfers", "transfer", "running"), ("country", "subprocessor")),
        ("activities", ("processing", "activity", "in_force"), ("id",)),
    ],
)
def test_for_whom_it_is_done(
    number: int, expected: str, rows: tuple[str, str, str], by: tuple[str, ...]
) -> None:
    """Subprocessors, transfers and activities, each with the controllers it is for."""
    found = defaultdict(list)
    for v in values(number, *rows):
        found[" ".join(v[key] for key in by)].append(v["controller"])
    assert {key: sorted(c) for key, c in found.items()} == point(number)["expect"][expected]


@each_point
def test_how_many_instructions_are_in_which_state(number: int) -> None:
    """The one that was booked on the wrong controller and retracted is none."""
    states = Counter(v["state"] for v in values(number, "instructions", None, None))
    assert states == point(number)["expect"]["instructions"]
