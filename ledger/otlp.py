"""Records of OpenTelemetry in JSON, and the one spelling in which each becomes a line.

Read is what the file exporter of the OpenTelemetry collector writes: on each line an
`ExportTraceServiceRequest` or `ExportLogsServiceRequest`, in the JSON encoding of OTLP 1.x. A
record is a span, or a log record, with the resource and the scope that it stands under:

    {"resource":{…},"resourceSchemaUrl":"…","scope":{…},"scopeSchemaUrl":"…","span":{…}}

written by RFC 8785. Those who pass a record on spell it in several ways, so these are made one:

    ids (traceId, spanId, parentSpanId)       hexadecimal in lower case
    64-bit integers (times, intValue)         decimal text
    doubleValue                               a number; NaN and the infinities stay text
    what is empty, zero, false or null        left out, but for the value of an AnyValue

Lists keep their order. Members that this version of OTLP does not know stay as they are.
`tests/test_otlp.py` has the published examples, and the spellings of one record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import rfc8785

from ledger import strict_json
from ledger.keyring import CIVIL_TIME
from ledger.line_proof import MAX_LINE
from ledger.strict_json import Limits

LIMITS = Limits(depth=64, integer=2**64 - 1, control_characters=True)
"""Attributes nest, some write 64-bit times as numbers, and bodies hold any character."""

MAX_EXPORT = 67_108_864
"""Bytes of one export, which is one line of the file: a batch of the collector."""

IDS = frozenset({"traceId", "spanId", "parentSpanId"})

LONGS = frozenset(
    {"startTimeUnixNano", "endTimeUnixNano", "timeUnixNano", "observedTimeUnixNano", "intValue"}
)

VALUES = frozenset(
    {
        "stringValue",
        "boolValue",
        "intValue",
        "doubleValue",
        "arrayValue",
        "kvlistValue",
        "bytesValue",
    }
)
"""The alternatives of an AnyValue: which one is there says something, also when it is empty."""

KINDS = (
    ("resourceSpans", "scopeSpans", "spans", "span"),
    ("resourceLogs", "scopeLogs", "logRecords", "logRecord"),
)

_HEX = re.compile(r"[0-9A-Fa-f]*")
_LONG = re.compile(r"-?(?:0|[1-9][0-9]{0,19})")


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its line, and the civil day in Europe/Amsterdam on which it began."""

    line: bytes
    day: date


def read(export: bytes) -> Iterator[Record]:
    """The records of one export, in its order. Raises ValueError, which repeats nothing of it."""
    request = strict_json.loads(export, LIMITS)
    if not isinstance(request, dict):
        raise ValueError("an export is an object")
    known = [kind for kind in KINDS if kind[0] in request]
    if len(known) != 1 or len(request) != 1:
        raise ValueError("an export has resourceSpans or resourceLogs, and nothing else")
    of_resources, of_scopes, of_records, name = known[0]
    for resource in _objects(request, of_resources):
        for scope in _objects(resource, of_scopes):
            for record in _objects(scope, of_records):
                whole = {
                    "resource": resource.get("resource"),
                    "resourceSchemaUrl": resource.get("schemaUrl"),
                    "scope": scope.get("scope"),
                    "scopeSchemaUrl": scope.get("schemaUrl"),
                    name: record,
                }
                yield Record(_canonical(whole), _day(record))


def _objects(parent: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = parent.get(name, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ValueError(f"{name} is a list of objects")
    return found


def _canonical(record: Mapping[str, Any]) -> bytes:
    try:
        line = rfc8785.dumps(_spelled(record))
    except rfc8785.CanonicalizationError:
        raise ValueError("a record holds a number that RFC 8785 does not write") from None
    if len(line) > MAX_LINE:
        raise ValueError(f"a record has at most {MAX_LINE} bytes")
    return line


def _spelled(value: Any) -> Any:
    if isinstance(value, Mapping):
        spelled = {name: _member(name, each) for name, each in value.items()}
        return {name: each for name, each in spelled.items() if name in VALUES or not _empty(each)}
    # What is empty in a list is an item all the same.
    return [_spelled(each) for each in value] if isinstance(value, list) else value


def _member(name: str, value: Any) -> Any:
    if name in IDS:
        if not isinstance(value, str) or _HEX.fullmatch(value) is None:
            raise ValueError(f"{name} is hexadecimal text")
        return value.lower()
    if name in LONGS:
        return _long(name, value)
    if name == "doubleValue" and type(value) is int:
        return float(value)
    return _spelled(value)


def _long(name: str, value: Any) -> str | None:
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or _LONG.fullmatch(text) is None:
        raise ValueError(f"{name} is a whole number")
    # A time of zero is none; an intValue of zero is one.
    return None if text == "0" and name not in VALUES else text


def _empty(value: Any) -> bool:
    return value in (None, "", 0, [], {})


def _day(record: Mapping[str, Any]) -> date:
    """When a span began; when a log record happened, or was observed where nothing else is said."""
    for name in ("startTimeUnixNano", "timeUnixNano", "observedTimeUnixNano"):
        text = _long(name, record.get(name, 0))
        if text is not None:
            return _civil(int(text))
    raise ValueError("a record has no time")


def _civil(nanoseconds: int) -> date:
    try:
        moment = datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC)
        return moment.astimezone(CIVIL_TIME).date()
    except (OverflowError, ValueError, OSError):
        raise ValueError("the time of a record is not in the calendar") from None
