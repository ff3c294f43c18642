"""Dossiers over HTTP: for whom they are, in each format, and refused with a reason."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from ledger.granted_access import grant
from ledger.opening import Ledger
from ledger.roles import Role
from projections.dossiers import DOSSIERS
from tests.test_api import problem
from tests.test_dossiers import breaches, told
from tests.test_isolation import scenario, url

__all__ = ["scenario", "url"]

As = Callable[..., httpx.Client]

BREACH = breaches()[0]
TOLD = min(told(BREACH))


@pytest.fixture(scope="module")
def as_(scenario: Ledger, url: str) -> As:
    """A client with a token of a role."""

    def client(role: Role, **options: Any) -> httpx.Client:
        until = scenario.clock() + timedelta(days=1)
        with scenario.database.connect_as_owner() as conn:
            asked = {"holder": "reader-1", "expires_at": until, **options}
            _, token = grant(conn, scenario.clock(), role=role, **asked)
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=url, headers=headers, timeout=60)

    return client


def about(name: str) -> dict[str, str]:
    """What a dossier needs to be told."""
    given = {"controller": TOLD, "breach": BREACH}
    return {needed: given[needed] for needed in DOSSIERS[name].needs}


@pytest.mark.parametrize("controller", ["\U000c922e", 'C"; x="', "é/..\\C", "C\r\nX: y"])
def test_a_file_is_named_in_letters_that_a_header_may_hold(as_: As, controller: str) -> None:
    """Whatever controller somebody asks about."""
    with as_(Role.OPERATOR) as http:
        answer = http.get(
            "/v1/dossiers/authority-register", params={"controller": controller, "format": "pdf"}
        )
    assert answer.status_code in (200, 422), answer.text
    if answer.status_code == 200:
        said = answer.headers["content-disposition"]
        assert re.fullmatch(r'attachment; filename="[A-Za-z0-9._-]+\.pdf"', said), said


def test_each_comes_in_its_formats(as_: As) -> None:
    """And in no other; a file says its name and its type."""
    with as_(Role.PRIVACY_OFFICER) as http:
        listed = http.get("/v1/dossiers", params={"lang": "nl"}).json()["dossiers"]
        assert [each["name"] for each in listed] == [*DOSSIERS]
        for each in listed:
            for format in each["formats"]:
                asked = {**about(each["name"]), "format": format}
                answer = http.get(each["address"], params=asked)
                assert answer.status_code == 200, (each, answer.text[:200])
                if format in ("xlsx", "pdf", "pia"):
                    assert "attachment" in answer.headers["content-disposition"]
                if format == "jsonld":
                    assert answer.headers["content-type"].startswith("application/ld+json")
                if format == "svg":
                    assert answer.headers["content-type"].startswith("image/svg+xml")
                    assert "default-src 'none'" in answer.headers["content-security-policy"]
        wrong = http.get(
            "/v1/dossiers/breach-form", params={**about("breach-form"), "format": "svg"}
        )
        assert "format is json" in problem(wrong, 422, "parameters-invalid")["detail"]


def test_what_is_missing_or_unknown_is_said(as_: As) -> None:
    """Which parameter is needed; that there is no such breach, controller or dossier."""
    with as_(Role.OPERATOR) as http:
        needed = problem(http.get("/v1/dossiers/dpia"), 422, "parameters-invalid")
        assert "controller is needed" in needed["detail"]
        needed = problem(http.get("/v1/dossiers/breach-file"), 422, "parameters-invalid")
        assert "breach is needed" in needed["detail"]
        problem(http.get("/v1/dossiers/none"), 404, "not-found")
        for name, asked in (
            ("dpia", {"controller": "C99"}),
            ("breach-file", {"breach": "B-99"}),
            ("breach-form", {"breach": BREACH, "controller": "C99"}),
        ):
            answer = problem(http.get(f"/v1/dossiers/{name}", params=asked), 404, "not-found")
            assert "There is no" in answer["detail"] or "not told" in answer["detail"]
        early = http.get("/v1/dossiers/authority-register", params={"known_at": "2001-01-01"})
        problem(early, 404, "not-found")


def test_a_controller_gets_its_own_and_no_others(as_: As) -> None:
    """Its name need not be said; another's is refused, and a breach of others is not found."""
    with as_(Role.CONTROLLER_READER, controllers=[TOLD]) as http:
        for name in DOSSIERS:
            asked = {k: v for k, v in about(name).items() if k != "controller"}
            said = http.get(f"/v1/dossiers/{name}", params=asked)
            assert said.status_code == 200, said.text
            others = set(re.findall(r"\bC[1-6]\b", json.dumps(said.json()))) - {TOLD}
            assert not others, name
            refused = http.get(f"/v1/dossiers/{name}", params={**asked, "controller": "C9"})
            problem(refused, 403, "not-allowed")
    outside = next(c for c in ("C1", "C2", "C3", "C4", "C5", "C6") if c not in told(BREACH))
    with as_(Role.CONTROLLER_READER, controllers=[outside]) as http:
        for name in ("breach-file", "breach-form"):
            answer = http.get(f"/v1/dossiers/{name}", params={"breach": BREACH})
            problem(answer, 404, "not-found")


def test_it_is_granted_by_name(as_: As) -> None:
    """A grant of registers alone gives no dossier."""
    with as_(Role.CONTROLLER_READER, controllers=[TOLD], registers=["breaches"]) as http:
        problem(http.get("/v1/dossiers/dpia"), 403, "not-allowed")
    with as_(Role.CONTROLLER_READER, controllers=[TOLD], registers=["dossiers"]) as http:
        assert http.get("/v1/dossiers/dpia").status_code == 200
