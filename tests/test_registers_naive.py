"""The registers agree with a second evaluation of them, over feeds that neither has seen.

Compared is what `expected_registers.json` of the acceptance scenario compares: who has a licence
and an agreement, for whom subprocessors, transfers and activities are, how instructions ended, and
how many data subjects a breach concerns. The second evaluation is `tests/naive`. A row that was
told of beforehand says from when it is so, which these counts leave out: no feed here tells
beforehand.
"""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Any

from projections.registers import REGISTERS
from tests.counts import counts
from tests.feeds import Feed, moment_of, seeded_feed
from tests.naive import registers
from tests.recording import of_feed, rows_of


def shown(feed: Feed, as_of: datetime | None, known_at: datetime | None) -> dict[str, Any]:
    """What the registers say, by a fold over the whole feed."""
    recorded = of_feed(feed)
    moments = [moment.isoformat() if moment else None for moment in (as_of, known_at)]
    return counts(lambda name: rows_of(REGISTERS[name], recorded, *moments).values())


def test_the_registers_agree() -> None:
    """At the end, and as of and as known at moments near those at which they turn."""
    for seed in range(40):
        feed = seeded_feed(seed, foretells=False)
        choose = Random(seed).randrange  # noqa: S311 - not for secrets
        one, other = moment_of(choose, feed), moment_of(choose, feed)
        for moments in ((None, None), (one, None), (None, other), (one, other)):
            assert shown(feed, *moments) == registers(feed, *moments), (seed, moments)
