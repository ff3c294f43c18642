"""Values that a JSON Schema of the vocabulary accepts, for property tests.

Only the words of JSON Schema that these schemas use. What they cannot say is added here: days that
are in the calendar, countries that exist, sealed text, text without control characters.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ledger.events import EventType, json_schema
from ledger.events.countries import COUNTRIES
from ledger.sealed_text import PATTERN
from ledger.sealing import SealingKey, seal

OFFSETS = st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(-timedelta(minutes=210))])
DATES = st.dates(date(1970, 1, 1)).map(date.isoformat)
INSTANTS = st.datetimes(
    datetime(1970, 1, 2),
    datetime(9999, 12, 30),
    timezones=OFFSETS,
).map(lambda moment: moment.isoformat().replace("+00:00", "Z"))
CHARACTERS = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])
COUNTRY = "^[A-Z]{2}$"
KEY = SealingKey("s-" + 16 * "5e", bytes(32))
SEALED = st.text(CHARACTERS, max_size=20).map(lambda text: seal(text, KEY))


def data_of(event_type: EventType) -> SearchStrategy[dict[str, Any]]:
    """Every shape that the data of an event type can have."""
    schema = json_schema(event_type)
    made: SearchStrategy[dict[str, Any]] = _objects(schema["properties"]["data"], schema["$defs"])
    if event_type.name == "PersonalDataDisclosed":
        return made.filter(lambda data: bool({"demand_id", "instruction_id"} & data.keys()))
    return made


def values(schema: dict[str, Any], definitions: dict[str, Any]) -> SearchStrategy[Any]:
    """Every shape of value that a schema accepts, of modest size."""
    if "$ref" in schema:
        return values(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        kind = {"type": schema["type"]} if "type" in schema else {}
        return st.one_of([values({**kind, **choice}, definitions) for choice in schema["anyOf"]])
    if schema.get("type") == "array":
        return _lists(schema, definitions)
    if schema.get("type") == "object":
        return _objects(schema, definitions)
    return _scalars(schema)


def _scalars(schema: dict[str, Any]) -> SearchStrategy[Any]:
    if "const" in schema or "enum" in schema:
        return st.sampled_from(schema.get("enum", [schema.get("const")]))
    kind = schema.get("type")
    if kind == "string":
        return _texts(schema)
    if kind == "boolean":
        return st.booleans()
    if kind == "integer":
        return st.integers(schema.get("minimum"), schema.get("maximum"))
    if kind == "number":
        return st.floats(allow_nan=False, allow_infinity=False)
    return st.none() | st.booleans() | st.integers(-9, 9) | st.text(CHARACTERS, max_size=8)


def _texts(schema: dict[str, Any]) -> SearchStrategy[str]:
    if schema.get("pattern") == COUNTRY:
        return st.sampled_from(sorted(COUNTRIES))
    if schema.get("pattern") == f"^{PATTERN}$":
        return SEALED
    if "pattern" in schema:
        return st.from_regex(schema["pattern"].removesuffix("$") + r"\Z", fullmatch=True)
    if "format" in schema:
        return DATES if schema["format"] == "date" else INSTANTS
    longest = min(schema["maxLength"], schema["minLength"] + 20)
    return st.text(CHARACTERS, min_size=schema["minLength"], max_size=longest)


def _lists(schema: dict[str, Any], definitions: dict[str, Any]) -> SearchStrategy[list[Any]]:
    least = schema.get("minItems", 0)
    return st.lists(
        values(schema["items"], definitions),
        min_size=least,
        max_size=least + 2,
        unique_by=json.dumps if schema.get("uniqueItems") else None,
    )


def _objects(schema: dict[str, Any], definitions: dict[str, Any]) -> SearchStrategy[dict[str, Any]]:
    for pattern, inner in schema.get("patternProperties", {}).items():
        keys = _texts({"pattern": pattern})
        return st.dictionaries(keys, values(inner, definitions), max_size=2)
    if "properties" not in schema:
        keys = _texts(schema["propertyNames"])
        return st.dictionaries(
            keys, values(schema["additionalProperties"], definitions), max_size=2
        )
    made = {name: values(part, definitions) for name, part in schema["properties"].items()}
    required = schema.get("required", ())
    return st.fixed_dictionaries(
        {name: made[name] for name in made if name in required},
        optional={name: made[name] for name in made if name not in required},
    )
