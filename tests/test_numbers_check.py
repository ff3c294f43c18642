"""Check 9 of a whole log: with the secret every commitment is right, without it none is missing."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import pytest

from ledger import entry, numbers
from ledger.entry import Entry
from ledger.errors import VerificationFailed
from ledger.numbers import State
from ledger.report import Pins
from ledger.verify import verify
from tests.log_builder import LogBuilder, export, reading

SECRET = bytes(range(32))
KEYED = Pins(numbers_secret=SECRET)


def told() -> LogBuilder:
    """A breach at C1 and C2, with what follows, and an instruction of C3 between notes."""
    log = LogBuilder(secret=SECRET)
    log.enrol("k", "desk")

    def say(name: str, *concerns: str, **data: object) -> int:
        return log.record(name, data, by="k", concerns=concerns, id=f"e{len(log.leaves)}")

    for c in ("C1", "C2", "C3"):
        say("ControllerRegistered", c, controller_id=c)
    breach = say("BreachConfirmed", "C1", "C2", breach_id="B-1", controller_ids=["C1", "C2"])
    say("InstructionReceived", "C3", instruction_id="I-1", controller_id="C3")
    log.note()
    say("BreachUpdateIssued", "C1", "C2", breach_id="B-1", delivered_to=["C1"])
    say("CertificateIssued", certificate_id="X")
    change = {"field": "controller_ids", "new": ["C1", "C3"]}
    say(
        "EventCorrected", "C1", "C2", "C3",
        corrects_event_id=f"e{breach}", field_changes=[change],
    )  # fmt: skip
    say("BreachClosed", "C1", "C2", "C3", breach_id="B-1")
    say("EventRetracted", "C1", "C2", "C3", retracts_event_id=f"e{breach}")
    log.note()
    return log


LOG = told()
BREACH = 5
UPDATE = 9
CLOSED = 12


def failing(log: LogBuilder, pins: Pins) -> VerificationFailed:
    """The failure of a verification that must fail."""
    with pytest.raises(VerificationFailed) as caught:
        verify(reading(log.export()), pins)
    return caught.value


def recommitted(index: int, change: Callable[[Entry], Entry]) -> LogBuilder:
    """The log with one entry changed: its signer is the attacker, so the tree fits."""
    log = told()
    log.leaves[index] = entry.format(change(entry.parse(log.leaves[index])))
    return log


def test_an_honest_log_is_right_with_the_secret() -> None:
    """Every commitment is made again from what the entries say, and counted."""
    (shown,) = [p.showed for p in verify(reading(LOG.export()), KEYED).passed if p.number == 9]
    assert shown.startswith("11 entries commit to the right numbers, dense for each of 3 contr")
    assert "2 of them to the latest" in shown
    (shown,) = [p.showed for p in verify(reading(LOG.export())).passed if p.number == 9]
    assert "takes the secret" in shown


@pytest.mark.parametrize("size", range(1, len(LOG.leaves) + 1))
def test_every_beginning_of_an_honest_log_is_right(size: int) -> None:
    """At every size."""
    verify(reading(LOG.export(size)), KEYED)


@pytest.mark.parametrize("index", [i for i, s in enumerate(LOG.states) if s])
def test_a_commitment_to_anything_else_is_found(index: int) -> None:
    """With the secret, at that entry."""
    log = recommitted(index, lambda e: replace(e, numbers=bytes(32)))
    found = failing(log, KEYED)
    assert (found.check, found.index) == (9, index)
    verify(reading(log.export()))  # nobody without the secret can tell


@pytest.mark.parametrize("index", [BREACH, BREACH + 1, UPDATE, CLOSED - 1])
def test_an_entry_that_names_a_controller_and_carries_no_number_is_found(index: int) -> None:
    """By everybody who reads the log whole."""
    log = recommitted(index, lambda e: replace(e, numbers=None))
    for pins in (KEYED, Pins()):
        found = failing(log, pins)
        assert (found.check, found.index) == (9, index)
        assert "carries no number" in str(found)


def test_a_note_without_its_commitment_is_found() -> None:
    """It would be a note of nothing."""
    index = len(LOG.leaves) - 1
    assert failing(recommitted(index, lambda e: replace(e, numbers=None)), Pins()).index == index


def test_an_entry_of_a_case_that_is_passed_over_takes_the_secret() -> None:
    """A closing names nobody, so without the secret it seems to concern nobody."""
    log = recommitted(CLOSED, lambda e: replace(e, numbers=None))
    verify(reading(log.export()))
    assert failing(log, KEYED).index == CLOSED


def test_what_concerns_nobody_and_carries_numbers_is_found() -> None:
    """With the secret: it would open for somebody."""
    log = recommitted(UPDATE + 1, lambda e: replace(e, numbers=bytes(32)))
    assert failing(log, KEYED).index == UPDATE + 1


def test_one_controller_passed_over_is_found() -> None:
    """The operator numbers an update for C1 alone, and goes on from there as if it were so."""
    log = LogBuilder(secret=SECRET)
    log.enrol("k", "desk")
    for c in ("C1", "C2"):
        log.record("ControllerRegistered", {"controller_id": c}, by="k", concerns=[c])
    both = {"breach_id": "B-1", "controller_ids": ["C1", "C2"]}
    index = log.record("BreachConfirmed", both, by="k", concerns=["C1"])
    log.note()
    found = failing(log, KEYED)
    assert (found.check, found.index) == (9, index)
    verify(reading(log.export()))  # without the secret there is a commitment, and that is all


@pytest.mark.parametrize("wrong", [State(9, bytes(32)), State(1, bytes([1]) * 32), State(3, b"")])
def test_another_number_or_chain_is_found(wrong: State) -> None:
    """For one of the controllers of an entry."""
    log = told()
    assert log.keys is not None
    states = {**log.states[BREACH], "C2": wrong}
    commitment = numbers.commit(log.keys, numbers.at_entry(BREACH), states)
    changed = recommitted(BREACH, lambda e: replace(e, numbers=commitment))
    assert failing(changed, KEYED).index == BREACH


def test_the_secret_of_another_log_is_of_no_use() -> None:
    """It makes no commitment of this one."""
    assert failing(LOG, Pins(numbers_secret=bytes(32))).check == 9


def test_a_log_from_before_there_were_numbers_is_as_good_as_ever() -> None:
    """Nothing is asked of it, nor said about its numbers."""
    log = LogBuilder()
    log.enrol("k", "desk")
    log.record("ControllerRegistered", {"controller_id": "C1"}, by="k")
    log.note()
    for pins in (KEYED, Pins()):
        assert 9 not in [p.number for p in verify(reading(log.export()), pins).passed]


def test_numbering_may_begin_and_never_ends() -> None:
    """Entries before the first numbered one count for nothing; after it none may lack."""
    log = LogBuilder(secret=SECRET)
    log.enrol("k", "desk")
    keyed, log.keys = log.keys, None
    log.record("ControllerRegistered", {"controller_id": "C1"}, by="k", concerns=["C1"])
    log.keys = keyed
    instruction = {"instruction_id": "I-1", "controller_id": "C1"}
    log.record("InstructionReceived", instruction, by="k", concerns=["C1"])
    assert log.sequences.latest["C1"].number == 1
    verify(reading(log.export()), KEYED)
    log.keys = None
    index = log.record("InstructionReceived", instruction, by="k")
    assert failing(log, Pins()).index == index


def test_without_the_secret_memory_does_not_grow_by_it() -> None:
    """With it, by about 1,300 bytes an entry."""
    log = LogBuilder(secret=SECRET)
    log.enrol("k", "desk")
    while len(log.leaves) < 1_000:
        data = {"instruction_id": f"I-{len(log.leaves)}", "controller_id": "C1"}
        log.record("InstructionReceived", data, by="k", concerns=["C1"])
    used = {
        (secret, size): peak(export(log.leaves[:size], log.signer), secret)
        for secret in (None, SECRET)
        for size in (300, 1_000)
    }
    assert (used[None, 1_000] - used[None, 300]) / 700 < 300
    assert (used[SECRET, 1_000] - used[SECRET, 300]) / 700 < 1_600


def peak(files: dict[str, bytes], secret: bytes | None) -> int:
    """Bytes that a verification needs beyond what was there, at most."""
    tracemalloc.start()
    try:
        verify(reading(files), Pins(numbers_secret=secret))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
