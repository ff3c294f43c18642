"""Faults on purpose (`tests/faults/`): each comes out as its row says, and nothing told is lost.

A short selection runs with every other test; all of them, each at its first call, and a hundred
kills with the long ones. `python -m tests.faults` plays each at all its calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.absent import absent
from tests.faults import reference
from tests.faults.fault import Fault, Outcome, Says, fits, is_told
from tests.faults.kills import kill
from tests.faults.run import missing, run
from tests.faults.scene import template
from tests.faults.table import FAULTS
from tests.ledgers import TestLedger

SHORT = ("wal-sync-eio", "kept-write-enospc", "statement-unanswered")
"""One of PostgreSQL, one of the service, one of the line between."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestLedger]:
    """The ledger that is copied for each fault."""
    with template(tmp_path_factory.mktemp("template") / "data") as made:
        yield made


def play(made: TestLedger, fault: Fault, directory: Path) -> None:
    """A fault at its first call, unless what it takes is not here."""
    for need in fault.needs:
        reason = missing(need)
        if reason:
            absent(need, reason)
    seen = run(made, replace(fault, numbers=tuple(fault.numbers)[:1]), directory / "data")
    assert seen.different == []
    assert seen.plays == 1


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.name in SHORT], ids=lambda f: f.name)
def test_a_fault_loses_and_doubles_nothing(made: TestLedger, fault: Fault, tmp_path: Path) -> None:
    """And what comes of it is what its row says."""
    play(made, fault, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("fault", [f for f in FAULTS if f.name not in SHORT], ids=lambda f: f.name)
def test_each_fault_loses_and_doubles_nothing(
    made: TestLedger, fault: Fault, tmp_path: Path
) -> None:
    """The others."""
    play(made, fault, tmp_path)


@pytest.mark.long
def test_a_few_kills_lose_and_double_nothing(made: TestLedger, tmp_path: Path) -> None:
    """Of the service, of PostgreSQL or of both, under load."""
    assert kill(made, tmp_path, 3, 20240102, print).total() == 3


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
def test_many_kills_lose_and_double_nothing(made: TestLedger, tmp_path: Path, seed: int) -> None:
    """A hundred, in two ledgers; `python -m tests.faults --kills 1000` makes more."""
    assert kill(made, tmp_path, 50, seed, print).total() == 50


def test_an_outcome_that_is_not_expected_is_a_difference() -> None:
    """What should go on may not fail, what should come back by itself may not take a restart."""
    assert not fits(Outcome.GOES_ON, Outcome.BY_ITSELF)
    assert not fits(Outcome.BY_ITSELF, Outcome.RESTART)
    assert not fits(Outcome.RESTART, Outcome.BY_ITSELF)
    assert fits(Outcome.BY_ITSELF, Outcome.GOES_ON)
    assert not is_told(Says("answer", "set back"), {"service": "it was set back"})


def test_a_fault_that_does_not_happen_is_a_difference(made: TestLedger, tmp_path: Path) -> None:
    """A row cannot pass because nothing was broken."""
    nothing = Fault("nothing", "", "", Outcome.RESTART, lambda scene, number: None)
    seen = run(made, nothing, tmp_path / "data")
    assert seen.different == ["expected: after a restart; seen: goes on"]


def test_the_reference_has_every_fault() -> None:
    """The page is that of the table."""
    assert reference.FILE.read_text(encoding="utf-8") == reference.page(), (
        "run `python -m tests.faults.reference`"
    )
    names = [fault.name for fault in FAULTS]
    assert len(names) == len(set(names))
