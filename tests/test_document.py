"""Documents: every table of an answer, what it is about, and nothing that says nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.opening import Ledger
from projections.exports import document
from projections.exports.document import Document
from projections.exports.kinds import KINDS, own_columns
from projections.findings import ask_findings
from projections.question import Moment, ask
from projections.registers import REGISTERS
from projections.showing import shown
from tests.test_isolation import scenario

__all__ = ["scenario"]

ROOT = Path(__file__).parent.parent


def registers(ledger: Ledger, language: str = "en") -> Iterator[Document]:
    """Every register of the scenario, as a document."""
    for register in REGISTERS.values():
        answer = shown(ask(ledger.pool, register))
        yield document.of_register(answer, language, ledger.identity.origin, None)


def test_every_row_and_value_of_a_register_is_in_it(scenario: Ledger) -> None:
    """In a table of its kind; columns without a value are left out."""
    for register in REGISTERS.values():
        answer = shown(ask(scenario.pool, register))
        made = document.of_register(answer, "en", scenario.identity.origin, None)
        assert made.rows == len(answer.rows)
        values = [
            value
            for row in answer.rows
            for column in own_columns(register)
            if (value := row.values[column.key]) not in (None, "", [], {})
        ]
        cells = [
            cell
            for table in made.tables
            for row in table.rows
            for cell in row
            if cell not in (None, "", [], {})
        ]
        assert sorted(map(str, cells)) == sorted(map(str, values)), register.name
        for table in made.tables:
            for number in range(len(table.headings)):
                assert any(row[number] not in (None, "", [], {}) for row in table.rows)


def test_it_says_what_it_rests_on(scenario: Ledger) -> None:
    """Size and root of the checkpoint, and the moments that were asked about."""
    moment = Moment(known_at=100)
    answer = ask(scenario.pool, REGISTERS["processing"], moment)
    made = document.of_register(answer, "nl", scenario.identity.origin, "C1")
    about = dict(made.about)
    assert made.size == 100
    assert re.fullmatch(r"[0-9a-f]{64}", made.root)
    assert about["Zoals bekend op"] == "de eerste 100 vastleggingen"
    assert about["Verwerkingsverantwoordelijke"] == "C1"
    assert about["Grootboek"] == scenario.identity.origin
    found = ask_findings(scenario.pool, scenario.now(), Moment())
    listed = document.of_findings(found, "en", scenario.identity.origin, None)
    assert listed.rows == len(found.findings)
    assert dict(listed.about)["As of"] == "now"


def test_every_kind_of_row_is_called_by_a_name() -> None:
    """In both languages: each that a register makes."""
    sources = (ROOT / "projections" / "registers").rglob("*.py")
    made = {k for file in sources for k in re.findall(r'"kind": "(\w+)"', file.read_text())}
    assert made
    assert made <= KINDS.keys()
    for label in KINDS.values():
        assert label.nl
        assert label.en


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("2026-01-05T09:00:00Z", "2026-01-05 10:00"),
        ("2026-07-05T09:00:00+02:00", "2026-07-05 09:00"),
        ("2026-01-05", "2026-01-05"),
        ("2026-01-05T09:00:00", "2026-01-05T09:00:00"),
        ("9999999999T99:99:99Z", "9999999999T99:99:99Z"),
        (True, "yes"),
        (None, ""),
        (["a", "b"], "a; b"),
    ],
)
def test_a_value_is_text_as_people_write_it(value: object, shown: str) -> None:
    """A moment in Dutch civil time; what only looks like one as it stands."""
    assert document.text(value, "en") == shown
