"""The JSON Schema of an event type, in CloudEvents form: what a service in any language needs.

What a schema accepts the ledger takes, with three exceptions that it cannot say: a day that is not
in the calendar, a country code that is not assigned, and control characters in text.
`tests/test_event_schemas.py` makes events from every schema, and checks every golden event.
"""

from __future__ import annotations

from typing import Any

from ledger.events.base import EventType

SOURCE = r"^urn:nld:(kvk:[0-9]{8}|oin:[0-9]{20}):systeem:[a-z0-9][a-z0-9-]{0,62}$"
"""NL GOV profile: who says it, by Chamber of Commerce number or OIN, and from which system."""


def json_schema(event_type: EventType) -> dict[str, Any]:
    """The schema (JSON Schema 2020-12) of a whole event of this type."""
    data = event_type.model.model_json_schema()
    definitions = data.pop("$defs", {})
    for schema in (data, *definitions.values()):
        _drop_null(schema)
        _close(schema)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"/v1/event-types/{event_type.topic}",
        "title": event_type.name,
        "x-label-nl": event_type.nl,
        "description": data.pop("description"),
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time", "occurredat", "data"],
        "additionalProperties": False,
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[^ ]*$"},
            "source": {"type": "string", "pattern": SOURCE},
            "type": {"const": event_type.topic},
            "time": {"type": "string", "format": "date-time", "description": "When it was signed"},
            "occurredat": {
                "type": "string",
                "format": "date-time",
                "description": "When it happened",
            },
            "datacontenttype": {"const": "application/json"},
            "dataschema": {"type": "string", "minLength": 1, "maxLength": 256},
            "subject": {"type": "string", "minLength": 1, "maxLength": 256},
            "data": data,
        },
        "$defs": definitions,
    }


def _drop_null(schema: dict[str, Any]) -> None:
    """An optional field may be absent, never null: say so in the schema as well."""
    for field in schema.get("properties", {}).values():
        choices = [c for c in field.get("anyOf", []) if c != {"type": "null"}]
        field.pop("default", None)
        if len(choices) == 1:
            del field["anyOf"]
            field.update(choices[0])
        elif choices:
            field["anyOf"] = choices


def _close(schema: Any) -> None:
    """An object whose keys have a form has no other keys."""
    parts = schema.values() if isinstance(schema, dict) else schema
    if isinstance(schema, dict) and "patternProperties" in schema:
        schema["additionalProperties"] = False
    for part in parts:
        if isinstance(part, dict | list):
            _close(part)
