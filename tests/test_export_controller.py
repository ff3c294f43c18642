"""The export for a controller from a stored log: complete at every size, for every controller."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ledger import completeness, controller_key, keys
from ledger.completeness import Complete, Pins
from ledger.controller_key import ControllerKey
from ledger.deployment import Home
from ledger.errors import ConfigurationError
from ledger.export_controller import Export, export_controller
from ledger.isolation import OneController
from ledger.keyring import LEDGER
from ledger.noting import note
from ledger.opening import Ledger, open_ledger
from ledger.replay import demo_ledger, replay
from projections import sql
from tests.ledgers import TestLedger
from tests.test_concerned import Story
from tests.test_numbering import append, confirmed, register, sequence
from tests.vectors import shared


def noted(made: TestLedger) -> int:
    """Let the ledger note itself; the index of the note."""
    return note(made.ledger, keys.load(keys.key_file(made.home.keys, LEDGER)))


def export(ledger: Ledger, controller: str, before: int | None = None) -> Export:
    """The export under the latest checkpoint."""
    return export_controller(
        ledger.reader,
        ledger.pool,
        OneController(ledger.pool, ledger.database, controller, ledger.reader.size()),
        ledger.require_controller_keys(),
        ledger.identity.vkey,
        ledger.reader.checkpoint(),
        controller,
        before=before,
    )


def check(ledger: Ledger, controller: str, before: int | None = None) -> Complete:
    """Check it, with everything pinned."""
    identity = ledger.identity
    own = ledger.require_controller_keys().of(controller)
    pins = Pins(identity.vkey, ControllerKey(identity.origin, controller, own))
    return completeness.verify(export(ledger, controller, before).lines, pins)


@pytest.mark.parametrize("count", [1, 99, 100, 101, 245, 300])
def test_an_export_of_any_size_is_complete(ledger: TestLedger, count: int) -> None:
    """Around a batch and a full tile, with entries before and after the note."""
    ledger.fill(count)
    covered = noted(ledger)
    ledger.fill(3, start=1000)
    found = check(ledger.ledger, "C1")
    assert (found.entries, found.later, found.covered) == (count + 1, 3, covered)
    assert found.checkpoint.size == ledger.ledger.reader.size()
    assert check(ledger.ledger, "C2").entries == 1


def test_an_export_has_what_the_controller_may_read_and_no_more(ledger: TestLedger) -> None:
    """The entries of its sequence, byte for byte, and the note."""
    append(ledger, ledger.instruction(1), ledger.instruction(2, "C2"), confirmed(ledger, ["C1"]))
    index = noted(ledger)
    made = export(ledger.ledger, "C1")
    lines = [completeness.exports.parse(line) for line in made.lines]
    shown = [line.index for line in lines if isinstance(line, completeness.Line)]
    assert shown == [index, *sequence(ledger, "C1")]
    assert (made.latest, made.covered) == (len(shown) - 1, index)
    for line in lines[1:]:
        assert isinstance(line, completeness.Line)
        assert line.leaf == ledger.ledger.reader.entry(line.index).leaf


def test_an_export_may_end_with_an_earlier_note(ledger: TestLedger) -> None:
    """With what that covers, and nothing later."""
    ledger.fill(2)
    first = noted(ledger)
    ledger.fill(2, start=10)
    second = noted(ledger)
    for before, entries in ((first + 1, 3), (second, 3), (second + 1, 5), (10**9, 5)):
        found = check(ledger.ledger, "C1", before)
        assert (found.entries, found.later) == (entries, 0)
    with pytest.raises(ConfigurationError, match="note-checkpoint"):
        export(ledger.ledger, "C1", first)


def test_without_a_note_there_is_no_export(ledger: TestLedger) -> None:
    """Nothing could be shown; nor for who was registered after it, or never."""
    with pytest.raises(ConfigurationError, match="note-checkpoint"):
        export(ledger.ledger, "C1")
    noted(ledger)
    register(ledger, ["C4"])
    for controller in ("C4", "C9"):
        with pytest.raises(ConfigurationError, match="note-checkpoint"):
            export(ledger.ledger, controller)
    noted(ledger)
    assert check(ledger.ledger, "C4").entries == 1


def test_one_of_hundreds_is_shown_its_own(ledger: TestLedger) -> None:
    """A breach at all of them: each export has it, and a path of some hashes."""
    everyone = [f"P{n}" for n in range(300)]
    register(ledger, everyone)
    append(ledger, confirmed(ledger, everyone))
    noted(ledger)
    for controller in everyone[::60]:
        assert check(ledger.ledger, controller).entries == 2
        *_, last = export(ledger.ledger, controller).lines
        line = completeness.exports.parse(last)
        assert isinstance(line, completeness.Line)
        assert 5 < len(line.opening) < 30


@pytest.fixture
def scenario(home: Home) -> Iterator[Ledger]:
    """The acceptance scenario, replayed."""
    feed = shared("scenario") / "feed.ndjson"
    tables = [sql.text("registers.sql")]
    with demo_ledger(home, feed, origin="demo.example/c", tables=tables, resume=False) as (
        made,
        at,
    ):
        replay(home, made, at, feed)
        yield made


def test_every_controller_of_the_scenario_is_shown_all_of_its_own(scenario: Ledger) -> None:
    """Two years: what each export has is what a naive reading of the feed says concerns it."""
    story, expected = Story(), {f"C{n}": [] for n in range(1, 7)}  # type: ignore[var-annotated]
    for stored in scenario.reader.scan():
        event = completeness.read_event(completeness.entries.parse(stored.leaf).payload)
        for controller in story.add(event.id, event.type, **event.data):
            expected[controller].append(stored.position - 1)
    for controller, indexes in expected.items():
        found = check(scenario, controller)
        assert (found.entries, found.later) == (len(indexes), 0)
        assert found.entries > 20
        lines = [completeness.exports.parse(line) for line in export(scenario, controller).lines]
        shown = [x.index for x in lines if isinstance(x, completeness.Line) and not x.latest]
        assert shown == indexes


def test_the_key_of_a_controller_is_the_same_for_ever(ledger: TestLedger) -> None:
    """After a restart, and as text; other controllers and logs have others."""
    first = ledger.ledger.require_controller_keys().of("C1")
    with open_ledger(ledger.home) as again:
        keys_again = again.require_controller_keys()
        assert keys_again.of("C1") == first != keys_again.of("C2")
        text = controller_key.format(ControllerKey(again.identity.origin, "C1", first))
        assert controller_key.parse(text).key == first


def test_what_is_appended_while_an_export_is_written_is_not_in_it(ledger: TestLedger) -> None:
    """It is of the checkpoint that it began with."""
    ledger.fill(120)
    noted(ledger)
    made = export(ledger.ledger, "C1")
    lines = [next(made.lines) for _ in range(50)]
    ledger.fill(200, start=1000)
    noted(ledger)
    found = completeness.verify([*lines, *made.lines])
    assert (found.entries, found.later) == (121, 0)
