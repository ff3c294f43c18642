"""Registers as JSON and CSV: the same rows, labels of the language, no formula."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest

from projections.exports import tables
from projections.question import Answer, Basis, Moment
from projections.register import Column, Label, Register, Row

REGISTER = Register(
    "example",
    Label("Voorbeeld", "Example"),
    "art. 30",
    (
        Column("name", Label("Naam", "Name"), "30(2)(a)"),
        Column("told", Label("Ingelicht", "Told"), "9.1"),
        Column("who", Label("Wie", "Who"), "7"),
    ),
    frozenset(),
    lambda event: (),
    lambda case, facts: (),
)


def answer(**values: Any) -> Answer:
    row = Row("k:1", ("C1",), values, (3, 5))
    basis = Basis(7, datetime(2026, 1, 5, tzinfo=UTC), "note")
    return Answer(REGISTER, Moment(known_at=7), basis, [row])


def test_json_says_what_it_rests_on() -> None:
    """Labels, sources, rows by index of their events, the moment and the checkpoint."""
    found = tables.to_json(answer(name="Een", told=True), "nl")
    assert found["title"] == "Voorbeeld"
    assert [column["label"] for column in found["columns"]] == ["Naam", "Ingelicht", "Wie"]
    assert (found["known_at"], found["as_of"]) == (7, None)
    assert found["basis"] == {
        "size": 7,
        "recorded_at": "2026-01-05T00:00:00Z",
        "checkpoint": "note",
    }
    assert found["rows"][0]["events"] == [2, 4]
    assert found["rows"][0]["controllers"] == ["C1"]


@pytest.mark.parametrize(("lang", "yes"), [("nl", "ja"), ("en", "yes")])
def test_csv_is_read_back_equal(lang: str, yes: str) -> None:
    """Quotes, commas and lines survive; lists and objects are one cell each."""
    who = [{"id": "S1", "name": 'Data, "huis"', "countries": ["NL", "DE"]}, {"id": "S2"}]
    text = tables.to_csv(answer(name='A, "b"\nc', told=True, who=who), lang)
    header, row = csv.reader(io.StringIO(text))
    assert header == [column.label.text(lang) for column in REGISTER.columns]
    assert row == ['A, "b"\nc', yes, 'S1 Data, "huis" (countries NL; DE)\nS2']


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_run_as_a_formula(begin: str) -> None:
    """What a spreadsheet would run is made text."""
    text = tables.to_csv(answer(name=begin + "cmd|' /C calc'!A0"), "en")
    assert list(csv.reader(io.StringIO(text)))[1][0].startswith("'" + begin)


def test_an_empty_register_is_a_valid_export() -> None:
    """A header and no rows (B7)."""
    empty = Answer(REGISTER, Moment(), Basis(0, None, None), [])
    assert len(list(csv.reader(io.StringIO(tables.to_csv(empty, "en"))))) == 1
    assert tables.to_json(empty, "en")["rows"] == []
