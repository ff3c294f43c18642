"""The vocabulary: complete, typed, and readable for ever."""

from __future__ import annotations

import csv
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ledger import cloudevent, personal_data
from ledger.errors import FieldsInvalid
from ledger.events import EVENT_TYPES, json_schema, latest, versions
from ledger.events.base import EventType
from ledger.events.countries import COUNTRIES
from ledger.tags import controllers_of
from tests.golden.write import EVENTS, file_name, write
from tests.vectors import shared

DAY = "2025-06-16"
POLICIES = {
    "audit_year_basis",
    "update_silence_days",
    "dsr_forward_days",
    "copies_days",
    "announce_channel",
    "data_categories",
}
"""Parameters of clauses.md 1.3 that the vocabulary names only as "any term that changes"."""

DECLARED = {
    "declaration",
    "declared_by",
    "sender_identity_established",
    "integrity_established",
}
"""What Schriftelijk asks of a declaration on a page (clauses.md 1.1), and had no field."""

BEYOND = {
    "ControllerAuditRequested": DECLARED,
    "DataReturnAcknowledged": DECLARED,
    "ReturnOrErasureChosen": DECLARED,
    "SubprocessorObjectionRaised": DECLARED,
    "RecordsInspected": {"count", "until", "refused", "unsealed"},
    "DataSubjectRequestReceived": {"request_text", "subject_contact"},
    "ControllerRegistered": {"contact_person"},
    "SigningKeyEnrolled": {"event_types", "controller_ids"},
    "ProcessingAgreementConcluded": POLICIES,
    "ProcessingAgreementAmended": POLICIES,
}
"""Fields that this vocabulary has beyond the one it was ordered with."""


def golden(event_type: EventType) -> bytes:
    """The stored bytes of one event of a type, every field filled."""
    return (EVENTS / file_name(event_type)).read_bytes().rstrip(b"\n")


def names(cell: str) -> set[str]:
    """The field names in a cell of events.csv."""
    found = (re.split(r"[ \[]", part.strip())[0] for part in cell.split(";"))
    return {name for name in found if name}


OWN = {
    "AuditorAccessGranted",
    "AuditorAccessExtended",
    "AuditorAccessRevoked",
    "EvidenceRequested",
    "EvidenceProvided",
    "AuditNoteRecorded",
    "LogDigestRecorded",
    "EntriesLost",
}
"""Types beyond the vocabulary that was ordered."""


def test_the_vocabulary_has_its_101_types() -> None:
    """Each once, under a topic that carries its version."""
    assert len(EVENT_TYPES) == 101
    for topic, event_type in EVENT_TYPES.items():
        assert topic == event_type.topic
        assert topic.startswith("nl.verwerkersovereenkomsten.")
        assert topic.endswith(f".v{event_type.version}")


def test_the_vocabulary_is_that_of_the_agreement() -> None:
    """Types, groups, clauses, controls, required and optional fields are those of events.csv."""
    with (shared("domain") / "events.csv").open() as file:
        rows = {row["type"]: row for row in csv.DictReader(file)}
    assert {t.name for t in EVENT_TYPES.values()} == set(rows) | OWN
    for name, row in rows.items():
        event_type = latest(name)
        fields = event_type.model.model_fields
        wire = {field.alias or key: field for key, field in fields.items()}
        required = {key for key, field in wire.items() if field.is_required()}
        if name == "PersonalDataDisclosed":
            # "demand_id or instruction_id" is required: one of them, whichever it is.
            required |= {"demand_id"}
            wire.pop("instruction_id")
        assert required == names(row["required"]), name
        assert set(wire) - required == names(row["optional"]) | BEYOND.get(name, set()), name
        assert (event_type.group, event_type.tier) == (row["group"], row["tier"]), name
        assert (event_type.clauses, event_type.gdpr) == (row["clauses"], row["gdpr"]), name
        assert list(event_type.iso27001) == row["iso27001_annex_a"].split(), name
        assert list(event_type.iso27701) == row["iso27701_a2"].split(), name
        assert " ".join(event_type.nen7510) == row["nen7510_health"], name
        assert ", ".join(event_type.registers) == row["registers"], name


@pytest.mark.parametrize("topic", EVENT_TYPES)
def test_every_stored_version_stays_readable(topic: str) -> None:
    """The golden bytes of a type parse, with every field it has, and are written the same again."""
    event_type = EVENT_TYPES[topic]
    payload = golden(event_type)
    event = cloudevent.parse(payload)
    assert event.type is event_type
    written = event.data.model_dump(mode="json", by_alias=True, exclude_unset=True)
    text = json.dumps({"data": written}, ensure_ascii=False, separators=(",", ":"))
    assert payload.endswith(text.removeprefix("{").encode())
    assert set(event_type.model.model_fields) == event.data.model_fields_set
    assert personal_data.find(event.raw, event_type) == []


def test_bytes_from_before_a_type_grew_stay_readable() -> None:
    """Each file of golden bytes is of a type, and parses."""
    for path in EVENTS.iterdir():
        event = cloudevent.parse(path.read_bytes().rstrip(b"\n"))
        assert path.name.startswith(f"{event.type.name}.v{event.type.version}")


def test_golden_bytes_are_written_once(tmp_path: Path) -> None:
    """The script writes what is missing, for every type, and never touches what is there."""
    kept = tmp_path / file_name(latest("BreachConfirmed"))
    kept.write_bytes(b"signed in another time")
    assert {path.name for path in EVENTS.iterdir()} >= set(map(file_name, EVENT_TYPES.values()))
    written = write(tmp_path)
    assert len(written) == len(EVENT_TYPES) - 1
    assert write(tmp_path) == []
    assert kept.read_bytes() == b"signed in another time"
    for path in written:
        event = cloudevent.parse(path.read_bytes().rstrip(b"\n"))
        assert set(event.type.model.model_fields) == event.data.model_fields_set


def test_every_event_of_the_scenario_is_taken() -> None:
    """Two years of events say what they said, and concern the controllers they name."""
    concerned: dict[str, tuple[str, ...]] = {}
    for line in (shared("scenario") / "feed.ndjson").read_text().splitlines():
        said = json.loads(line)
        moment = datetime.fromisoformat(said["occurred_at"])
        payload = cloudevent.format(
            id=said["id"],
            source=f"urn:nld:kvk:12345678:systeem:{said['producer']}",
            type=said["type"],
            time=moment,
            occurred_at=moment,
            data=said["data"],
        )
        event = cloudevent.parse(payload)
        assert (event.type.name, event.occurred_at) == (said["type"], moment)
        assert event.data.model_dump(mode="json", by_alias=True, exclude_unset=True) == said["data"]
        concerned[event.id] = controllers_of(event.type.name, event.raw["data"])
    assert len(concerned) == 225
    assert concerned["E144"] == ("C1", "C2", "C5")
    assert concerned["E154"] == ("C1", "C2", "C5", "C6")
    assert concerned["E203"] == ("C1", "C2", "C3", "C4", "C5")
    assert concerned["E161"] == concerned["E001"] == ()


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
        ("BreachConfirmed", "became_aware_at", "2025-06-12t09:05:00z", "instant"),
        ("BreachConfirmed", "became_aware_at", "2025-06-12T09:05:60Z", "instant"),
        ("BreachConfirmed", "became_aware_at", "1970-01-01T00:00:00+02:00", "instant"),
        ("BreachConfirmed", "became_aware_at", "9999-12-31T23:59:59-01:00", "instant"),
        ("BreachConfirmed", "occurred_from", "2025-02-30", "moment"),
        ("BreachConfirmed", "occurred_from", "2025-06-12T09:05", "moment"),
        ("BreachConfirmed", "controller_ids", [], "length"),
        ("BreachConfirmed", "nature", "X", "enumeration"),
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
        ("InstructionReceived", "summary_nl", "", "length"),
        ("InstructionReceived", "summary_nl", "x" * 4001, "length"),
        ("ProcessingAgreementConcluded", "retention_after_licence", "P999Y", "period"),
        ("BreachConfirmed", "subject_count", 2**53, "range"),
        ("SigningKeyEnrolled", "public_key", "AAAA", "key"),
        ("SigningKeyEnrolled", "public_key", "A" * 42 + "B=", "key"),
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


@pytest.mark.parametrize(
    ("name", "field", "values"),
    [
        ("SecurityEventReported", "reporter", ["C2", "S2", "third party", "staff"]),
        ("SecurityEventReported", "channel", ["phone", "email", "service centre phone"]),
        ("AgreementTerminationRequested", "outcome", ["refused", "refused under 3.3"]),
        ("CertificateIssued", "valid_from", ["2024-03-01", "2024-03-01T00:00:00+01:00"]),
        ("CertificateIssued", "standard", ["ISO/IEC 27001:2022 + NEN 7510-1:2017+A1:2020"]),
        ("SecurityMeasureAmended", "changes", ["two factors", {"title": "two factors"}]),
        ("ProcessingAgreementAmended", "audit_limit", ["1/year", "2", 0]),
        ("ProcessingAgreementAmended", "retention_after_licence", ["P1M", "P30D", "P1Y6M", "P2W"]),
        ("ProcessingAgreementEnded", "data_held", ["none", False, []]),
        ("BreachNotified", "missing_items", [[], ["cause", "33(3)(c)"]]),
        ("BreachNotified", "nature", ["C", "unlawful access to mail logs"]),
        ("BreachNotified", "numbers", [1840, "about 1840", {"subjects": 1840}]),
        ("BreachConfirmed", "nature", ["C", ["C", "I", "A"]]),
        ("BreachConfirmed", "records_approx", [5000, {"min": 1, "max": 2}]),
        ("BreachUpdateIssued", "changed_facts", [{}, {"final": True}, {"a": [1, "x"]}, {"a": 0.5}]),
        ("BreachUpdateIssued", "delivered_to", [[], ["C1", {"controller": "C2", "at": DAY}]]),
        ("SubprocessingContractConcluded", "clause_map", [{"9.1": "12.3"}]),
        ("CostsAllocated", "amount", [1250, 1250.5, "1250.50"]),
        ("SecurityMeasureAdopted", "art32_class", ["b", "32(1)(b)", ["a", "b"]]),
        ("DataSubjectReferred", "contact_given", [True, "fysio@praktijk.example"]),
        ("TransferConsentGranted", "consent_id", ["T-NO-C1", "2.0", "a/b:c_d"]),
    ],
)
def test_every_shape_of_a_field_is_taken(name: str, field: str, values: list[Any]) -> None:
    """Where producers write a field in several ways, each of them is read."""
    event_type = latest(name)
    data = json.loads(golden(event_type))["data"]
    for value in values:
        read = cloudevent.read_data(event_type, {**data, field: value})
        written = read.model_dump(exclude_unset=True, by_alias=True)[field]
        assert (written, type(written)) == (value, type(value))


def test_every_country_has_its_code() -> None:
    """The codes are those of the list that membership of the Union is read from."""
    with (shared("domain") / "countries_eu_eea.csv").open() as file:
        assert {row["iso3166_1_alpha2"] for row in csv.DictReader(file)} == COUNTRIES


def test_names_lead_to_versions() -> None:
    """A name has its versions, oldest first; an unknown name has none."""
    assert [t.version for t in versions("BreachConfirmed")] == [1]
    assert not versions("Nothing")
    with pytest.raises(KeyError):
        latest("Nothing")


def without(data: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key != name}


def faults(event_type: EventType, data: dict[str, Any]) -> set[tuple[str, str]]:
    with pytest.raises(FieldsInvalid) as refused:
        cloudevent.read_data(event_type, data)
    return {(fault.field, fault.rule) for fault in refused.value.faults}
