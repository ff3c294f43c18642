"""Evidence over HTTP: for whom, of what, and what is wrong with a question."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest

from ledger import auditor_grants, granted_access, receipt
from ledger.keyring import ADMINISTRATOR
from ledger.roles import Role
from projections.frameworks.framework import shipped
from tests.door import Door
from tests.ledgers import TestLedger
from tests.serving import serving
from tests.test_api import problem, wait_until_followed

Owner = Callable[[], psycopg.Connection]


@pytest.fixture
def door(ledger: TestLedger, owner: Owner) -> Iterator[Door]:
    """A served ledger with instructions of two controllers."""
    for number, controller in enumerate(["C1", "C1", "C2", "C1"], start=1):
        ledger.ledger.append([ledger.instruction(number, controller)])
    with serving(ledger) as url:
        door = Door(ledger, url, owner)
        with door.with_(ledger.home.token_file.read_text()) as http:
            wait_until_followed(http, ledger)
        yield door


@pytest.fixture
def http(door: Door) -> Iterator[httpx.Client]:
    """The operator."""
    with door.with_(door.made.home.token_file.read_text()) as client:
        yield client


def control(answer: httpx.Response, id_: str) -> dict[str, Any]:
    """One control of a coverage."""
    assert answer.status_code == 200, answer.text
    (found,) = (each for each in answer.json()["controls"] if each["control"] == id_)
    return dict(found)


def test_the_frameworks_are_listed(http: httpx.Client) -> None:
    """With how many controls they have, and of how many of them the vocabulary can speak."""
    found = http.get("/v1/frameworks", params={"lang": "nl"}).json()["frameworks"]
    assert {each["id"] for each in found} == set(shipped())
    for each in found:
        assert 0 < each["controls_with_event_types"] <= each["controls"]
        assert http.get(each["address"]).status_code == 200


def test_coverage_says_what_there_is(http: httpx.Client) -> None:
    """In both languages and both forms; a year up to now when no period is asked for."""
    answer = http.get("/v1/frameworks/gdpr")
    found = control(answer, "Art. 28(3)(a)")
    assert (found["population"], found["strength"], found["says"]) == (4, "primary", "primary")
    body = answer.json()
    assert body["coverage"]["controls"] == 67
    assert body["from"] < body["until"] <= body["at"]
    assert "no judgement" in body["mark"]
    dutch = http.get("/v1/frameworks/gdpr", params={"lang": "nl"})
    assert control(dutch, "Art. 28(3)(a)")["says"] == "rechtstreeks"
    table = http.get("/v1/frameworks/gdpr", params={"format": "csv", "lang": "nl"})
    lines = table.text.splitlines()
    assert len(lines) == 68
    assert lines[0].startswith("Beheersmaatregel,Groep,Onderwerp,Bewijs,Gebeurtenissen")
    assert 'filename="evidence-gdpr.csv"' in table.headers["content-disposition"]


def test_a_period_has_both_its_days(http: httpx.Client) -> None:
    """A day is the whole of it; the period before has nothing, and says so."""
    day = {"from": "2026-01-05", "until": "2026-01-05"}
    assert control(http.get("/v1/frameworks/gdpr", params=day), "Art. 28(3)(a)")["population"] == 4
    before = {"from": "2026-01-04", "until": "2026-01-04"}
    found = control(http.get("/v1/frameworks/gdpr", params=before), "Art. 28(3)(a)")
    assert (found["population"], found["strength"]) == (0, None)
    assert found["says"] == "no evidence in this ledger in this period"
    hour = {"from": "2026-01-05T00:00:00Z", "until": "2026-01-05T01:00:00Z"}
    assert control(http.get("/v1/frameworks/gdpr", params=hour), "Art. 28(3)(a)")["population"] == 0


def test_a_sample_leads_to_receipts(http: httpx.Client, ledger: TestLedger) -> None:
    """Each of its events is one of the population, and its receipt verifies."""
    asked = {"sample": 2, "seed": "2026-1"}
    address = "/v1/frameworks/gdpr/controls/Art. 28(3)(a)"
    found = http.get(address, params=asked).json()
    assert (len(found["sample"]), found["seed"]) == (2, "2026-1")
    assert found["sample"] == http.get(address, params=asked).json()["sample"]
    for drawn in found["sample"]:
        assert http.get(drawn["event"]).json()["type"] == "InstructionReceived"
        assert receipt.check(http.get(drawn["receipt"]).text, ledger.verifier)


def test_the_crosswalk_shows_what_is_the_same(http: httpx.Client) -> None:
    """By its number elsewhere, and by what it rests on."""
    found = http.get("/v1/frameworks/iso27001/crosswalk").json()
    (shared,) = (each for each in found["controls"] if each["control"] == "A.5.26")
    assert {"nen7510", "iso27701"} == {each["framework"] for each in shared["same"]}
    assert any(each["control"] == "5.43 HLT" for each in shared["shares_evidence"])


def test_what_a_statement_of_applicability_says_is_beside_it(
    http: httpx.Client, ledger: TestLedger
) -> None:
    """The latest for this framework, whichever way it writes the control."""
    for version, applicable in (("1.0", True), ("2.0", False)):
        entries = [
            {"control": "5.26", "applicable": applicable, "justification": "Because."},
            {"control": "A.8.11", "applicable": True, "implemented": True},
        ]
        ledger.append(
            "ApplicabilityStatementIssued",
            {"soa_version": version, "standard": "ISO/IEC 27001:2022", "entries": entries},
            service="dpo",
        )
    wait_until_followed(http, ledger)
    answer = http.get("/v1/frameworks/iso27001")
    found = control(answer, "A.5.26")["applicability"]
    assert (found["version"], found["applicable"]) == ("2.0", False)
    assert found["justification"] == "Because."
    assert control(answer, "A.8.11")["applicability"]["implemented"] is True
    assert control(answer, "A.8.12")["applicability"] is None
    assert control(http.get("/v1/frameworks/nen7510"), "5.26")["applicability"] is None


@pytest.mark.parametrize(
    ("address", "params", "status", "code"),
    [
        ("/v1/frameworks/none", {}, 404, "not-found"),
        ("/v1/frameworks/gdpr/controls/Art. 99", {}, 404, "not-found"),
        ("/v1/frameworks/none/crosswalk", {}, 404, "not-found"),
        ("/v1/frameworks/gdpr", {"from": "soon"}, 422, "parameters-invalid"),
        ("/v1/frameworks/gdpr", {"until": "2026-13-01"}, 422, "parameters-invalid"),
        (
            "/v1/frameworks/gdpr",
            {"from": "2026-02-01", "until": "2026-01-01"},
            422,
            "parameters-invalid",
        ),
        ("/v1/frameworks/gdpr", {"until": "0001-01-01"}, 422, "parameters-invalid"),
        ("/v1/frameworks/gdpr", {"from": "9999-12-31"}, 422, "parameters-invalid"),
        (
            "/v1/frameworks/gdpr",
            {"from": "0001-01-01T00:00:00+14:00", "until": "9999-12-31T23:59:59-14:00"},
            422,
            "parameters-invalid",
        ),
        ("/v1/frameworks/gdpr", {"known_at": "2020-01-01"}, 404, "not-found"),
        ("/v1/frameworks/gdpr/controls/Art. 29", {"sample": 1001}, 422, "parameters-invalid"),
        ("/v1/frameworks/gdpr/controls/Art. 29", {"seed": "x" * 65}, 422, "parameters-invalid"),
    ],
)
def test_what_is_wrong_with_a_question_is_said(
    http: httpx.Client, address: str, params: dict[str, Any], status: int, code: str
) -> None:
    """As for registers."""
    problem(http.get(address, params=params), status, code)


@pytest.mark.parametrize("year", ["0002", "9998"])
def test_the_longest_periods_are_counted(http: httpx.Client, year: str) -> None:
    """A calendar has many years; none of them is an error."""
    asked = {"from": "0002-01-01T00:00:00+14:00", "until": f"{year}-12-31T23:59:59-12:00"}
    for format in ("json", "pdf", "oscal"):
        answer = http.get("/v1/frameworks/iso27001", params={**asked, "format": format})
        assert answer.status_code == 200, answer.text


def test_a_controller_sees_its_own(door: Door) -> None:
    """Whoever asks for it, the same is counted; another controller's is not."""
    operator = door.made.home.token_file.read_text()
    with (
        door.as_(Role.CONTROLLER_READER, controllers=["C1"]) as own,
        door.with_(operator) as http,
    ):
        mine = own.get("/v1/frameworks/gdpr").json()
        assert {c["control"]: c["population"] for c in mine["controls"]}["Art. 28(3)(a)"] == 3
        named = http.get("/v1/frameworks/gdpr", params={"controller": "C1"}).json()
        assert named["controls"] == mine["controls"]
        assert mine["controller"] == "C1"
        problem(own.get("/v1/frameworks/gdpr?controller=C2"), 403, "not-allowed")
        sample = own.get("/v1/frameworks/gdpr/controls/Art. 28(3)(a)?sample=100").json()["sample"]
        assert len(sample) == 3
        assert all(own.get(drawn["event"]).status_code == 200 for drawn in sample)


def test_an_auditor_reads_what_was_granted(door: Door, owner: Owner) -> None:
    """Evidence, if its grant names it or names nothing; of the frameworks that it names."""
    made = door.made
    with door.as_(Role.AUDITOR, registers=["processing"]) as http:
        problem(http.get("/v1/frameworks/gdpr"), 403, "not-allowed")
        assert http.get("/v1/frameworks").status_code == 200
    with door.as_(Role.AUDITOR, registers=["evidence"]) as http:
        assert http.get("/v1/frameworks/gdpr").status_code == 200
    now = made.clock.moment
    auditor_grants.grant(
        made.ledger,
        grant_id="G-framework",
        reader="auditor-9",
        purpose="ISO 27001",
        since=now,
        until=now.replace(month=2),
        frameworks=["iso27001"],
        by="operator",
    )
    with owner() as conn:
        _, token = granted_access.grant(
            conn,
            now,
            role=Role.AUDITOR,
            holder="auditor-9",
            expires_at=now.replace(month=2),
            grant_id="G-framework",
        )
    with door.with_(token) as http:
        assert http.get("/v1/frameworks/iso27001").status_code == 200
        for address in ("/v1/frameworks/gdpr", "/v1/frameworks/none"):
            problem(http.get(address), 403, "not-allowed")
    with door.as_(Role.SERVICE, key_id=made.services[ADMINISTRATOR].key_id) as http:
        assert http.get("/v1/frameworks/gdpr").status_code in {401, 403}
