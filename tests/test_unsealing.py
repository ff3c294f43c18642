"""Sealed text is shown to those who may read it, when they ask, and to nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ledger import cloudevent, entry
from ledger.inspections import Inspections
from ledger.roles import Role
from ledger.unsealing import in_short, opener
from projections.follow import catch_up
from tests.door import Owner, opened
from tests.ledgers import TestLedger
from tests.sealed import TEXT, key_for, request
from tests.test_access import SCOPES
from tests.test_api import problem
from tests.test_inspections import Watched

READ_IT = {Role.OPERATOR, Role.PRIVACY_OFFICER, Role.CONTROLLER_READER}
PLACES = (
    "/v1/registers/data-subject-requests?{}",
    "/v1/registers/data-subject-requests?format=csv&{}",
    "/v1/events?type=DataSubjectRequestReceived&{}",
    "/v1/events/{index}?{}",
)


@pytest.fixture
def watched(ledger: TestLedger, owner: Owner) -> Iterator[Watched]:
    """A served ledger with a request of C1 and one of C2, both sealed."""
    for number, controller in ((1, "C1"), (2, "C2")):
        request(ledger, number, controller, text=f"{TEXT} bij {controller}")
    key = ledger.ledger.own_key()
    assert key is not None
    catch_up(ledger.ledger.pool)
    inspections = Inspections(ledger.ledger, key, look=3600)
    with opened(ledger, owner, inspections) as door:
        yield Watched(ledger, door, inspections)
    inspections.close()


def places(made: TestLedger) -> list[str]:
    """Where the request of C1 is read."""
    index = made.ledger.reader.size() - 2
    return [place.replace("{index}", str(index)) for place in PLACES]


@pytest.mark.parametrize("role", Role)
def test_only_some_roles_read_it_and_only_when_they_ask(watched: Watched, role: Role) -> None:
    """403 for the others; without asking nobody gets it. A controller gets its own alone."""
    kid = key_for(watched.made, "request:V-1").kid
    with watched.door.as_(role, **SCOPES.get(role, {})) as client:
        for place in places(watched.made):
            plain = client.get(place.format(""))
            assert TEXT not in plain.text
            if plain.status_code == 200:
                assert kid in plain.text or "eyJ" in plain.text
            asked = client.get(place.format("unsealed=true"))
            if role in READ_IT:
                assert f"{TEXT} bij C1" in asked.text
                assert asked.headers["cache-control"] == "no-store"
                own = role is Role.CONTROLLER_READER or "/events/" in place
                assert (f"{TEXT} bij C2" in asked.text) != own
            else:
                problem(asked, 403, "not-allowed")


def test_that_it_was_read_is_recorded(watched: Watched) -> None:
    """Apart from what was read without it."""
    with watched.door.as_(Role.PRIVACY_OFFICER) as client:
        for asked in ("", "unsealed=true", "unsealed=false"):
            client.get(f"/v1/registers/data-subject-requests?{asked}")
    told = [(said.get("unsealed", False), said.get("count", 1)) for said in watched.told()]
    assert sorted(told) == [(False, 2), (True, 1)]


def test_without_a_master_key_it_is_told_that_it_is_missing(watched: Watched) -> None:
    """503, and everything else is answered as before."""
    (watched.made.home.keys / "sealing-1.key").unlink()
    with watched.door.as_(Role.PRIVACY_OFFICER) as client:
        for place in places(watched.made):
            assert client.get(place.format("")).status_code == 200
            problem(client.get(place.format("unsealed=true")), 503, "busy")


def test_stored_rows_are_as_sealed_as_the_events(watched: Watched) -> None:
    """What a register keeps is never the text."""
    with watched.door.as_(Role.OPERATOR) as client:
        client.get("/v1/registers/data-subject-requests?unsealed=true")
    with watched.made.ledger.pool.connection() as conn:
        kept = str(conn.execute("SELECT t::text FROM register_rows t").fetchall())
    assert "eyJ" in kept
    assert TEXT not in kept


def test_values_of_every_shape_are_shown(ledger: TestLedger) -> None:
    """In lists and objects; what is not sealed stays as it is."""
    sealed = request_text(ledger)
    kid = key_for(ledger, "request:V-1").kid
    value: dict[str, Any] = {"a": [sealed, 1, None, {"b": sealed}], "c": "text", "d": True}
    short = f"[sealed {kid}]"
    assert in_short(value) == {"a": [short, 1, None, {"b": short}], "c": "text", "d": True}
    with ledger.ledger.pool.connection() as conn:
        show = opener(conn, ledger.ledger.master_keys(), [value])
    assert show(value) == {"a": [TEXT, 1, None, {"b": TEXT}], "c": "text", "d": True}
    changed = sealed[:-3] + ("AAA" if not sealed.endswith("AAA") else "BBB")
    assert show(changed) == f"[cannot be opened {kid}]"


def request_text(made: TestLedger) -> str:
    """The sealed text of a request."""
    appended = request(made, 1)
    stored = made.ledger.reader.entry(appended.index)
    return str(cloudevent.parse(entry.parse(stored.leaf).payload).raw["data"]["request_text"])
