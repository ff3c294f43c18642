"""Random feeds of the form of the acceptance scenario, for property tests.

A feed is a few *stories*, each about one part of the agreement, told side by side: every road an
instruction can take, a breach with its updates, a licence and what comes after it. Times lie close
to where rules turn: exactly 24 hours, the last second of a window, the end of a month, the days on
which the clock changes. What a feed says may break any rule of the agreement and no rule of form,
so a ledger takes every line of it.

    feeds() -> SearchStrategy[list[dict]]     lines of a feed, parsed
    seeded_feed(7) -> list[dict]     one that is always the same
    moments_of(feed) -> SearchStrategy[datetime]     where an answer may change
"""

from __future__ import annotations

from tests.feeds.feeds import STORIES, feeds, moments_of, seeded_feed

__all__ = ["STORIES", "feeds", "moments_of", "seeded_feed"]
