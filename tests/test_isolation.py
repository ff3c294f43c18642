"""A controller reads its own and what is everybody's, and never another controller's.

The scenario is replayed and served; then each of its controllers asks everything there is. What it
may get is worked out here from the feed, another way than the ledger does it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import citus
from ledger.deployment import Home
from ledger.granted_access import grant
from ledger.isolation import OneController
from ledger.opening import Ledger, open_ledger
from ledger.replay import demo_ledger, replay
from ledger.roles import Role
from projections import sql
from projections.follow import catch_up
from projections.registers import REGISTERS
from tests.conftest import drop_log
from tests.ledgers import TestLedger
from tests.recording import scenario_file
from tests.serving import serving_ledger

CONTROLLERS = ("C1", "C2", "C3", "C4", "C5", "C6")
MOMENTS = ({}, {"as_of": "2025-06-30"}, {"as_of": "2026-02-01", "known_at": "2025-12-01"})
SHARED = {
    "ProcessorRegistered",
    "SecurityMeasureAdopted",
    "SecurityMeasureAmended",
    "SecurityMeasureRetired",
    "CertificateIssued",
    "CertificateWithdrawn",
    "ApplicabilityStatementIssued",
    "ExternalAuditCompleted",
    "SubprocessingContractConcluded",
    "SigningKeyRevoked",
    "CheckpointSigned",
    "EntriesLost",
}


def feed() -> list[dict[str, Any]]:
    """The events of the scenario."""
    return [json.loads(line) for line in scenario_file("feed.ndjson").read_text().splitlines()]


def ids_in(value: Any) -> set[str]:
    """The controllers that a value names anywhere."""
    return set(re.findall(r"\bC[1-6]\b", json.dumps(value)))


def own_fields(event: dict[str, Any]) -> set[str]:
    """The controllers that an event is about, by the fields of the vocabulary that say so."""
    data = event["data"]
    found: set[str] = set()
    for field in (
        "controller_id",
        "controller_ids",
        "added_controller_ids",
        "controllers_added",
        "delivered_to",
    ):
        if not event["type"].startswith("SigningKey"):
            found |= ids_in(data.get(field, []))
    return found


def allowed() -> dict[str, set[str]]:
    """By controller the ids of the events it may read: read anew."""
    events = feed()
    about: dict[str, set[str]] = {}
    for event in events:
        data = event["data"]
        found = own_fields(event)
        target = next(
            (data[k] for k in ("corrects_event_id", "retracts_event_id", "event_id") if k in data),
            None,
        )
        if event["type"] in ("EventCorrected", "EventRetracted", "PayloadShredded"):
            found |= about[target]
            for change in data.get("field_changes", []):
                found |= ids_in(change)
        elif "controller_id" not in data:
            for key in ("breach_id", "demand_id", "instruction_id", "transfer_id", "activity_id"):
                if key in data and event["type"] not in ("BreachConfirmed",):
                    for earlier in events[: events.index(event)]:
                        if earlier["data"].get(key) == data[key]:
                            found |= own_fields(earlier)
        about[event["id"]] = found
    return {
        controller: {
            event["id"]
            for event in events
            if controller in about[event["id"]]
            or (event["type"] in SHARED and not about[event["id"]])
        }
        for controller in CONTROLLERS
    }


@pytest.fixture(scope="module")
def scenario(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """The replayed scenario."""
    schema = f"isolation_{os.getpid()}"  # others may test on this server too
    home = Home(tmp_path_factory.mktemp("isolation") / "data", server_url, schema)
    made = demo_ledger(
        home,
        scenario_file("feed.ndjson"),
        origin="demo.example/isolation",
        tables=[sql.text("registers.sql")],
        resume=False,
    )
    with made as (ledger, clock):
        replay(home, ledger, clock, scenario_file("feed.ndjson"))
        catch_up(ledger.pool)
    with open_ledger(home) as ledger:
        yield ledger
    with psycopg.connect(server_url, autocommit=True) as conn:
        drop_log(conn, schema)


@pytest.fixture(scope="module")
def url(scenario: Ledger) -> Iterator[str]:
    with serving_ledger(scenario) as served:
        yield served


Ask = Callable[..., httpx.Response]


def client(ledger: Ledger, url: str, *controllers: str) -> httpx.Client:
    """A controller-reader of some controllers."""
    with ledger.database.connect_as_owner() as conn:
        _, token = grant(
            conn,
            ledger.clock(),
            role=Role.CONTROLLER_READER,
            holder="reader-1",
            expires_at=ledger.clock() + timedelta(days=1),
            controllers=controllers,
        )
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60)


def pages(http: httpx.Client, **asked: Any) -> list[dict[str, Any]]:
    """All events of a list."""
    address: str | None = str(httpx.URL("/v1/events", params={"limit": 7, **asked}))
    found: list[dict[str, Any]] = []
    while address:
        answer = http.get(address)
        assert answer.status_code == 200, answer.text
        found += answer.json()["events"]
        address = answer.json().get("next")
    return found


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_it_reads_the_events_that_concern_it_and_the_shared_ones(
    scenario: Ledger, url: str, controller: str
) -> None:
    """Exactly those of the allow-list, in the list and one by one, and their receipts; any other
    index is answered as one that the log does not have."""
    mine = allowed()[controller]
    with client(scenario, url, controller) as http:
        listed = pages(http)
        told = {event["event"]["id"] for event in listed if event["type"] != "CheckpointSigned"}
        notes = [event for event in listed if event["type"] == "CheckpointSigned"]
        assert told == mine - {e["id"] for e in feed() if e["type"] == "CheckpointSigned"}
        assert notes
        numbered = pages(http, controller=controller)
        assert [e["number"] for e in numbered] == list(range(1, len(numbered) + 1))
        indexes = {event["index"] for event in listed}
        missing = http.get("/v1/events/999999")
        for index in range(scenario.reader.size()):
            for path in (f"/v1/events/{index}", f"/v1/events/{index}/proof"):
                answer = http.get(path)
                if index in indexes:
                    assert answer.status_code == 200
                else:
                    assert (answer.status_code, answer.content) == (404, missing.content)


def answers(http: httpx.Client) -> Iterator[tuple[str, httpx.Response]]:
    """Everything that is asked about a moment, at several."""
    for moment in MOMENTS:
        for lang in ("nl", "en"):
            for name in (*(f"registers/{name}" for name in REGISTERS), "findings", "clocks"):
                for form in ("json", "csv"):
                    asked = {**moment, "lang": lang, "format": form}
                    yield f"{name} {asked}", http.get(f"/v1/{name}", params=asked)
        for path in ("gdpr", "iso27001/controls/A.5.26", "gdpr/controls/Art. 33(2)"):
            asked = {**moment, "from": "2024-09-01", "until": "2026-08-31"}
            yield f"{path} {asked}", http.get(f"/v1/frameworks/{path}", params=asked)
    states = {"state": ["running", "late", "met", "ended", "not_applicable"]}
    yield "all clocks", http.get("/v1/clocks", params=states)


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_no_register_finding_or_clock_names_another(
    scenario: Ledger, url: str, controller: str
) -> None:
    """Neither its id nor its name, in any form, language and at any moment: also in errors."""
    names = {
        event["data"]["controller_id"]: event["data"]["legal_name"]
        for event in feed()
        if event["type"] == "ControllerRegistered"
    }
    others = [other for other in CONTROLLERS if other != controller]
    with client(scenario, url, controller) as http:
        for what, answer in answers(http):
            assert answer.status_code in (200, 404), what
            if "json" in answer.headers["content-type"]:
                body = answer.json()
                body.get("basis", {}).pop("checkpoint", None)  # base64 may spell anything
                text = json.dumps(body, ensure_ascii=False)
            else:
                text = answer.text
            # Digests and keys are left out for the same reason.
            text = re.sub(r"[A-Za-z0-9+/=]{40,}", "", text)
            found = [other for other in others if re.search(rf"\b{other}\b", text)]
            assert not found, (what, found)
            assert not [other for other in others if names[other] in text], what


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_its_rows_are_those_of_the_whole_ledger_for_it(
    scenario: Ledger, url: str, controller: str
) -> None:
    """Nothing of its own is left out: the same answer as the operator gets when asking about it."""
    token = scenario.home.token_file.read_text()
    operator = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60)
    with client(scenario, url, controller) as http, operator:
        for name in (*(f"registers/{name}" for name in REGISTERS), "findings", "clocks"):
            for moment in MOMENTS:
                asked = {"controller": controller, **moment}
                mine = http.get(f"/v1/{name}", params=moment)
                assert mine.content == operator.get(f"/v1/{name}", params=asked).content, name


def test_another_controller_is_refused_whether_it_exists_or_not(scenario: Ledger, url: str) -> None:
    """With the same answer, on every address that takes a controller."""
    with client(scenario, url, "C1") as http:
        for path in ("registers/processing", "findings", "clocks", "events", "frameworks/gdpr"):
            texts = {
                http.get(f"/v1/{path}", params={"controller": other}).content
                for other in ("C2", "C99", "", "*", "%", "C1,C2", "c1", " C1")
            }
            assert len(texts) == 1, path
            assert b"not-allowed" in texts.pop()
        exports = {http.get(f"/v1/controllers/{c}/export").content for c in ("C2", "C99", "*")}
        assert len(exports) == 1
        assert b"not-allowed" in exports.pop()
        assert http.get("/v1/controllers/C1/export").status_code == 200


def test_who_has_several_names_one(scenario: Ledger, url: str) -> None:
    """A question is about one controller; the answer is as if it were granted alone."""
    with client(scenario, url, "C1", "C2") as http, client(scenario, url, "C2") as single:
        answer = http.get("/v1/findings")
        assert answer.status_code == 422
        assert "controller" in answer.json()["detail"]
        both = http.get("/v1/findings", params={"controller": "C2"})
        assert both.content == single.get("/v1/findings").content


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    asked=st.dictionaries(
        st.sampled_from(["controller", "as_of", "known_at", "after", "type", "limit", "rule"]),
        st.one_of(
            st.sampled_from(["C1", "C2", "C3' OR '1'='1", "C1\x00", "0", "1", "2025-01-01", "500"]),
            st.text(max_size=12),
        ),
    ),
    path=st.sampled_from(["events", "findings", "clocks", "registers/agreements", "events/7"]),
)
def test_no_parameter_gets_across(
    scenario: Ledger, url: str, asked: dict[str, str], path: str
) -> None:
    """Whatever is asked, the answer tells nothing of an event that is not its own, and no error of
    the database comes out."""
    mine = allowed()["C5"]
    with client(scenario, url, "C5") as http:
        answer = http.get(f"/v1/{path}", params=asked)
    assert answer.status_code in (200, 403, 404, 422), answer.text
    if answer.status_code == 200 and path == "events":
        for event in answer.json()["events"]:
            assert event["event"]["id"] in mine or event["type"] == "CheckpointSigned"


# What PostgreSQL itself holds to, whatever the program asks.


def through(ledger: Ledger, controller: str, upto: int | None = None) -> OneController:
    """Connections that see one controller."""
    size = ledger.reader.size() if upto is None else upto
    return OneController(ledger.pool, ledger.database, controller, size)


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_the_database_shows_no_more_than_that(scenario: Ledger, controller: str) -> None:
    """A statement without any condition gives the allow-list, and no row of others."""
    mine = allowed()[controller]
    with through(scenario, controller).connection() as conn:
        leaves = conn.execute("SELECT convert_from(leaf, 'UTF8') FROM entries").fetchall()
        owners = conn.execute("SELECT DISTINCT controller FROM register_rows").fetchall()
        numbered = conn.execute("SELECT DISTINCT controller FROM numbers").fetchall()
    events = [json.loads(json.loads(leaf)["payload"]) for (leaf,) in leaves]
    told = {event["id"] for event in events}
    assert {id_ for id_ in told if not id_.startswith("checkpoint-")} == {
        e["id"] for e in feed() if e["id"] in mine and e["type"] != "CheckpointSigned"
    }
    assert {owner for (owner,) in owners} == {None, controller}
    assert numbered == [(controller,)]


def test_the_database_stops_where_it_may_be_told_no_more(scenario: Ledger) -> None:
    """Nothing after the given entry, also of its own."""
    with through(scenario, "C1", upto=40).connection() as conn:
        for table in ("entries", "numbers"):
            row = conn.execute(f"SELECT max(position) FROM {table}".encode()).fetchone()
            assert row is not None
            assert row[0] <= 40


@pytest.mark.parametrize("setting", ["verantwoord.controller", "verantwoord.upto"])
def test_without_a_setting_nothing_of_anybody_is_shown(scenario: Ledger, setting: str) -> None:
    """Neither when it is empty nor when it never was there; the processor's own rows least."""
    with through(scenario, "C1").connection() as conn:
        conn.execute(f"SET LOCAL {setting} = ''".encode())
        assert conn.execute("SELECT FROM numbers").fetchall() == []
        owners = conn.execute("SELECT DISTINCT controller FROM register_rows").fetchall()
        assert ("",) not in owners


def test_the_role_reads_and_nothing_else(scenario: Ledger) -> None:
    """It writes nothing, and reads neither tokens nor keys nor what the service keeps."""
    refused = (
        "INSERT INTO numbers VALUES ('C1', 999, 999, '')",
        "UPDATE register_rows SET controller = 'C1'",
        "DELETE FROM register_rows",
        "TRUNCATE entries",
        "SELECT * FROM granted_access",
        "SELECT * FROM log",
        "SELECT * FROM tags",
        "SELECT * FROM case_controllers",
        "CREATE TABLE mine (x int)",
        "ALTER TABLE entries DISABLE ROW LEVEL SECURITY",
    )
    role = f'SET ROLE "{scenario.database.controller_role}"'
    for statement in refused:
        # Connections that see one controller write nothing anyway; the role may not either.
        with through(scenario, "C1").connection() as conn, pytest.raises(psycopg.Error):
            conn.execute(statement.encode())
        with scenario.database.connect_as_owner() as conn:
            conn.execute(role.encode())
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(statement.encode())
    with scenario.database.connect_as_owner() as conn:
        row = conn.execute(
            "SELECT rolsuper, rolbypassrls, rolcanlogin, rolinherit AND rolcreaterole"
            " FROM pg_roles WHERE rolname = %s",
            (scenario.database.controller_role,),
        ).fetchone()
        # The coordinator of a cluster connects to the node of the log as this role.
        assert row == (False, False, citus.is_cluster(conn), False)


def test_a_connection_is_the_services_again_afterwards(scenario: Ledger) -> None:
    """Also after an error, and after a transaction that was left open."""
    for statement in ("SELECT 1", "SELECT nothing", "BEGIN; SELECT 1/0"):
        try:
            with through(scenario, "C1").connection() as conn:
                conn.execute(statement.encode())
        except psycopg.Error:
            pass
        with scenario.pool.connection() as conn:
            row = conn.execute(
                "SELECT current_user, current_setting('verantwoord.controller', true),"
                " (SELECT count(*) FROM granted_access) >= 0"
            ).fetchone()
        assert row is not None
        assert row[0] == scenario.database.service_role
        assert not row[1]


def test_what_is_secret_for_a_controller_is_not_listed(ledger: TestLedger) -> None:
    """While the law forbids to tell of a demand, its events end what the controller can read."""
    ledger.fill(1)
    demand = {
        "demand_id": "D-1",
        "authority": "Openbaar Ministerie",
        "controller_ids": ["C1"],
        "notification_prohibited": True,
    }
    index = ledger.append("DisclosureDemandReceived", demand, service="dpo").index
    ledger.fill(2, start=2)
    with serving_ledger(ledger.ledger) as url, client(ledger.ledger, url, "C1") as http:
        listed = pages(http)
        assert max(event["index"] for event in listed) < index
        assert http.get(f"/v1/events/{index}").status_code == 404
        assert http.get(f"/v1/events/{index + 1}").status_code == 404


def test_the_allow_list_is_one(scenario: Ledger) -> None:
    """It lets each controller have something that no other has, and leaves something to nobody."""
    lists = allowed()
    for controller, mine in lists.items():
        assert mine - set.union(*(lists[c] for c in CONTROLLERS if c != controller)), controller
    assert {event["id"] for event in feed()} - set.union(*lists.values())
