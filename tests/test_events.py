"""The vocabulary: complete, typed, and readable for ever."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from ledger import cloudevent, personal_data
from ledger.errors import FieldsInvalid
from ledger.events import EVENT_TYPES, controllers_of, json_schema, latest, versions
from ledger.events.base import EventType
from tests.vectors import shared

GOLDEN = Path(__file__).parent / "golden" / "events"
BEYOND = {"SigningKeyEnrolled": {"event_types", "controller_ids"}}
"""Fields that this vocabulary has beyond the one it was ordered with."""


def golden(event_type: EventType) -> bytes:
    """The stored bytes of one event of a type, every field filled."""
    return (GOLDEN / f"{event_type.name}.v{event_type.version}.json").read_bytes().rstrip(b"\n")


def names(cell: str) -> set[str]:
    """The field names in a cell of events.csv."""
    found = (re.split(r"[ \[]", part.strip())[0] for part in cell.split(";"))
    return {name for name in found if name}


def test_the_vocabulary_has_its_93_types() -> None:
    """Each once, under a topic that carries its version."""
    assert len(EVENT_TYPES) == 93
    for topic, event_type in EVENT_TYPES.items():
        assert topic == event_type.topic
        assert topic.startswith("nl.verwerkersovereenkomsten.")
        assert topic.endswith(f".v{event_type.version}")


def test_the_vocabulary_is_that_of_the_agreement() -> None:
    """Types, groups, clauses, controls, required and optional fields are those of events.csv."""
    with (shared("domain") / "events.csv").open() as file:
        rows = {row["type"]: row for row in csv.DictReader(file)}
    assert {t.name for t in EVENT_TYPES.values()} == set(rows)
    for name, row in rows.items():
        event_type = latest(name)
        fields = event_type.model.model_fields
        wire = {field.alias or key: field for key, field in fields.items()}
        required = {key for key, field in wire.items() if field.is_required()}
        either = {"demand_id", "instruction_id"} if name == "PersonalDataDisclosed" else set()
        assert required | (either & {"demand_id"}) == names(row["required"]), name
        beyond = BEYOND.get(name, set()) | (either - {"demand_id"})
        assert set(wire) - required - {"demand_id"} == (
            names(row["optional"]) | beyond if name in {*BEYOND} or either
            else names(row["optional"]) - {"demand_id"}
        ), name
        assert (event_type.group, event_type.tier) == (row["group"], row["tier"]), name
        assert (event_type.clauses, event_type.gdpr) == (row["clauses"], row["gdpr"]), name
        assert list(event_type.iso27001) == row["iso27001_annex_a"].split(), name
        assert list(event_type.iso27701) == row["iso27701_a2"].split(), name
        assert " ".join(event_type.nen7510) == row["nen7510_health"], name
        assert ", ".join(event_type.registers) == row["registers"], name


@pytest.mark.parametrize("topic", EVENT_TYPES)
def test_every_stored_version_stays_readable(topic: str) -> None:
    """The golden bytes of a type parse, with every field it has, and mean what they did."""
    event_type = EVENT_TYPES[topic]
    event = cloudevent.parse(golden(event_type))
    assert event.type is event_type
    written = event.data.model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert json.dumps(written, sort_keys=True) == json.dumps(event.raw["data"], sort_keys=True)
    absent = set(event_type.model.model_fields) - event.data.model_fields_set
    assert absent <= {"demand_id"}, f"golden bytes without {absent}"
    assert personal_data.find(event.raw, event_type) == []


@pytest.mark.parametrize("topic", EVENT_TYPES)
def test_every_field_is_typed_and_described(topic: str) -> None:
    """No field takes anything, none is unknown, and the schema says what each is."""
    event_type = EVENT_TYPES[topic]
    schema = json_schema(event_type)["properties"]["data"]
    assert schema["additionalProperties"] is False
    for name, field in schema["properties"].items():
        assert field.get("description"), name
        assert {"type", "anyOf", "$ref", "const", "enum"} & field.keys(), name
        assert {"type": "null"} not in field.get("anyOf", []), name


@pytest.mark.parametrize("topic", EVENT_TYPES)
def test_missing_unknown_and_null_fields_are_named(topic: str) -> None:
    """Each required field that is left out, an unknown one and a null are refused by name."""
    event_type = EVENT_TYPES[topic]
    data = json.loads(golden(event_type))["data"]
    for name, field in event_type.model.model_fields.items():
        wire = field.alias or name
        if field.is_required():
            assert ("/data/" + wire, "required") in faults(event_type, without(data, wire))
        assert ("/data/" + wire, "null") in faults(event_type, {**data, wire: None})
    assert ("/data/surprise", "unknown-field") in faults(event_type, {**data, "surprise": 1})


@pytest.mark.parametrize(
    ("name", "field", "value", "rule"),
    [
        ("TransferConsentGranted", "country", "EU", "country"),
        ("TransferConsentGranted", "country", "nl", "country"),
        ("BreachConfirmed", "became_aware_at", "2025-06-12T09:05:00", "instant"),
        ("BreachConfirmed", "became_aware_at", "2025-06-12", "instant"),
        ("BreachConfirmed", "occurred_from", "2025-02-30", "moment"),
        ("BreachConfirmed", "subject_count", -1, "range"),
        ("BreachConfirmed", "subject_count", 1.0, "integer"),
        ("BreachConfirmed", "subject_count", True, "integer"),
        ("BreachUpdateIssued", "update_no", 0, "range"),
        ("DataReturned", "encrypted", "yes", "boolean"),
        ("DataReturned", "file_sha256", "A" * 64, "form"),
        ("DataReturned", "method", "pigeon", "enumeration"),
        ("ProcessingAgreementConcluded", "retention_after_licence", "1 month", "period"),
        ("ProcessingAgreementConcluded", "transfer_area", "World", "enumeration"),
        ("SecurityMeasuresCommunicated", "controller_ids", ["C1", "C1"], "unique"),
        ("InstructionReceived", "instruction_id", "I 1", "form"),
        ("InstructionReceived", "summary_nl", "a\x07b", "text"),
        ("SigningKeyEnrolled", "public_key", "AAAA", "key"),
    ],
)
def test_values_of_the_wrong_form_are_refused_by_rule(
    name: str, field: str, value: Any, rule: str
) -> None:
    """The error names field and rule, and never repeats the value."""
    event_type = latest(name)
    data = {**json.loads(golden(event_type))["data"], field: value}
    assert (f"/data/{field}", rule) in faults(event_type, data)
    if isinstance(value, str) and value:
        with pytest.raises(FieldsInvalid) as refused:
            cloudevent.read_data(event_type, data)
        assert value not in str(refused.value)


def test_controllers_are_found_wherever_an_event_names_them() -> None:
    """One id, lists, additions and deliveries in both forms; a key's scope is no concern."""
    update = {
        "breach_id": "B-1",
        "update_no": 1,
        "delivered_to": ["C1", {"controller": "C2", "at": "2025-06-16"}],
        "changed_facts": {},
        "added_controller_ids": ["C3"],
        "controllers_added": ["C4"],
    }
    data = cloudevent.read_data(latest("BreachUpdateIssued"), update)
    assert controllers_of(data) == ("C1", "C2", "C3", "C4")
    key = json.loads(golden(latest("SigningKeyEnrolled")))["data"]
    assert key["controller_ids"]
    assert controllers_of(cloudevent.read_data(latest("SigningKeyEnrolled"), key)) == ()


def test_names_lead_to_versions() -> None:
    """A name has its versions, oldest first; an unknown name has none."""
    assert [t.version for t in versions("BreachConfirmed")] == [1]
    assert versions("Nothing") == []
    with pytest.raises(KeyError):
        latest("Nothing")


def without(data: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key != name}


def faults(event_type: EventType, data: dict[str, Any]) -> set[tuple[str, str]]:
    with pytest.raises(FieldsInvalid) as refused:
        cloudevent.read_data(event_type, data)
    return {(fault.field, fault.rule) for fault in refused.value.faults}
