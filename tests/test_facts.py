"""Facts: corrections and retractions in two times, against a naive second evaluation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.facts import Recorded, effective

START = datetime(2025, 1, 1, tzinfo=UTC)


def recorded(
    position: int, type_: str, data: dict[str, Any], *, occurred: int = 0, source: str = "s"
) -> Recorded:
    return Recorded(
        position,
        type_,
        source,
        f"E{position}",
        START + timedelta(hours=occurred),
        START + timedelta(hours=position),
        data,
    )


def corrected(position: int, target: str, field: str, new: Any) -> Recorded:
    change = {"field": field, "old": None, "new": new}
    data = {"corrects_event_id": target, "field_changes": [change], "reason": "typing error"}
    return recorded(position, "EventCorrected", data)


def retracted(position: int, target: str) -> Recorded:
    data = {"retracts_event_id": target, "reason": "wrong customer"}
    return recorded(position, "EventRetracted", data)


def value(events: list[Recorded], known: int) -> Any:
    facts = effective(events, known_at=START + timedelta(hours=known))
    return [f.data["facts"]["n"] for f in facts if f.type == "Update"]


def test_a_correction_counts_from_when_it_was_known() -> None:
    """Before the correction was recorded the old value stands, from then on the new one."""
    events = [recorded(1, "Update", {"facts": {"n": 2115}}), corrected(5, "E1", "facts.n", 2151)]
    assert [value(events, k) for k in (0, 1, 4, 5)] == [[], [2115], [2115], [2151]]


def test_a_correction_shows_the_value_before() -> None:
    """The fact names field, old and new value, and the correcting event; the event is untouched."""
    update = recorded(1, "Update", {"facts": {"n": 2115}})
    (fact, _) = effective([update, corrected(5, "E1", "facts.n", 2151)])
    (correction,) = fact.corrections
    assert (correction.field, correction.old, correction.new) == ("facts.n", 2115, 2151)
    assert correction.position == 5
    assert update.data == {"facts": {"n": 2115}}


def test_a_correction_of_a_correction_works() -> None:
    """Correcting the correcting event changes what it corrects, from when that was known."""
    events = [
        recorded(1, "Update", {"facts": {"n": 1}}),
        corrected(2, "E1", "facts.n", 2),
        corrected(3, "E2", "field_changes.0.new", 3),
    ]
    assert [value(events, k) for k in (1, 2, 3)] == [[1], [2], [3]]


def test_a_retraction_removes_from_then_on() -> None:
    """A retracted event stays visible as known before; retracting the retraction brings it back."""
    events = [recorded(1, "Update", {"facts": {"n": 1}}), retracted(2, "E1"), retracted(3, "E2")]
    assert [value(events, k) for k in (1, 2, 3)] == [[1], [], [1]]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("facts", 5), ("facts.n", 3)),
        (("occurredat", "yesterday"), ("facts.n", 3)),
        (("facts.n.deeper", 1), ("facts.n", 3)),
        (("facts.0", None), ("facts.n", 3)),
    ],
)
def test_a_change_that_no_longer_fits_is_left_out(
    first: tuple[str, Any], second: tuple[str, Any]
) -> None:
    """Chains of corrections can take away what another builds on; a fold never fails."""
    events = [
        recorded(1, "Update", {"facts": {"n": 1}}),
        corrected(2, "E1", *first),
        corrected(3, "E1", *second),
    ]
    (fact,) = [f for f in effective(events) if f.type == "Update"]
    assert fact.corrections


def test_a_field_that_is_no_longer_a_text_is_left_out() -> None:
    """A correction of a correction can put anything where the name of the field was."""
    events = [
        recorded(1, "Update", {"facts": {"n": 1}}),
        corrected(2, "E1", "facts.n", 2),
        corrected(3, "E2", "field_changes.0.field", "facts.n"),
        corrected(4, "E3", "field_changes.0.new", ["facts.n"]),
    ]
    assert value(events, 4) == [1]


def test_the_moment_itself_can_be_corrected() -> None:
    """A correction of `occurredat` moves the fact in valid time."""
    moved = (START + timedelta(hours=9)).isoformat()
    events = [recorded(1, "Update", {"facts": {"n": 1}}), corrected(2, "E1", "occurredat", moved)]
    assert not [f for f in effective(events, as_of=START) if f.type == "Update"]


def test_an_amendment_never_reaches_a_later_event_of_the_same_id() -> None:
    """An id that another source uses again later is another event."""
    later = Recorded(3, "Update", "other", "E1", START, START, {"facts": {"n": 7}})
    events = [recorded(1, "Update", {"facts": {"n": 1}}), corrected(2, "E1", "facts.n", 2), later]
    assert sorted(f.data["facts"]["n"] for f in effective(events) if f.type == "Update") == [2, 7]


def test_a_fact_tells_that_its_payload_was_shredded() -> None:
    """Shredding shows on the fact from when it occurred; the fact itself stays."""
    events = [
        recorded(1, "Update", {"facts": {"n": 1}}),
        recorded(2, "PayloadShredded", {"event_id": "E1", "ground": "a name"}, occurred=5),
    ]
    before = effective(events, as_of=START + timedelta(hours=4))
    (after, _) = effective(events, as_of=START + timedelta(hours=5))
    assert [f.shredded for f in before] == [()]
    assert [s.position for s in after.shredded] == [2]


def naive(events: list[Recorded], known: int) -> dict[str, int]:
    """Second evaluation, by recursion over all events: the value of each update that stands."""
    seen = [e for e in events if e.position <= known]

    def stands(event: Recorded) -> bool:
        takers = [e for e in seen if e.data.get("retracts_event_id") == event.id]
        return not any(stands(e) for e in takers)

    def number(event: Recorded) -> int:
        fixes = [e for e in seen if e.data.get("corrects_event_id") == event.id and stands(e)]
        own = event.data["facts"]["n"] if event.type == "Update" else fixed(event)
        return number(fixes[-1]) if fixes else own

    def fixed(event: Recorded) -> int:
        return int(event.data["field_changes"][0]["new"])

    return {e.id: number(e) for e in seen if e.type == "Update" and stands(e)}


@given(
    st.lists(st.tuples(st.sampled_from("uucr"), st.integers(0, 30)), max_size=30),
    st.integers(0, 30),
)
def test_facts_agree_with_the_naive_evaluation(steps: list[tuple[str, int]], known: int) -> None:
    """Any tree of corrections and retractions gives what the recursive definition gives."""
    events: list[Recorded] = []
    for position, (kind, choice) in enumerate(steps, start=1):
        target = events[choice % len(events)] if events else None
        if kind == "u" or target is None:
            events.append(recorded(position, "Update", {"facts": {"n": -position}}))
        elif kind == "r":
            events.append(retracted(position, target.id))
        elif target.type != "EventRetracted":
            path = "facts.n" if target.type == "Update" else "field_changes.0.new"
            events.append(corrected(position, target.id, path, position))
    facts = effective(events, known_at=START + timedelta(hours=known))
    assert {f.id: f.data["facts"]["n"] for f in facts if f.type == "Update"} == naive(events, known)
