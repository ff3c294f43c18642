"""How long sealed text is kept: what is due on which day, by a policy that is read strictly."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ledger import erasure
from ledger.errors import ConfigurationError
from ledger.sealing import seal
from projections.keeping import Due, due, read
from tests.ledgers import TestLedger
from tests.sealed import key_for, request


def policy(tmp_path: Path, text: str) -> Path:
    """A file with a policy."""
    file = tmp_path / "retention"
    file.write_text(text)
    return file


def test_a_policy_is_a_line_for_each_kind(tmp_path: Path) -> None:
    """With comments and empty lines; `*` is for the kinds without one."""
    file = policy(tmp_path, "# ours\n\nrequest P2Y\nbreach P6M # half a year\n* P5Y\n")
    assert read(file) == {"request": "P2Y", "breach": "P6M", "*": "P5Y"}


@pytest.mark.parametrize(
    "line", ["request", "request 2Y", "request P2Y P3Y", "Request P2Y", "request P", "a P1Y\na P2Y"]
)
def test_what_is_no_policy_is_named(tmp_path: Path, line: str) -> None:
    """By its line; nothing is guessed about how long something is kept."""
    file = policy(tmp_path, f"* P1Y\n{line}\n")
    with pytest.raises(ConfigurationError, match=f"line {line.count(chr(10)) + 2}"):
        read(file)


def test_without_a_policy_it_is_told_how_to_write_one(tmp_path: Path) -> None:
    """And nothing is due."""
    with pytest.raises(ConfigurationError, match="request P2Y"):
        read(tmp_path / "retention")


def test_it_runs_from_the_last_event_with_text(ledger: TestLedger) -> None:
    """To the end of its last day in civil time; a key that nothing is sealed with, from when it
    was made; what is erased, or of a kind without a period, is not due."""
    ledger.clock.moment = datetime(2026, 1, 31, 12, tzinfo=UTC)
    request(ledger, 1)
    request(ledger, 2)
    key_for(ledger, "breach:B-1")
    key_for(ledger, "subject:S-1")
    ledger.clock.moment = datetime(2026, 2, 10, 23, 30, tzinfo=UTC)  # the 11th in Amsterdam
    ledger.append(
        "InstructionReceived",
        {
            "instruction_id": "I-1",
            "controller_id": "C1",
            "channel": "email",
            "summary_nl": _sealed(ledger, "request:V-2"),
        },
    )
    rules = {"request": "P1M", "breach": "P1Y"}

    def found(day: date) -> list[Due]:
        noon = datetime(day.year, day.month, day.day, 11, tzinfo=UTC)
        with ledger.ledger.pool.connection() as conn:
            return due(conn, rules, noon)

    assert found(date(2026, 2, 28)) == []
    first = Due("request:V-1", "P1M", date(2026, 2, 28), 1)
    second = Due("request:V-2", "P1M", date(2026, 3, 11), 2)
    assert found(date(2026, 3, 1)) == found(date(2026, 3, 11)) == [first]
    assert found(date(2026, 3, 12)) == [first, second]
    breach = Due("breach:B-1", "P1Y", date(2027, 1, 31), 0)
    assert found(date(2027, 2, 1)) == [first, second, breach]
    ledger.clock.moment += timedelta(days=40)
    erasure.erase(ledger.ledger, "request:V-1", ground="retention P1M", by="operator")
    assert found(date(2027, 2, 1)) == [second, breach]


def _sealed(made: TestLedger, subject: str) -> str:
    return seal("text", key_for(made, subject))
