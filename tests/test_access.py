"""Every route declares who may call it, and answers nobody else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from fastapi import APIRouter, FastAPI

from api.access import READS, SIGNED, Allowed, Open, Signed, declared
from api.app import ROUTERS, create_app
from api.desk.shown import Shown
from api.desk.writing import Written
from api.state import State
from ledger.roles import EVERYBODY, READERS, WATCHERS, Role
from projections.follow import Follower
from tests.door import Door, opened
from tests.ledgers import TestLedger, enrol
from tests.test_api import HASHES, PAGES, PUBLIC, problem

Owner = Callable[[], psycopg.Connection]

POSTED = {"/sign-in/ended", "/sign-out"}
OPEN = {f"GET {path}" for path in PUBLIC | PAGES - POSTED} - {"GET /v1/openapi.json"}
OPEN |= {f"POST {path}" for path in POSTED | {"/sign-in/link"}}
APPENDS = {"POST /v1/events", "POST /v1/events:batch"}
ERASES = {"GET /v1/sealing-keys", "POST /v1/erasures"}
WHOLE = {
    "GET /log/tile/entries/{place:path}",
    "GET /v1/events/stream",
    "GET /v1/timestamps",
    "GET /v1/witnesses",
}
"""What cannot be shown in part."""

OF_SERVICES = {
    "GET /v1/events/{index}",
    "GET /v1/events/{index}/proof",
    "GET /v1/dossiers",
    "GET /v1/frameworks",
    "GET /v1/frameworks/{framework}/catalog",
    "GET /v1/frameworks/{framework}/crosswalk",
    "GET /v1/registers",
    "GET /v1/registers/{name}/csvw",
    "GET /v1/registers/{name}/schema",
    "GET /v1/rules",
    "POST /v1/checks",
}
"""What services ask as well."""


def every_route() -> dict[str, Any]:
    """What each route of the application declares."""
    return declared(route for router in ROUTERS for route in router.routes)


def expected(name: str) -> frozenset[Role]:
    """Who may call a route, said another way than the routes say it."""
    if name.removeprefix("GET ").replace(":path", "") in HASHES:
        return EVERYBODY
    if name in WHOLE:
        return WATCHERS
    if name in ERASES:
        return frozenset({Role.OPERATOR, Role.PRIVACY_OFFICER})
    if name == "POST /v1/sealing-keys":
        return frozenset({Role.OPERATOR, Role.SERVICE})
    if name == "POST /v1/checks":
        return WATCHERS | {Role.SERVICE}
    if " /requests" in name:
        if name == "POST /requests":
            return frozenset({Role.AUDITOR})
        if name.endswith("/answer"):
            return frozenset({Role.OPERATOR, Role.PRIVACY_OFFICER})
        return WATCHERS
    if " /declarations" in name:
        return frozenset({Role.CONTROLLER_READER})
    return EVERYBODY if name in OF_SERVICES else READERS


def test_every_route_declares_who_may_call_it() -> None:
    """Open or for roles; which, is said here a second time."""
    for name, said in every_route().items():
        if name in OPEN | APPENDS:
            assert isinstance(said, Signed if name in APPENDS else Open), name
        else:
            assert isinstance(said, Allowed), name
            assert said.roles == expected(name), name
            assert said.whole == (name in WHOLE | ERASES | {"POST /v1/checks"}), name


@pytest.mark.parametrize("said", [[], [READS, SIGNED]], ids=["nothing", "two things"])
def test_a_route_that_declares_nothing_does_not_start(
    ledger: TestLedger, monkeypatch: pytest.MonkeyPatch, said: list[Any]
) -> None:
    """Nor one that declares two things: which of them would count?"""
    router = APIRouter()
    router.add_api_route("/v1/secrets", lambda: {}, dependencies=said)
    monkeypatch.setattr("api.app.ROUTERS", (*ROUTERS, router))
    follower = Follower(ledger.ledger.pool, ledger.ledger.listener)
    try:
        with pytest.raises(TypeError, match="/v1/secrets"):
            create_app(State(ledger.ledger, follower))
    finally:
        follower.close()


def test_nothing_but_the_routes_answers(ledger: TestLedger) -> None:
    """What declares nothing is the OpenAPI document alone."""
    follower = Follower(ledger.ledger.pool, ledger.ledger.listener)
    try:
        app: FastAPI = create_app(State(ledger.ledger, follower))
    finally:
        follower.close()
    told = {name.partition(" ")[2] for name in every_route()}
    assert {getattr(route, "path", None) for route in app.routes} - told == {"/v1/openapi.json"}


@pytest.fixture
def door(ledger: TestLedger, owner: Owner) -> Iterator[Door]:
    with opened(ledger, owner) as made:
        yield made


SCOPES: dict[Role, dict[str, Any]] = {
    Role.CONTROLLER_READER: {"controllers": ["C1"]},
    Role.SERVICE: {"key_id": "k-crm"},
}


@pytest.mark.parametrize("role", Role)
def test_a_role_is_answered_where_it_is_declared_and_nowhere_else(door: Door, role: Role) -> None:
    """403 elsewhere, before anything of the request is looked at."""
    with door.as_(role, **SCOPES.get(role, {})) as client:
        for name, said in every_route().items():
            method, _, path = name.partition(" ")
            if not isinstance(said, Allowed) or path.endswith("/stream"):
                continue
            address = re.sub(r"\{\w+(:path)?\}", "0", path)
            answer = client.request(method, address, json={})
            if isinstance(said, Written):  # a token is no person
                assert (answer.status_code, answer.text[:9]) == (403, "<!doctype"), name
            elif role in said.roles:
                assert answer.status_code not in (401, 403) or "{controller}" in path, name
            elif isinstance(said, Shown):
                assert (answer.status_code, answer.text[:9]) == (403, "<!doctype"), name
            else:
                problem(answer, 403, "not-allowed")


def test_what_cannot_be_shown_in_part_is_not_shown_in_part(door: Door) -> None:
    """An auditor of some controllers, or of some registers, sees no stream and no entry bundle."""
    for scope in ({"controllers": ["C1"]}, {"registers": ["processing"]}):
        with door.as_(Role.AUDITOR, **scope) as client:
            for path in ("/v1/events/stream", "/log/tile/entries/000.p/1", "/v1/witnesses"):
                problem(client.get(path), 403, "not-allowed")


def test_registers_are_granted_by_name(door: Door) -> None:
    """Findings, clocks, events and the export have a name for this too."""
    with door.as_(Role.AUDITOR, registers=["processing", "clocks"]) as client:
        for path in ("/v1/registers/processing", "/v1/clocks", "/v1/registers", "/v1/rules"):
            assert client.get(path).status_code == 200, path
        for path in (
            "/v1/registers/breaches",
            "/v1/findings",
            "/v1/events",
            "/v1/events/0",
            "/v1/events/0/proof",
            "/v1/controllers/C1/export",
        ):
            problem(client.get(path), 403, "not-allowed")


def test_every_token_that_does_not_count_is_answered_alike(door: Door) -> None:
    """Unknown, malformed, revoked and expired: nobody learns which tokens there were."""
    tokens = [door.token(Role.AUDITOR), "vrw_nothing", "x" * 5000, "é", "a b"]
    with door.with_(tokens[0]) as client:
        assert client.get("/v1/findings").status_code == 200
    expired = door.token(Role.AUDITOR)
    door.made.clock.moment += timedelta(days=2)
    tokens.append(expired)
    door.revoke_all()
    answers = []
    for token in tokens:
        with door.with_(token) as client:
            answer = client.get("/v1/findings")
        problem(answer, 401, "token-needed")
        answers.append((answer.content, answer.headers["www-authenticate"]))
    assert len(set(answers)) == 1


def test_a_token_ends_at_the_next_request(door: Door) -> None:
    """Nothing remembers it."""
    with door.as_(Role.PRIVACY_OFFICER) as client:
        assert client.get("/v1/findings").status_code == 200
        door.revoke_all()
        problem(client.get("/v1/findings"), 401, "token-needed")


def test_a_service_reads_what_it_signed(door: Door) -> None:
    """With its receipt; what others signed is not there for it. Its token ends with its key."""
    enrol(door.made, "k-new", "crm")
    data = {"controller_id": "C4", "legal_name": "Praktijk C4"}
    own = door.made.append("ControllerRegistered", data, service="crm").index
    (other,) = door.made.fill(1)
    with (
        door.as_(Role.SERVICE, key_id="k-crm") as client,
        door.as_(Role.SERVICE, key_id="k-new") as newer,
    ):
        for path in (f"/v1/events/{own}", f"/v1/events/{own}/proof"):
            assert client.get(path).status_code == 200
            problem(newer.get(path), 404, "not-found")
        problem(client.get(f"/v1/events/{other.index}"), 404, "not-found")
        problem(client.get("/v1/events"), 403, "not-allowed")
        revocation = {"key_id": "k-new", "suspect_since": "2026-01-01"}
        door.made.append("SigningKeyRevoked", revocation, service="administrator")
        problem(newer.get("/v1/rules"), 401, "token-needed")
        assert client.get("/v1/rules").status_code == 200


def test_a_service_asks_what_an_act_would_bring(door: Door) -> None:
    """Before it does it; nothing is written."""
    size = door.made.ledger.reader.size()
    act = {
        "type": "InstructionReceived",
        "data": {"instruction_id": "I-1", "controller_id": "C1", "channel": "email"},
    }
    with door.as_(Role.SERVICE, key_id="k-crm") as client:
        assert client.post("/v1/checks", json=act).status_code == 200
    assert door.made.ledger.reader.size() == size
