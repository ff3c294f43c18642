"""Traces: a span for each part of an append, sent to a collector where the operator says so, and
nothing in them of what was sent."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from api.workers import trace
from ledger.errors import ConfigurationError
from ledger.traces import traced
from tests.faults.service import Service
from tests.ledgers import TestLedger
from tests.senders import prepared
from tests.test_workers import until, workers


class Collector:
    """A collector of OpenTelemetry: keeps what it is sent."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.paths: set[str] = set()

    @property
    def requests(self) -> list[ExportTraceServiceRequest]:
        """What was sent, read."""
        return [ExportTraceServiceRequest.FromString(body) for body in self.bodies]

    @property
    def spans(self) -> list[Span]:
        """Every span."""
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def processes(self) -> set[str]:
        """The numbers of the processes that sent any."""
        return {
            attribute.value.string_value
            for request in self.requests
            for resource in request.resource_spans
            for attribute in resource.resource.attributes
            if attribute.key == "service.instance.id"
        }

    def traces(self) -> list[list[Span]]:
        """The spans by the trace they are in."""
        found: dict[bytes, list[Span]] = defaultdict(list)
        for span in self.spans:
            found[span.trace_id].append(span)
        return list(found.values())


@contextmanager
def collecting() -> Iterator[tuple[Collector, str]]:
    """A collector and its address."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.paths.add(self.path)
            collector.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector, f"http://127.0.0.1:{server.server_port}/v1/traces"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def traced_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[TestLedger, Service, Collector]]:
    """A service of two processes that sends its traces to a collector."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
    with collecting() as (collector, url), prepared(tmp_path / "data") as made:
        service = Service(made.home.data, "--workers", "2", "--traces", url)
        service.start()
        assert service.process is not None
        try:
            until(lambda: len(workers(service)) == 1)
            yield made, service, collector
        finally:
            service.process.terminate()
            service.process.communicate(timeout=30)


def test_an_append_is_a_trace_of_its_parts_and_holds_nothing_of_it(
    traced_service: tuple[TestLedger, Service, Collector],
) -> None:
    """Request, append, admission, queue and transaction, within each other and in order, of both
    processes, alone and as a batch; and no byte of what was sent or asked leaves the service."""
    made, service, collector = traced_service
    token = made.home.token_file.read_text().strip()
    own = {"Authorization": f"Bearer {token}"}
    forged = {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}

    def both() -> bool:
        envelope = made.instruction(next(made.numbers), controller="C2")
        answer = httpx.post(f"{service.url}/v1/events", content=envelope, headers=forged)
        assert answer.status_code == 201
        return collector.processes == {"1", "2"}

    until(both, within=120)  # the second process takes a while to come up
    lines = b"\n".join(made.instruction(next(made.numbers)) for _ in range(3))
    assert httpx.post(f"{service.url}/v1/events:batch", content=lines).status_code == 200
    httpx.get(f"{service.url}/v1/registers/processing?controller=C2", headers=own)
    httpx.get(f"{service.url}/v1/events/0", headers={"Authorization": "Bearer Zonnebloem"})
    httpx.post(f"{service.url}/v1/events", content=b'{"payload": "Zonnebloem"}')
    names = {"POST /v1/events", "POST /v1/events:batch", "GET /v1/events/{index}"}
    until(lambda: names <= {span.name for span in collector.spans})
    until(lambda: any(s.name == "append" and not s.parent_span_id for s in collector.spans))

    def appends() -> list[list[Span]]:
        return [t for t in collector.traces() if any(s.name == "transaction" for s in t)]

    until(lambda: all(any(not s.parent_span_id for s in spans) for spans in appends()))
    outermost = set()
    for spans in appends():
        by_name = {span.name: span for span in spans}
        (first,) = (span for span in spans if not span.parent_span_id)
        outermost.add(first.name)
        if first.name != "append":
            assert first.kind == Span.SPAN_KIND_SERVER
            assert by_name["append"].parent_span_id == first.span_id
        assert by_name.keys() == {first.name, "append", "admission", "queue", "transaction"}
        inner = [by_name[name] for name in ("admission", "queue", "transaction")]
        assert all(span.parent_span_id == by_name["append"].span_id for span in inner)
        ends = [span.end_time_unix_nano for span in inner]
        assert ends == sorted(ends)
        assert inner[1].start_time_unix_nano >= inner[0].end_time_unix_nano
    own_events = "append"  # who read was recorded, for which nobody asked
    assert outermost == {"POST /v1/events", "POST /v1/events:batch", own_events}
    batch = next(s for t in appends() for s in t if s.name == "POST /v1/events:batch")
    (transaction,) = (
        s for s in collector.spans if s.trace_id == batch.trace_id and s.name == "transaction"
    )
    assert {a.key: a.value.int_value for a in transaction.attributes}["verantwoord.events"] == 3
    assert bytes.fromhex("ab" * 16) not in {span.trace_id for span in collector.spans}

    assert collector.paths == {"/v1/traces"}
    assert not any(span.events or span.status.message for span in collector.spans)
    sent = b"".join(collector.bodies)
    for secret in ("Zonnebloem", token, "C2", "k-helpdesk", "instruction", "controller", "Bearer"):
        assert secret.encode() not in sent


def test_without_an_address_no_span_is_kept() -> None:
    """Traces are off: a span records nothing."""
    with traced("anything") as span:
        assert not span.is_recording()


def test_a_collector_that_is_away_holds_up_nothing(tmp_path: Path) -> None:
    """Events are appended as ever, and the service ends in time."""
    with prepared(tmp_path / "data") as made:
        service = Service(made.home.data, "--traces", "http://127.0.0.1:1/v1/traces")
        service.start()
        assert service.process is not None
        try:
            for number in range(5):
                answer = httpx.post(f"{service.url}/v1/events", content=made.instruction(number))
                assert answer.status_code == 201
        finally:
            service.process.terminate()
            service.process.communicate(timeout=30)


def test_without_the_libraries_it_is_said_how_to_have_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are an extra: most who run a ledger send no traces."""
    monkeypatch.delitem(sys.modules, "api.traces", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'verantwoord\[traces\]'"):
        trace("http://127.0.0.1:4318/v1/traces", 1)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--metrics", "9480"], "--metrics 9480 is no place to listen"),
        (["--metrics", "127.0.0.1:port"], "--metrics 127.0.0.1:port is no place to listen"),
        (["--traces", "collector:4318"], "--traces collector:4318 is no address"),
    ],
)
def test_where_nothing_can_be_shown_or_sent_is_refused(
    tmp_path: Path, options: list[str], told: str
) -> None:
    """Before anything is served."""
    program = Path(sys.executable).with_name("verantwoord")
    done = subprocess.run(
        [program, "serve", "--data", tmp_path, *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert told in " ".join(done.stderr.split())
