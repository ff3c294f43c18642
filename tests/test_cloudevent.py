"""CloudEvents: one way to read a payload, and every other way refused by name."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import cloudevent
from ledger.errors import CloudEventMalformed, Refused, TooLarge, UnknownEventType

GOOD: dict[str, Any] = {
    "specversion": "1.0",
    "id": "crm-1",
    "source": "urn:nld:kvk:12345678:systeem:crm",
    "type": "nl.verwerkersovereenkomsten.controller-registered.v1",
    "time": "2026-01-05T09:00:00Z",
    "occurredat": "2026-01-05T10:00:00.123456+02:00",
    "data": {"controller_id": "C1", "legal_name": "Praktijk Voorbeeld"},
}


def test_a_good_event_is_read() -> None:
    """Times are UTC, the system is the end of the source, the data is typed."""
    event = cloudevent.parse(json.dumps(GOOD).encode())
    assert event.occurred_at == datetime(2026, 1, 5, 8, 0, 0, 123456, tzinfo=UTC)
    assert (event.system, event.type.name) == ("crm", "ControllerRegistered")
    assert event.data.model_dump(exclude_unset=True) == GOOD["data"]
    assert event.tags() == (
        "source-id:urn:nld:kvk:12345678:systeem:crm crm-1",
        "event-id:crm-1",
        "controller:C1",
        "party:controller:C1",
    )


@pytest.mark.parametrize(
    ("change", "pointer", "rule"),
    [
        ({"specversion": "0.3"}, "/specversion", "specversion"),
        ({"id": ""}, "/id", "id"),
        ({"id": "a b"}, "/id", "id"),
        ({"id": "x" * 129}, "/id", "id"),
        ({"id": 7}, "/id", "text"),
        ({"source": "https://crm.example"}, "/source", "source"),
        ({"source": "urn:nld:kvk:1234567:systeem:crm"}, "/source", "source"),
        ({"time": "2026-01-05T09:00:00"}, "/time", "instant"),
        ({"time": "2026-01-05 09:00:00Z"}, "/time", "instant"),
        ({"occurredat": "2026-02-30T09:00:00Z"}, "/occurredat", "instant"),
        ({"occurredat": "1969-12-31T23:59:59Z"}, "/occurredat", "instant"),
        ({"occurredat": "9999-12-31T23:59:59-12:00"}, "/occurredat", "instant"),
        ({"datacontenttype": "text/xml"}, "/datacontenttype", "media-type"),
        ({"subject": ""}, "/subject", "subject"),
        ({"subject": "a\nb"}, "/subject", "subject"),
        ({"dataschema": "x" * 257}, "/dataschema", "dataschema"),
        ({"source": "urn:nld:oin:12345678:systeem:crm"}, "/source", "source"),
        ({"source": "urn:nld:kvk:12345678:systeem:CRM"}, "/source", "source"),
        ({"source": "urn:nld:kvk:12345678:systeem:crm\n"}, "/source", "source"),
        ({"id": "a\u0085b"}, "/id", "id"),
        ({"extension": "x"}, "", "unknown-attribute"),
        ({"occurredAt": "2026-01-05T09:00:00Z"}, "", "unknown-attribute"),
    ],
)
def test_attributes_of_the_wrong_form_are_named(
    change: dict[str, Any], pointer: str, rule: str
) -> None:
    """The error points at the attribute and names the rule."""
    with pytest.raises(CloudEventMalformed) as refused:
        cloudevent.parse(json.dumps({**GOOD, **change}).encode())
    assert (refused.value.faults[0].field, refused.value.faults[0].rule) == (pointer, rule)


def test_optional_attributes_are_taken() -> None:
    """The profile's media type, schema and subject, and a source by OIN."""
    more = {
        "source": "urn:nld:oin:00000001234567890000:systeem:licence-service",
        "datacontenttype": "application/json",
        "dataschema": "https://ledger.example/v1/event-types/ControllerRegistered",
        "subject": "C1",
    }
    assert cloudevent.parse(json.dumps({**GOOD, **more}).encode()).system == "licence-service"


@pytest.mark.parametrize(
    "raw",
    [
        b'{"specversion":"1.0","specversion":"1.0"}',
        b"\xef\xbb\xbf{}",
        b"[]",
        b'{"id":NaN}',
        b"[" * 20_000,
        b'{"id":"\\u0000"}',
        b'{"id":"\\ud800"}',
        b'{"id":"\xff"}',
        b'{"id":9007199254740993}',
        b"",
    ],
)
def test_json_that_can_be_read_in_two_ways_is_refused(raw: bytes) -> None:
    """The payload is read strictly, and whoever sent it is told so."""
    with pytest.raises(CloudEventMalformed):
        cloudevent.parse(raw)


@pytest.mark.parametrize("name", cloudevent.REQUIRED)
def test_a_missing_attribute_is_named(name: str) -> None:
    """Each required attribute is asked for."""
    with pytest.raises(CloudEventMalformed, match=name):
        cloudevent.parse(json.dumps({k: v for k, v in GOOD.items() if k != name}).encode())


@pytest.mark.parametrize("version", ["v2", "v01", "v1 "])
def test_an_unknown_version_is_not_guessed(version: str) -> None:
    """Only the exact type is known."""
    kind = GOOD["type"].removesuffix("v1") + version
    with pytest.raises(UnknownEventType):
        cloudevent.parse(json.dumps({**GOOD, "type": kind}).encode())


def test_a_payload_over_the_limit_is_refused() -> None:
    """32 KiB fit, one byte more does not."""
    data = json.dumps(GOOD)[:-1].encode()
    filled = data + b" " * (cloudevent.MAX_PAYLOAD - len(data) - 1) + b"}"
    assert cloudevent.parse(filled).id == "crm-1"
    with pytest.raises(TooLarge):
        cloudevent.parse(filled[:-1] + b" }")


def test_what_is_formatted_is_read_back() -> None:
    """A producer's event means what it said, with the offset it gave."""
    moment = datetime(2026, 7, 1, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    payload = cloudevent.format(
        id="e",
        source=GOOD["source"],
        type="ControllerRegistered",
        time=moment,
        occurred_at=moment,
        data=GOOD["data"],
    )
    event = cloudevent.parse(payload)
    assert (event.time, event.occurred_at) == (moment, moment)
    assert event.raw["occurredat"].endswith("+02:00")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(sorted({*GOOD, "subject", "x"})), JSON))
def test_no_json_does_more_than_be_refused(change: dict[str, Any]) -> None:
    """Whatever an attribute holds, the answer is an event or a refusal."""
    payload = json.dumps({**GOOD, **change}).encode()
    with suppress(Refused):
        cloudevent.parse(payload)


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(payload: bytes) -> None:
    """Arbitrary bytes are refused."""
    with pytest.raises(Refused):
        cloudevent.parse(payload)
