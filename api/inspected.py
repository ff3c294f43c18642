"""Has it recorded who reads: every answer to a question about records, and every refusal of one.

A route that names what it reads (`api/access.py`) leaves the name and the holder in the state of
the request; here the status of the answer is seen. `tests/test_inspections.py` asks each of them.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ledger.inspections import Inspection, Inspections

REFUSALS = frozenset({401, 403, 404})
"""Not found is among them: whether there is something is what a refusal does not tell."""


class Inspected:
    """An application of which each inspection is recorded."""

    def __init__(self, app: ASGIApp, inspections: Inspections) -> None:
        self._app = app
        self._inspections = inspections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._note(scope, message["status"])
            await send(message)

        await self._app(scope, receive, send_and_note)

    def _note(self, scope: Scope, status: int) -> None:
        told = scope.get("state", {})
        register = told.get("inspects")
        if register is None or (status >= 400 and status not in REFUSALS):
            return
        question = f"{scope['method']} {scope['path']}"
        if scope["query_string"]:
            question += f"?{scope['query_string'].decode('latin-1')}"
        self._inspections.note(
            Inspection(
                told.get("holder"),
                register,
                question,
                refused=status in REFUSALS,
                unsealed=told.get("unsealed", False) and status not in REFUSALS,
                size=told.get("rests_on"),
            )
        )
