"""Other sites cannot have a browser change anything here; programs are not asked where they are."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import psycopg
import pytest

from ledger.roles import Role
from tests.door import Door
from tests.ledgers import TestLedger
from tests.serving import serving
from tests.test_api import problem

Owner = Callable[[], psycopg.Connection]

ELSEWHERE = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "OWN"},
    {"Sec-Fetch-Site": "new in 2030"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://["},
    {"Origin": "OWN.evil.example"},
]
HERE: list[dict[str, str]] = [
    {},
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://behind.a.proxy"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "OWN"},
]


def headers(said: dict[str, str], url: str) -> dict[str, str]:
    """What a browser says, with the origin of this service in it."""
    return {name: value.replace("OWN", url) for name, value in said.items()}


@pytest.mark.parametrize("said", ELSEWHERE, ids=str)
def test_what_another_site_sends_is_refused(ledger: TestLedger, said: dict[str, str]) -> None:
    """Whatever it is, and before anything is looked at; reading is left to the browser."""
    with serving(ledger) as url:
        for path in ("/sign-out", "/sign-in/link", "/v1/erasures", "/v1/checks", "/v1/events"):
            answer = httpx.post(f"{url}{path}", headers=headers(said, url))
            assert "Another site" in problem(answer, 403, "not-allowed")["detail"]
        assert httpx.get(f"{url}/healthz", headers=headers(said, url)).status_code == 200


@pytest.mark.parametrize("said", HERE, ids=str)
def test_what_this_site_or_a_program_sends_is_taken(
    ledger: TestLedger, owner: Owner, said: dict[str, str]
) -> None:
    """It is asked for its token or signature, as ever."""
    with serving(ledger) as url:
        door = Door(ledger, url, owner)
        token = {"Authorization": f"Bearer {door.token(Role.PRIVACY_OFFICER)}"}
        sent = headers(said, url)
        asked = httpx.post(f"{url}/v1/checks", json={}, headers={**sent, **token})
        assert asked.status_code == 422
        event = httpx.post(f"{url}/v1/events", content=ledger.instruction(1), headers=sent)
        assert event.status_code == 201
