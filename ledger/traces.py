"""Spans of what this program does, for OpenTelemetry; they go nowhere until the operator says where
(`api/traces.py`).

A span tells what was done, how long it took and how many events it was about. It holds nothing of
an event, a question or an error: an exception may repeat what somebody sent, so none is recorded.
`tests/test_traces.py` reads every byte that leaves.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind

tracer = trace.get_tracer("verantwoord")


def traced(name: str, kind: SpanKind = SpanKind.INTERNAL) -> AbstractContextManager[Span]:
    """A span around a block, within that of whoever called."""
    return tracer.start_as_current_span(
        name, kind=kind, record_exception=False, set_status_on_exception=False
    )
