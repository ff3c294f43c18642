"""What a register looks like, for machines: CSV on the Web and JSON Schema.

    CSVW          W3C Metadata Vocabulary for Tabular Data (2015), for its CSV in one language
    JSON Schema   2020-12, for its JSON

Both say of each column which clause or article asks for it. `tests/test_described.py` holds the
registers of the scenario to them.
"""

from __future__ import annotations

from typing import Any

from projections.register import Register

CONTEXT = "http://www.w3.org/ns/csvw"


def csvw(register: Register, language: str, url: str | None = None) -> dict[str, Any]:
    """The metadata of a register's CSV, which is at `url`, or where this service has it. Its cells
    are text as people read it."""
    return {
        "@context": [CONTEXT, {"@language": language}],
        "url": url or f"/v1/registers/{register.name}?format=csv&lang={language}",
        "dc:title": register.title.text(language),
        "dc:source": register.source,
        "dialect": {"encoding": "utf-8", "header": True, "lineTerminators": ["\r\n"]},
        "tableSchema": {
            "columns": [
                {
                    "name": column.key,
                    "titles": {language: column.label.text(language)},
                    "datatype": "string",
                    "dc:source": column.source,
                }
                for column in register.columns
            ]
        },
    }


def json_schema(register: Register, language: str) -> dict[str, Any]:
    """The JSON Schema of a register's JSON. What a value may be, its column does not say."""
    moment = {"type": ["string", "null"], "format": "date-time"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"/v1/registers/{register.name}/schema",
        "title": register.title.text(language),
        "description": register.source,
        "type": "object",
        "required": ["register", "title", "source", "language", "basis", "columns", "rows"],
        "properties": {
            "register": {"const": register.name},
            "title": {"type": "string"},
            "source": {"type": "string"},
            "language": {"enum": ["nl", "en"]},
            "as_of": moment,
            "known_at": {"anyOf": [moment, {"type": "integer", "minimum": 0}]},
            "basis": {
                "type": "object",
                "required": ["size", "recorded_at", "checkpoint"],
                "properties": {
                    "size": {"type": "integer", "minimum": 0},
                    "recorded_at": moment,
                    "checkpoint": {"type": ["string", "null"]},
                },
                "additionalProperties": False,
            },
            "columns": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["key", "label", "source"],
                    "properties": {
                        "key": {"enum": [column.key for column in register.columns]},
                        "label": {"type": "string"},
                        "source": {"type": "string"},
                    },
                    "additionalProperties": False,
                },
            },
            "rows": {"type": "array", "items": _row(register, language)},
        },
        "additionalProperties": False,
    }


def _row(register: Register, language: str) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["key", "controllers", "values", "events", "corrected"],
        "properties": {
            "key": {"type": "string", "description": "The same for this row at any moment"},
            "controllers": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Whose row it is; everybody's when empty, the processor's for ''",
            },
            "values": {
                "type": "object",
                "required": [column.key for column in register.columns],
                "properties": {
                    column.key: {
                        "title": column.label.text(language),
                        "description": column.source,
                    }
                    for column in register.columns
                },
                "additionalProperties": False,
            },
            "events": {
                "type": "array",
                "items": {"type": "integer", "minimum": 0},
                "description": "Leaf indexes of the events it rests on",
            },
            "corrected": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["field", "old", "new", "known_at", "position"],
                },
            },
        },
        "additionalProperties": False,
    }
