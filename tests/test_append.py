"""The append: dense, ordered, durable, repeatable; one refused event never touches another."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
import pytest

from ledger import receipt
from ledger.append import Appended
from ledger.errors import FormRuleViolated, IdAlreadyUsed, KeyNotInForce, PartyUnknown, Refused
from ledger.keyring import ADMINISTRATOR
from ledger.opening import open_ledger
from tests.check_ledger import check_ledger
from tests.ledgers import TestLedger, enrol


def test_an_answer_holds_a_receipt_that_verifies_offline(ledger: TestLedger) -> None:
    """Index, moment and receipt come with the answer, and the receipt is about the sent bytes."""
    answer = ledger.fill(1)[0]
    found = receipt.check(answer.receipt, ledger.verifier)
    assert found.index == answer.index == ledger.ledger.reader.size() - 1
    assert found.entry.recorded_at == answer.recorded_at
    check_ledger(ledger, [answer])


@pytest.mark.parametrize("count", [1, 2, 255, 256, 257, 600])
def test_every_size_of_batch_keeps_the_whole_ledger_sound(ledger: TestLedger, count: int) -> None:
    """Around a full tile, every receipt verifies and every invariant holds."""
    given = ledger.fill(count)
    assert [a.index for a in given] == list(range(given[0].index, given[0].index + count))
    check_ledger(ledger, given)


def test_tiles_that_fill_one_by_one_are_the_same(ledger: TestLedger) -> None:
    """Many small appends across tile boundaries end in the same tree as one batch."""
    given = [answer for n in range(0, 540, 45) for answer in ledger.fill(45, start=n + 1)]
    check_ledger(ledger, given)


def test_the_same_bytes_again_give_the_same_receipt(ledger: TestLedger) -> None:
    """A repeated event is answered as the first time and recorded once."""
    sent = ledger.instruction(1)
    (first,) = ledger.ledger.append([sent])
    ledger.fill(3, start=10)
    (again,) = ledger.ledger.append([sent])
    assert isinstance(first, Appended)
    assert isinstance(again, Appended)
    assert (first.created, again.created) == (True, False)
    assert (again.index, again.receipt, again.recorded_at) == (
        first.index,
        first.receipt,
        first.recorded_at,
    )


def test_the_same_event_twice_in_one_batch_is_recorded_once(ledger: TestLedger) -> None:
    """Both are answered with the one entry."""
    sent = ledger.instruction(1)
    first, again = ledger.ledger.append([sent, sent])
    assert isinstance(first, Appended)
    assert isinstance(again, Appended)
    assert first.index == again.index
    check_ledger(ledger, [first, again])


def test_other_bytes_under_the_same_id_are_refused(ledger: TestLedger) -> None:
    """Source and id name one event for ever (N3)."""
    ledger.fill(1)
    other = ledger.sign(
        "InstructionReceived",
        {"instruction_id": "I-1", "controller_id": "C2", "channel": "fax"},
        id_="instruction-1",
    )
    (answer,) = ledger.ledger.append([other])
    assert isinstance(answer, IdAlreadyUsed)
    check_ledger(ledger)


def test_a_refused_event_does_not_touch_its_neighbours(ledger: TestLedger) -> None:
    """Beside an unknown party, no envelope at all and an answer to nothing, the rest stands."""
    unknown = ledger.instruction(2, controller="C9")
    answer_to_nothing = ledger.sign(
        "InstructionVerified", {"instruction_id": "I-404", "controller_id": "C1"}
    )
    answers = ledger.ledger.append(
        [ledger.instruction(1), unknown, b"{}", answer_to_nothing, ledger.instruction(3)]
    )
    assert isinstance(answers[1], PartyUnknown)
    assert isinstance(answers[2], Refused)
    assert isinstance(answers[3], FormRuleViolated)
    first, last = answers[0], answers[4]
    assert isinstance(first, Appended)
    assert isinstance(last, Appended)
    assert last.index == first.index + 1
    check_ledger(ledger, [first, last])


def test_a_later_event_of_a_batch_sees_an_earlier_one(ledger: TestLedger) -> None:
    """Question and answer may come in one batch."""
    answers = ledger.ledger.append(
        [
            ledger.instruction(1),
            ledger.sign("InstructionVerified", {"instruction_id": "I-1", "controller_id": "C1"}),
        ]
    )
    assert all(isinstance(answer, Appended) for answer in answers)


def test_recorded_time_never_runs_backwards(ledger: TestLedger) -> None:
    """When the machine's clock is set back, entries keep the last moment."""
    before = ledger.fill(1)[0].recorded_at
    ledger.clock.moment = before.replace(year=2020)
    sent = ledger.sign(
        "InstructionReceived",
        {"instruction_id": "I-7", "controller_id": "C1", "channel": "email"},
        at=before.replace(year=2019),
    )
    (after,) = ledger.ledger.append([sent])
    # The key was enrolled in 2026: nothing forbids it to sign while the clock is wrong.
    assert isinstance(after, Appended)
    assert after.recorded_at == before
    check_ledger(ledger, [after])


def test_a_revoked_key_signs_no_more_whatever_date_it_claims(ledger: TestLedger) -> None:
    """A thief who back-dates is judged by the ledger's clock (N1); earlier entries stay."""
    stolen = enrol(ledger, "k-stolen", "newsletter")
    ledger.services["newsletter"] = stolen
    early = ledger.sign(
        "AssistanceRequested",
        {"assistance_id": "AS-1", "controller_id": "C1", "subject": "dsr"},
        service="newsletter",
    )
    (kept,) = ledger.ledger.append([early])
    ledger.append(
        "SigningKeyRevoked",
        {"key_id": "k-stolen", "suspect_since": "2026-01-01"},
        service=ADMINISTRATOR,
    )
    late = ledger.sign(
        "AssistanceRequested",
        {"assistance_id": "AS-2", "controller_id": "C1", "subject": "dsr"},
        service="newsletter",
        at=ledger.clock.moment.replace(year=2025),
    )
    (refused,) = ledger.ledger.append([late])
    assert isinstance(refused, KeyNotInForce)
    assert isinstance(kept, Appended)
    assert check_ledger(ledger, [kept]).suspect == (kept.index,)


def test_a_key_revoked_by_another_process_is_refused_at_once(ledger: TestLedger) -> None:
    """The check under the lock sees what the cached key ring of this process does not."""
    ledger.services["newsletter"] = enrol(ledger, "k-news", "newsletter")
    data = {"assistance_id": "AS-1", "controller_id": "C1", "subject": "dsr"}
    ledger.append("AssistanceRequested", data, service="newsletter")
    with open_ledger(ledger.home, clock=ledger.clock) as other:
        theft = {"key_id": "k-news", "suspect_since": "2026-01-04"}
        revocation = ledger.sign("SigningKeyRevoked", theft, service=ADMINISTRATOR)
        (done,) = other.append([revocation])
        assert isinstance(done, Appended)
    late = ledger.sign(
        "AssistanceRequested", {**data, "assistance_id": "AS-2"}, service="newsletter"
    )
    (refused,) = ledger.ledger.append([late])
    assert isinstance(refused, KeyNotInForce)


def test_interleaving_writers_keep_one_dense_order(ledger: TestLedger) -> None:
    """Three ledgers open on one log: no index twice, none missing, every receipt good."""
    given: list[Appended] = []
    failures: list[BaseException] = []

    def write(start: int) -> None:
        try:
            with open_ledger(ledger.home, clock=ledger.clock) as mine:
                for number in range(start, start + 30):
                    (answer,) = mine.append([ledger.instruction(number)])
                    assert isinstance(answer, Appended), answer
                    given.append(answer)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(1000 * n,)) for n in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    indexes = sorted(answer.index for answer in given)
    assert indexes == list(range(indexes[0], indexes[0] + 90))
    check_ledger(ledger, given)


@pytest.mark.parametrize(
    "table",
    [
        *("entries", "tags", "numbers", "tiles", "checkpoints"),
        *("witness_keys", "cosignatures", "publications"),
    ],
)
@pytest.mark.parametrize("change", ["UPDATE {} SET {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_committed_rows_refuse_every_role(
    ledger: TestLedger, owner: Callable[[], psycopg.Connection], table: str, change: str
) -> None:
    """UPDATE, DELETE and TRUNCATE are refused to the role that serves, and to the owner (N2)."""
    ledger.fill(300)
    columns = {"entries": "type", "tags": "tag", "tiles": "root", "checkpoints": "root"}
    columns |= {
        "numbers": "chain",
        "witness_keys": "vkey",
        "cosignatures": "line",
        "publications": "size",
    }
    column = f"{columns[table]} = {columns[table]}"
    statement = change.format(table, column).encode()
    with owner() as strong, pytest.raises(psycopg.errors.InsufficientPrivilege, match="never"):
        strong.execute(statement)
    with (
        ledger.ledger.database.connect() as serving,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"),
    ):
        serving.execute(statement)
