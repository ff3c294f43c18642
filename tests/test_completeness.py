"""The operator who leaves something out of the export for a controller: each way is found, or said.

The operator of these tests writes the export, and has the key of the log and the secret of the
numbers. In the first table the log is as it should be, and the export is not; in the second the log
itself was written to deceive. `pytest -s` prints both: what finds each move, and for what no
controller can find alone, who does.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import completeness, controller_export, numbers
from ledger.completeness import Complete, Pins
from ledger.controller_export import Head, Line
from ledger.controller_key import ControllerKey
from ledger.errors import Incomplete, VerificationFailed
from ledger.merkle import leaf_hash
from ledger.numbers import ControllerKeys, State
from ledger.report import Pins as LogPins
from ledger.verify import verify as verify_log
from tests.log_builder import ORIGIN, START, LogBuilder, reading

SECRET = bytes(range(32))
KEYS = ControllerKeys(SECRET, ORIGIN)
KEY = ControllerKey(ORIGIN, "C1", KEYS.of("C1"))

Export = list[Head | Line]


def told(
    count: int = 8, *, noted: int = 6, origin: str = ORIGIN, secret: bytes = SECRET
) -> LogBuilder:
    """A log in which C1 has `count` entries, C2 as many between them; a note after `noted`."""
    log = LogBuilder(origin, secret=secret)
    log.enrol("k", "desk")
    for number in range(1, count + 1):
        for controller in ("C1", "C2"):
            name = "ControllerRegistered" if number == 1 else "InstructionReceived"
            data = {"controller_id": controller, "instruction_id": f"I-{number}"}
            log.record(name, data, by="k", concerns=[controller], id=f"{controller}-{number}")
        if number == noted:
            log.note()
    return log


LOG = told()
EXPORT = LOG.export_controller("C1")
PINNED = Pins(vkey=LOG.signer.verifier.vkey, key=KEY)


def check(export: Export, pins: Pins = PINNED) -> Complete:
    """Check an export."""
    return completeness.verify(map(controller_export.format, export), pins)


def failing(export: Export, pins: Pins = PINNED) -> VerificationFailed:
    """The failure of an export that must fail."""
    with pytest.raises(VerificationFailed) as caught:
        check(export, pins)
    return caught.value


def entry_of(export: Export, number: int) -> Line:
    """The line of a number."""
    (line,) = (x for x in export[2:] if isinstance(x, Line) and x.number == number)
    return line


def without(export: Export, number: int) -> Export:
    """The export without one entry."""
    return [x for x in export if x is not entry_of(export, number)]


def put(export: Export, number: int, line: Line) -> Export:
    """The export with another entry under a number."""
    return [replace(line, number=number) if x is entry_of(export, number) else x for x in export]


# Honest exports.


@pytest.mark.parametrize("noted", range(1, 6))
@pytest.mark.parametrize("more", range(4))
def test_an_honest_export_is_complete(noted: int, more: int) -> None:
    """At every small size: all up to the note, and how many came later."""
    log = told(noted + more, noted=noted)
    for controller in ("C1", "C2"):
        found = check(log.export_controller(controller), Pins())
        assert (found.entries, found.later) == (noted, more)
        assert found.first == "ControllerRegistered"
        assert found.covered == 2 + 2 * noted + 1  # keys, entries, and the key of the ledger
        assert found.checkpoint.size == len(log.leaves)


def test_many_notes_are_one_after_another() -> None:
    """Each later export begins with each earlier one, and needs nothing else of it."""
    log = told(2, noted=1)
    kept: list[Export] = []
    for number in range(3, 9):
        data = {"controller_id": "C1", "instruction_id": f"I-{number}"}
        log.record("InstructionReceived", data, by="k", concerns=["C1"], id=f"C1-{number}")
        log.note()
        export = log.export_controller("C1")
        earlier = [map(controller_export.format, old) for old in kept]
        found = check(export, replace(PINNED, earlier=earlier))
        assert (found.entries, found.later) == (number, 0)
        kept.append(export)


def test_a_pinned_key_is_said_to_be_the_one() -> None:
    """Nothing is pinned: what the export says of itself is taken, and the report says so."""
    assert check(EXPORT, Pins()) == check(EXPORT)


# What the operator does with an export.


def omit(export: Export) -> Export:
    return without(export, 3)


def omit_the_first(export: Export) -> Export:
    return without(export, 1)


def omit_the_last_covered(export: Export) -> Export:
    return export[:2] + [x for x in export[2:] if x.number < 6]  # type: ignore[union-attr]


def omit_and_renumber(export: Export) -> Export:
    rest = without(export, 3)[2:]
    return export[:2] + [replace(x, number=n) for n, x in enumerate(rest, 1)]  # type: ignore[type-var]


def omit_all(export: Export) -> Export:
    return export[:2]


def say_fewer(export: Export) -> Export:
    """Leave out what is after number 5, and say that 5 is the latest."""
    latest = replace(export[1], number=5)  # type: ignore[type-var]
    return [export[0], latest, *(x for x in export[2:] if x.number < 6)]  # type: ignore[union-attr,list-item]


def swap_in_the_entry_of_another(export: Export) -> Export:
    return put(export, 3, entry_of(LOG.export_controller("C2"), 3))


def swap_in_an_entry_of_nobody(export: Export) -> Export:
    return put(export, 3, replace(entry_of(export, 3), index=0, leaf=LOG.leaves[0]))


def repeat_another(export: Export) -> Export:
    return put(export, 3, entry_of(export, 2))


def reorder(export: Export) -> Export:
    third, fourth = entry_of(export, 3), entry_of(export, 4)
    return put(put(export, 3, fourth), 4, third)


def list_out_of_order(export: Export) -> Export:
    return [*export[:4], export[5], export[4], *export[6:]]


def number_twice(export: Export) -> Export:
    return [*export[:5], entry_of(export, 3), *export[5:]]


def change_an_entry(export: Export) -> Export:
    line = entry_of(export, 3)
    return put(export, 3, replace(line, leaf=line.leaf.replace(b"I-3", b"I-9")))


def wrong_place(export: Export) -> Export:
    return put(export, 3, replace(entry_of(export, 3), index=entry_of(export, 3).index + 1))


def another_opening(export: Export) -> Export:
    return put(export, 3, replace(entry_of(export, 3), opening=(bytes(32),)))


def a_stale_note(export: Export) -> Export:
    """The note of a younger log, from an older export."""
    old = told(4, noted=3).export_controller("C1")
    return [export[0], old[1], *export[2:]]


def note_of_another_controller(export: Export) -> Export:
    return [export[0], LOG.export_controller("C2")[1], *export[2:]]


def no_note(export: Export) -> Export:
    return [export[0], *export[2:]]


def a_note_that_is_none(export: Export) -> Export:
    return [export[0], replace(entry_of(export, 6), latest=True), *export[2:]]


def two_notes(export: Export) -> Export:
    return [*export, export[1]]


def another_controller(export: Export) -> Export:
    return LOG.export_controller("C2")


def another_key(export: Export) -> Export:
    return told(secret=bytes(32)).export_controller("C1")


def another_log(export: Export) -> Export:
    return told(origin="log.example/other").export_controller("C1")


def an_entry_of_another_log(export: Export) -> Export:
    other = told(origin="log.example/other").export_controller("C1")
    return put(export, 3, entry_of(other, 3))


def a_forged_checkpoint(export: Export) -> Export:
    other = told(9)
    return [replace(export[0], checkpoint=other.checkpoint()), *export[1:]]  # type: ignore[type-var]


def unsigned_checkpoint(export: Export) -> Export:
    head = export[0]
    assert isinstance(head, Head)
    other = told(origin="log.example/other")
    return [replace(head, checkpoint=other.checkpoint()), *export[1:]]


def nothing(export: Export) -> Export:
    return []


MISSING = "number {} of C1 is not in the export"
NOT_NUMBER = "does not commit to {} as its number for C1"

MOVES: dict[str, tuple[Callable[[Export], Export], str, type[VerificationFailed]]] = {
    "leave one out": (omit, MISSING.format(3), Incomplete),
    "leave the first out": (omit_the_first, MISSING.format(1), Incomplete),
    "leave the last out": (omit_the_last_covered, MISSING.format(6), Incomplete),
    "leave all out": (omit_all, MISSING.format(1), Incomplete),
    "leave one out and renumber": (omit_and_renumber, NOT_NUMBER.format(3), VerificationFailed),
    "leave the last out and say fewer": (say_fewer, "to 5 as the latest", VerificationFailed),
    "swap in the entry of another": (
        swap_in_the_entry_of_another, NOT_NUMBER.format(3), VerificationFailed,
    ),
    "swap in an entry of nobody": (
        swap_in_an_entry_of_nobody, "does not follow", VerificationFailed,
    ),
    "swap in another of its own": (repeat_another, "does not follow", VerificationFailed),
    "put two in each other's place": (reorder, NOT_NUMBER.format(3), VerificationFailed),
    "list them out of order": (list_out_of_order, MISSING.format(3), Incomplete),
    "list one twice": (number_twice, "comes twice", VerificationFailed),
    "change an entry": (change_an_entry, "root|proof", VerificationFailed),
    "say it is elsewhere in the log": (wrong_place, "root|proof", VerificationFailed),
    "open it in another way": (another_opening, NOT_NUMBER.format(3), VerificationFailed),
    "a note of an older log": (a_stale_note, "root|proof", VerificationFailed),
    "the note of another controller": (
        note_of_another_controller, "to 6 as the latest", VerificationFailed,
    ),
    "no note": (no_note, "how far the ledger commits", VerificationFailed),
    "an entry that is no note": (a_note_that_is_none, "no latest numbers", VerificationFailed),
    "a second note": (two_notes, "entries and no more", VerificationFailed),
    "the export of another controller": (
        another_controller, "the key is of C1", VerificationFailed,
    ),
    "another key of the controller": (another_key, "another key of C1", VerificationFailed),
    "the export of another log": (another_log, "another key", VerificationFailed),
    "an entry of another log": (an_entry_of_another_log, "root|proof|commit", VerificationFailed),
    "the checkpoint of another tree": (a_forged_checkpoint, "root|proof", VerificationFailed),
    "a checkpoint of another log": (unsigned_checkpoint, "no known key", VerificationFailed),
    "nothing at all": (nothing, "begins with", VerificationFailed),
}  # fmt: skip
"""What the operator does with the export, what is said, and as which error."""

FOUND: list[str] = []


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    yield
    print("\n" + "\n".join(FOUND))


@pytest.mark.parametrize("move", MOVES)
def test_every_move_with_the_export_is_found(move: str) -> None:
    """By the controller alone, offline."""
    act, finding, error = MOVES[move]
    check(EXPORT)  # complete before
    found = failing(act(list(EXPORT)))
    assert isinstance(found, error)
    with pytest.raises(type(found), match=finding):
        raise found
    FOUND.append(f"{move:34} {found}")


@settings(max_examples=150)
@given(st.data())
def test_no_selection_of_lines_is_taken_for_the_whole(data: st.DataObject) -> None:
    """Any lines of the exports of both controllers, in any order, with any numbers: only an export
    with all covered entries is complete."""
    lines = [*EXPORT, *LOG.export_controller("C2")]
    chosen = data.draw(st.lists(st.sampled_from(lines), max_size=14) | st.just(list(EXPORT)))
    if data.draw(st.booleans()):
        chosen = [x if isinstance(x, Head) or x.latest else replace(x, number=n)
                  for n, x in enumerate(chosen, -1)]  # fmt: skip
    try:
        found = check(chosen, Pins())
    except VerificationFailed:
        return
    whole = LOG.export_controller(found.head.controller)
    assert chosen == whole[: len(chosen)]
    assert len(chosen) >= 2 + found.entries == 8


def test_every_subset_of_the_covered_entries_but_all_is_found() -> None:
    """64 of them, each as it is and renumbered."""
    head, latest, *entries = told(6, noted=6).export_controller("C1")
    complete = 0
    for chosen in itertools.product([False, True], repeat=len(entries)):
        some = [line for line, here in zip(entries, chosen, strict=True) if here]
        again = [replace(x, number=n) for n, x in enumerate(some, 1)]  # type: ignore[type-var]
        for export in ([head, latest, *some], [head, latest, *again]):
            try:
                check(export)
            except VerificationFailed:
                continue
            complete += 1
            assert all(chosen)
    assert complete == 2


# What the operator does with the log itself.


def test_an_event_that_is_numbered_twice_leaves_one_of_the_two_out() -> None:
    """Of two entries with one number the next one commits to one: the other can never be shown as
    number 3 to a controller that is shown that next one."""
    log = told(2, noted=1)
    data = {"controller_id": "C1", "instruction_id": "X"}
    fork = dict(log.sequences.latest)
    shown = log.record("InstructionReceived", data, by="k", concerns=["C1"], id="shown")
    log.sequences._states.update(fork)
    hidden = log.record("InstructionReceived", data, by="k", concerns=["C1"], id="hidden")
    assert log.states[shown] == log.states[hidden]  # both are number 3
    after = numbers.extend(log.states[shown]["C1"].chain, leaf_hash(log.leaves[shown]))
    log.sequences._states["C1"] = State(3, after)
    log.record("InstructionReceived", data, by="k", concerns=["C1"], id="next")
    log.note()
    export = log.export_controller("C1")
    honest = [x for x in export if not isinstance(x, Line) or x.index != hidden]
    other = [x for x in export if not isinstance(x, Line) or x.index != shown]
    assert check(honest).entries == 4
    assert NOT_NUMBER.format(4) in str(failing(other))
    # Who reads the log whole, with the secret, finds the entry that nobody is shown.
    with pytest.raises(VerificationFailed) as caught:
        verify_log(reading(log.export()), LogPins(numbers_secret=SECRET))
    assert (caught.value.check, caught.value.index) == (9, hidden)
    FOUND.append(f"{'(log) one number twice':34} by who reads the log whole with the secret")


def test_a_skipped_number_is_found_by_the_controller() -> None:
    """There is no entry to show under it."""
    log = told(2, noted=1)
    log.sequences._states["C1"] = replace(log.sequences.latest["C1"], number=3)
    data = {"controller_id": "C1", "instruction_id": "X"}
    log.record("InstructionReceived", data, by="k", concerns=["C1"], id="x")
    log.note()
    assert "number 3 of C1 is not in the export" in str(failing(log.export_controller("C1")))
    FOUND.append(f"{'(log) a number skipped':34} by the controller: number 3 is not in the export")


def test_an_entry_that_was_never_numbered_is_found_by_its_receipt_or_in_the_whole_log() -> None:
    """The controller alone sees nothing, unless it or the producer kept the receipt."""
    log = told(3, noted=1)
    data = {"controller_id": "C1", "instruction_id": "X"}
    passed = log.record("InstructionReceived", data, by="k", id="passed over")
    log.note()
    export = log.export_controller("C1")
    assert check(export).entries == 3
    found = failing(export, replace(PINNED, receipts=[log.receipt(passed)]))
    assert isinstance(found, Incomplete)
    assert f"entry {passed}, of which a receipt was kept, names C1" in str(found)
    for pins in (LogPins(), LogPins(numbers_secret=SECRET)):
        with pytest.raises(VerificationFailed) as caught:
            verify_log(reading(log.export()), pins)
        assert (caught.value.check, caught.value.index) == (9, passed)
    FOUND.append(f"{'(log) an entry passed over':34} by its receipt, or who reads the log whole")


def test_a_note_of_fewer_is_found_by_the_next_entry() -> None:
    """The ledger commits to less than it numbered: the entry after it says otherwise."""
    log = told(3, noted=1)
    kept = dict(log.sequences.latest)
    log.sequences._states["C1"] = numbers_before(log, 3)
    log.note()
    log.sequences._states.update(kept)
    short = [x for x in log.export_controller("C1") if not isinstance(x, Line) or x.number < 3
             or x.latest]  # fmt: skip
    assert check(short).entries == 2  # a lie that holds until something comes after it
    data = {"controller_id": "C1", "instruction_id": "X"}
    log.record("InstructionReceived", data, by="k", concerns=["C1"], id="x")
    log.note()
    export = log.export_controller("C1")
    assert check(export).entries == 4
    assert "number 3" in str(failing(without(export, 3)))
    with pytest.raises(VerificationFailed):
        verify_log(reading(log.export()), LogPins(numbers_secret=SECRET))
    FOUND.append(f"{'(log) a note of fewer numbers':34} by the controller with the next entry")


def numbers_before(log: LogBuilder, number: int) -> State:
    """How far C1 was before its entry of a number."""
    (state,) = (s["C1"] for s in log.states if "C1" in s and s["C1"].number == number)
    return State(number - 1, state.chain)


def test_a_second_sequence_under_another_key_is_found_by_the_pinned_key() -> None:
    """The operator keeps two sequences of C1 in every commitment, and hands out the other key."""
    double = told(secret=bytes(32)).export_controller("C1")
    check(double, Pins())  # by itself it is as good as the first
    assert "another key of C1" in str(failing(double))
    earlier = [map(controller_export.format, EXPORT)]
    assert "another key" in str(failing(double, Pins(earlier=earlier)))
    FOUND.append(f"{'(log) a second sequence':34} by the key that was kept, or an earlier export")


# What was kept.


def test_an_old_export_is_told_by_its_date() -> None:
    """It is as true as it ever was; the controller says since when it wants to know."""
    found = check(EXPORT)
    check(EXPORT, replace(PINNED, since=found.committed_at))
    late = replace(PINNED, since=found.committed_at + timedelta(microseconds=1))
    assert "ask for a newer export" in str(failing(EXPORT, late))
    assert found.committed_at > START
    FOUND.append(f"{'an older note, and no more':34} said with its date; --since makes it an error")


def test_kept_receipts_and_checkpoints_must_fit() -> None:
    """Of entries in the export, of others, of larger logs, and of a fork."""
    own = LOG.receipt(entry_of(EXPORT, 3).index)
    others = [LOG.receipt(index) for index in range(len(LOG.leaves))]
    check(EXPORT, replace(PINNED, receipts=[own, *others], checkpoints=[LOG.checkpoint()]))
    check(EXPORT, replace(PINNED, checkpoints=[LOG.checkpoint(3)]))
    larger = told(9)
    assert "was cut" in str(failing(EXPORT, replace(PINNED, checkpoints=[larger.checkpoint()])))
    receipts = [larger.receipt(len(larger.leaves) - 1)]
    assert "was cut" in str(failing(EXPORT, replace(PINNED, receipts=receipts)))
    fork = told()
    fork.leaves[-1] = fork.leaves[-1].replace(b"I-8", b"I-9")
    assert "fork" in str(failing(EXPORT, replace(PINNED, checkpoints=[fork.checkpoint()])))


def test_a_receipt_of_another_entry_at_the_same_place_is_found() -> None:
    """Two histories: the producer was given another entry than the controller is shown."""
    index = entry_of(EXPORT, 3).index
    fork = told()
    fork.leaves[index] = fork.leaves[index].replace(b"I-3", b"I-9")
    size = len(fork.leaves) - 1
    found = failing(EXPORT, replace(PINNED, receipts=[fork.receipt(index, size)]))
    assert "another entry" in str(found)
    both = [fork.receipt(index, size), LOG.receipt(index)]
    assert "disagree" in str(failing(EXPORT, replace(PINNED, receipts=both)))


def test_an_earlier_export_must_be_how_this_one_begins() -> None:
    """A longer one, or one with other entries, is found."""
    longer = map(controller_export.format, told(9).export_controller("C1"))
    assert isinstance(failing(EXPORT, replace(PINNED, earlier=[longer])), VerificationFailed)
    other = LogBuilder(secret=SECRET)
    other.enrol("k", "desk")
    for number in (1, 2):
        data = {"controller_id": "C1", "instruction_id": f"other-{number}"}
        other.record("InstructionReceived", data, by="k", concerns=["C1"])
    other.note()
    earlier = [map(controller_export.format, other.export_controller("C1"))]
    assert "does not begin" in str(failing(EXPORT, replace(PINNED, earlier=earlier)))
    kept = [map(controller_export.format, EXPORT)]
    cut = EXPORT[:-1]  # what came after the note may be left out, but not once it was shown
    assert check(cut).later == 1
    assert isinstance(failing(cut, replace(PINNED, earlier=kept)), Incomplete)


def test_a_sequence_that_begins_with_something_else_is_said() -> None:
    """In a log that was not numbered from its beginning, what came before has no number."""
    log = LogBuilder(secret=SECRET)
    log.enrol("k", "desk")
    data = {"controller_id": "C1", "instruction_id": "I-1"}
    log.record("InstructionReceived", data, by="k", concerns=["C1"])
    log.note()
    assert check(log.export_controller("C1")).first == "InstructionReceived"
