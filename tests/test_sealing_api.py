"""Keys for sealing over HTTP, and erasing: who gets what, and what the answer tells."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from ledger.errors import KeyDestroyed
from ledger.roles import Role
from ledger.sealing import SealingKey, seal
from tests.check_ledger import check_ledger
from tests.door import Door, Owner, opened
from tests.ledgers import TestLedger
from tests.sealed import TEXT, key_for, request
from tests.test_access import SCOPES
from tests.test_api import problem


@pytest.fixture
def door(ledger: TestLedger, owner: Owner) -> Iterator[Door]:
    """A served ledger."""
    with opened(ledger, owner) as made:
        yield made


def test_a_service_seals_what_it_appends(door: Door) -> None:
    """It gets the key of a case as a JSON Web Key, the same each time, seals and appends."""
    with door.as_(Role.SERVICE, **SCOPES[Role.SERVICE]) as client:
        told = client.post("/v1/sealing-keys", json={"subject": "request:V-1"})
        assert told.status_code == 200
        assert told.headers["cache-control"] == "no-store"
        again = client.post("/v1/sealing-keys", json={"subject": "request:V-1"})
    jwk = told.json()
    assert again.json() == jwk
    assert (jwk["kty"], jwk["alg"], jwk["enc"]) == ("oct", "A256KW", "A256GCM")
    key = SealingKey(jwk["kid"], base64.urlsafe_b64decode(jwk["k"] + "="))
    assert key == key_for(door.made, "request:V-1")
    data = {"request_id": "V-1", "controller_id": "C1", "right": "access"}
    door.made.append("DataSubjectRequestReceived", {**data, "request_text": seal(TEXT, key)})
    check_ledger(door.made)


def test_the_privacy_officer_erases(door: Door) -> None:
    """Sees which subjects there are, and no key; erases one; and then the key is gone for all."""
    appended = request(door.made, 1)
    with door.as_(Role.PRIVACY_OFFICER, holder="officer-1") as client:
        (listed,) = client.get("/v1/sealing-keys").json()["keys"]
        assert (listed["subject"], listed["destroyed_at"]) == ("request:V-1", None)
        assert listed.keys() == {"subject", "kid", "created_at", "destroyed_at"}
        wanted = {"subject": "request:V-1", "ground": "art. 17(1)(a)"}
        done = client.post("/v1/erasures", json=wanted)
        assert done.status_code == 200
        told = done.json()
        assert told["events"] == [{"index": appended.index, "fields": ["/data/request_text"]}]
        assert (told["recorded"], told["proven"]) == (1, 1)
        again = client.post("/v1/erasures", json=wanted).json()
        assert again == {**told, "recorded": 0}
        shredded = client.get("/v1/events?type=PayloadShredded").json()["events"]
        assert shredded[0]["event"]["data"]["by"] == "officer-1"
    with door.as_(Role.SERVICE, **SCOPES[Role.SERVICE]) as client:
        asked = client.post("/v1/sealing-keys", json={"subject": "request:V-1"})
        problem(asked, 410, KeyDestroyed.code)
    check_ledger(door.made)


@pytest.mark.parametrize("role", Role)
def test_who_may_not_is_refused(door: Door, role: Role) -> None:
    """Services seal, the privacy officer erases, the operator does both; others neither."""
    wanted = {"subject": "request:V-1", "ground": "x"}
    request(door.made, 1)
    with door.as_(role, **SCOPES.get(role, {})) as client:
        seals = client.post("/v1/sealing-keys", json={"subject": "request:V-2"})
        lists = client.get("/v1/sealing-keys")
        erases = client.post("/v1/erasures", json=wanted)
    may_seal = role in (Role.SERVICE, Role.OPERATOR)
    may_erase = role in (Role.PRIVACY_OFFICER, Role.OPERATOR)
    for answer, may in ((seals, may_seal), (lists, may_erase), (erases, may_erase)):
        if may:
            assert answer.status_code == 200
        else:
            problem(answer, 403, "not-allowed")


def test_what_is_no_subject_is_named(door: Door) -> None:
    """The field and the rule, not the value; a subject without a key is not there."""
    with door.as_(Role.OPERATOR) as client:
        bad = client.post("/v1/sealing-keys", json={"subject": "mail@patient.example"})
        told = problem(bad, 422, "fields-invalid")
        assert "/subject" in told["detail"]
        assert "patient" not in bad.text
        long = client.post("/v1/sealing-keys", json={"subject": "x" * 200})
        problem(long, 422, "parameters-invalid")
        for body in ({"subject": "request:V-1"}, {"subject": "request:V-1", "ground": ""}):
            problem(client.post("/v1/erasures", json=body), 422, "parameters-invalid")
        none = client.post("/v1/erasures", json={"subject": "request:V-9", "ground": "x"})
        problem(none, 404, "nothing-sealed")
        ground = {"subject": "request:V-1", "ground": "BSN 111222333"}
        request(door.made, 1)
        problem(client.post("/v1/erasures", json=ground), 422, "personal-data-in-clear")


def test_without_a_master_key_the_others_go_on(door: Door) -> None:
    """503 for what needs it."""
    (door.made.home.keys / "sealing-1.key").unlink()
    with door.as_(Role.OPERATOR) as client:
        asked = client.post("/v1/sealing-keys", json={"subject": "request:V-1"})
        problem(asked, 503, "busy")
        assert client.get("/v1/clocks").status_code == 200
