"""Ends of agreements, and spells of what is done for a controller."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.agreement import CONCLUDED, ENDED, Spell, ends, in_force, last_spell
from projections.facts import Fact, effective
from tests.recording import Recording

STEPS = {"+": "Started", "-": "Stopped", "c": CONCLUDED, "e": ENDED}


def facts_of(steps: str) -> list[Fact]:
    story = Recording()
    for minute, step in enumerate(steps):
        story.add(STEPS[step], f"2025-01-01 09:{minute:02}", {})
    return effective(story.events)


def spell_of(steps: str) -> Spell:
    facts = facts_of(steps)
    turns = [fact for fact in facts if fact.type in ("Started", "Stopped")]
    return last_spell(turns, ends(facts), starts=lambda fact: fact.type == "Started")


def numbers(spell: Spell) -> tuple[int | None, int | None, int | None]:
    """Which steps start it, were the latest start, and end it, counted from 1."""
    start, latest, end = (f.position if f else None for f in (spell.start, spell.latest, spell.end))
    return start, latest, end


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("", (None, None, None)),
        ("+", (1, 1, None)),
        ("+-", (1, 1, 2)),
        ("++", (1, 2, None)),
        ("++-", (1, 2, 3)),
        ("+-+", (3, 3, None)),
        ("+--", (1, 1, 2)),
        ("-", (None, None, 1)),
        ("-+", (2, 2, None)),
        ("c+e", (2, 2, 3)),
        ("c+-e", (2, 2, 3)),
        ("c+e-", (2, 2, 3)),
        ("+c", (1, 1, None)),
        ("c+ec", (2, 2, 3)),
        ("c+ec+", (5, 5, None)),
        ("ce+", (3, 3, None)),
    ],
)
def test_a_spell_lasts_until_it_is_stopped_or_the_agreement_ends(
    steps: str, expected: tuple[int | None, int | None, int | None]
) -> None:
    """Started again it goes on; a new agreement revives nothing."""
    assert numbers(spell_of(steps)) == expected


@given(st.text("+-ce", max_size=12))
def test_a_spell_never_ends_before_it_starts(steps: str) -> None:
    """Whatever the order of steps, the parts of a spell are in order."""
    start, latest, end = numbers(spell_of(steps))
    assert (start is None) == (latest is None)
    if start and latest:
        assert start <= latest
        assert end is None or latest < end


def ended(*steps: tuple[str, str | None]) -> list[int]:
    story = Recording()
    for minute, (type_, id_) in enumerate(steps):
        story.add(type_, f"2025-01-01 09:{minute:02}", {"agreement_id": id_} if id_ else {})
    return [fact.position for fact in ends(effective(story.events))]


def test_a_controller_with_two_agreements_keeps_the_other() -> None:
    """The end of one leaves the other in force; the end of both ends all."""
    two = ((CONCLUDED, "A"), (CONCLUDED, "B"))
    assert ended(*two, (ENDED, "A")) == []
    assert ended(*two, (ENDED, "A"), (ENDED, "B")) == [4]
    assert ended(*two, (ENDED, "X")) == []


def test_an_end_without_an_id_ends_all_and_one_with_an_id_those_without() -> None:
    """The id is optional in every event, so neither may leave an agreement in force by accident."""
    assert ended((CONCLUDED, "A"), (CONCLUDED, "B"), (ENDED, None)) == [3]
    assert ended((CONCLUDED, None), (ENDED, "A")) == [2]
    assert ended((CONCLUDED, None), (CONCLUDED, "B"), (ENDED, "A")) == []


def test_an_end_told_beforehand_comes_when_it_was_told_for() -> None:
    """What began meanwhile ends with it; what begins after it does not."""
    story = Recording()
    story.add(CONCLUDED, "2025-01-01 09:00", {})
    story.add(ENDED, "2025-02-01 09:00", {"ended_at": "2025-03-01T09:00:00+01:00"})
    for at, ended in (("2025-02-15 09:00", True), ("2025-03-02 09:00", False)):
        made = Recording()
        made.events = [*story.events]
        made.add("Started", at, {})
        facts = effective(made.events)
        turns = [fact for fact in facts if fact.type == "Started"]
        spell = last_spell(turns, ends(facts), starts=lambda fact: fact.type == "Started")
        assert (spell.end is not None) == ended


@pytest.mark.parametrize(
    ("stop", "ended"),
    [
        ({}, True),
        ({"at": "2025-02-15"}, True),  # the day on which it began: no time is told
        ({"at": "2025-02-15T17:00:00+01:00"}, True),
        ({"at": "2025-02-14"}, False),  # of an earlier time
        ({"at": "2025-02-15T08:00:00+01:00"}, False),
    ],
)
def test_turns_count_in_the_order_of_their_own_moments(stop: dict[str, str], ended: bool) -> None:
    """However late they were told."""
    story = Recording()
    story.add("Started", "2025-02-20 09:00", {"started_at": "2025-02-15T09:00:00+01:00"})
    story.add("Stopped", "2025-03-01 09:00", stop)
    facts = effective(story.events)
    spell = last_spell(facts, facts, starts=lambda fact: fact.type == "Started")
    assert (spell.end is not None) == ended


@pytest.mark.parametrize(
    ("told", "at", "running"),
    [
        ("2024-09-27 09:00", "2024-10-17T00:00:00+02:00", False),  # told before, effective after
        ("2024-10-20 09:00", "2024-09-30", False),  # told after, for an earlier day
        ("2024-09-27 09:00", "2024-09-28", True),  # of an earlier agreement, whichever way
    ],
)
def test_an_end_ends_what_was_concluded_before_it_in_either_order(
    told: str, at: str, running: bool
) -> None:
    """Before it was told, or before it takes effect."""
    story = Recording()
    acts = [("2024-10-01 09:00", CONCLUDED, {}), (told, ENDED, {"ended_at": at})]
    for when, type_, data in sorted(acts, key=lambda act: act[0]):
        story.add(type_, when, data)
    facts = effective(story.events)
    later = datetime(2024, 11, 1, tzinfo=UTC)
    assert bool(in_force(facts, later)) == running
    assert [fact.type for fact in ends(facts)] == [ENDED]
