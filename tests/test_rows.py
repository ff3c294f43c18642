"""Rows say what they rest on, and never name one controller to another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections import rows
from projections.facts import Fact, effective
from projections.register import Column, Label
from tests.recording import Recording

COLUMNS = (Column("a", Label("a", "a"), "1"), Column("b", Label("b", "b"), "1"))


def corrected(field: str, old: object, new: object) -> Fact:
    story = Recording()
    event = story.add("Any", "2025-01-01 09:00", {field: old})
    story.correct(event, "2025-01-02 09:00", field, new)
    return effective(story.events)[0]


@given(st.lists(st.text(), min_size=1, max_size=3), st.lists(st.text(), min_size=1, max_size=3))
def test_different_ids_give_different_keys(one: list[str], other: list[str]) -> None:
    """However ids are made up, no two rows of a kind share a key."""
    assert (rows.row_key("kind", *one) == rows.row_key("kind", *other)) == (one == other)


def test_a_row_has_every_column() -> None:
    """What a row says nothing about is there, and empty."""
    assert rows.row(COLUMNS, "k", (), {"a": 1}, []).values == {"a": 1, "b": None}


def test_a_row_rests_on_its_facts_and_their_corrections() -> None:
    """The positions hold the fact and what corrected it; the correction is shown."""
    made = rows.row(COLUMNS, "k", (), {}, [corrected("title", "old", "new")])
    assert made.positions == (1, 2)
    (change,) = made.corrected
    assert (change["field"], change["old"], change["new"]) == ("title", "old", "new")
    assert (change["known_at"], change["position"]) == ("2025-01-02T08:00:00Z", 2)


@pytest.mark.parametrize(
    ("field", "old", "new", "seen"),
    [
        ("controller_id", "C9", "C1", (None, "C1")),
        ("controller_ids", ["C9"], ["C1", "C9"], ([], ["C1"])),
        ("delivered_to", [{"controller": "C9"}, "C1"], [{"controller": "C9"}], (["C1"], [])),
        ("added_controller_ids", ["C8"], ["C9"], None),
    ],
)
def test_a_correction_shows_a_controller_only_itself(
    field: str, old: object, new: object, seen: tuple[object, object] | None
) -> None:
    """Who else a corrected field named stays hidden; a change among others is no change."""
    fact = corrected(field, old, new)
    own = rows.row(COLUMNS, "k", ("C1",), {}, [fact]).corrected
    assert [(c["old"], c["new"]) for c in own] == ([seen] if seen else [])
    everybody = rows.row(COLUMNS, "k", rows.PROCESSOR_WIDE, {}, [fact]).corrected
    assert not everybody or not {"C1", "C8", "C9"} & set(str(everybody).split("'"))
    (alone,) = rows.row(COLUMNS, "k", rows.PROCESSOR_ONLY, {}, [fact]).corrected
    assert (alone["old"], alone["new"]) == (old, new)


def test_a_table_of_cases_gives_tags_of_the_event() -> None:
    """A pattern becomes the tag of each value; an event can be a case of its own."""
    cases = rows.cases_by({"Any": ("controller:controller_ids", "breach:breach_id", rows.ITSELF)})
    story = Recording()
    event = story.add("Any", "2025-01-01", {"controller_ids": ["C2", "C1"], "breach_id": 7})
    assert cases(event) == ("controller:C1", "controller:C2", "source-id:s E1")
    assert cases(story.add("Other", "2025-01-01", {})) == ()
