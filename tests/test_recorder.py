"""The library's own conformance test runs on our recorder, with two recorders interleaving too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from eventsourcing.dcb.api import (
    DCBAppendCondition,
    DCBEvent,
    DCBQuery,
    DCBQueryItem,
    DCBReadResponse,
    DCBRecorder,
    DCBSubscription,
)
from eventsourcing.dcb.tests import DCBRecorderTestCase
from eventsourcing.persistence import IntegrityError, ProgrammingError

from ledger.recorder import LedgerRecorder
from tests.ledgers import TestLedger


def recorder(made: TestLedger) -> LedgerRecorder:
    return LedgerRecorder(
        made.ledger.pool,
        made.ledger.listener,
        origin=made.ledger.identity.origin,
        sign=made.ledger.sign,
        kept=made.ledger.signing.kept,
        clock=made.clock,
    )


class Interleaving(DCBRecorder):
    """Two recorders that take turns, as two processes on one log do."""

    def __init__(self, recorders: Iterable[LedgerRecorder]) -> None:
        self._recorders = list(recorders)

    def _next(self) -> LedgerRecorder:
        self._recorders.append(self._recorders.pop(0))
        return self._recorders[0]

    def read(
        self, query: DCBQuery | None = None, *, after: int | None = None, limit: int | None = None
    ) -> DCBReadResponse:
        return self._next().read(query, after=after, limit=limit)

    def append(
        self, events: Sequence[DCBEvent], condition: DCBAppendCondition | None = None
    ) -> int:
        return self._next().append(events, condition)

    def subscribe(
        self, query: DCBQuery | None = None, *, after: int | None = None
    ) -> DCBSubscription[LedgerRecorder]:
        return self._next().subscribe(query, after=after)


@pytest.fixture(params=["one", "interleaving"])
def subject(request: pytest.FixtureRequest, ledger: TestLedger) -> DCBRecorder:
    if request.param == "one":
        return recorder(ledger)
    return Interleaving(recorder(ledger) for _ in range(2))


def test_reading_and_appending_conform(subject: DCBRecorder, ledger: TestLedger) -> None:
    """The library's test of read, append and append condition passes."""
    DCBRecorderTestCase()._test_append_read(subject, ledger.ledger.reader.size())


def test_subscribing_conforms(subject: DCBRecorder, ledger: TestLedger) -> None:
    """The library's test of a subscription that waits for the next event passes."""
    DCBRecorderTestCase()._test_append_subscribe(subject, ledger.ledger.reader.size())


def test_an_empty_append_is_a_mistake(ledger: TestLedger) -> None:
    """The library's contract asks for at least one event."""
    with pytest.raises(ProgrammingError):
        recorder(ledger).append([])


def test_a_failed_condition_writes_nothing(ledger: TestLedger) -> None:
    """After an IntegrityError the log is as it was."""
    subject = recorder(ledger)
    subject.append([DCBEvent("type1", b"data", ["tag"])])
    size = ledger.ledger.reader.size()
    condition = DCBAppendCondition(DCBQuery([DCBQueryItem(tags=["tag"])]))
    with pytest.raises(IntegrityError):
        subject.append([DCBEvent("type2", b"more", ["tag"])], condition)
    assert ledger.ledger.reader.size() == size
