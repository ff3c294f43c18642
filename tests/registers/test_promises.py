"""What every register promises, whatever it is about."""

from __future__ import annotations

import json
import re

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.events import EVENT_TYPES
from ledger.tags import tags_of
from projections.register import Register
from projections.registers import REGISTERS
from projections.rows import PROCESSOR_ONLY
from tests.odd_facts import odd_facts
from tests.recording import folded, rows_of, scenario

CONTROLLERS = {"C1", "C2", "C3", "C4", "C5", "C6"}

each_register = pytest.mark.parametrize("register", REGISTERS.values(), ids=list(REGISTERS))


@each_register
def test_a_register_is_labelled_in_both_languages(register: Register) -> None:
    """Every column has a key of its own, a label in Dutch and English, and a source."""
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", register.name)
    assert len({column.key for column in register.columns}) == len(register.columns)
    for labelled in (register.title, *(column.label for column in register.columns)):
        assert labelled.nl.strip()
        assert labelled.en.strip()
    assert register.source
    assert all(column.source for column in register.columns)


@each_register
def test_a_register_reads_known_types(register: Register) -> None:
    """The types it reads are in the vocabulary."""
    assert register.types <= {event_type.name for event_type in EVENT_TYPES.values()}


@each_register
def test_cases_can_be_found_in_the_log(register: Register) -> None:
    """Each case of an event is one of its tags, or names its type."""
    for event in scenario():
        if event.type in register.types:
            tags = tags_of(event.source, event.id, event.type, event.data)
            for case in register.cases(event):
                assert case in tags or event.type in case.split("+")


@each_register
def test_rows_are_whole_and_plain(register: Register) -> None:
    """A row has a value for each column, is JSON as it stands, and names what it rests on."""
    known = {event.position for event in scenario()}
    rows = rows_of(register, scenario())
    assert rows
    for row in rows.values():
        assert set(row.values) == {column.key for column in register.columns}
        assert orjson.loads(orjson.dumps(dict(row.values))) == row.values
        assert orjson.loads(orjson.dumps(row.corrected)) == [dict(c) for c in row.corrected]
        assert row.positions == tuple(sorted(set(row.positions) & known)) != ()


@each_register
def test_no_row_names_another_controller(register: Register) -> None:
    """A row for everybody names no controller, a row of a controller no other one."""
    for row in rows_of(register, scenario()).values():
        if row.controllers != PROCESSOR_ONLY:
            text = json.dumps([row.key, dict(row.values), [dict(c) for c in row.corrected]])
            named = set(re.findall(r"\bC[1-6]\b", text))
            assert named <= CONTROLLERS & set(row.controllers)


@each_register
@given(data=st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_no_history_makes_a_fold_raise(register: Register, data: st.DataObject) -> None:
    """Facts may be missing, come at odd moments or hold odd values: rows come out, each once."""
    rows = folded(register, data.draw(odd_facts(register.types)))
    assert len({row.key for row in rows}) == len(rows)
    for row in rows:
        assert orjson.dumps(dict(row.values))
        assert row.positions
