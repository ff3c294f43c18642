"""Who reads is in the log: once an hour at once, the rest counted, refusals and exports as well."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from api.access import READABLE, Allowed
from ledger import cloudevent, entry, keys
from ledger.deployment import Home
from ledger.errors import NotAuthorisedToSign
from ledger.events import versions
from ledger.inspections import Inspections, recording
from ledger.keyring import LEDGER
from ledger.noting import note
from ledger.replay import demo_ledger
from ledger.roles import Role
from projections import sql
from projections.follow import catch_up
from projections.question import ask
from projections.registers import REGISTERS
from tests.check_ledger import check_ledger
from tests.door import Door, Owner, opened
from tests.ledgers import TestLedger, enrol
from tests.recording import scenario_file
from tests.test_access import SCOPES, every_route

HOUR = timedelta(hours=1)


class Watched:
    """A served ledger whose reads are recorded when the test says so."""

    def __init__(self, made: TestLedger, door: Door, inspections: Inspections) -> None:
        self.made, self.door, self.inspections = made, door, inspections

    def told(self, name: str = "RecordsInspected") -> list[dict[str, Any]]:
        """What the log says of who read, after looking once more."""
        self.inspections.record()
        topics = [event_type.topic for event_type in versions(name)]
        found = self.made.ledger.reader.events(types=topics, limit=1000)
        return [cloudevent.parse(entry.parse(e.leaf).payload).raw["data"] for e in found]


@pytest.fixture
def watched(ledger: TestLedger, owner: Owner) -> Iterator[Watched]:
    """A ledger that looks only when it is told to, with a clock that stands."""
    moment = ledger.clock.moment.replace(minute=5)
    ledger.clock = _Standing(moment)  # type: ignore[assignment]
    ledger.ledger.clock = ledger.clock
    key = ledger.ledger.own_key()
    assert key is not None
    inspections = _Looking(ledger.ledger, key, look=3600)
    assert inspections.looked.wait(60)  # as it does at once, in its own thread
    with opened(ledger, owner, inspections) as door:
        yield Watched(ledger, door, inspections)
    inspections.close()
    check_ledger(ledger)


class _Looking(Inspections):
    """Which says when it has looked."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.looked = threading.Event()
        super().__init__(*arguments, **options)

    def record(self, *, all: bool = False) -> None:
        super().record(all=all)
        self.looked.set()


class _Standing:
    """A clock that moves when it is moved."""

    def __init__(self, moment: Any) -> None:
        self.moment = moment

    def __call__(self) -> Any:
        return self.moment


def test_who_read_what_is_in_the_log(watched: Watched) -> None:
    """By pseudonym and role, the register, the digest of the question, and what the answer rests
    on; not the question itself, and no controller."""
    with watched.door.as_(Role.AUDITOR, holder="auditor-2026-1") as client:
        answer = client.get("/v1/registers/processing?controller=C1&lang=nl")
        assert answer.status_code == 200
    question = b"GET /v1/registers/processing?controller=C1&lang=nl\n"
    assert watched.told() == [
        {
            "reader": "auditor-2026-1",
            "projection": "processing",
            "role": "auditor",
            "query_hash": hashlib.sha256(question).hexdigest(),
            "ledger_position": answer.json()["basis"]["size"],
        }
    ]


def test_a_burst_makes_two_events(watched: Watched) -> None:
    """The first question at once; those after it when the hour is over, with their number, the
    digest of all of them in order, and when the last was."""
    with watched.door.as_(Role.AUDITOR) as client:
        client.get("/v1/clocks")
        assert [said.get("count") for said in watched.told()] == [None]
        begun = watched.made.clock.moment
        for days in range(30):
            watched.made.clock.moment = begun + timedelta(seconds=days)
            client.get(f"/v1/clocks?within={days}")
        assert len(watched.told()) == 1
        watched.made.clock.moment = begun + HOUR
        assert len(watched.told()) == 2
        client.get("/v1/clocks")
    _, burst, later = watched.told()
    questions = "".join(f"GET /v1/clocks?within={days}\n" for days in range(30))
    assert burst["query_hash"] == hashlib.sha256(questions.encode()).hexdigest()
    assert burst["count"] == 30
    assert burst["until"] == (begun + timedelta(seconds=29)).isoformat().replace("+00:00", "Z")
    assert "count" not in later


def test_readers_registers_and_refusals_are_counted_apart(watched: Watched) -> None:
    """Two readers of two registers, one of which each reads twice, and once refused."""
    for number in (1, 2):
        scope = {"holder": f"auditor-{number}", "registers": ["processing", "breaches"]}
        with watched.door.as_(Role.AUDITOR, **scope) as client:
            for name in ("processing", "breaches", "people", "processing"):
                client.get(f"/v1/registers/{name}")
    watched.made.clock.moment += HOUR
    found = {
        (said["reader"], said["projection"], said.get("refused", False), said.get("count", 1))
        for said in watched.told()
    }
    assert found == {
        (f"auditor-{number}", name, name == "people", 2 if name == "processing" else 1)
        for number in (1, 2)
        for name in ("processing", "breaches", "people")
    }


def test_a_bearer_of_nothing_is_recorded_as_unknown(watched: Watched) -> None:
    """Without a token or with a wrong one: that somebody tried, once an hour for each register."""
    with watched.door.with_("vrw_no-such-token") as client:
        for _ in range(20):
            assert client.get("/v1/findings").status_code == 401
        client.get("/v1/registers/people")
    told = watched.told()
    assert [(s["reader"], s["role"], s["refused"]) for s in told] == [("unknown", "none", True)] * 2
    assert [said["count"] for said in told if said["projection"] == "findings"] == [20]


def test_every_route_that_reads_records_is_recorded(watched: Watched) -> None:
    """Each that names what it reads, answered or refused; none that tells hashes or words."""
    expected = set()
    for name, said in every_route().items():
        method, _, path = name.partition(" ")
        if not isinstance(said, Allowed) or path.endswith("/stream"):
            continue
        address = re.sub(r"\{\w+(:path)?\}", "0", path.replace("{name}", "people"))
        with watched.door.with_("vrw_nobody") as client:
            client.request(method, address, json={})
        if said.name or said.of_path:
            expected.add(said.name or "people")
    assert {event["projection"] for event in watched.told()} == expected
    assert expected == {
        "people",
        "breaches",
        "subprocessors",
        "findings",
        "clocks",
        "evidence",
        "dossiers",
        "packs",
        "events",
        "export",
        "checks",
        "declarations",
    }
    assert expected <= READABLE


@pytest.mark.parametrize("role", Role)
def test_what_a_caller_names_ends_up_in_no_event(watched: Watched, role: Role) -> None:
    """A register that there is not, and a mistaken question, are not recorded."""
    with watched.door.as_(role, **SCOPES.get(role, {})) as client:
        client.get("/v1/registers/123456782")
        client.get("/v1/clocks?within=tomorrow")
    assert [said for said in watched.told() if not said.get("refused")] == []
    assert "123456782" not in json.dumps(watched.told())


def test_an_export_is_recorded_with_what_was_sent(watched: Watched) -> None:
    """Its digest and scope; one that is broken off without a digest, and a refused one as such."""
    watched.made.fill(30)
    _noted(watched)
    with watched.door.as_(Role.CONTROLLER_READER, controllers=["C1"]) as client:
        body = client.get("/v1/controllers/C1/export").content
        assert client.get("/v1/controllers/C2/export").status_code == 403
    (export,) = watched.told("EvidencePackExported")
    assert export["reader"] == "controller-reader-1"
    assert export["manifest_sha256"] == hashlib.sha256(body).hexdigest()
    assert export["scope"].startswith("controller C1, ")
    assert [(s["projection"], s["refused"]) for s in watched.told()] == [("export", True)]


def test_a_stopped_service_has_recorded_what_it_counted(watched: Watched) -> None:
    """Closing records the rest of the hour."""
    with watched.door.as_(Role.AUDITOR) as client:
        client.get("/v1/clocks")
        watched.told()
        client.get("/v1/clocks")
    watched.inspections.close()
    assert len(watched.told()) == 2


def test_reading_goes_on_where_nothing_can_be_recorded(watched: Watched) -> None:
    """What was read meanwhile is recorded when it can be, once."""
    sign = watched.made.ledger.sign
    watched.made.ledger._committer._pause = 0.0

    def refuse(*_: object) -> str:
        raise psycopg.OperationalError("the disk is full")

    with watched.door.as_(Role.AUDITOR) as client:
        watched.made.ledger.sign = refuse  # type: ignore[method-assign]
        assert client.get("/v1/clocks").status_code == 200
    for _ in range(2):
        watched.inspections.attempt(watched.inspections.record)
    watched.made.ledger.sign = sign  # type: ignore[method-assign]
    assert len(watched.told()) == 1
    assert len(watched.told()) == 1


def test_the_register_of_inspections_shows_them(watched: Watched) -> None:
    """For the processor alone: who, what, how often, and whether it was refused."""
    with watched.door.as_(Role.AUDITOR, registers=["clocks"]) as client:
        for path in ("/v1/clocks", "/v1/clocks", "/v1/findings"):
            client.get(path)
    watched.told()
    catch_up(watched.made.ledger.pool)
    rows = ask(watched.made.ledger.pool, REGISTERS["inspections"]).rows
    own = [row for row in rows if row.values["kind"] == "inspection"]
    shown = {(r.values["projection"], r.values["count"], r.values["refused"]) for r in own}
    assert shown == {("clocks", 2, False), ("findings", 1, True)}
    assert {row.controllers for row in own} == {("",)}


def test_no_service_says_who_read(ledger: TestLedger) -> None:
    """Only the ledger's own key does, and the administrator's."""
    key = enrol(ledger, "k-any", "any")
    said = {"reader": "auditor-1", "projection": "people"}
    with pytest.raises(NotAuthorisedToSign):
        ledger.append("RecordsInspected", said, service="any", key=key)
    own = keys.load(keys.key_file(ledger.home.keys, LEDGER))
    ledger.append("RecordsInspected", said, service=LEDGER, key=own)


def test_a_demonstration_records_nothing_by_itself(home: Home) -> None:
    """Its clock is that of a feed."""
    feed = scenario_file("feed.ndjson")
    made = demo_ledger(
        home, feed, origin="demo.example/x", tables=[sql.text("registers.sql")], resume=False
    )
    with made as (ledger, _), recording(ledger) as inspections:
        assert inspections is None


def _noted(watched: Watched) -> None:
    """Have the ledger commit to the numbers of its controllers."""
    own = watched.made.ledger.own_key()
    assert own is not None
    note(watched.made.ledger, own)
