"""Faults: each names the place and the rule in few words, and none repeats what was refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import cloudevent
from ledger.errors import Fault, FieldsInvalid
from ledger.events import latest
from tests.test_events import golden

LONG = "is longer than 4000 characters"
SHORT = "is shorter than 1 characters"
FORM = "has not the form of this field"
NULL = "must be absent, not null"
UNKNOWN = "is not a field of this event type"
TWICE = "must not hold the same item twice"


def faults(name: str, **fields: Any) -> tuple[Fault, ...]:
    """What is wrong with a golden event that has other values in some fields."""
    data = {**json.loads(golden(latest(name)))["data"], **fields}
    with pytest.raises(FieldsInvalid) as refused:
        cloudevent.read_data(latest(name), data)
    return refused.value.faults


@pytest.mark.parametrize(
    ("fields", "pointer", "rule", "detail"),
    [
        ({"update_no": "1"}, "/update_no", "integer", "must be a whole number"),
        ({"update_no": 100_001}, "/update_no", "range", "is larger than 100000"),
        ({"changed_facts": []}, "/changed_facts", "object", "must be an object"),
        ({"changed_facts": {"a": "x" * 4001}}, "/changed_facts/a", "length", LONG),
        ({"changed_facts": {"a": {"b": ""}}}, "/changed_facts/a/b", "length", SHORT),
        ({"changed_facts": {"a b": 1}}, "/changed_facts", "form", FORM),
        ({"delivered_to": "C1"}, "/delivered_to", "list", "must be a list"),
        ({"delivered_to": [7]}, "/delivered_to/0", "shape", "must be text or an object"),
        ({"delivered_to": ["C1", "C 2"]}, "/delivered_to/1", "form", FORM),
        (
            {"delivered_to": [{"at": "2025-06-16"}]},
            "/delivered_to/0/controller",
            "required",
            "is missing",
        ),
        ({"delivered_to": [{"controller": "C1", "at": None}]}, "/delivered_to/0/at", "null", NULL),
        (
            {"delivered_to": [{"controller": "C1", "to": 1}]},
            "/delivered_to/0/to",
            "unknown-field",
            UNKNOWN,
        ),
        ({"added_controller_ids": ["C1", "C1"]}, "/added_controller_ids", "unique", TWICE),
        ({"Surprise": 1}, "/Surprise", "unknown-field", UNKNOWN),
    ],
)
def test_one_fault_for_one_mistake(
    fields: dict[str, Any], pointer: str, rule: str, detail: str
) -> None:
    """The pointer leads to the value as it was sent, also within a field of several shapes."""
    assert faults("BreachUpdateIssued", **fields) == (Fault("/data" + pointer, rule, detail),)


def test_every_mistake_is_named() -> None:
    """A producer that made several finds all of them in one answer."""
    found = faults("BreachUpdateIssued", update_no=0, issued_at="yesterday", surprise=True)
    assert {(fault.field, fault.rule) for fault in found} == {
        ("/data/update_no", "range"),
        ("/data/issued_at", "moment"),
        ("/data/surprise", "unknown-field"),
    }


@pytest.mark.parametrize("key", ["j.jansen@voorbeeld.nl", "111222333", "a/b", "~", "x" * 65, ""])
def test_a_key_that_is_no_name_is_not_repeated(key: str) -> None:
    """A key may hold what must not be shown: the pointer ends above it."""
    for value in (1, None):
        assert [fault.field for fault in faults("BreachUpdateIssued", **{key: value})] == ["/data"]


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=12))
def test_no_fault_repeats_the_refused_value(secret: str) -> None:
    """Whatever field a value stands in wrongly, the answer does not hold it."""
    wrong = {
        "update_no": secret,
        "issued_at": secret,
        "became_aware_at": secret,
        "delivered_to": {"controller": secret},
        "changed_facts": secret,
        "added_controller_ids": [secret, secret],
    }
    assert secret not in json.dumps([str(fault) for fault in faults("BreachUpdateIssued", **wrong)])
