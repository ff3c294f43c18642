"""Counts every HTTP answer by its status, and makes a span of each request.

It stands before everything else, so what is turned away at the door counts too. A span has the
route as it is written in the program, `/v1/events/{index}`, and neither the address nor the
headers that were sent: they name controllers and hold tokens. What a client says about its own
trace is not taken over, since anybody may say anything. `tests/test_metrics.py`,
`tests/test_traces.py`.
"""

from __future__ import annotations

from opentelemetry.trace import Span, SpanKind
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ledger.metrics import Metrics
from ledger.traces import traced

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Observed:
    """An application whose answers are counted and traced."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answered = False
        with traced("HTTP", SpanKind.SERVER) as span:

            def count(status: int) -> None:
                nonlocal answered
                answered = True
                self._metrics.answered(status)
                _describe(span, scope, status)

            async def send_and_count(message: Message) -> None:
                if message["type"] == "http.response.start":
                    count(message["status"])
                await send(message)

            try:
                await self._app(scope, receive, send_and_count)
            except Exception:
                if not answered:
                    count(500)  # which is answered outside of all that is added to an application
                raise


def _describe(span: Span, scope: Scope, status: int) -> None:
    if not span.is_recording():
        return
    method = scope["method"] if scope["method"] in METHODS else "_OTHER"
    route = getattr(scope.get("route"), "path", None)
    span.update_name(f"{method} {route}" if route else method)
    span.set_attribute("http.request.method", method)
    span.set_attribute("http.response.status_code", status)
    if route:
        span.set_attribute("http.route", route)
