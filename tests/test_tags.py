"""Tags: what an event is found by, derived from its bytes alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import cloudevent
from ledger.events import EVENT_TYPES, latest
from ledger.tags import CASES, CONTROLLERS, TARGETS, controllers_of, tags_of
from tests.event_strategies import data_of
from tests.test_events import golden

NO_CASE = {"previous_audit_id", "controller_ids"}
"""Ids of something that is no case of the event itself; the scope of a key is no controller."""

LONGEST = 2_700
"""Bytes that an index of PostgreSQL takes."""


def tags(name: str, data: dict[str, Any]) -> tuple[str, ...]:
    """The tags of an event beyond its own id."""
    cloudevent.read_data(latest(name), data)  # what admission takes
    return tags_of("s", "i", name, data)[2:]


def corrected(field: str, new: Any) -> tuple[str, ...]:
    """The tags that a correction has beyond its own id and that of its target."""
    change = {"field": field, "new": new}
    data = {"corrects_event_id": "E1", "field_changes": [change], "reason": "digits swapped"}
    found = tags("EventCorrected", data)
    assert found[0] == "concerns:E1"
    return found[1:]


@pytest.mark.parametrize("topic", EVENT_TYPES)
def test_every_id_of_an_event_becomes_a_tag(topic: str) -> None:
    """No field that names a case, a controller or another event is forgotten."""
    event = cloudevent.parse(golden(EVENT_TYPES[topic]))
    found = event.tags()
    assert found[:2] == (f"source-id:{event.source} {event.id}", f"event-id:{event.id}")
    assert len(set(found)) == len(found)
    for field, value in event.raw["data"].items():
        if field in CASES:
            assert f"{CASES[field]}:{value}" in found
        elif field in TARGETS:
            assert f"concerns:{value}" in found
        elif field in CONTROLLERS and event.type.name != "SigningKeyEnrolled":
            assert {
                f"controller:{c}" for c in controllers_of(event.type.name, event.raw["data"])
            } <= set(found)
        else:
            assert not field.endswith(("_id", "_ref")) or field in NO_CASE | REFERENCES, field


REFERENCES = {"service_agreement_ref", "request_ref", "safeguard_ref", "tia_ref"}
"""References to something outside the ledger."""


def test_controllers_are_found_wherever_an_event_names_them() -> None:
    """One id, lists, additions and deliveries in both forms, sorted and each once."""
    update = {
        "breach_id": "B-1",
        "update_no": 1,
        "delivered_to": ["C2", {"controller": "C1", "at": "2025-06-16"}, "C2"],
        "changed_facts": {},
        "added_controller_ids": ["C3"],
        "controllers_added": ["C4", "C3"],
    }
    assert tags("BreachUpdateIssued", update) == (
        "controller:C1",
        "controller:C2",
        "controller:C3",
        "controller:C4",
        "breach:B-1",
    )


def test_the_scope_of_a_key_concerns_no_controller() -> None:
    """The controllers a key may sign for are not those its enrolment is about."""
    data = {"key_id": "k1", "service": "crm", "controller_ids": ["C1"]}
    assert tags("SigningKeyEnrolled", data) == ("key:k1",)


def test_parties_are_found_by_being_registered() -> None:
    """Admission asks for these two by tag."""
    assert "party:controller:C1" in tags(
        "ControllerRegistered", {"controller_id": "C1", "legal_name": "Praktijk Voorbeeld"}
    )
    assert "party:processor" in tags(
        "ProcessorRegistered", {"processor_id": "P", "legal_name": "Dossier Voorbeeld B.V."}
    )


@pytest.mark.parametrize(
    ("field", "new", "expected"),
    [
        ("controller_id", "C2", ("controller:C2",)),
        ("controller_ids", ["C1", "C2"], ("controller:C1", "controller:C2")),
        ("controller_ids.0", "C2", ("controller:C2",)),
        ("delivered_to.1", {"controller": "C2"}, ("controller:C2",)),
        ("delivered_to.1.controller", "C2", ("controller:C2",)),
        ("delivered_to.1.at", "2025-06-12", ()),
        ("delivered_to.1.message_id", "C2", ()),
        ("breach_id", "B-2", ("breach:B-2",)),
        ("changed_facts.breach_id", "B-2", ()),
        ("field_changes.0.new", "C2", ("corrects:correction",)),
        ("reason", "C2", ()),
        ("controller_id", 5, ()),
        ("controller_id", "x" * 65, ()),
        ("controller_id", "C1 C2", ()),
        ("breach_id", "x" * 9_000, ()),
    ],
)
def test_a_correction_is_found_by_the_new_value(
    field: str, new: Any, expected: tuple[str, ...]
) -> None:
    """Where it puts another controller or case, and only what can be an id."""
    assert corrected(field, new) == expected


@given(
    st.sampled_from([*CONTROLLERS, *CASES, "controller_ids.0", "delivered_to.0"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.just("controller") | st.text(), inner),
        max_leaves=5,
    ),
)
def test_whatever_a_correction_holds_its_tags_fit_in_an_index(field: str, new: Any) -> None:
    """A signed correction with nonsense in it neither fails nor makes a tag that cannot be kept."""
    assert all(len(tag.encode()) < LONGEST for tag in corrected(field, new))


@given(data_of(latest("EventRetracted")) | data_of(latest("PayloadShredded")))
def test_the_longest_reference_fits_in_an_index(data: dict[str, Any]) -> None:
    """256 characters of four bytes each are a tag that can be kept."""
    name = "PayloadShredded" if "event_id" in data else "EventRetracted"
    field = "event_id" if "event_id" in data else "retracts_event_id"
    longest = {**data, field: "\U0001f512" * 256}
    assert all(
        len(json.dumps(tag)) > 0 < LONGEST > len(tag.encode()) for tag in tags(name, longest)
    )
