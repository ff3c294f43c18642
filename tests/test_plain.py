"""A NUL in an address or a body is refused, wherever it stands, and breaks nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from ledger.roles import Role
from tests.door import Door, opened
from tests.ledgers import TestLedger
from tests.test_access import every_route
from tests.test_api import problem

Owner = Callable[[], psycopg.Connection]


@pytest.fixture
def door(ledger: TestLedger, owner: Owner) -> Iterator[Door]:
    """A served ledger."""
    with opened(ledger, owner) as made:
        yield made


def test_a_nul_in_an_address_is_refused(door: Door) -> None:
    """Of every route: in its path, and in any parameter."""
    with door.as_(Role.OPERATOR) as http:
        for name in every_route():
            method, _, path = name.partition(" ")
            addresses = [re.sub(r"\{\w+(:path)?\}", "0", path) + "?controller=C%00"]
            if "{" in path:
                addresses.append(re.sub(r"\{\w+(:path)?\}", "%00", path))
            for address in addresses:
                problem(http.request(method, address), 422, "parameters-invalid")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/packs", {"controllers": ["C\x00"]}),
        ("/v1/packs", {"frameworks": ["g\x00"]}),
        ("/v1/packs", {"from": "\x00"}),
        ("/v1/erasures", {"subject": "request:\x00", "ground": "x"}),
        ("/v1/erasures", {"subject": "request:R-1", "ground": "\x00"}),
        ("/v1/sealing-keys", {"subject": "request:\x00"}),
    ],
)
def test_a_nul_in_a_body_is_refused(door: Door, path: str, body: dict[str, Any]) -> None:
    """And the field is named."""
    with door.as_(Role.OPERATOR) as http:
        answer = http.post(path, json=body)
        assert answer.status_code in (404, 422), answer.text
        assert "\x00" not in answer.text
