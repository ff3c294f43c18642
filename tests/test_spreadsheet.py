"""Spreadsheets, read back with another library: kinds of cells, and nothing that runs."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

import openpyxl
import pytest

from ledger.opening import Ledger
from projections.exports import document
from projections.exports.document import Document, Heading, Table
from projections.exports.spreadsheet import CUT, LONGEST, to_xlsx
from tests.test_document import registers
from tests.test_isolation import scenario

__all__ = ["scenario"]


def one(rows: list[list[Any]], title: str = "", columns: int = 1) -> Document:
    """A document of one table."""
    headings = [Heading(f"H{n}", "4.2") for n in range(columns)]
    table = Table(title, headings, rows)
    about = [("Ledger", "test.example")]
    return Document("x", "Title", "", "en", about, "Remark", [table], 3, "ab", None)


def opened(made: Document) -> Any:
    """The workbook, as openpyxl reads it."""
    return openpyxl.load_workbook(io.BytesIO(to_xlsx(made)))


def test_every_register_is_read_back(scenario: Ledger) -> None:
    """Cell by cell, in a sheet for each table; filtered, with the headings in sight."""
    for made in registers(scenario, "nl"):
        book = opened(made)
        assert len(book.sheetnames) == len(made.tables) + 1
        for table, sheet in zip(made.tables, book.worksheets, strict=False):
            assert sheet.freeze_panes == "A2"
            assert sheet.auto_filter.ref
            lines = list(sheet.iter_rows(values_only=True))
            assert list(lines[0]) == [heading.label for heading in table.headings]
            assert len(lines) == len(table.rows) + 1
            for row, line in zip(table.rows, lines[1:], strict=True):
                for value, cell in zip(row, line, strict=True):
                    if isinstance(cell, datetime):
                        moment = document.moment_of(value)
                        assert moment is not None
                        assert cell.strftime("%Y-%m-%d %H:%M") == document.text(value, "nl")
                    elif isinstance(value, bool | int | float):
                        assert cell == value
                    else:
                        assert (cell or "") == document.text(value, "nl")
        about = {row[0]: row[1] for row in book.worksheets[-1].iter_rows(values_only=True)}
        assert about["Wortel (SHA-256)"] == made.root


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        '=HYPERLINK("http://evil.example","x")',
        "@SUM(A1)",
        "+1",
        "-1",
        "{=1}",
        "http://evil.example",
        "mailto:x@evil.example",
        "internal:Sheet2!A1",
        "\t=1+1",
        "'=1+1",
        "_x0041_",
    ],
)
def test_nothing_runs_and_nothing_leads_away(text: str) -> None:
    """Text stays text, as it was."""
    sheet = opened(one([[text]])).worksheets[0]
    cell = sheet["A2"]
    assert (cell.data_type, cell.value, cell.hyperlink) == ("s", text, None)


def test_kinds_of_values_are_kinds_of_cells() -> None:
    """So that they sort and count."""
    values = [True, 7, 1.5, "2026-01-05T09:00:00Z", "x", None, ["a", "b"]]
    sheet = opened(one([values], columns=len(values))).worksheets[0]
    (line,) = sheet.iter_rows(min_row=2, values_only=True)
    assert line == (True, 7, 1.5, datetime(2026, 1, 5, 10), "x", None, "a; b")


def test_what_is_too_long_is_cut_and_says_so() -> None:
    """A cell holds so many characters."""
    sheet = opened(one([["x" * (LONGEST + 1)]])).worksheets[0]
    value = sheet["A2"].value
    assert len(value) == LONGEST
    assert value.endswith(CUT)


def test_names_of_sheets_are_allowed_and_different() -> None:
    """Whatever a kind is called."""
    tables = [Table(t, [Heading("H", "")], [[1]]) for t in ("a/b", "A:B", "x" * 40, "x" * 40, "'")]
    made = Document("x", "T", "", "en", [("Ledger", "t")], "", tables, 0, "", None)
    names = opened(made).sheetnames
    assert len({name.lower() for name in names}) == len(names) == 6
    assert all(0 < len(name) <= 31 for name in names)


def test_the_same_document_is_the_same_bytes(scenario: Ledger) -> None:
    """Whenever it is made."""
    made = next(registers(scenario))
    assert to_xlsx(made) == to_xlsx(made)
