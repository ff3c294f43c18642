"""Random feeds are good feeds, and are about every rule: `tests/feeds`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

from ledger.events import latest
from tests.feeds import feeds
from tests.naive import EVALUATIONS, findings
from tests.naive.civil import instant

Feed = Sequence[Mapping[str, Any]]


def over(count: int, check: Callable[[Feed], None]) -> None:
    """Run a check over the same feeds each time."""

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(feeds())
    def run(feed: Feed) -> None:
        check(feed)

    run()


def test_every_rule_is_broken_in_some_feeds_and_kept_in_others() -> None:
    """Of 200 feeds, none of the rules is broken in fewer than 4, or in all."""
    broken: Counter[str] = Counter()
    total = 0

    def count(feed: Feed) -> None:
        nonlocal total
        total += 1
        broken.update({found.rule for found in findings(feed)})

    over(200, count)
    assert {rule: n for rule in EVALUATIONS if not 4 <= (n := broken[rule]) < total} == {}


def test_feeds_are_in_order_and_valid() -> None:
    """No event is recorded before the line above it, or before it happened; ids are used once."""

    def check(feed: Feed) -> None:
        assert len({event["id"] for event in feed}) == len(feed)
        for event in feed:
            assert instant(event["occurred_at"]) <= instant(event["recorded_at"])
            latest(event["type"]).model.model_validate(event["data"])
        recorded = [instant(event["recorded_at"]) for event in feed]
        assert all(one <= other for one, other in pairwise(recorded))

    over(50, check)
