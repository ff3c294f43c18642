"""Findings, clocks, rules and checks over HTTP."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from projections import follow
from projections.rules import RULES
from tests.ledgers import TestLedger
from tests.serving import reader
from tests.test_api import problem

REQUEST = {"request_id": "R-1", "controller_id": "C1", "right": "access"}


@pytest.fixture
def late(ledger: TestLedger) -> TestLedger:
    """A ledger with a request of C1 that nobody answered for nine days, and one of C2 of now; the
    processor has its certificates."""
    for standard in ("ISO/IEC 27001:2022", "NEN 7510"):
        held = {"certificate_id": standard[:3], "standard": standard}
        valid = {"valid_from": "2025-01-01", "valid_until": "2027-12-31"}
        ledger.append("CertificateIssued", {**held, **valid}, service="dpo")
    ledger.append("DataSubjectRequestReceived", REQUEST)
    ledger.clock.moment += timedelta(days=9)
    ledger.append(
        "DataSubjectRequestReceived", {**REQUEST, "request_id": "R-2", "controller_id": "C2"}
    )
    follow.catch_up(ledger.ledger.pool)
    return ledger


@pytest.fixture
def http(late: TestLedger) -> Iterator[httpx.Client]:
    with reader(late) as client:
        yield client


def test_findings_say_what_they_rest_on(http: httpx.Client, late: TestLedger) -> None:
    """The rule and its version, the calculation, the events, the checkpoint, the moment."""
    answer = http.get("/v1/findings").json()
    (finding,) = answer["findings"]
    assert (finding["rule"], finding["severity"], finding["controllers"]) == (
        "R-8.1",
        "minor",
        ["C1"],
    )
    assert finding["version"] == RULES["R-8.1"].version
    assert finding["parameters"] == {"dsr_forward_days": 5}
    (index,) = finding["events"]
    event = http.get(f"/v1/events/{index}").json()
    assert event["event"]["data"] == REQUEST
    assert answer["counts"] == {"major": 0, "minor": 1, "observation": 0, "policy": 0}
    assert answer["basis"]["size"] == late.ledger.reader.size()
    assert answer["basis"]["checkpoint"] == late.ledger.reader.checkpoint().note
    assert (answer["as_of"], answer["known_at"]) == (None, None)
    assert answer["at"]


def test_findings_of_another_moment(http: httpx.Client, late: TestLedger) -> None:
    """Nothing was late on the day itself, nor known before the request was."""
    on_the_day = http.get("/v1/findings", params={"as_of": "2026-01-06"}).json()
    assert on_the_day["findings"] == []
    assert on_the_day["as_of"].startswith("2026-01-06T23:59:59")
    size = late.ledger.reader.size() - 2
    then = {"as_of": "2026-02-01", "known_at": str(size)}
    by_size = http.get("/v1/findings", params=then).json()
    assert (by_size["findings"], by_size["known_at"], by_size["basis"]["size"]) == ([], size, size)
    later = http.get("/v1/findings", params={"as_of": "2026-02-01"}).json()
    assert [finding["subject"] for finding in later["findings"]] == ["R-1", "R-2"]


def test_findings_are_filtered(http: httpx.Client) -> None:
    """By controller, rule and severity, each leaving out the others."""
    for parameters, count in (
        ({"controller": "C1"}, 1),
        ({"controller": "C2"}, 0),
        ({"rule": "R-8.1"}, 1),
        ({"rule": "R-LATE"}, 0),
        ({"severity": ["minor", "major"]}, 1),
        ({"severity": "major"}, 0),
    ):
        found = http.get("/v1/findings", params=parameters).json()["findings"]
        assert len(found) == count, parameters


def test_findings_in_dutch_and_as_csv(http: httpx.Client) -> None:
    """The same finding, in the words of the agreement; a table with a header."""
    dutch = http.get("/v1/findings", params={"lang": "nl"}).json()["findings"][0]["text"]
    assert "doorverwezen" in dutch
    table = http.get("/v1/findings", params={"lang": "nl", "format": "csv"})
    assert table.headers["content-disposition"] == 'attachment; filename="findings.csv"'
    header, row = csv.reader(io.StringIO(table.text))
    assert header[:3] == ["Regel", "Ernst", "Klanten"]
    assert row[0] == "R-8.1"
    assert dutch in row


def test_clocks_are_the_worklist(http: httpx.Client) -> None:
    """The overdue one first, then what runs; with `within` only what is due so soon."""
    clocks = http.get("/v1/clocks").json()["clocks"]
    refer = [c for c in clocks if c["rule"] == "R-8.1"]
    assert [(c["subject"], c["state"]) for c in refer] == [("R-1", "late"), ("R-2", "running")]
    assert [c["due_at"] for c in clocks] == sorted(c["due_at"] for c in clocks)
    soon = http.get("/v1/clocks", params={"within": 1}).json()["clocks"]
    assert [c["subject"] for c in soon if c["rule"] == "R-8.1"] == ["R-1"]
    running = http.get("/v1/clocks", params={"state": "running"}).json()["clocks"]
    assert {c["state"] for c in running} == {"running"}
    rows = csv.reader(io.StringIO(http.get("/v1/clocks", params={"format": "csv"}).text))
    assert len(list(rows)) == len(clocks) + 1


def test_rules_are_listed(http: httpx.Client) -> None:
    """Each rule with its clause, in both languages."""
    rules = http.get("/v1/rules").json()["rules"]
    assert [rule["rule"] for rule in rules] == list(RULES)
    dutch = http.get("/v1/rules", params={"lang": "nl"}).json()["rules"]
    assert all(a["title"] != b["title"] for a, b in zip(rules, dutch, strict=True))


def test_a_check_writes_nothing(http: httpx.Client, late: TestLedger) -> None:
    """It says which rule would fire, and what would be refused."""
    size = late.ledger.reader.size()
    forward = {
        "type": "DataSubjectRequestForwarded",
        "data": {k: REQUEST[k] for k in ("request_id", "controller_id")},
    }
    answer = http.post("/v1/checks", json=forward).json()
    assert (answer["allowed"], answer["refusal"]) == (False, None)
    assert [finding["rule"] for finding in answer["findings"]] == ["R-8.1"]
    unknown = {**forward, "data": {**forward["data"], "request_id": "R-9"}}  # type: ignore[dict-item]
    refused = http.post("/v1/checks", json=unknown).json()
    assert refused["refusal"]["type"] == "/v1/problems/form-rule-violated"
    assert refused["allowed"] is False
    fine = {"type": "DataSubjectRequestReceived", "data": {**REQUEST, "request_id": "R-3"}}
    assert http.post("/v1/checks", json=fine).json()["allowed"] is True
    assert late.ledger.reader.size() == size


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "code"),
    [
        ("GET", "/v1/findings?rule=R-0", None, 422, "parameters-invalid"),
        ("GET", "/v1/findings?severity=grave", None, 422, "parameters-invalid"),
        ("GET", "/v1/findings?as_of=yesterday", None, 422, "parameters-invalid"),
        ("GET", "/v1/findings?known_at=1970-01-02", None, 404, "not-found"),
        ("GET", "/v1/clocks?within=-1", None, 422, "parameters-invalid"),
        ("GET", "/v1/clocks?known_at=99999", None, 404, "not-found"),
        ("POST", "/v1/checks", {"type": "X"}, 422, "parameters-invalid"),
        ("POST", "/v1/checks", {"type": "X", "data": {}}, 422, "unknown-event-type"),
        ("POST", "/v1/checks", {"type": "LicenceGranted", "data": {}}, 422, "fields-invalid"),
        ("POST", "/v1/checks", {"type": "X", "occurred_at": "2026"}, 422, "parameters-invalid"),
    ],
)  # fmt: skip
def test_bad_questions_are_problems(
    http: httpx.Client, method: str, path: str, content: object, status: int, code: str
) -> None:
    """Each names what is wrong with it."""
    problem(http.request(method, path, json=content), status, code)
