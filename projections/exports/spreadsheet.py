"""A document as a spreadsheet (Office Open XML): a sheet for each table, and one that says what it
is about.

Numbers, moments and yes or no are cells of their kind, so they sort and count; everything else is
text, also what a spreadsheet would take for a formula or an address. Headings stay in sight and
filter. The same document is the same bytes. `tests/test_spreadsheet.py` reads them back.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from projections.civil import AMSTERDAM
from projections.exports import document as documents
from projections.exports.document import Document, Table
from projections.register import Label

ABOUT = Label("Toelichting", "About")

LONGEST = 32_767
"""Characters that a cell can hold; what is longer is cut, and says so."""

CUT = " …"

WIDEST = 60
"""Characters across a column; longer text goes on in the next line."""

LINE, HIGHEST = 15, 409
"""Points of a line, and of the highest row there may be."""

FORMATS = {
    "bold": {"bold": True, "text_wrap": True, "valign": "top", "bottom": 1},
    "quiet": {"italic": True, "font_color": "#52606e", "text_wrap": True, "valign": "top"},
    "text": {"text_wrap": True, "valign": "top"},
    "moment": {"num_format": "yyyy-mm-dd hh:mm", "valign": "top", "align": "left"},
    "title": {"bold": True, "font_size": 14},
}


def to_xlsx(document: Document) -> bytes:
    """The bytes of a workbook."""
    out = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(out, options) as book:
        # When it was made is when the last entry was recorded, so that the bytes are the same.
        made_at = (document.made_at or datetime(1980, 1, 1, tzinfo=UTC)).replace(tzinfo=None)
        book.set_properties({"title": document.title, "created": made_at})
        formats = {name: book.add_format(properties) for name, properties in FORMATS.items()}
        names: set[str] = set()
        for table in document.tables:
            sheet = book.add_worksheet(_name(table.title or document.title, names))
            _fill(sheet, table, document.language, formats)
        about = book.add_worksheet(_name(ABOUT.text(document.language), names))
        _explain(about, document, formats)
    return out.getvalue()


def _fill(sheet: Worksheet, table: Table, language: str, formats: dict[str, Format]) -> None:
    widths = [len(heading.label) for heading in table.headings]
    for column, heading in enumerate(table.headings):
        sheet.write_string(0, column, heading.label, formats["bold"])
    for number, row in enumerate(table.rows, start=1):
        lines = 1
        for column, value in enumerate(row):
            each = _write(sheet, number, column, value, language, formats)
            widths[column] = max([widths[column], *each])
            lines = max(lines, sum(1 + width // WIDEST for width in each))
        # Not every program that opens it makes room for text that goes on in the next line.
        sheet.set_row(number, min(HIGHEST, LINE * lines))
    for column, width in enumerate(widths):
        sheet.set_column(column, column, min(WIDEST, max(8, width)) + 2)
    sheet.freeze_panes(1, 0)
    if table.headings:
        sheet.autofilter(0, 0, len(table.rows), len(table.headings) - 1)
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)


def _write(
    sheet: Worksheet, row: int, column: int, value: Any, language: str, formats: dict[str, Format]
) -> list[int]:
    """Write a cell of its kind; the width of each of its lines."""
    moment = documents.moment_of(value)
    if value is None or value == "":
        return []
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value, formats["text"])
        return [6]
    if isinstance(value, int | float):
        sheet.write_number(row, column, value, formats["text"])
        return [len(str(value))]
    if moment is not None:
        local = moment.astimezone(AMSTERDAM).replace(tzinfo=None)
        sheet.write_datetime(row, column, local, formats["moment"])
        return [16]
    text = documents.text(value, language)
    if len(text) > LONGEST:
        text = text[: LONGEST - len(CUT)] + CUT
    sheet.write_string(row, column, text, formats["text"])
    return [len(line) for line in text.split("\n")]


def _explain(sheet: Worksheet, document: Document, formats: dict[str, Format]) -> None:
    lines: list[tuple[str, str]] = [*document.about]
    if document.subtitle:
        lines.insert(0, ("", document.subtitle))
    if document.remark:
        lines.append(("", document.remark))
    sheet.write_string(0, 0, document.title, formats["title"])
    for number, (label, value) in enumerate(lines, start=2):
        sheet.write_string(number, 0, label, formats["quiet"])
        sheet.write_string(number, 1, value, formats["text"])
    number = len(lines) + 3
    for label, source in _sources(document.tables):
        sheet.write_string(number, 0, label, formats["quiet"])
        sheet.write_string(number, 1, source, formats["text"])
        number += 1
    sheet.set_column(0, 0, 32)
    sheet.set_column(1, 1, 80)


def _sources(tables: Sequence[Table]) -> Sequence[tuple[str, str]]:
    """What asks for each column, once."""
    found = {h.label: h.source for table in tables for h in table.headings if h.source}
    return list(found.items())


def _name(title: str, taken: set[str]) -> str:
    """A name for a sheet: without what is forbidden, at most 31 characters, and no other's."""
    base = re.sub(r"[\[\]:*?/\\]", " ", title).strip("' ")[:31] or "-"
    name, number = base, 2
    while name.lower() in taken:
        name = f"{base[:27]} {number}"
        number += 1
    taken.add(name.lower())
    return name
