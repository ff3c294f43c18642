"""The scenario gone wrong: facts missing, at odd moments, holding odd values.

Corrections may leave any value in any field, and a feed may be incomplete; a fold never raises.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from ledger.events import latest
from projections.facts import Fact, effective
from tests.recording import scenario

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(max_size=8)
    | st.sampled_from(["C1", "2025-06-28", "9999-12-31T23:59:59+00:00", "2025-06-28T09:00:00Z"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)

FAULTS = st.tuples(st.integers(0, 10_000), st.integers(0, 9), JSON)
"""Which fact, which of its fields, and what is in it."""


@st.composite
def odd_facts(draw: st.DrawFn, types: Collection[str]) -> list[Fact]:
    """Facts of some types, in the order in which a fold gets them."""
    facts = [fact for fact in effective(scenario()) if fact.type in types]
    dropped = draw(st.sets(st.sampled_from(facts).map(lambda f: f.position)))
    kept = [fact for fact in facts if fact.position not in dropped]
    moments = [fact.occurred_at for fact in kept]
    draw(st.randoms(use_true_random=False)).shuffle(moments)
    odd = [replace(f, occurred_at=at) for f, at in zip(kept, moments, strict=True)]
    for number, field, value in draw(st.lists(FAULTS, max_size=12)):
        if odd:
            odd[number % len(odd)] = _spoiled(odd[number % len(odd)], field, value)
    return sorted(odd, key=lambda f: (f.occurred_at, f.position))


def _spoiled(fact: Fact, field: int, value: Any) -> Fact:
    """The fact with another value in one of its type's fields."""
    names = [info.alias or name for name, info in latest(fact.type).model.model_fields.items()]
    data: Mapping[str, Any] = {**fact.data, names[field % len(names)]: value}
    return replace(fact, data=data)
