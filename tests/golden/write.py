"""Write the golden bytes that are missing: `python -m tests.golden.write`, after adding a version.

One event of each type, with every field it has. A file that is there is never touched: it stands
for events that were signed and stored, and must stay readable for ever.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from ledger.events import EVENT_TYPES, EventType, json_schema
from ledger.sealing import SealingKey, seal

EVENTS = Path(__file__).parent / "events"

TEXTS = (
    "X-1",
    "example",
    "P1M",
    "NO",
    "EUR",
    "1.0",
    "1/year",
    "12345678",
    "A" * 43 + "=",
    hashlib.sha256(b"").hexdigest(),
    seal("example", SealingKey("s-" + 16 * "5e", bytes(32))),
)
"""Texts of every form; a field gets the first that has its form."""


KNOWN = {"controller_id": "C1"}
"""Fields of which tests append the event: a controller that they have."""

GREW = dict.fromkeys(
    (
        "ControllerAuditRequested",
        "ControllerRegistered",
        "DataReturnAcknowledged",
        "DataSubjectRequestReceived",
        "RecordsInspected",
        "ReturnOrErasureChosen",
        "SubprocessorObjectionRaised",
    ),
    1,
)
"""How often a type got further optional fields within its version: it has bytes from before and
after each time."""


def file_name(event_type: EventType) -> str:
    """Where the golden bytes of a version of a type are, with every field that it has now."""
    grew = f"+{GREW[event_type.name]}" if event_type.name in GREW else ""
    return f"{event_type.name}.v{event_type.version}{grew}.json"


def write(folder: Path = EVENTS) -> list[Path]:
    """Write what is missing in a folder, and say what was written."""
    missing = [t for t in EVENT_TYPES.values() if not (folder / file_name(t)).exists()]
    for event_type in missing:
        (folder / file_name(event_type)).write_text(_event(event_type) + "\n", encoding="utf-8")
    return [folder / file_name(event_type) for event_type in missing]


def _event(event_type: EventType) -> str:
    schema = json_schema(event_type)
    event = {
        "specversion": "1.0",
        "id": f"golden-{event_type.name}",
        "source": "urn:nld:kvk:12345678:systeem:helpdesk",
        "type": event_type.topic,
        "time": "2026-01-05T09:00:00Z",
        "occurredat": "2026-01-05T09:30:00+01:00",
        "data": _object(schema["properties"]["data"], schema["$defs"]),
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


def _example(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    """A value that a schema accepts; of alternatives the last, which has the most parts."""
    if "$ref" in schema:
        return _object(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        return _example({"type": schema.get("type"), **schema["anyOf"][-1]}, definitions)
    if schema.get("type") == "array":
        return [_example(schema["items"], definitions)]
    if schema.get("type") == "object":
        return _object(schema, definitions)
    return _scalar(schema)


def _object(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    for pattern, inner in schema.get("patternProperties", {}).items():
        return {_text(pattern): _example(inner, definitions)}
    if "properties" not in schema:
        return {"9.1": _example(schema["additionalProperties"], definitions)}
    made = {name: _example(part, definitions) for name, part in schema["properties"].items()}
    return made | {name: value for name, value in KNOWN.items() if name in made}


def _scalar(schema: dict[str, Any]) -> Any:
    if "const" in schema or "enum" in schema:
        return schema.get("const") or schema["enum"][0]
    if "pattern" in schema:
        return _text(schema["pattern"])
    if schema.get("format") == "date-time":
        return "2026-01-05T09:00:00+01:00"
    if schema.get("format") == "date":
        return "2026-01-05"
    return {"integer": 1, "number": 0.5, "boolean": True}.get(schema.get("type", ""), "example")


def _text(pattern: str) -> str:
    return next(text for text in TEXTS if re.fullmatch(pattern, text))


if __name__ == "__main__":
    for path in write():
        print(path)
