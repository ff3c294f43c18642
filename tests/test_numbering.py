"""Numbers given under the lock: dense for each controller, whatever is appended how."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ledger import cloudevent, entry, keys
from ledger.append import Appended
from ledger.errors import ConfigurationError, Refused
from ledger.export import export_log
from ledger.keyring import LEDGER
from ledger.noting import note
from ledger.numbers import BEGIN
from ledger.opening import open_ledger
from ledger.report import Pins
from ledger.verify import verify
from tests.check_ledger import check_ledger
from tests.ledgers import TestLedger


def sequence(made: TestLedger, controller: str) -> list[int]:
    """The indexes of the entries of a controller, whose numbers are dense."""
    found = made.ledger.reader.sequence(controller, limit=100_000)
    assert [number for number, _ in found] == list(range(1, len(found) + 1))
    return [stored.position - 1 for _, stored in found]


def commitment(made: TestLedger, index: int) -> bytes | None:
    """What an entry carries."""
    return entry.parse(made.ledger.reader.entry(index).leaf).numbers


def append(made: TestLedger, *envelopes: bytes) -> list[int]:
    """Append as one batch; the indexes."""
    answers = made.ledger.append(envelopes)
    assert all(isinstance(answer, Appended) for answer in answers), answers
    return [answer.index for answer in answers if isinstance(answer, Appended)]


def register(made: TestLedger, controllers: list[str]) -> None:
    """Register controllers, in batches."""
    for start in range(0, len(controllers), 500):
        append(
            made,
            *(
                made.sign(
                    "ControllerRegistered",
                    {"controller_id": c, "legal_name": f"Praktijk {c}"},
                    service="crm",
                )
                for c in controllers[start : start + 500]
            ),
        )


def confirmed(made: TestLedger, controllers: list[str], breach: str = "B-1", **more: Any) -> bytes:
    """An envelope of a breach."""
    data = {
        "breach_id": breach,
        "event_ref": f"SE-{breach}",
        "became_aware_at": made.clock.moment.isoformat(),
        "occurred_from": "2026-01-04",
        "occurred_until": "2026-01-05",
        "controller_ids": controllers,
        "subject_count": 3,
    }
    return made.sign("BreachConfirmed", data, service="security-desk", **more)


def test_a_sequence_begins_with_the_registration(ledger: TestLedger) -> None:
    """Nothing is taken about a controller before it."""
    (first,) = sequence(ledger, "C1")
    stored = ledger.ledger.reader.entry(first)
    assert cloudevent.parse(entry.parse(stored.leaf).payload).type.name == "ControllerRegistered"


def test_numbers_are_dense_for_each_controller(ledger: TestLedger) -> None:
    """In the order of the log; what concerns nobody carries nothing."""
    own = {c: sequence(ledger, c) for c in ("C1", "C2", "C3")}
    for number, controller in enumerate(["C1", "C2", "C1", "C3", "C1"]):
        own[controller] += append(ledger, ledger.instruction(number, controller))
    assert own == {c: sequence(ledger, c) for c in own}
    assert all(commitment(ledger, index) is not None for index in own["C1"])
    assert commitment(ledger, 0) is commitment(ledger, 1) is None
    check_ledger(ledger)


@pytest.mark.parametrize("size", [1, 2, 7, 300])
def test_a_batch_numbers_as_single_events_do(ledger: TestLedger, size: int) -> None:
    """Within a batch each event follows the one before it."""
    before = {c: sequence(ledger, c) for c in ("C1", "C2")}
    envelopes = [ledger.instruction(n, f"C{n % 2 + 1}") for n in range(size)]
    indexes = append(ledger, *envelopes)
    assert sequence(ledger, "C1") == before["C1"] + indexes[0::2]
    assert sequence(ledger, "C2") == before["C2"] + indexes[1::2]
    check_ledger(ledger)


def test_what_is_refused_or_repeated_takes_no_number(ledger: TestLedger) -> None:
    """A number stands for an entry."""
    sent = ledger.instruction(1)
    (index,) = append(ledger, sent)
    before = sequence(ledger, "C1")
    refused = ledger.sign("InstructionVerified", {"instruction_id": "I-9", "controller_id": "C1"})
    answers = ledger.ledger.append([refused, sent, ledger.instruction(2)])
    assert isinstance(answers[0], Refused)
    assert isinstance(answers[1], Appended)
    assert answers[1].index == index
    assert sequence(ledger, "C1") == [*before, index + 1]


@pytest.mark.parametrize("together", [True, False])
def test_amendments_and_cases_are_numbered_for_whom_they_concern(
    ledger: TestLedger, together: bool
) -> None:
    """In one batch or one by one: an update that C2 was not told of, a correction that adds C3, a
    retraction."""
    update = {"breach_id": "B-1", "update_no": 1, "delivered_to": ["C1"], "changed_facts": {}}
    change = {"field": "controller_ids", "new": ["C1", "C2", "C3"]}
    correction = {"corrects_event_id": "b", "field_changes": [change], "reason": "also C3"}
    retraction = {"retracts_event_id": "b", "reason": "a drill"}
    envelopes = [
        confirmed(ledger, ["C1", "C2"], id_="b"),
        ledger.sign("BreachUpdateIssued", update, service="security-desk"),
        ledger.sign("EventCorrected", correction, service="dpo"),
        ledger.sign("BreachClosed", {"breach_id": "B-1"}, service="security-desk"),
        ledger.sign("EventRetracted", retraction, service="dpo"),
    ]
    before = {c: sequence(ledger, c) for c in ("C1", "C2", "C3")}
    batches = [envelopes] if together else [[envelope] for envelope in envelopes]
    indexes = [index for batch in batches for index in append(ledger, *batch)]
    assert sequence(ledger, "C1") == before["C1"] + indexes
    assert sequence(ledger, "C2") == before["C2"] + indexes
    assert sequence(ledger, "C3") == before["C3"] + indexes[2:]
    check_ledger(ledger)


def test_a_note_commits_to_the_numbers_before_it(ledger: TestLedger) -> None:
    """Also to those of its own batch; a note itself has no number."""
    own = keys.load(keys.key_file(ledger.home.keys, LEDGER))
    noted = ledger.sign("CheckpointSigned", {}, service=LEDGER, key=own)
    append(ledger, ledger.instruction(1), noted, ledger.instruction(2))
    note(ledger.ledger, own)
    check_ledger(ledger)  # makes every commitment again


def test_interleaving_writers_give_no_number_twice(ledger: TestLedger) -> None:
    """Three ledgers open on one log, all about the same two controllers, one of them noting."""
    failures: list[BaseException] = []
    own = keys.load(keys.key_file(ledger.home.keys, LEDGER))

    def write(start: int) -> None:
        try:
            with open_ledger(ledger.home, clock=ledger.clock) as mine:
                for n in range(start, start + 20):
                    mine.append(
                        [ledger.instruction(n, f"C{n % 2 + 1}") for n in (2 * n, 2 * n + 1)]
                    )
                    if start == 1000 and n % 5 == 0:
                        note(mine, own)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(1000 * n,)) for n in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(sequence(ledger, "C1")) == len(sequence(ledger, "C2")) == 61
    check_ledger(ledger)


@dataclass
class Naive:
    """Whom events concern, by reading everything before them again each time."""

    events: list[tuple[str, str, dict[str, Any], set[str]]] = field(default_factory=list)

    def add(self, id: str, name: str, data: dict[str, Any]) -> set[str]:
        """Whom the next event concerns."""
        found = {data["controller_id"]} if "controller_id" in data else set()
        found |= set(data.get("controller_ids", ())) | set(data.get("delivered_to", ()))
        for change in data.get("field_changes", ()):
            found |= set(change["new"])
        target = data.get("corrects_event_id") or data.get("retracts_event_id")
        for other, _, said, concerned in self.events:
            about = other == target or (
                name in ("BreachUpdateIssued", "BreachClosed")
                and said.get("breach_id") == data["breach_id"]
            )
            if about:
                found |= concerned | self._amending(other)
        self.events.append((id, name, data, found))
        return found

    def _amending(self, target: str) -> set[str]:
        fields = ("corrects_event_id", "retracts_event_id")
        amending = [e[3] for e in self.events if target in [e[2].get(f) for f in fields]]
        return set().union(*amending)


def story(dice: random.Random) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Instructions, breaches with updates, corrections that move them, retractions, of any mix."""
    ids: list[str] = []
    breaches: dict[str, int] = {}
    for number in range(60):
        id_, some = f"s-{number}", sorted(dice.sample(["C1", "C2", "C3"], dice.randint(1, 2)))
        kind = dice.choice(["instruction", "breach", "update", "close", "correct", "retract"])
        if kind == "breach":
            breach = f"B-{len(breaches)}"
            breaches[breach] = 0
            ids.append(id_)
            yield id_, "BreachConfirmed", {"breach_id": breach, "controller_ids": some}
        elif kind in ("update", "close") and breaches:
            breach = dice.choice(list(breaches))
            if kind == "close":
                yield id_, "BreachClosed", {"breach_id": breach}
                continue
            breaches[breach] += 1
            update = {"breach_id": breach, "update_no": breaches[breach], "changed_facts": {}}
            yield id_, "BreachUpdateIssued", {**update, "delivered_to": some[:1]}
        elif kind == "correct" and ids:
            change = {"field": "controller_ids", "new": some}
            correction = {"corrects_event_id": dice.choice(ids), "field_changes": [change]}
            yield id_, "EventCorrected", {**correction, "reason": "x"}
        elif kind == "retract" and ids:
            yield id_, "EventRetracted", {"retracts_event_id": dice.choice(ids), "reason": "x"}
        else:
            instruction = {"instruction_id": f"I-{number}", "controller_id": some[0]}
            yield id_, "InstructionReceived", {**instruction, "channel": "email"}


@pytest.mark.parametrize("seed", range(6))
def test_any_story_is_numbered_as_a_naive_reader_numbers_it(
    ledger: TestLedger, tmp_path: Path, seed: int
) -> None:
    """In batches of any size; and fsck and the offline verifier with the secret agree."""
    dice, naive = random.Random(seed), Naive()  # noqa: S311 - repeatable, not secret
    expected = {c: sequence(ledger, c) for c in ("C1", "C2", "C3")}
    waiting: list[tuple[bytes, set[str]]] = []
    for id_, name, data in story(dice):
        concerned = naive.add(id_, name, data)
        if name == "BreachConfirmed":
            envelope = confirmed(ledger, data["controller_ids"], data["breach_id"], id_=id_)
        else:
            service = "security-desk" if name.startswith("Breach") else "dpo"
            envelope = ledger.sign(name, data, service=service, id_=id_)
        waiting.append((envelope, concerned))
        if dice.random() < 0.3:
            settle(ledger, waiting, expected)
    settle(ledger, waiting, expected)
    note(ledger.ledger, keys.load(keys.key_file(ledger.home.keys, LEDGER)))
    assert expected == {c: sequence(ledger, c) for c in expected}
    check_ledger(ledger)
    export_log(ledger.ledger.reader, ledger.ledger.vkeys(), tmp_path)
    secret = keys.load(keys.key_file(ledger.home.keys, "numbers")).secret
    report = verify(lambda path: (tmp_path / path).read_bytes(), Pins(numbers_secret=secret))
    assert any("right numbers" in passed.showed for passed in report.passed)


def settle(
    made: TestLedger, waiting: list[tuple[bytes, set[str]]], expected: dict[str, list[int]]
) -> None:
    """Append what waits as one batch."""
    indexes = append(made, *(envelope for envelope, _ in waiting)) if waiting else []
    for index, (_, concerned) in zip(indexes, waiting, strict=True):
        for controller in concerned:
            expected[controller].append(index)
    waiting.clear()


def test_one_event_concerns_hundreds(ledger: TestLedger) -> None:
    """Its entry grows by 32 bytes, and each has its next number."""
    everyone = [f"P{n:04}" for n in range(600)]
    register(ledger, everyone)
    (index,) = append(ledger, confirmed(ledger, everyone))
    assert all(sequence(ledger, c) == [sequence(ledger, c)[0], index] for c in everyone[::97])
    assert len(commitment(ledger, index) or b"") == 32
    check_ledger(ledger)


@pytest.mark.long
def test_ten_thousand_controllers_in_one_breach(ledger: TestLedger) -> None:
    """B8: confirmed for as many as fit in one event, the others added by updates; every update then
    concerns all of them, and a note commits to all."""
    everyone = [f"P{n}" for n in range(10_000)]
    register(ledger, everyone)
    append(ledger, confirmed(ledger, everyone[:3000]))
    for number, start in enumerate(range(3000, 10_000, 3500), start=1):
        update = {
            "breach_id": "B-1",
            "update_no": number,
            "delivered_to": [],
            "changed_facts": {},
            "controllers_added": everyone[start : start + 3500],
        }
        append(ledger, ledger.sign("BreachUpdateIssued", update, service="security-desk"))
    append(ledger, ledger.sign("BreachClosed", {"breach_id": "B-1"}, service="security-desk"))
    note(ledger.ledger, keys.load(keys.key_file(ledger.home.keys, LEDGER)))
    assert [len(sequence(ledger, c)) for c in ("P0", "P3000", "P9999")] == [5, 4, 3]
    check_ledger(ledger)


def test_without_the_secret_nothing_is_appended(ledger: TestLedger) -> None:
    """The sequences would have a gap for ever; the way out is said, and reading goes on."""
    secret = keys.key_file(ledger.home.keys, "numbers")
    secret.rename(secret.with_suffix(".away"))
    size = ledger.ledger.reader.size()
    with open_ledger(ledger.home, clock=ledger.clock) as other:
        with pytest.raises(ConfigurationError, match=r"keys/numbers\.key"):
            other.append([ledger.instruction(1)])
        assert other.reader.size() == size


def test_another_secret_is_refused(ledger: TestLedger) -> None:
    """The sequences would go on under keys that no controller has."""
    secret = keys.key_file(ledger.home.keys, "numbers")
    secret.unlink()
    keys.save(ledger.home.keys, keys.make_key("numbers"))
    with pytest.raises(ConfigurationError, match="not the secret of the numbers"):
        with open_ledger(ledger.home):
            pass


def test_the_table_gives_no_number_twice(ledger: TestLedger, owner: Callable[[], Any]) -> None:
    """A second guard behind the lock: neither a number of a controller, nor a place of it."""
    with owner() as conn:
        for number, position in ((1, 10**6), (99, 8)):
            row = conn.execute("SELECT number, position FROM numbers WHERE controller = 'C1'")
            assert (1, 8) in row.fetchall()
            with pytest.raises(Exception, match="duplicate key"):
                conn.execute(
                    "INSERT INTO numbers VALUES ('C1', %s, %s, %s)", (number, position, BEGIN.chain)
                )
