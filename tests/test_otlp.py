"""Records of OpenTelemetry: one spelling of each, whoever passed it on, and the day it is of."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import otlp

TRACE: dict[str, Any] = {
    "resourceSpans": [
        {
            "resource": {
                "attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]
            },
            "scopeSpans": [
                {
                    "scope": {
                        "name": "my.library",
                        "version": "1.0.0",
                        "attributes": [
                            {
                                "key": "my.scope.attribute",
                                "value": {"stringValue": "some scope attribute"},
                            }
                        ],
                    },
                    "spans": [
                        {
                            "traceId": "5B8EFFF798038103D269B633813FC60C",
                            "spanId": "EEE19B7EC3C1B174",
                            "parentSpanId": "EEE19B7EC3C1B173",
                            "name": "I'm a server span",
                            "startTimeUnixNano": 1544712660000000000,
                            "endTimeUnixNano": 1544712661000000000,
                            "kind": 2,
                            "attributes": [
                                {"key": "my.span.attr", "value": {"stringValue": "some value"}}
                            ],
                        }
                    ],
                }
            ],
        }
    ]
}
"""The example of a trace in the repository of OTLP, as it is published there."""

LOGS: dict[str, Any] = {
    "resourceLogs": [
        {
            "resource": {
                "attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]
            },
            "scopeLogs": [
                {
                    "scope": {"name": "my.library", "version": "1.0.0"},
                    "logRecords": [
                        {
                            "timeUnixNano": 1544712660300000000,
                            "observedTimeUnixNano": 1544712660300000000,
                            "severityText": "Information",
                            "traceId": "5B8EFFF798038103D269B633813FC60C",
                            "spanId": "EEE19B7EC3C1B174",
                            "body": {"stringValue": "Example log record"},
                            "attributes": [
                                {"key": "boolean.attribute", "value": {"boolValue": True}},
                                {"key": "int.attribute", "value": {"intValue": 10}},
                                {"key": "double.attribute", "value": {"doubleValue": 637.704}},
                                {
                                    "key": "array.attribute",
                                    "value": {
                                        "arrayValue": {
                                            "values": [
                                                {"stringValue": "many"},
                                                {"stringValue": "values"},
                                            ]
                                        }
                                    },
                                },
                                {
                                    "key": "map.attribute",
                                    "value": {
                                        "kvlistValue": {
                                            "values": [
                                                {
                                                    "key": "some.map.key",
                                                    "value": {"stringValue": "some value"},
                                                }
                                            ]
                                        }
                                    },
                                },
                            ],
                        }
                    ],
                }
            ],
        }
    ]
}
"""The example of a log record there, with one attribute of each kind."""


def read(export: object) -> list[otlp.Record]:
    return list(otlp.read(json.dumps(export).encode()))


def test_the_published_trace_is_read() -> None:
    """As one line, in the spelling that docs/reference/formats.md tells."""
    (record,) = read(TRACE)
    assert record.day == date(2018, 12, 13)
    assert record.line.decode() == (
        '{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"my.service"}}]},'
        '"scope":{"attributes":[{"key":"my.scope.attribute",'
        '"value":{"stringValue":"some scope attribute"}}],"name":"my.library","version":"1.0.0"},'
        '"span":{"attributes":[{"key":"my.span.attr","value":{"stringValue":"some value"}}],'
        '"endTimeUnixNano":"1544712661000000000","kind":2,"name":"I\'m a server span",'
        '"parentSpanId":"eee19b7ec3c1b173","spanId":"eee19b7ec3c1b174",'
        '"startTimeUnixNano":"1544712660000000000","traceId":"5b8efff798038103d269b633813fc60c"}}'
    )


def test_the_published_log_record_is_read() -> None:
    """With attributes of every kind, and arrays in maps deeper than an event may nest."""
    (record,) = read(LOGS)
    assert record.day == date(2018, 12, 13)
    said = json.loads(record.line)["logRecord"]
    assert said["timeUnixNano"] == "1544712660300000000"
    assert said["attributes"][1]["value"] == {"intValue": "10"}
    assert said["attributes"][2]["value"] == {"doubleValue": 637.704}


def respelled(value: Any, name: str = "") -> Any:
    """The same export as another program would write it."""
    if isinstance(value, dict):
        turned = {key: respelled(each, key) for key, each in reversed(value.items())}
        return (
            {**turned, "schemaUrl": "", "droppedAttributesCount": 0} if "spans" in value else turned
        )
    if isinstance(value, list):
        return [respelled(each) for each in value]
    if name.endswith("Nano") or name == "intValue":
        return str(value)
    return value.lower() if name.endswith("Id") else value


@pytest.mark.parametrize("export", [TRACE, LOGS], ids=["trace", "logs"])
def test_one_record_has_one_spelling(export: dict[str, Any]) -> None:
    """Other orders, numbers as text, ids in lower case, empty members: the same line."""
    other = respelled(export)
    assert json.dumps(other) != json.dumps(export)
    assert read(other) == read(export)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        ("name", "I'm another span"),
        ("kind", 3),
        ("traceId", "5B8EFFF798038103D269B633813FC60D"),
        ("endTimeUnixNano", 1544712661000000001),
        ("status", {"code": 2}),
        ("attributes", []),
        ("unknownMember", "kept"),
    ],
)
def test_a_record_that_says_something_else_is_another_line(at: str, value: object) -> None:
    """Also by a nanosecond beyond what a double holds, and by a member that nobody knows."""
    other = json.loads(json.dumps(TRACE))
    other["resourceSpans"][0]["scopeSpans"][0]["spans"][0][at] = value
    assert read(other)[0].line != read(TRACE)[0].line


def test_the_resource_belongs_to_the_record() -> None:
    """Which service wrote it is fixed with it."""
    other = json.loads(json.dumps(TRACE).replace("my.service", "other.service"))
    assert read(other)[0].line != read(TRACE)[0].line


@pytest.mark.parametrize("value", [{"intValue": 0}, {"boolValue": False}, {"stringValue": ""}])
def test_a_value_that_is_empty_is_a_value(value: dict[str, object]) -> None:
    """An attribute that is zero is not an attribute without a value."""
    attribute: dict[str, object] = {"key": "a", "value": value}
    export = json.loads(json.dumps(TRACE))
    span = export["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    span["attributes"] = [attribute]
    with_value = read(export)
    span["attributes"] = [{"key": "a"}]
    assert with_value != read(export)


def span_at(moment: datetime) -> dict[str, Any]:
    export: dict[str, Any] = json.loads(json.dumps(TRACE))
    nanoseconds = int(moment.timestamp()) * 1_000_000_000
    export["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["startTimeUnixNano"] = nanoseconds
    return export


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        # 29 March 2026 has 23 hours, 25 October 25.
        (datetime(2026, 3, 28, 22, 59, 59, tzinfo=UTC), date(2026, 3, 28)),
        (datetime(2026, 3, 28, 23, 0, 0, tzinfo=UTC), date(2026, 3, 29)),
        (datetime(2026, 3, 29, 21, 59, 59, tzinfo=UTC), date(2026, 3, 29)),
        (datetime(2026, 3, 29, 22, 0, 0, tzinfo=UTC), date(2026, 3, 30)),
        (datetime(2026, 10, 24, 21, 59, 59, tzinfo=UTC), date(2026, 10, 24)),
        (datetime(2026, 10, 24, 22, 0, 0, tzinfo=UTC), date(2026, 10, 25)),
        (datetime(2026, 10, 25, 22, 59, 59, tzinfo=UTC), date(2026, 10, 25)),
        (datetime(2026, 10, 25, 23, 0, 0, tzinfo=UTC), date(2026, 10, 26)),
    ],
)
def test_a_day_is_one_of_the_clock_on_the_wall(moment: datetime, day: date) -> None:
    """In Europe/Amsterdam, with 23 or 25 hours when the clocks change."""
    assert [record.day for record in read(span_at(moment))] == [day]


def test_a_log_record_without_a_time_is_of_when_it_was_observed() -> None:
    """As OTLP says; one with neither is refused."""
    export = json.loads(json.dumps(LOGS))
    record = export["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    record["timeUnixNano"] = "0"
    record["observedTimeUnixNano"] = "1767225600000000000"
    assert read(export)[0].day == date(2026, 1, 1)
    del record["observedTimeUnixNano"]
    with pytest.raises(ValueError, match="no time"):
        read(export)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"[]", "is an object"),
        (b"{}", "resourceSpans or resourceLogs"),
        (b'{"resourceMetrics":[]}', "resourceSpans or resourceLogs"),
        (b'{"resourceSpans":[],"resourceLogs":[]}', "resourceSpans or resourceLogs"),
        (b'{"resourceSpans":{}}', "is a list of objects"),
        (b'{"resourceSpans":[1]}', "is a list of objects"),
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}', "has no time"),
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":7}]}]}]}', "hexadecimal"),
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"W47/95"}]}]}]}', "hexadecimal"),
        (
            b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"1e9"}]}]}]}',
            "whole number",
        ),
        (
            b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"-9'
            + b"9" * 19
            + b'"}]}]}]}',
            "not in the calendar",
        ),
        (b'{"resourceSpans":[],"resourceSpans":[]}', "same key twice"),
        (b'{"resourceSpans":' + b"[" * 100 + b"]" * 100 + b"}", "nests deeper"),
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"\\ud800"}]}]}]}', "surrogate"),
        (
            b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"x":9007199254740993,'
            b'"startTimeUnixNano":1}]}]}]}',
            "RFC 8785",
        ),
        (b"\xff", "UTF-8"),
        (b"not json", "Expecting value"),
    ],
)
def test_what_is_no_export_is_refused(text: bytes, told: str) -> None:
    """With a reason that repeats nothing of it."""
    with pytest.raises(ValueError, match=told) as refused:
        list(otlp.read(text))
    assert "W47" not in str(refused.value)


@given(st.binary(max_size=60) | st.text().map(lambda text: json.dumps([text]).encode()))
def test_nothing_hostile_raises_another_error(text: bytes) -> None:
    """Whatever comes, it is an export or a ValueError."""
    with suppress(ValueError):
        list(otlp.read(text))


def test_a_body_may_hold_what_a_terminal_would_run() -> None:
    """Control characters are the log's business; they are kept, escaped."""
    export = json.loads(json.dumps(LOGS))
    body = {"stringValue": "\u001b[31mred\u0000"}
    export["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["body"] = body
    assert b"\\u001b[31mred\\u0000" in read(export)[0].line
