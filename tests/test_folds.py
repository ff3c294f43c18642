"""Stored rows and the folds that made them: a rule added later runs over the past, and says so."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta

import psycopg
import pytest

from projections import findings, follow, question
from projections.facts import Fact
from projections.findings import ask_findings
from projections.folds import FOLDS, FOLLOWED
from projections.question import Moment, ask
from projections.register import Label, Register
from projections.registers import REGISTERS
from projections.rules import JUDGED, RULES
from projections.rules.chapter import Chapter
from projections.rules.rule import Finding, Rule
from tests.ledgers import TestLedger

ADDED_LATER = Rule(
    id="O-99",
    version=1,
    severity="observation",
    clause="4.1",
    gdpr="28(3)(a)",
    title=Label("Een instructie kwam binnen", "An instruction came in"),
    added=date(2026, 2, 1),
)


def judge(case: str, facts: object) -> Iterator[Finding]:
    """A finding for each instruction."""
    assert isinstance(facts, list)
    fact: Fact
    for fact in facts:
        owner = str(fact.data["controller_id"])
        yield Finding(ADDED_LATER, fact.occurred_at, ADDED_LATER.title, [fact], owner, fact.id)


LATER = Chapter(
    name="later",
    rules=(ADDED_LATER,),
    by_type={"InstructionReceived": ("instruction:instruction_id",)},
    judge=judge,
)


def test_the_version_of_the_folds_is_raised_with_them() -> None:
    """When this fails, raise FOLDS and put the new digest here: stored rows are made anew then."""
    shape = {
        "registers": {name: [c.key for c in r.columns] for name, r in REGISTERS.items()},
        "rules": {id_: rule.version for id_, rule in RULES.items()},
    }
    digest = hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()[:16]
    assert (FOLDS, digest) == (6, "37e45986f779a429")


def test_a_new_ledger_has_the_rows_of_these_folds(ledger: TestLedger) -> None:
    """Nothing has to be made anew in it."""
    assert follow.remake(ledger.ledger.pool) == 0


def test_a_rule_added_later_runs_over_the_past_and_says_so(
    ledger: TestLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stored rows are made anew by the program that has it, and the finding tells that the rule
    came after the event."""
    ledger.fill(3)
    follow.catch_up(ledger.ledger.pool)
    before = ask(ledger.ledger.pool, REGISTERS["instructions"])
    followed: Mapping[str, Register] = {**FOLLOWED, "rules/later": LATER.register()}
    monkeypatch.setattr(follow, "FOLDS", FOLDS + 1)
    monkeypatch.setattr(question, "FOLDS", FOLDS + 1)
    monkeypatch.setattr(findings, "JUDGED", {**JUDGED, "rules/later": LATER.register()})
    monkeypatch.setattr(findings, "RULES", {**RULES, ADDED_LATER.id: ADDED_LATER})
    now = ledger.clock.moment + timedelta(days=60)
    stale = ask_findings(ledger.ledger.pool, now, Moment(), rules=[ADDED_LATER.id])
    assert len(stale.findings) == 3, "folded from the log while the stored rows are those of before"
    follow.catch_up(ledger.ledger.pool, followed)
    stored = ask_findings(ledger.ledger.pool, now, Moment(), rules=[ADDED_LATER.id])
    assert stored.findings == stale.findings
    assert all(finding.of_the_past for finding in stored.findings)
    assert ask(ledger.ledger.pool, REGISTERS["instructions"]).rows == before.rows


def test_rows_of_later_folds_are_left_to_the_program_that_has_them(
    ledger: TestLedger, owner: Callable[[], psycopg.Connection]
) -> None:
    """While two versions serve one log, the earlier reads from the log and writes no rows."""
    ledger.fill(2)
    follow.catch_up(ledger.ledger.pool)
    with owner() as conn:
        conn.execute("UPDATE followed SET folds = folds + 1")
    ledger.fill(2, start=3)
    assert follow.catch_up(ledger.ledger.pool) == 0
    assert len(ask(ledger.ledger.pool, REGISTERS["instructions"]).rows) == 4
    with owner() as conn:
        row = conn.execute("SELECT position FROM followed").fetchone()
        assert row is not None
        assert row[0] == ledger.ledger.reader.size() - 2
