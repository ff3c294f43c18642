"""The HTTP interface, over a real port: append, read, prove, subscribe; every error a problem."""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from api import problems
from api.app import ROUTERS, VERSION
from api.events import BATCH_LIMIT, ENVELOPE_LIMIT, BatchAnswers, Receipt
from ledger import checkpoint, errors, receipt
from ledger.errors import LedgerError
from ledger.merkle import check_consistency
from projections.follow import Follower
from tests.check_ledger import check_ledger
from tests.ledgers import TestLedger
from tests.serving import reader, serving

PUBLIC = {
    "/v1/openapi.json",
    "/v1/event-types",
    "/v1/event-types/{name}",
    "/v1/problems",
    "/v1/problems/{code}",
    "/healthz",
    "/readyz",
}
PAGES = {
    "/",
    "/assets/{name}",
    "/language/{language}",
    "/sign-in",
    "/sign-in/callback",
    "/sign-in/ended",
    "/sign-in/keys",
    "/sign-in/link",
    "/sign-in/start",
    "/sign-out",
    "/signed-out",
}
"""For people in a browser, who sign in there; they tell nothing about anybody."""

DESK = {
    "/cases/{kind}/{id}",
    "/check",
    "/clocks",
    "/declarations",
    "/declarations/recorded/{index}",
    "/declarations/{kind}",
    "/dossiers",
    "/entries/{index}",
    "/evidence",
    "/evidence/{framework}",
    "/evidence/{framework}/{control}",
    "/findings",
    "/home",
    "/live/stream",
    "/packs",
    "/packs/{id}/give-up",
    "/packs/{id}/progress",
    "/pictures",
    "/pictures/breaches",
    "/pictures/data-flows",
    "/pictures/events",
    "/pictures/subprocessors",
    "/registers",
    "/registers/{name}",
    "/registers/{name}/row",
    "/requests",
    "/requests/notes",
    "/requests/{id}/answer",
}
"""Pages for whoever signed in."""

HASHES = {
    "/log/checkpoint",
    "/log/log.vkey",
    "/log/tile/{place}",
    "/v1/checkpoint",
    "/v1/consistency",
    "/v1/log",
}
"""Public where the operator says so."""

SIGNED = {"/v1/events", "/v1/events:batch"}
"""Appends: the signature of the producer is what lets them in."""


@pytest.fixture
def http(ledger: TestLedger) -> Iterator[httpx.Client]:
    with reader(ledger) as client:
        yield client


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document of a response, which must be of this status and type."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == problems.MEDIA_TYPE
    found: dict[str, Any] = response.json()
    assert (found["type"], found["status"]) == (f"/v1/problems/{code}", status)
    assert found["title"]
    assert found["detail"]
    return found


def test_an_append_is_answered_with_its_receipt(http: httpx.Client, ledger: TestLedger) -> None:
    """201 with index, moment and a receipt that verifies; 200 and the same the second time."""
    sent = ledger.instruction(1)
    first = http.post("/v1/events", content=sent)
    again = http.post("/v1/events", content=sent)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert Receipt.model_validate(first.json()).model_dump() == first.json()
    assert first.headers["location"] == f"/v1/events/{first.json()['index']}"
    assert first.headers["api-version"] == VERSION
    found = receipt.check(first.json()["receipt"], ledger.verifier)
    assert found.index == first.json()["index"]


def test_appending_needs_no_token_but_a_signature(http: httpx.Client, ledger: TestLedger) -> None:
    """Without a token a signed event is taken, an unsigned one is not."""
    del http.headers["Authorization"]
    assert http.post("/v1/events", content=ledger.instruction(1)).status_code == 201
    problem(http.post("/v1/events", content=b"{}"), 400, "envelope-malformed")


def test_a_batch_has_an_answer_for_each_line(http: httpx.Client, ledger: TestLedger) -> None:
    """In order; one refused line touches no other."""
    lines = [ledger.instruction(1), b"not json", ledger.instruction(1), ledger.instruction(2, "C9")]
    response = http.post("/v1/events:batch", content=b"\n".join(lines) + b"\n")
    answers = response.json()["answers"]
    assert response.status_code == 200
    assert [answer["status"] for answer in answers] == [201, 400, 200, 422]
    assert answers[1]["problem"]["type"] == "/v1/problems/envelope-malformed"
    assert answers[0]["receipt"] == answers[2]["receipt"]
    assert BatchAnswers.model_validate(response.json()).model_dump(exclude_none=True) == {
        "answers": answers
    }
    check_ledger(ledger)


def test_a_batch_of_a_thousand_is_taken_and_one_more_is_not(
    http: httpx.Client, ledger: TestLedger
) -> None:
    """The limit is in the error."""
    lines = [ledger.instruction(n) for n in range(1000)]
    answers = http.post("/v1/events:batch", content=b"\n".join(lines)).json()["answers"]
    assert {answer["status"] for answer in answers} == {201}
    more = http.post("/v1/events:batch", content=b"\n".join([*lines, b"{}"]))
    assert "1000" in problem(more, 413, "body-too-large")["detail"]


@pytest.mark.parametrize(
    ("path", "limit"), [("/v1/events", ENVELOPE_LIMIT), ("/v1/events:batch", BATCH_LIMIT)]
)
@pytest.mark.parametrize("declared", [True, False], ids=["declared", "streamed"])
def test_a_body_that_is_too_large_is_cut_off(
    http: httpx.Client, path: str, limit: int, declared: bool
) -> None:
    """With and without a Content-Length."""

    def stream() -> Iterator[bytes]:
        for _ in range(limit // 65536 + 2):
            yield b" " * 65536

    content: bytes | Iterator[bytes] = b" " * (limit + 1) if declared else stream()
    try:
        response = http.post(path, content=content)
    except (httpx.WriteError, httpx.RemoteProtocolError):
        return  # the server answered and hung up while we were still sending
    problem(response, 413, "body-too-large")


@pytest.mark.parametrize(
    ("type_", "change", "code", "pointer"),
    [
        ("InstructionVerified", {}, "form-rule-violated", "/data/instruction_id"),
        (
            "InstructionReceived",
            {"controller_id": "C9", "channel": "fax"},
            "party-unknown",
            "/data",
        ),
        ("InstructionReceived", {"channel": "owl"}, "fields-invalid", "/data/channel"),
        (
            "InstructionReceived",
            {"channel": "fax", "summary_nl": "111222333"},
            "personal-data-in-clear",
            "/data/summary_nl",
        ),
    ],
)
def test_a_refusal_names_field_and_rule(
    http: httpx.Client,
    ledger: TestLedger,
    type_: str,
    change: dict[str, Any],
    code: str,
    pointer: str,
) -> None:
    """With the status that fits, and without repeating what was sent."""
    sent = ledger.sign(type_, {"instruction_id": "I-0", "controller_id": "C1", **change})
    found = problem(http.post("/v1/events", content=sent), 422, code)
    assert found["errors"][0]["pointer"] == pointer
    assert found["errors"][0]["rule"]
    assert "111222333" not in json.dumps(found)


def test_other_content_under_an_id_is_a_conflict(http: httpx.Client, ledger: TestLedger) -> None:
    """409 (N3)."""
    http.post("/v1/events", content=ledger.instruction(1))
    other = ledger.sign(
        "InstructionReceived",
        {"instruction_id": "I-2", "controller_id": "C1", "channel": "fax"},
        id_="instruction-1",
    )
    problem(http.post("/v1/events", content=other), 409, "id-already-used")


def test_events_are_paged_without_a_gap(http: httpx.Client, ledger: TestLedger) -> None:
    """Following `next` gives every event once, in order."""
    ledger.fill(25)
    seen: list[int] = []
    address: str | None = "/v1/events?limit=10"
    while address is not None:
        page = http.get(address).json()
        seen += [event["index"] for event in page["events"]]
        address = page["next"]
    assert seen == list(range(ledger.ledger.reader.size()))


def test_events_are_found_by_type_and_controller(http: httpx.Client, ledger: TestLedger) -> None:
    """Alone and together; an unknown type is not found."""
    ledger.ledger.append([ledger.instruction(n, f"C{n % 2 + 1}") for n in range(6)])
    by_type = http.get("/v1/events", params={"type": "InstructionReceived"}).json()["events"]
    both = http.get(
        "/v1/events", params={"type": "InstructionReceived", "controller": "C2"}
    ).json()["events"]
    assert len(by_type) == 6
    assert [event["event"]["data"]["controller_id"] for event in both] == ["C2"] * 3
    problem(http.get("/v1/events", params={"type": "Nothing"}), 404, "not-found")


def test_one_event_comes_byte_for_byte(http: httpx.Client, ledger: TestLedger) -> None:
    """What the leaf hash is made of is in the answer, which may be kept for ever."""
    given = ledger.fill(1)[0]
    response = http.get(f"/v1/events/{given.index}")
    assert response.json()["entry"].encode() == ledger.ledger.reader.entry(given.index).leaf
    assert "immutable" in response.headers["cache-control"]
    problem(http.get("/v1/events/999999"), 404, "not-found")
    problem(http.get("/v1/events/-1"), 422, "parameters-invalid")
    problem(http.get(f"/v1/events/{10**30}"), 422, "parameters-invalid")


def test_a_proof_is_the_receipt_and_can_be_renewed(http: httpx.Client, ledger: TestLedger) -> None:
    """As first given, and under the latest checkpoint."""
    given = ledger.fill(1)[0]
    ledger.fill(300, start=10)
    assert http.get(f"/v1/events/{given.index}/proof").text == given.receipt
    renewed = http.get(f"/v1/events/{given.index}/proof", params={"latest": True}).text
    assert receipt.check(renewed, ledger.verifier).checkpoint.size == ledger.ledger.reader.size()


def test_a_growing_log_is_consistent(http: httpx.Client, ledger: TestLedger) -> None:
    """Between any two checkpoints seen, a proof leads from one to the other."""
    seen = []
    for number in range(6):
        ledger.fill(60, start=100 * number + 1)
        seen.append(checkpoint.open(http.get("/v1/checkpoint").text, ledger.verifier))
    for old in seen:
        for new in seen[seen.index(old) :]:
            answer = http.get("/v1/consistency", params={"old": old.size, "new": new.size}).json()
            proof = [base64.b64decode(h) for h in answer["proof"]]
            check_consistency(old.size, new.size, old.root, new.root, proof)
    problem(http.get("/v1/consistency", params={"old": 10**6}), 404, "not-found")


def test_a_long_poll_answers_when_there_is_something(
    http: httpx.Client, ledger: TestLedger
) -> None:
    """It waits for the next event, and gives an empty page when none comes."""
    last = ledger.ledger.reader.size() - 1
    threading.Timer(0.3, ledger.fill, args=(1,)).start()
    started = time.monotonic()
    page = http.get("/v1/events", params={"after": last, "wait": 20}).json()
    assert [event["index"] for event in page["events"]] == [last + 1]
    assert time.monotonic() - started < 15
    assert http.get("/v1/events", params={"after": last + 1, "wait": 1}).json()["events"] == []


def test_a_stream_misses_nothing_across_reconnections(
    http: httpx.Client, ledger: TestLedger
) -> None:
    """Events recorded before, during and between two connections come once each, in order."""
    ledger.fill(5)
    seen = take(http, 8, {})
    ledger.fill(5, start=10)
    timer = threading.Timer(0.2, ledger.fill, args=(5, 20))
    timer.start()
    seen += take(
        http, ledger.ledger.reader.size() + 5 - len(seen), {"Last-Event-ID": str(seen[-1])}
    )
    timer.join()
    assert seen == list(range(len(seen)))


def take(http: httpx.Client, count: int, headers: dict[str, str]) -> list[int]:
    """The first ids of a stream."""
    ids: list[int] = []
    with http.stream("GET", "/v1/events/stream", headers=headers) as stream:
        for line in stream.iter_lines():
            if line.startswith("id: "):
                ids.append(int(line.removeprefix("id: ")))
            elif line.startswith("data: "):
                assert json.loads(line.removeprefix("data: "))["index"] == ids[-1]
                if len(ids) == count:
                    return ids
    raise AssertionError("the stream ended")


def test_event_types_have_schemas(http: httpx.Client) -> None:
    """101 types, each with a JSON Schema at its address, without a token."""
    del http.headers["Authorization"]
    found = http.get("/v1/event-types").json()["event_types"]
    assert len(found) == 101
    for event_type in found:
        schema = http.get(event_type["schema"])
        assert schema.headers["content-type"] == "application/schema+json"
        assert schema.json()["properties"]["type"]["const"] == event_type["type"]
    assert http.get("/v1/event-types/BreachConfirmed").json()["title"] == "BreachConfirmed"
    problem(http.get("/v1/event-types/Nothing"), 404, "not-found")


def test_registers_come_in_both_forms_and_languages(http: httpx.Client, ledger: TestLedger) -> None:
    """JSON and CSV, NL and EN, with what they rest on."""
    names = [r["name"] for r in http.get("/v1/registers").json()["registers"]]
    assert {"processing", "subprocessors"} <= set(names)
    wait_until_followed(http, ledger)
    for lang, title in (("nl", "Verwerkingsregister"), ("en", "Processing register")):
        answer = http.get("/v1/registers/processing", params={"lang": lang}).json()
        assert answer["title"] == title
        assert answer["basis"]["size"] == ledger.ledger.reader.size()
        assert checkpoint.open(answer["basis"]["checkpoint"], ledger.verifier)
    table = http.get("/v1/registers/processing", params={"format": "csv", "controller": "C1"})
    assert table.headers["content-type"].startswith("text/csv")
    assert "Praktijk C1" in table.text
    assert "Praktijk C2" not in table.text
    problem(http.get("/v1/registers/nothing"), 404, "not-found")


def test_a_register_is_asked_about_any_moment(http: httpx.Client, ledger: TestLedger) -> None:
    """As of, and as known at an instant or a size; a moment before the log is not found."""
    size = ledger.ledger.reader.size()
    before = http.get("/v1/registers/processing", params={"known_at": size - 1}).json()
    assert before["basis"]["size"] == size - 1
    assert "C3" not in json.dumps(before["rows"])
    problem(
        http.get("/v1/registers/processing", params={"known_at": "2001-01-01"}), 404, "not-found"
    )
    wrong = http.get("/v1/registers/processing", params={"as_of": "yesterday"})
    assert "as_of" in problem(wrong, 422, "parameters-invalid")["detail"]


def wait_until_followed(http: httpx.Client, ledger: TestLedger) -> None:
    size = ledger.ledger.reader.size()
    for _ in range(100):
        if http.get("/v1/registers/processing").json()["basis"]["size"] == size:
            return
        time.sleep(0.05)
    raise AssertionError("the registers do not follow")


def test_reading_needs_the_token(http: httpx.Client) -> None:
    """Every route that is not public or signed refuses without, and with a wrong one."""
    paths = [path for path, r in routes() if path not in PUBLIC and "GET" in r.methods]
    assert len(paths) >= 9
    for token in (None, "Bearer wrong", "Basic dXNlcjpwYXNz", "Bearer"):
        headers = {} if token is None else {"Authorization": token}
        for path in paths:
            address = re.sub(r"\{\w+\}", "0", path)
            response = httpx.get(http.base_url.join(address), headers=headers)
            problem(response, 401, "token-needed")
            assert response.headers["www-authenticate"] == "Bearer"


def test_public_hashes_are_public_and_nothing_else_is(ledger: TestLedger) -> None:
    """With the setting, what tells no event needs no token; everything else does as before."""
    follower = Follower(ledger.ledger.pool, ledger.ledger.listener)
    with serving(ledger, follower, public_hashes=True) as url:
        for path, route in routes():
            if path in PUBLIC or "GET" not in route.methods:
                continue
            answer = httpx.get(url + re.sub(r"\{\w+\}", "0", path))
            assert (answer.status_code == 401) == (path not in HASHES), path
        assert httpx.get(f"{url}/v1/checkpoint").status_code == 200


def test_a_browser_runs_nothing_of_an_answer(http: httpx.Client) -> None:
    """Answers and errors alike: no script, no frame, no guessing of types, no address passed on."""
    for path in ("/v1/registers", "/healthz", "/v1/nothing", "/v1/checkpoint"):
        headers = http.get(path).headers
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    assert http.get("/v1/registers").headers["cache-control"] == "no-store"


def test_an_address_with_a_slash_too_many_is_not_found(http: httpx.Client) -> None:
    """Neither answered nor redirected (API Design Rules)."""
    for path in ("/v1/events/", "/v1/checkpoint/", "/log/checkpoint/", "/log/tile/0/000.p/1/"):
        problem(http.get(path), 404, "not-found")


def routes() -> list[tuple[str, APIRoute]]:
    """Every route of the application, with its whole path."""
    return [
        (route.path_format, route)
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and route.path_format not in PAGES | DESK
    ]


def flat(route: APIRoute) -> list[Any]:
    found, left = [], [route.dependant]
    while left:
        dependant = left.pop()
        found.append(dependant)
        left += dependant.dependencies
    return found


def test_unknown_addresses_and_methods_are_problems(http: httpx.Client) -> None:
    """Also those the framework answers by itself."""
    problem(http.get("/v1/nothing"), 404, "not-found")
    problem(http.delete("/v1/events"), 405, "method-not-allowed")
    problem(http.get("/v1/events?limit=many"), 422, "parameters-invalid")


def test_every_problem_type_is_explained(http: httpx.Client) -> None:
    """The type of a problem document is an address that answers."""
    listed = http.get("/v1/problems").json()
    for address, meaning in listed.items():
        assert http.get(address).json() == meaning
    problem(http.get("/v1/problems/nothing"), 404, "not-found")


def test_every_refusal_has_its_kind() -> None:
    """Each class of refusal is in the table of problems, so none becomes an unexpected error."""

    def leaves(error: type[LedgerError]) -> set[type[LedgerError]]:
        below = error.__subclasses__()
        return {error} if not below else set().union(*(leaves(e) for e in below))

    wanted = leaves(errors.Refused) | {errors.Unavailable}
    assert wanted <= set(problems.KINDS)
    assert len({error.code for error in problems.KINDS}) == len(problems.KINDS)


def test_an_unexpected_error_says_nothing(
    ledger: TestLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No trace, no message of a library, no table name."""

    def fail() -> None:
        raise RuntimeError("secret detail of table entries")

    monkeypatch.setattr(ledger.ledger.reader, "published_or_latest", fail)
    with reader(ledger) as http:
        found = problem(http.get("/v1/checkpoint"), 500, "internal")
    assert "secret" not in json.dumps(found)


def test_too_much_at_once_is_pushed_back(
    ledger: TestLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 with Retry-After, as a problem."""

    def full(events: object) -> None:
        raise errors.Unavailable("more events wait than the ledger can hold", retry_after=2)

    monkeypatch.setattr(ledger.ledger._committer, "submit", full)
    with reader(ledger) as http:
        response = http.post("/v1/events", content=ledger.instruction(1))
    problem(response, 503, "unavailable")
    assert response.headers["retry-after"] == "2"


def test_health_tells_life_and_work(ledger: TestLedger) -> None:
    """Ready while the registers follow; not when following has stopped."""
    with reader(ledger) as http:
        assert http.get("/healthz").status_code == 200
        assert http.get("/readyz").status_code == 200
    follower = Follower(ledger.ledger.pool, ledger.ledger.listener)
    follower.error = RuntimeError("a fold failed")
    with reader(ledger, follower) as http:
        problem(http.get("/readyz"), 503, "busy")


def test_the_openapi_document_names_every_route(http: httpx.Client) -> None:
    """OpenAPI 3.1 at the place the API Design Rules say."""
    document = http.get("/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert {path for path, _ in routes()} == set(document["paths"])
    hidden = {r.path_format for router in ROUTERS for r in router.routes if not r.include_in_schema}
    assert hidden == PAGES | DESK
