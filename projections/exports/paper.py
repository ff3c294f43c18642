"""A document as a PDF that archives take and screen readers read: PDF/A-2a and PDF/UA-1, by typst.

A table with a few columns is a table; with many, each row is a block of label and value, which can
be read on paper. The same document is the same bytes: it is dated by the last entry it rests on,
and set in fonts that come with typst. What these cannot show is written as its code point.
`tests/test_paper.py` looks inside.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from typing import Any, Literal

import typst

from projections.exports import document as documents
from projections.exports.document import Document, Table
from projections.register import Label

MOST_ROWS = 5_000
"""Rows on paper: some hundred pages, which take half a gigabyte to set. Spreadsheets take more."""

FEW_COLUMNS = 7

WIDE = 5
"""More columns than this are printed across the length of the page."""

Standards = Sequence[Literal["a-2a", "a-3a", "ua-1"]]

PLAIN: Standards = ("a-2a", "ua-1")

PROVING: Standards = ("a-3a", "ua-1")
"""PDF/A-3 is PDF/A-2 that may have files attached."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A text that goes with a PDF: its name, media type, what it is, and how it belongs to it."""

    name: str
    media_type: str
    about: str
    relationship: Literal["source", "supplement"]
    content: str


WORDS = {
    "entries": Label("rust op vastleggingen:", "rests on entries:"),
    "root": Label("wortel", "root"),
    "nothing": Label("Geen regels.", "No rows."),
}

SHOWN = (
    (0x20, 0x7E),
    (0xA0, 0x17F),  # Latin
    (0x386, 0x3CE),  # Greek
    (0x400, 0x45F),  # Cyrillic
    (0x2010, 0x2027),  # dashes, quotation marks, the ellipsis
    (0x2030, 0x2030),
    (0x20AC, 0x20AC),
    (0x2190, 0x2193),
    (0x2212, 0x2212),
    (0x2264, 0x2265),
)
"""Code points that the fonts of typst show, from and to."""

GAPS = frozenset({0xAD, 0x149, 0x387, 0x38B, 0x38D, 0x3A2, 0x17F})


class TooLong(Exception):
    """More rows than paper takes."""


def to_pdf(
    document: Document, standards: Standards = PLAIN, attached: Sequence[Attachment] = ()
) -> bytes:
    """The bytes of a PDF. Raises TooLong."""
    if document.rows > MOST_ROWS:
        raise TooLong(f"{document.rows} rows are more than the {MOST_ROWS} that go into a PDF")
    language = document.language
    parts = [_part(table, language) for table in document.tables]
    told = {
        "name": document.name,
        "title": document.title,
        "subtitle": document.subtitle,
        "language": language,
        "ledger": document.about[0][1],
        "about": document.about,
        "remark": document.remark,
        "size": document.size,
        "root": document.root,
        "wide": any(len(part["headings"]) > WIDE for part in parts),
        "words": {name: label.text(language) for name, label in WORDS.items()},
        "parts": parts,
    }
    template = resources.files("projections.exports") / "templates" / "document.typ"
    made_at = document.made_at
    found = typst.compile(
        template.read_bytes(),
        sys_inputs={
            "document": json.dumps(_shown(told)),
            "attached": json.dumps([asdict(each) for each in attached]),
        },
        pdf_standards=[*standards],
        ignore_system_fonts=True,
        timestamp=int(made_at.timestamp()) if made_at else 0,
    )
    return bytes(found)


def _part(table: Table, language: str) -> dict[str, Any]:
    cells = [[documents.text(value, language) for value in row] for row in table.rows]
    labels = [heading.label for heading in table.headings]
    picture = table.picture
    shown = {
        "title": table.title,
        "picture": picture
        and {"svg": picture.svg, "words": picture.words, "caption": picture.caption},
    }
    if len(labels) > FEW_COLUMNS and not table.is_list:
        rows: Sequence[Any] = [
            [[label, value] for label, value in zip(labels, row, strict=True) if value]
            for row in cells
        ]
        return {**shown, "cards": True, "headings": [], "widths": [], "rows": rows}
    return {
        **shown,
        "cards": False,
        "headings": labels,
        "widths": _widths(labels, cells),
        "rows": cells,
    }


def _widths(labels: Sequence[str], cells: Sequence[Sequence[str]]) -> list[int]:
    """How the width is shared out: by the longest line of each column, within bounds."""
    longest = [
        max([len(label), *(len(line) for row in cells for line in row[number].split("\n"))])
        for number, label in enumerate(labels)
    ]
    return [min(48, max(7, width)) for width in longest]


def _shown(value: Any) -> Any:
    """With every character that no font shows as its code point: PDF/A takes no other."""
    if isinstance(value, str):
        return "".join(c if _is_shown(c) else f"[U+{ord(c):04X}]" for c in value)
    if isinstance(value, list | tuple):
        return [_shown(item) for item in value]
    if isinstance(value, dict):
        return {name: _shown(item) for name, item in value.items()}
    return value


def _is_shown(character: str) -> bool:
    point = ord(character)
    return character == "\n" or (
        point not in GAPS and any(first <= point <= last for first, last in SHOWN)
    )
