"""Pages of registers: filtered, sorted, joined as the whole register is, each row once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ledger.opening import Ledger
from projections import listing
from projections.exports.document import text
from projections.exports.kinds import kind_of
from projections.listing import PAGE, TooMany, Wanted, list_rows, listed, row_of
from projections.question import Answer, Basis, Moment, ask
from projections.register import Row
from projections.registers import REGISTERS
from projections.withheld import one_controller
from tests.test_isolation import CONTROLLERS, scenario

__all__ = ["scenario"]

NOW = Moment()
PAST = Moment(as_of=datetime(2025, 3, 22, tzinfo=UTC))


def every_page(
    ledger: Ledger, name: str, moment: Moment = NOW, *, controller: str | None = None, kind: str
) -> list[Row]:
    """The rows of one kind, page by page."""
    seen = ledger.pool if controller is None else one_controller(ledger, controller)
    found: list[Row] = []
    page, after = 1, ""
    for _ in range(500):
        wanted = Wanted(kind or None, page=page, after=after)
        _, got = list_rows(seen, REGISTERS[name], moment, wanted, "nl")
        found += got.rows
        if got.pages is not None and page < got.pages:
            page += 1
        elif got.after is not None:
            after = got.after
        else:
            return found
    raise AssertionError("the listing never ends")


@pytest.mark.parametrize("small", [5000, 6], ids=["together", "by key"])
@pytest.mark.parametrize("name", [*REGISTERS])
def test_every_row_is_on_one_page(
    scenario: Ledger, name: str, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the whole register has it, also where rows are joined with those of other cases."""
    monkeypatch.setattr(listing, "SMALL", small)
    monkeypatch.setattr(listing, "PAGE", 4)
    register = REGISTERS[name]
    for controller in (None, *CONTROLLERS[:2]):
        seen = scenario.pool if controller is None else one_controller(scenario, controller)
        whole = ask(seen, register).rows
        kinds = dict.fromkeys(kind_of(register, row.values) for row in whole)
        found = [
            row
            for kind in kinds
            for row in every_page(scenario, name, controller=controller, kind=kind)
        ]
        assert {row.key: row for row in found} == {row.key: row for row in whole}
        assert len(found) == len(whole)


def test_a_long_register_of_the_past_is_asked_about_one(
    scenario: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folding all of it for a page would take too long; that of one controller does not."""
    monkeypatch.setattr(listing, "SMALL", 6)
    register = REGISTERS["instructions"]
    with pytest.raises(TooMany):
        list_rows(scenario.pool, register, PAST, Wanted(), "nl")
    _, got = list_rows(scenario.pool, register, PAST, Wanted(), "nl", controller="C1")
    assert [row.key for row in got.rows] == [
        row.key for row in ask(scenario.pool, register, PAST, controller="C1").rows[:PAGE]
    ]


@pytest.mark.parametrize("name", [*REGISTERS])
def test_a_row_alone_is_the_row_of_the_whole_register(scenario: Ledger, name: str) -> None:
    """For everybody and for one; another's row is not there, nor one that nobody has."""
    register = REGISTERS[name]
    for controller in (None, *CONTROLLERS[:2]):
        seen = scenario.pool if controller is None else one_controller(scenario, controller)
        whole = {row.key: row for row in ask(seen, register).rows}
        for key, row in whole.items():
            assert row_of(seen, register, key, NOW)[1] == row
        for key in {row.key for row in ask(scenario.pool, register).rows} - whole.keys():
            assert row_of(seen, register, key, NOW)[1] is None
        assert row_of(seen, register, "nothing:' OR true --", NOW)[1] is None
        for row in ask(seen, register, PAST).rows[:3]:
            assert row_of(seen, register, row.key, PAST)[1] == row


def test_a_row_of_a_long_register_of_the_past_is_asked_about_one(
    scenario: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the register itself is."""
    monkeypatch.setattr(listing, "SMALL", 6)
    register = REGISTERS["instructions"]
    row = ask(scenario.pool, register, PAST, controller="C1").rows[0]
    with pytest.raises(TooMany):
        row_of(scenario.pool, register, row.key, PAST)
    assert row_of(scenario.pool, register, row.key, PAST, controller="C1")[1] == row


def test_what_is_looked_for_is_in_every_row_that_is_found(scenario: Ledger) -> None:
    """In any cell, whatever the letters' case; and no row that has it is left out."""
    register = REGISTERS["processing"]
    whole = ask(scenario.pool, register).rows
    for needle in ("PA-", "pa-rec", "bsn", "nothing has this"):
        wanted = Wanted("activity", needle)
        _, got = list_rows(scenario.pool, register, NOW, wanted, "nl")
        expected = [
            row
            for row in whole
            if row.values["kind"] == "activity"
            and any(needle.lower() in text(v, "nl").lower() for v in row.values.values())
        ]
        assert got.total == len(expected)
        assert [row.key for row in got.rows] == [row.key for row in expected[:PAGE]]


def test_columns_sort_numbers_as_numbers_and_what_is_empty_last() -> None:
    """Either way; an unknown column sorts nothing."""
    register = REGISTERS["breaches"]
    basis = Basis(1, None, None)

    def row(key: str, value: object) -> Row:
        values = {column.key: None for column in register.columns}
        return Row(key, (), {**values, "kind": "breach", "subject_count": value}, ())

    rows = [row("a", 10), row("b", 9), row("c", None), row("d", "x"), row("e", 100)]
    answer = Answer(register, NOW, basis, rows)

    def keys(sort: str) -> str:
        return "".join(r.key for r in listed(answer, Wanted(sort=sort), "nl").rows)

    assert keys("subject_count") == "baedc"
    assert keys("-subject_count") == "cdeab"
    assert keys("nothing") == keys("") == "abcde"


def test_a_page_beyond_the_last_is_the_last(scenario: Ledger) -> None:
    """And an unknown kind the first there is."""
    register = REGISTERS["processing"]
    _, got = list_rows(scenario.pool, register, NOW, Wanted(page=99), "nl")
    assert got.rows
    _, same = list_rows(scenario.pool, register, NOW, Wanted("none", page=99), "nl")
    assert [row.key for row in got.rows] == [row.key for row in same.rows]
