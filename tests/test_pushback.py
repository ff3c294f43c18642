"""More requests than there is room for: refused at once, as problems, and room comes back."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from api.pushback import BEAT, PushBack
from tests.ledgers import TestLedger
from tests.serving import reader


def test_only_so_many_requests_are_let_in() -> None:
    """The third of three is refused with Retry-After while two are inside; later it is let in."""

    async def run() -> list[dict[str, Any]]:
        go = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await go.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})

        guarded, answers = PushBack(app, most=2, late=60), []

        async def send(message: Any) -> None:
            answers.append(message)

        async def request() -> None:
            await guarded({"type": "http"}, None, send)  # type: ignore[arg-type]

        inside = [asyncio.create_task(request()) for _ in range(2)]
        await asyncio.sleep(0)
        await request()
        go.set()
        await asyncio.gather(*inside)
        await request()
        return answers

    answers = asyncio.run(run())
    starts = [a["status"] for a in answers if a["type"] == "http.response.start"]
    assert starts == [503, 200, 200, 200]
    assert (b"retry-after", b"1") in answers[0]["headers"]
    assert json.loads(answers[1]["body"])["type"] == "/v1/problems/busy"


def test_nobody_is_let_in_while_the_loop_is_late() -> None:
    """Whoever comes when the loop was late twice in a row is refused, until it is in time again;
    being late once turns nobody away."""

    async def run() -> list[int]:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})

        guarded, statuses = PushBack(app, most=2, late=0.2), []

        async def send(message: Any) -> None:
            statuses.append(message.get("status"))

        async def request() -> None:
            await guarded({"type": "http"}, None, send)  # type: ignore[arg-type]

        await request()
        for _ in range(2):
            time.sleep(BEAT + 0.3)
            await asyncio.sleep(0.001)  # the loop comes round
            await request()
        await asyncio.sleep(2 * BEAT)
        await request()
        return [status for status in statuses if status]

    assert asyncio.run(run()) == [200, 200, 503, 200]


def test_a_request_that_fails_makes_room() -> None:
    """Leaving by an error counts as leaving."""

    async def run() -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            raise RuntimeError

        guarded = PushBack(app, most=1, late=60)
        for _ in range(3):
            try:
                await guarded({"type": "http"}, None, None)  # type: ignore[arg-type]
            except RuntimeError:
                continue
            raise AssertionError("the application was not called")

    asyncio.run(run())


def test_streams_leave_room_for_other_requests(ledger: TestLedger) -> None:
    """The streams that are one too many are refused, and a closed stream makes room again."""
    with reader(ledger) as http:
        for _ in range(60):
            with http.stream("GET", "/v1/events/stream") as stream:
                assert stream.status_code == 200
                next(stream.iter_lines())
        assert http.get("/v1/checkpoint").status_code == 200
