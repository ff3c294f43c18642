"""A register as JSON and as CSV (RFC 4180), in Dutch or English.

Both carry the same rows and say when the answer is about and what it rests on; CSV carries the
rows alone, with the labels as its header. A cell that a spreadsheet would take for a formula is
made text with an apostrophe. `tests/test_tables.py`.
"""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Any

from projections.question import Answer, Basis

NAMES = ("id", "name")
"""What an object in a cell is called by."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


def to_json(answer: Answer, language: str) -> dict[str, Any]:
    """The register with its labels, its rows and its basis."""
    register = answer.register
    return {
        "register": register.name,
        "title": register.title.text(language),
        "source": register.source,
        "language": language,
        "as_of": moment_json(answer.moment.as_of),
        "known_at": moment_json(answer.moment.known_at),
        "basis": basis_json(answer.basis),
        "columns": [
            {"key": c.key, "label": c.label.text(language), "source": c.source}
            for c in register.columns
        ],
        "rows": [
            {
                "key": row.key,
                "controllers": list(row.controllers),
                "values": dict(row.values),
                "events": [position - 1 for position in row.positions],
                "corrected": [dict(c) for c in row.corrected],
            }
            for row in answer.rows
        ],
    }


def to_csv(answer: Answer, language: str) -> str:
    """The rows, with the labels of the columns as header."""
    out = io.StringIO()
    writer = csv.writer(out)
    columns = answer.register.columns
    writer.writerow([c.label.text(language) for c in columns])
    for row in answer.rows:
        writer.writerow([harmless(cell(row.values.get(c.key), language)) for c in columns])
    return out.getvalue()


def cell(value: Any, language: str) -> str:
    """A value as one cell of text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return {"nl": ("nee", "ja"), "en": ("no", "yes")}[language][value]
    if isinstance(value, list):
        between = "\n" if any(isinstance(item, dict) for item in value) else "; "
        return between.join(cell(item, language) for item in value)
    if isinstance(value, dict):
        return _object(value, language)
    return str(value)


def _object(value: dict[str, Any], language: str) -> str:
    """What it is called, and the rest of it in brackets: `S1 Datahuis (countries NL)`."""
    called = " ".join(cell(value[key], language) for key in NAMES if value.get(key))
    rest = "; ".join(
        f"{key} {cell(item, language)}"
        for key, item in value.items()
        if key not in NAMES and item not in (None, "", [])
    )
    return f"{called} ({rest})" if called and rest else called or rest


def harmless(text: str) -> str:
    """The text, so that no spreadsheet runs it."""
    return f"'{text}" if text.startswith(FORMULA) else text


def basis_json(basis: Basis) -> dict[str, Any]:
    """What an answer rests on."""
    return {
        "size": basis.size,
        "recorded_at": moment_json(basis.recorded_at),
        "checkpoint": basis.checkpoint,
    }


def moment_json(value: datetime | int | None) -> str | int | None:
    """A moment as it was asked for: an instant in UTC, or a log size."""
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
