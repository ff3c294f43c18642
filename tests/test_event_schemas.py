"""JSON Schemas of events: what they accept the ledger takes, what they refuse it does not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ledger import cloudevent
from ledger.errors import FieldsInvalid
from ledger.events import EVENT_TYPES, EventType, json_schema, latest
from tests.event_strategies import data_of
from tests.test_events import golden

SOURCE = "urn:nld:kvk:12345678:systeem:helpdesk"
NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


@cache
def reader(event_type: EventType) -> Draft202012Validator:
    """An independent reader of JSON Schema, for an event type."""
    return Draft202012Validator(json_schema(event_type))


def accepts(event_type: EventType, event: Any) -> bool:
    """Whether an event fits the schema of a type."""
    return bool(reader(event_type).is_valid(event))


@pytest.mark.parametrize("topic", EVENT_TYPES)
def test_golden_events_fit_their_schema(topic: str) -> None:
    """A schema is one, and accepts the stored event of its type and of no other."""
    event_type = EVENT_TYPES[topic]
    Draft202012Validator.check_schema(json_schema(event_type))
    assert accepts(event_type, json.loads(golden(event_type)))
    other = latest("EventRetracted" if event_type.name != "EventRetracted" else "BreachClosed")
    assert not accepts(event_type, json.loads(golden(other)))


@pytest.mark.parametrize("topic", EVENT_TYPES)
@settings(max_examples=8)
@given(st.data())
def test_what_a_schema_accepts_is_taken_and_read_back(topic: str, draw: st.DataObject) -> None:
    """An event of any shape its schema has is formatted, accepted, parsed, and says the same."""
    event_type = EVENT_TYPES[topic]
    data = draw.draw(data_of(event_type))
    payload = cloudevent.format(
        id="e", source=SOURCE, type=event_type.name, time=NOW, occurred_at=NOW, data=data
    )
    assert accepts(event_type, json.loads(payload))
    event = cloudevent.parse(payload)
    assert (event.type, event.time, event.occurred_at) == (event_type, NOW, NOW)
    assert event.raw["data"] == data
    assert event.data.model_dump(mode="json", by_alias=True, exclude_unset=True) == data


@pytest.mark.parametrize("topic", EVENT_TYPES)
@settings(max_examples=8)
@given(st.data())
def test_what_a_schema_refuses_is_not_taken(topic: str, draw: st.DataObject) -> None:
    """One field of a golden event with any JSON in it: refused by the schema, refused here."""
    event_type = EVENT_TYPES[topic]
    event = json.loads(golden(event_type))
    name = draw.draw(st.sampled_from(sorted({*event["data"], "surprise"})))
    event["data"][name] = draw.draw(ANYTHING)
    if not accepts(event_type, event):
        with pytest.raises(FieldsInvalid):
            cloudevent.read_data(event_type, event["data"])


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.just(0.5) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@pytest.mark.parametrize("missing", [("demand_id",), ("instruction_id",), ()])
def test_a_disclosure_has_a_demand_or_an_instruction(missing: tuple[str, ...]) -> None:
    """Either will do for the schema and for the ledger, and neither will not."""
    event_type = latest("PersonalDataDisclosed")
    event = json.loads(golden(event_type))
    for name in missing:
        del event["data"][name]
    assert accepts(event_type, event)
    cloudevent.read_data(event_type, event["data"])
    for name in ("demand_id", "instruction_id"):
        event["data"].pop(name, None)
    assert not accepts(event_type, event)
    with pytest.raises(FieldsInvalid, match="demand_id or an instruction_id"):
        cloudevent.read_data(event_type, event["data"])
