"""Limits by the minute: of a reader, of an address that appends, of an address that is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import psycopg

from api.rate import Limits
from ledger import keys
from ledger.roles import Role
from tests.door import Door
from tests.ledgers import TestLedger
from tests.serving import serving
from tests.test_api import problem

INSTRUCTION = (
    "InstructionReceived",
    {"instruction_id": "I-1", "controller_id": "C1", "channel": "email"},
)

Owner = Callable[[], psycopg.Connection]


@contextmanager
def door(made: TestLedger, owner: Owner, limits: Limits) -> Iterator[Door]:
    """A served ledger with limits."""
    with serving(made, limits=limits) as url:
        yield Door(made, url, owner)


def ask(door: Door, token: str | None) -> httpx.Response:
    """What a question is answered with."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.get(f"{door.url}/v1/rules", headers=headers)


def statuses(door: Door, token: str | None, times: int = 1) -> list[int]:
    """What so many questions are answered with."""
    return [ask(door, token).status_code for _ in range(times)]


def test_a_reader_asks_so_much_in_a_minute(ledger: TestLedger, owner: Owner) -> None:
    """Then it is told when to come back; another reader, and the operator, are not held up."""
    with door(ledger, owner, Limits(reads=3)) as served:
        token = served.token(Role.PRIVACY_OFFICER, holder="officer-1")
        assert statuses(served, token, 4) == [200, 200, 200, 429]
        refused = ask(served, token)
        problem(refused, 429, "too-many")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        # Another token of the same holder is no way round.
        assert statuses(served, served.token(Role.PRIVACY_OFFICER, holder="officer-1")) == [429]
        assert statuses(served, served.token(Role.PRIVACY_OFFICER, holder="officer-2")) == [200]
        assert statuses(served, ledger.home.token_file.read_text(), 10) == [200] * 10


def test_an_address_that_tries_tokens_is_turned_away(ledger: TestLedger, owner: Owner) -> None:
    """Also with one that is in force, which may have been found by trying."""
    with door(ledger, owner, Limits(refusals=3)) as served:
        good = served.token(Role.PRIVACY_OFFICER)
        assert statuses(served, "vrw_guessed", 2) == [401, 401]
        assert statuses(served, good, 5) == [200] * 5
        assert statuses(served, None) == [401]
        assert statuses(served, "vrw_guessed") == [429]
        assert statuses(served, good) == [429]
        assert httpx.get(f"{served.url}/healthz").status_code == 200


def test_an_address_that_tries_keys_is_turned_away(ledger: TestLedger, owner: Owner) -> None:
    """Events that nobody signed who may are refused at once, before their signatures are looked at,
    one by one or in a batch; what else is wrong with an event is no such thing."""
    with door(ledger, owner, Limits(refusals=3)) as served:
        forged = ledger.sign(*INSTRUCTION, key=keys.make_key("k-helpdesk"))
        events = f"{served.url}/v1/events"
        assert httpx.post(events, content=forged).status_code == 403
        for _ in range(5):
            assert httpx.post(events, content=b"{").status_code == 400
        batch = httpx.post(f"{events}:batch", content=b"\n".join([forged] * 3))
        assert [answer["status"] for answer in batch.json()["answers"]] == [403] * 3
        assert (
            httpx.post(events, content=ledger.instruction(next(ledger.numbers))).status_code == 429
        )
        assert (
            httpx.post(
                f"{events}:batch", content=ledger.instruction(next(ledger.numbers))
            ).status_code
            == 429
        )


def test_an_address_appends_so_much_in_a_minute(ledger: TestLedger, owner: Owner) -> None:
    """A batch that goes over is not taken in part; nobody is limited unless it is asked for."""
    with door(ledger, owner, Limits(appends=3)) as served:
        events = f"{served.url}/v1/events"
        assert (
            httpx.post(events, content=ledger.instruction(next(ledger.numbers))).status_code == 201
        )
        size = ledger.ledger.reader.size()
        batch = b"\n".join(ledger.instruction(next(ledger.numbers)) for _ in range(3))
        assert httpx.post(f"{events}:batch", content=batch).status_code == 429
        assert ledger.ledger.reader.size() == size
        assert (
            httpx.post(events, content=ledger.instruction(next(ledger.numbers))).status_code == 201
        )
    with door(ledger, owner, Limits()) as served:
        assert httpx.post(f"{served.url}/v1/events:batch", content=batch).status_code == 200
