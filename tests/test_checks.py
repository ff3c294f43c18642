"""May this act happen now: what an event would bring, with nothing written."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from ledger import candidate
from ledger.errors import FieldsInvalid, FormRuleViolated, PersonalDataInClear, UnknownEventType
from projections import follow
from projections.checks import Check, check
from tests.check_ledger import check_ledger
from tests.ledgers import TestLedger

REQUEST = {"request_id": "R-1", "controller_id": "C1", "right": "access"}
FORWARDED = {"request_id": "R-1", "controller_id": "C1"}


def asked(made: TestLedger, type_: str, data: dict[str, Any], at: datetime | None = None) -> Check:
    """What an event would bring; the log, its tables and the registers stay as they were."""
    before = _everything(made)
    now = made.clock.moment
    source = made.ledger.own_source(candidate.SYSTEM)
    found = check(made.ledger.pool, candidate.make(type_, data, at or now, source), now)
    assert _everything(made) == before
    check_ledger(made)
    return found


def _everything(made: TestLedger) -> list[Any]:
    tables = ("entries", "tags", "head", "checkpoints", "followed", "register_rows")
    with made.ledger.pool.connection() as conn:
        return [  # as text: Python's datetime has no infinity
            conn.execute(f"SELECT t::text FROM {t} t ORDER BY 1".encode()).fetchall()
            for t in tables
        ]


def test_an_act_that_breaks_no_rule_is_allowed(ledger: TestLedger) -> None:
    """It starts its clock, due on the last of the days of policy, at 24:00 Dutch time."""
    found = asked(ledger, "DataSubjectRequestReceived", REQUEST)
    assert found.allowed
    assert found.findings == []
    clock = next(c for c in found.clocks if c.rule.id == "R-8.1")
    assert (clock.state, clock.due_at.isoformat()) == ("running", "2026-01-10T23:00:00+00:00")


def test_an_act_that_comes_too_late_says_which_rule_it_breaks(ledger: TestLedger) -> None:
    """An answer of today to a request of long ago; the same finding comes once it is recorded."""
    ledger.append("DataSubjectRequestReceived", REQUEST)
    later = ledger.clock.moment + timedelta(days=9)
    ledger.clock.moment = later
    found = asked(ledger, "DataSubjectRequestForwarded", FORWARDED)
    assert [finding.rule.id for finding in found.findings] == ["R-8.1"]
    assert not found.allowed
    assert "9 days" in found.findings[0].text.en


def test_an_act_to_come_is_judged_as_of_its_moment(ledger: TestLedger) -> None:
    """In time today, too late next month."""
    ledger.append("DataSubjectRequestReceived", REQUEST)
    follow.catch_up(ledger.ledger.pool)
    assert asked(ledger, "DataSubjectRequestForwarded", FORWARDED).allowed
    later = ledger.clock.moment + timedelta(days=30)
    assert not asked(ledger, "DataSubjectRequestForwarded", FORWARDED, later).allowed


def test_what_was_found_already_is_not_told_again(ledger: TestLedger) -> None:
    """Only what the act itself would bring."""
    ledger.append("DataSubjectRequestReceived", REQUEST)
    ledger.clock.moment += timedelta(days=9)
    other = {**REQUEST, "request_id": "R-2"}
    assert asked(ledger, "DataSubjectRequestReceived", other).findings == []


def test_an_act_that_would_be_refused_says_why(ledger: TestLedger) -> None:
    """An answer without its question: no rule of the agreement, but a rule of form."""
    found = asked(ledger, "DataSubjectRequestForwarded", FORWARDED)
    assert isinstance(found.refusal, FormRuleViolated)
    assert not found.allowed


def test_a_correction_is_judged_in_the_case_it_corrects(ledger: TestLedger) -> None:
    """Moving the request back in time makes its answer late."""
    day = timedelta(days=1)
    ledger.clock.moment += 20 * day
    start = ledger.clock.moment
    ledger.append("DataSubjectRequestReceived", REQUEST, id_="asked", at=start - day)
    ledger.append("DataSubjectRequestForwarded", FORWARDED, at=start)
    change = {"field": "occurredat", "new": (start - 12 * day).isoformat()}
    data = {"corrects_event_id": "asked", "field_changes": [change], "reason": "misread"}
    found = asked(ledger, "EventCorrected", data)
    assert {f.rule.id for f in found.findings} == {"R-8.1", "R-LATE"}


def test_terms_that_an_act_would_change_are_judged_in_every_case_they_touch(
    ledger: TestLedger,
) -> None:
    """An amendment that shortens a term, from a day before an answer was given."""
    ledger.append(
        "ProcessingAgreementConcluded",
        {
            "controller_id": "C1",
            "effective_from": "2026-01-05",
            "objection_days": 7,
            "transfer_area": "EU",
            "initial_subprocessors": [],
        },
        service="crm",
    )
    ledger.clock.moment += timedelta(days=1)
    start = ledger.clock.moment
    ledger.append("DataSubjectRequestReceived", REQUEST)
    ledger.clock.moment += timedelta(days=3)
    ledger.append("DataSubjectRequestForwarded", FORWARDED)
    shorter = {"controller_id": "C1", "version": "2", "dsr_forward_days": 1}
    found = asked(ledger, "ProcessingAgreementAmended", shorter, start - timedelta(hours=1))
    assert "R-8.1" in {finding.rule.id for finding in found.findings}


@pytest.mark.parametrize(
    ("type_", "data", "error"),
    [
        ("NothingHappened", {}, UnknownEventType),
        ("DataSubjectRequestReceived", {"request_id": "R-1"}, FieldsInvalid),
        (
            "DataSubjectRequestReceived",
            {**REQUEST, "subject_token": "123456782"},
            PersonalDataInClear,
        ),
    ],
)
def test_what_is_no_event_is_not_judged(
    ledger: TestLedger, type_: str, data: dict[str, Any], error: type[Exception]
) -> None:
    """The error is that of an append."""
    with pytest.raises(error):
        asked(ledger, type_, data)
