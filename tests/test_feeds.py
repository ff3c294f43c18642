"""Random feeds are good feeds, and are about every rule: `tests/feeds`."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from ledger.events import latest
from tests.feeds import seeded_feed
from tests.naive import EVALUATIONS, findings
from tests.naive.civil import instant


def test_every_rule_is_broken_in_some_feeds_and_kept_in_others() -> None:
    """Of 100 feeds, none of the rules is broken in fewer than 3, or in all."""
    broken: Counter[str] = Counter()
    for seed in range(100):
        broken.update({found.rule for found in findings(seeded_feed(seed))})
    assert {rule: broken[rule] for rule in EVALUATIONS if not 3 <= broken[rule] < 100} == {}


def test_feeds_are_in_order_and_valid() -> None:
    """No event is recorded before the line above it, or before it happened; ids are used once."""
    for seed in range(100):
        feed = seeded_feed(seed)
        assert len({event["id"] for event in feed}) == len(feed)
        for event in feed:
            assert instant(event["occurred_at"]) <= instant(event["recorded_at"])
            latest(event["type"]).model.model_validate(event["data"])
        recorded = [instant(event["recorded_at"]) for event in feed]
        assert all(one <= other for one, other in pairwise(recorded))
