"""`verantwoord sealing`, `erase` and `retention`, as an operator types them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger import sealing
from ledger.deployment import Home, now
from ledger.opening import open_ledger
from tests.check_ledger import check_ledger
from tests.ledgers import TestLedger
from tests.sealed import TEXT, key_for, request
from tests.test_cli import answer, options_of, run


@pytest.fixture
def at(home: Home, ledger: TestLedger) -> list[object]:
    """Where a ledger is that runs by the clock of this machine, with a request sealed in it."""
    ledger.ledger.clock = now
    request(ledger, 1)
    return options_of(home)


def test_text_is_sealed_listed_shown_and_erased(
    at: list[object], ledger: TestLedger, tmp_path: Path
) -> None:
    """Looked at before, and gone after; asked again it is the same."""
    sealed = run("sealing", "text", "request:V-1", *at, typed=f"{TEXT}\n").stdout.strip()
    assert sealing.unseal(sealed, key_for(ledger, "request:V-1")) == TEXT
    assert "request:V-1" in run("sealing", "list", *at).stdout
    asked = ("register", "data-subject-requests", *at)
    assert TEXT not in run(*asked).stdout
    assert TEXT in " ".join(run(*asked, "--unsealed", COLUMNS="400").stdout.split())
    shown = run("erase", "request:V-1", "--preview", *at).stdout
    assert "stands" in shown
    assert "/data/request_text" in shown
    assert TEXT in str(answer(*asked, "--unsealed"))
    done = run("erase", "request:V-1", "--ground", "art. 17(1)(a)", *at).stdout
    assert "1 recorded as shredded now, 0 before; 1 of 1 receipts verify as before." in done
    again = answer("erase", "request:V-1", "--ground", "art. 17(1)(a)", *at)
    assert (again["recorded"], again["proven"], len(again["events"])) == (0, 1, 1)
    assert TEXT not in str(answer(*asked, "--unsealed"))
    (key,) = answer("sealing", "list", *at)["keys"]
    assert key["destroyed_at"] == again["destroyed_at"]
    assert "destroyed" in run("sealing", "text", "request:V-1", *at, status=1).stderr
    check_ledger(ledger)


def test_the_master_key_is_replaced(at: list[object], ledger: TestLedger) -> None:
    """By a file with the next number; the old one is gone, and what was sealed is still read."""
    said = run("sealing", "rotate", *at).stdout
    assert "Wrapped with master key 2: 1 key." in said
    assert [f.name for f in ledger.home.keys.glob("sealing-*")] == ["sealing-2.key"]
    told = answer("sealing", "rotate", *at)
    assert told == {"master": 3, "wrapped": 1, "webhook_secrets": 0, "ended": [2]}
    assert TEXT in str(answer("register", "data-subject-requests", "--unsealed", *at))


def test_retention_is_shown_and_applied(at: list[object], ledger: TestLedger) -> None:
    """Nothing is erased by looking, also not by looking ahead; what is due is erased when told."""
    assert "request P2Y" in run("retention", *at, status=2).stderr
    ledger.home.retention_file.write_text("request P1D\n")
    assert answer("retention", *at) == {"due": [], "erased": False}
    ahead = answer("retention", "--at", "2090-01-01", *at)
    assert [each["subject"] for each in ahead["due"]] == ["request:V-1"]
    assert "1 subject due" in run("retention", "--at", "2090-01-01", *at).stdout
    assert "--apply" in run("retention", "--at", "2090-01-01", "--apply", *at, status=2).stderr
    assert answer("retention", "--apply", *at) == {"due": [], "erased": True}
    with open_ledger(ledger.home, signs=False) as reading:
        assert reading.reader.last(["nl.verwerkersovereenkomsten.payload-shredded.v1"]) is None


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        (["erase", "request:V-1"], 2, "--ground"),
        (["erase", "request:V-9", "--ground", "x"], 1, "nothing was ever sealed for request:V-9"),
        (["erase", "request:V-1", "--ground", "mail@patient.example"], 1, "personal data"),
        (["sealing", "text", "V-1"], 1, "kind and an id"),
        (["retention", "--at", "soon"], 2, "there is no policy"),
    ],
)
def test_a_slip_is_told(at: list[object], command: list[Any], status: int, said: str) -> None:
    """With what is wrong and how to put it right; nothing is erased."""
    assert said in run(*command, *at, status=status, typed=TEXT).stderr
