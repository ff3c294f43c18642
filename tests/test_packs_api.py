"""Packs over HTTP: asked for, made in a process of its own, fetched, recorded, and given up."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from api.packing import Packing, make
from ledger import asked_packs, completeness, granted_access, keys, pack_check
from ledger.archive import open_archive
from ledger.auditor_grants import grant
from ledger.inspections import recording
from ledger.keyring import LEDGER
from ledger.noting import note
from ledger.report import Pins
from ledger.roles import Role
from projections.exports import derived
from tests.door import Door, opened
from tests.ledgers import TestLedger
from tests.test_api import problem

Owner = Callable[[], psycopg.Connection]

PATIENCE = 60.0


@pytest.fixture
def door(ledger: TestLedger, owner: Owner) -> Iterator[Door]:
    """A served ledger of some instructions, with its numbers noted."""
    for number, controller in enumerate(["C1", "C2", "C1"], start=1):
        ledger.ledger.append([ledger.instruction(number, controller)])
    note(ledger.ledger, keys.load(keys.key_file(ledger.home.keys, LEDGER)))
    with recording(ledger.ledger) as inspections, opened(ledger, owner, inspections) as door:
        yield door


def claimed(door: Door) -> None:
    """Make what waits longest, here."""
    ledger = door.made.ledger
    with ledger.pool.connection() as conn:
        found = asked_packs.claim(conn, ledger.clock())
    assert found is not None
    make(ledger, door.made.home, *found, {"policy": b"quorum none\n"})


def ask(http: httpx.Client, **asked: Any) -> str:
    """Ask for a pack; where to look."""
    answer = http.post("/v1/packs", json=asked)
    assert answer.status_code == 202, answer.text
    assert answer.json()["state"] == "waiting"
    assert answer.json()["file"] is None
    return answer.headers["location"]


def checked(content: bytes, tmp_path: Path) -> pack_check.PackReport:
    """What a pack shows."""
    file = tmp_path / "fetched.zip"
    file.write_bytes(content)
    with open_archive(file) as archive:
        return pack_check.check(
            archive, Pins(), lambda controller: completeness.Pins(), derived.derive
        )


def events_of(door: Door, type_: str) -> list[dict[str, Any]]:
    """What the ledger recorded by itself, once it did."""
    found: list[dict[str, Any]] = []
    for _ in range(50):
        rows = door.made.ledger.reader.scan()
        payloads = [json.loads(json.loads(row.leaf)["payload"]) for row in rows]
        found = [p["data"] for p in payloads if type_ in p["type"]]
        if found:
            break
        time.sleep(0.1)
    return found


def test_a_pack_is_made_and_sent_and_recorded(door: Door, tmp_path: Path) -> None:
    """About all for the privacy officer; what was sent is in the log with its SHA-256."""
    with door.as_(Role.PRIVACY_OFFICER) as http:
        address = ask(http, **{"from": "2025-06-01"}, lang="nl")
        waiting = problem(http.get(f"{address}/file"), 404, "not-found")
        assert "waiting" in waiting["detail"]
        claimed(door)
        told = http.get(address).json()
        assert told["state"] == "ready"
        assert told["progress"]["done"] == told["progress"]["of"]
        sent = http.get(told["file"])
        assert sent.headers["content-type"] == "application/zip"
        assert len(sent.content) == told["bytes"] == int(sent.headers["content-length"])
        report = checked(sent.content, tmp_path)
        assert report.whole is not None
        assert "byte for byte" in report.derived[0]
        (recorded,) = events_of(door, "evidence-pack-exported")
        assert recorded["manifest_sha256"] == told["manifest_sha256"]
        assert recorded["reader"] == "privacy-officer-1"
        assert recorded["ledger_position"] == told["size"]
        assert [each["id"] for each in http.get("/v1/packs").json()["packs"]] == [told["id"]]
        assert http.delete(address).status_code == 204
        problem(http.get(address), 404, "not-found")


def test_a_controller_gets_a_pack_about_itself(door: Door, tmp_path: Path) -> None:
    """Whether it names itself or not; another controller is refused."""
    with door.as_(Role.CONTROLLER_READER, controllers=["C1"]) as http:
        problem(http.post("/v1/packs", json={"controllers": ["C2"]}), 403, "not-allowed")
        for asked in ({}, {"controllers": ["C1", "C1"]}):
            address = ask(http, **asked)
            claimed(door)
            report = checked(http.get(f"{address}/file").content, tmp_path)
            assert [each.found.head.controller for each in report.complete] == ["C1"]
            assert report.whole is None


def test_a_pack_is_for_whoever_asked_for_it(door: Door) -> None:
    """Not for others of the same role, nor once the scope became less; the operator sees it."""
    with door.as_(Role.CONTROLLER_READER, controllers=["C1", "C2"], holder="one") as http:
        address = ask(http)
        claimed(door)
        assert http.get(address).json()["state"] == "ready"
    for role, options in (
        (Role.CONTROLLER_READER, {"controllers": ["C1", "C2"], "holder": "other"}),
        (Role.CONTROLLER_READER, {"controllers": ["C1"], "holder": "one"}),
        (Role.PRIVACY_OFFICER, {"holder": "one"}),
    ):
        with door.as_(role, **options) as http:
            for ask_again in (http.get, http.delete):
                problem(ask_again(address), 404, "not-found")
            problem(http.get(f"{address}/file"), 404, "not-found")
    with door.with_(door.made.home.token_file.read_text()) as http:
        assert http.get(f"{address}/file").status_code == 200


def test_an_auditors_frameworks_narrow_its_packs(door: Door) -> None:
    """It gets those of its grant, and asks for no other."""
    made = door.made
    now = made.clock.moment
    grant(
        made.ledger,
        grant_id="G-frameworks",
        reader="auditor-1",
        purpose="a test",
        since=now,
        until=now.replace(year=now.year + 1),
        frameworks=["gdpr"],
        by="operator",
    )
    with made.ledger.database.connect_as_owner() as conn:
        token = packing_token(conn, door)
    with door.with_(token) as http:
        problem(http.post("/v1/packs", json={"frameworks": ["iso27001"]}), 403, "not-allowed")
        address = ask(http)
        assert http.get(address).json()["asked"]["frameworks"] == ["gdpr"]


def packing_token(conn: psycopg.Connection, door: Door) -> str:
    """A token under the grant of frameworks."""
    now = door.made.clock.moment
    return granted_access.grant(
        conn,
        now,
        role=Role.AUDITOR,
        holder="auditor-1",
        expires_at=now.replace(year=now.year + 1),
        grant_id="G-frameworks",
    )[1]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"controllers": []}, "controllers"),
        ({"controllers": ["C1"] * 41}, "controllers"),
        ({"frameworks": ["none"]}, "there is no framework none"),
        ({"from": "yesterday"}, "from is a date"),
        ({"from": "2026-01-02", "until": "2026-01-01"}, "until is after from"),
        ({"lang": "fr"}, "lang"),
        ({"size": 0}, "size"),
        ({"more": 1}, "more"),
    ],
)
def test_what_cannot_be_asked_for_is_said(door: Door, asked: dict[str, Any], said: str) -> None:
    """At once, and nothing waits."""
    with door.as_(Role.PRIVACY_OFFICER) as http:
        answer = http.post("/v1/packs", json=asked)
        assert said in json.dumps(problem(answer, 422, "parameters-invalid"))
        assert http.get("/v1/packs").json() == {"packs": []}


def test_what_cannot_be_made_says_why(door: Door) -> None:
    """A controller of which the ledger knows nothing; and too many at once are refused."""
    with door.as_(Role.PRIVACY_OFFICER) as http:
        address = ask(http, controllers=["C99"])
        claimed(door)
        told = http.get(address).json()
        assert told["state"] == "failed"
        assert "C99" in told["reason"]
        assert "failed" in problem(http.get(f"{address}/file"), 404, "not-found")["detail"]
        for _ in range(asked_packs.AT_A_TIME):
            ask(http)
        assert (
            "packs of yours" in problem(http.post("/v1/packs", json={}), 429, "too-many")["detail"]
        )


def test_a_service_gets_no_pack(door: Door) -> None:
    """Nor somebody whose grant names other things."""
    with door.as_(Role.CONTROLLER_READER, controllers=["C1"], registers=["breaches"]) as http:
        problem(http.post("/v1/packs", json={}), 403, "not-allowed")


def wait_for(http: httpx.Client, address: str, *states: str) -> dict[str, Any]:
    """How a pack is, once it is in one of these states."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        told: dict[str, Any] = http.get(address).json()
        if told["state"] in states:
            return told
        time.sleep(0.1)
    raise AssertionError(told)


def test_it_is_made_beside_the_service_and_outlives_it(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that ends while a pack is made leaves it to the next one; one that is cancelled
    ends."""
    made = door.made
    monkeypatch.setattr(asked_packs, "SILENT", asked_packs.SILENT * 0)
    with door.as_(Role.PRIVACY_OFFICER) as http:
        address = ask(http)
        first = Packing(made.ledger, made.home, {}, look=0.05)
        wait_for(http, address, "running", "ready")
        first.close()
        assert http.get(address).json()["state"] in ("running", "ready")
        second = Packing(made.ledger, made.home, {}, look=0.05)
        try:
            told = wait_for(http, address, "ready")
            checked(http.get(told["file"]).content, tmp_path)
            cancelled = ask(http)
            http.delete(cancelled)
            assert wait_for(http, cancelled, "cancelled")["file"] is None
        finally:
            second.close()


def test_a_pack_that_is_cancelled_while_it_is_made_ends(door: Door) -> None:
    """At its next word, and nothing of it is kept."""
    ledger = door.made.ledger
    with door.as_(Role.PRIVACY_OFFICER) as http:
        address = ask(http)
        with ledger.pool.connection() as conn:
            found = asked_packs.claim(conn, ledger.clock())
        assert found is not None
        assert http.delete(address).status_code == 204
        make(ledger, door.made.home, *found, {})
        assert http.get(address).json()["state"] == "cancelled"
    with ledger.pool.connection() as conn:
        assert conn.execute("SELECT count(*) FROM pack_pieces").fetchone() == (0,)
