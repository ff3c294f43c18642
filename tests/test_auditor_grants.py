"""What an auditor may read is an event: for a scope, a purpose, a period; it ends by itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from ledger import auditor_grants
from ledger.errors import ConfigurationError, NotAuthorisedToSign, PersonalDataInClear
from ledger.granted_access import grant as grant_token
from ledger.isolation import OneController
from ledger.roles import Role
from projections import granted
from projections.follow import catch_up
from projections.question import ask
from projections.registers import REGISTERS
from tests.check_ledger import check_ledger
from tests.door import Door, Owner, opened
from tests.ledgers import TestLedger, enrol

DAY = timedelta(days=1)


@pytest.fixture
def door(ledger: TestLedger, owner: Owner) -> Iterator[Door]:
    """A served ledger."""
    with opened(ledger, owner) as made:
        yield made


def make(made: TestLedger, *controllers: str, **more: object) -> None:
    """Grant G-1 from now for a day."""
    now = made.clock.moment
    asked = {"since": now, "until": now + DAY, "purpose": "audit 11.3", "by": "operator", **more}
    auditor_grants.grant(
        made.ledger,
        grant_id="G-1",
        reader="auditor-1",
        controllers=controllers,
        **asked,  # type: ignore[arg-type]
    )


def client_of(door: Door, owner: Owner) -> httpx.Client:
    """A client with a token of G-1, which itself lasts for a month."""
    now = door.made.clock.moment
    with owner() as conn:
        _, token = grant_token(
            conn,
            now,
            role=Role.AUDITOR,
            holder="auditor-1",
            expires_at=now + 30 * DAY,
            grant_id="G-1",
        )
    return door.with_(token)


def test_it_begins_ends_and_is_extended(door: Door, owner: Owner) -> None:
    """By the ledger's clock, with one token all the time."""
    clock = door.made.clock
    now = clock.moment
    make(door.made, since=now + DAY, until=now + 2 * DAY)
    with client_of(door, owner) as client:

        def status() -> int:
            return client.get("/v1/registers/processing").status_code

        assert status() == 401
        clock.moment = now + DAY
        assert status() == 200
        clock.moment = now + 2 * DAY
        assert status() == 401
        auditor_grants.extend(
            door.made.ledger, "G-1", (), until=now + 5 * DAY, reason="not done", by="operator"
        )
        assert status() == 200
        auditor_grants.revoke(door.made.ledger, "G-1", (), reason="done", by="operator")
        assert status() == 401
    check_ledger(door.made)


def test_it_reaches_its_scope_and_writes_nothing(door: Door, owner: Owner) -> None:
    """Its controllers and registers; and no route that writes lets an auditor in."""
    make(door.made, "C1", "C2", registers=["processing"])
    size = door.made.ledger.reader.size()
    with client_of(door, owner) as client:
        for controller, status in (("C1", 200), ("C2", 200), ("C3", 403)):
            asked = client.get(f"/v1/registers/processing?controller={controller}")
            assert asked.status_code == status
        assert client.get("/v1/registers/breaches?controller=C1").status_code == 403
        for path in ("/v1/sealing-keys", "/v1/erasures", "/v1/checks"):
            body = {"subject": "request:V-1", "ground": "x", "type": "X", "data": {}}
            assert client.post(path, json=body).status_code in (403, 422), path
    assert door.made.ledger.reader.size() == size


def test_a_token_without_its_grant_is_none(door: Door, owner: Owner) -> None:
    """Nobody is an auditor by having a row in a table."""
    with client_of(door, owner) as client:
        assert client.get("/v1/registers/processing").status_code == 401


def test_a_retracted_grant_is_none(door: Door, owner: Owner) -> None:
    """A mistake that is taken back ends it as well."""
    make(door.made)
    stored = door.made.ledger.reader.last(["nl.verwerkersovereenkomsten.auditor-access-granted.v1"])
    assert stored is not None
    event_id = next(t for t in stored.tags if t.startswith("event-id:")).partition(":")[2]
    with client_of(door, owner) as client:
        assert client.get("/v1/registers/processing").status_code == 200
        door.made.append("EventRetracted", {"retracts_event_id": event_id, "reason": "mistake"})
        assert client.get("/v1/registers/processing").status_code == 401


def test_each_controller_sees_its_own_grant_and_its_audit_shows_it(ledger: TestLedger) -> None:
    """In its register and beside the audit of 11.3; nobody is told of another controller."""
    requested = {"audit_id": "AU-7", "auditor_independent": True}
    for controller in ("C1", "C2"):
        ledger.append("ControllerAuditRequested", {**requested, "controller_id": controller})
    make(ledger, "C1", "C2", audit_id="AU-7", registers=["processing"])
    auditor_grants.revoke(ledger.ledger, "G-1", ("C1", "C2"), reason="done", by="dpo")
    catch_up(ledger.ledger.pool)
    for controller, other in (("C1", "C2"), ("C2", "C1")):
        seen = OneController(
            ledger.ledger.pool, ledger.ledger.database, controller, ledger.ledger.reader.size()
        )
        rows = ask(seen, REGISTERS["inspections"], controller=controller).rows
        (row,) = (r for r in rows if r.values["kind"] == "grant")
        assert row.controllers == (controller,)
        assert row.values["purpose"] == "audit 11.3"
        assert (row.values["state"], row.values["reason"]) == ("revoked", "done")
        assert f"'{other}'" not in str(row)
        audits = ask(seen, REGISTERS["assurance"], controller=controller).rows
        (audit,) = (r for r in audits if r.values["kind"] == "controller_audit")
        (access,) = audit.values["access"]
        assert (access["id"], access["reader"]) == ("G-1", "auditor-1")
        assert access["revoked_at"] is not None
    check_ledger(ledger)


def test_a_grant_of_everything_is_for_the_processor_alone(ledger: TestLedger) -> None:
    """No controller sees that somebody audits the whole."""
    make(ledger)
    catch_up(ledger.ledger.pool)
    (row,) = (
        row
        for row in ask(ledger.ledger.pool, REGISTERS["inspections"]).rows
        if row.values["kind"] == "grant"
    )
    assert row.controllers == ("",)
    with ledger.ledger.pool.connection() as conn:
        found = granted.find(conn, "G-1")
    assert found is not None
    assert (found.controllers, found.registers) == (None, None)


@pytest.mark.parametrize("days", [0, 400])
def test_a_period_is_to_come_and_at_most_a_year(ledger: TestLedger, days: int) -> None:
    """A grant without an end is none; nothing is recorded."""
    size = ledger.ledger.reader.size()
    with pytest.raises(ConfigurationError, match="at most a year"):
        make(ledger, until=ledger.clock.moment + days * DAY)
    assert ledger.ledger.reader.size() == size


def test_a_purpose_names_nobody(ledger: TestLedger) -> None:
    """It is an event like any other."""
    with pytest.raises(PersonalDataInClear):
        make(ledger, purpose="mail jan@example.nl")


def test_no_service_grants_access(ledger: TestLedger) -> None:
    """Only the ledger's own key and the administrator's."""
    key = enrol(ledger, "k-any", "any")
    until = (ledger.clock.moment + DAY).isoformat()
    data = {"grant_id": "G-1", "reader": "a", "purpose": "x", "valid_until": until}
    with pytest.raises(NotAuthorisedToSign):
        ledger.append("AuditorAccessGranted", data, service="any", key=key)
