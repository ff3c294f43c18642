"""Sends traces to a collector of OpenTelemetry, where `serve --traces` says so (OTLP over HTTP).

Loaded only then, since it takes libraries that the ledger does not need: `verantwoord[traces]`.
They are sent in the background, and what cannot be sent is dropped: no append waits for a
collector. How much is sampled, headers and further attributes are set as everywhere, by the
variables of OpenTelemetry (`OTEL_TRACES_SAMPLER`, `OTEL_EXPORTER_OTLP_HEADERS` …).
`tests/test_traces.py` is a collector.
"""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def send_to(url: str, process: int) -> None:
    """Send every trace of this process, which has a number, to an address; the rest at its end."""
    about = Resource.create({SERVICE_NAME: "verantwoord", SERVICE_INSTANCE_ID: str(process)})
    provider = TracerProvider(resource=about)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
    trace.set_tracer_provider(provider)
