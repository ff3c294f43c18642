"""`verantwoord grant auditor`, `extend` and `end`, as an operator types them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ledger.deployment import Home, now
from tests.check_ledger import check_ledger
from tests.ledgers import TestLedger
from tests.test_cli import answer, options_of, run

AUDITOR = ["grant", "auditor", "--holder", "auditor-1", "--purpose", "audit 11.3"]


@pytest.fixture
def at(home: Home, ledger: TestLedger) -> list[object]:
    """Where a ledger is that runs by the clock of this machine."""
    ledger.ledger.clock = now
    return options_of(home)


def test_a_grant_is_made_listed_extended_and_ended(at: list[object], ledger: TestLedger) -> None:
    """Its token is shown once; what it says comes from the events; an end is an end."""
    scope = ["--controller", "C1", "--register", "processing", "--audit", "AU-7"]
    shown = run(*AUDITOR, *scope, "--days", "10", *at).stdout.splitlines()
    assert shown[0].startswith("Grant G-")
    assert shown[1].startswith("vrw_")
    grant = shown[0].split()[1]
    listed = run("grant", "list", *at, COLUMNS="200").stdout
    for word in (grant, "auditor-1", "C1", "processing", "in force"):
        assert word in listed
    assert shown[1] not in listed
    extended = run("grant", "extend", grant, "--expires", _in_days(40), "--reason", "r", *at).stdout
    assert f"Grant {grant} lasts until" in extended
    again = run("grant", "extend", grant, "--expires", _in_days(2), "--reason", "r", *at, status=2)
    assert "already" in again.stderr
    assert "has ended" in run("grant", "end", grant, "--reason", "done", *at).stdout
    (kept,) = answer("grant", "list", *at)["granted"]
    assert (kept["grant_id"], kept["state"], kept["controllers"]) == (grant, "revoked", ["C1"])
    assert "was ended" in run("grant", "end", grant, "--reason", "x", *at, status=2).stderr
    check_ledger(ledger)


def _in_days(days: int) -> str:
    return (now() + timedelta(days=days)).date().isoformat()


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        ([*AUDITOR, "--controller", "C99"], 2, "C99"),
        ([*AUDITOR, "--register", "secrets"], 2, "processing"),
        ([*AUDITOR, "--expires", "2020-01-01"], 2, "at most a year"),
        ([*AUDITOR, "--from", "soon"], 2, "from is a date"),
        ([*AUDITOR[:-1], "mail jan@example.nl"], 1, "personal data"),
        (["grant", "auditor", "--holder", "Jan Jansen", "--purpose", "x"], 2, "pseudonym"),
        (["grant", "extend", "G-0", "--expires", "2090-01-01", "--reason", "x"], 2, "no grant G-0"),
        (["grant", "end", "G-0", "--reason", "x"], 2, "no grant G-0"),
        (["grant", "token", "--role", "auditor", "--holder", "x"], 2, "grant auditor"),
    ],
)
def test_a_slip_is_told(
    at: list[object], ledger: TestLedger, command: list[Any], status: int, said: str
) -> None:
    """With what is wrong; nothing is recorded, and there is no token."""
    size = ledger.ledger.reader.size()
    assert said in run(*command, *at, status=status).stderr
    assert ledger.ledger.reader.size() == size
    assert answer("grant", "list", *at)["granted"] == []
