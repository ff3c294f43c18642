"""The interface is as it describes itself, to everybody; and nobody gets across by trying.

schemathesis makes calls from the description, right ones and wrong ones, as each role, as nobody,
and as a controller of the scenario.
"""

from __future__ import annotations

from collections.abc import Callable

import httpx
import psycopg
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core import NOT_SET
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ledger.opening import Ledger
from ledger.roles import Role
from tests.check_ledger import check_ledger
from tests.door import Door
from tests.ledgers import TestLedger, enrol
from tests.serving import serving
from tests.test_isolation import CONTROLLERS, client, feed, scenario, url

__all__ = ["scenario", "url"]

Owner = Callable[[], psycopg.Connection]
Heard = Callable[[schemathesis.Response], None]

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

ENDLESS = "/v1/events/stream"
"""What does not end by itself; `tests/test_api.py` reads it."""

OWN = "C1"

MANY = 10
"""Calls of a route, of which each run makes others; fewer are the same each time."""


@schemathesis.serializer("application/x-ndjson")
def lines(_: object, value: object) -> bytes:
    """A batch, or what is none."""
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


def call_everything(http: httpx.Client, times: int, heard: Heard = lambda _: None) -> set[int]:
    """Call every route so many times, right and wrong, and hold each answer to the description;
    the statuses that came."""
    described = http.get("/v1/openapi.json").json()
    del described["paths"][ENDLESS]
    schema = schemathesis.openapi.from_dict(described)
    statuses = set()
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @settings(
                max_examples=times,
                deadline=None,
                database=None,
                derandomize=times < MANY,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def call(case: schemathesis.Case) -> None:
                if case.query not in (None, NOT_SET):
                    case.query.pop("wait", None)  # it would be waited for
                answer = case.call(
                    base_url=str(http.base_url).rstrip("/"),
                    headers={"Authorization": http.headers.get("Authorization", "")},
                )
                case.validate_response(answer, checks=CHECKS)
                statuses.add(answer.status_code)
                heard(answer)

            try:
                call()
            except Unsatisfiable:
                assert mode is GenerationMode.NEGATIVE  # where nothing is sent, nothing is wrong
    return statuses


@pytest.mark.parametrize("role", [None, *Role], ids=str)
def test_every_answer_is_as_it_is_described(
    ledger: TestLedger, owner: Owner, role: Role | None
) -> None:
    """Whatever is sent, and whoever sends it."""
    asked_of_everything(ledger, owner, role, 2)


def asked_of_everything(ledger: TestLedger, owner: Owner, role: Role | None, times: int) -> None:
    """Ask everything of a served ledger as a role, so many times; the ledger is sound after it."""
    ledger.fill(5)
    key = enrol(ledger, "k-asks", "asks").key_id
    with serving(ledger) as address:
        door = Door(ledger, address, owner)
        options = {
            Role.CONTROLLER_READER: {"controllers": [OWN]},
            Role.AUDITOR: {"controllers": [OWN], "registers": ["processing", "events"]},
            Role.SERVICE: {"key_id": key},
        }
        token = door.token(role, **options.get(role, {})) if role else "nobody"
        with door.with_(token) as http:
            statuses = call_everything(http, times)
    check_ledger(ledger)
    assert 200 in statuses
    assert (403 in statuses) == (role not in (None, Role.OPERATOR))
    assert (401 in statuses) == (role is None)


@pytest.mark.long
@pytest.mark.parametrize("role", [None, *Role], ids=str)
def test_every_answer_is_as_it_is_described_however_long_one_tries(
    ledger: TestLedger, owner: Owner, role: Role | None
) -> None:
    """The same, many times."""
    asked_of_everything(ledger, owner, role, MANY)


def test_no_call_gets_across(scenario: Ledger, url: str) -> None:
    """What a controller hears, whatever it asks and in whichever wrong way, names no other."""
    names = {
        event["data"]["controller_id"]: event["data"]["legal_name"]
        for event in feed()
        if event["type"] == "ControllerRegistered"
    }
    others = [names[other] for other in CONTROLLERS if other != OWN]
    heard: list[str] = []

    def hear(answer: schemathesis.Response) -> None:
        text = answer.content.decode(errors="replace")  # files have tests of their own
        heard.append(text)
        assert not [other for other in others if other in text], answer.request.url

    with client(scenario, url, OWN) as http:
        assert 200 in call_everything(http, 4, hear)
    assert any(names[OWN] in text for text in heard)
