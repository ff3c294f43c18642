"""What a chapter finds in a story, and its clocks, as they hold at a moment.

    found(agreements.CHAPTER, story)                       at the end of time
    found(agreements.CHAPTER, story, at="2025-01-01 00:00")

With `at` the facts are those as of that moment, as a question about it sees them.
"""

from __future__ import annotations

from collections.abc import Sequence

from projections.civil import AMSTERDAM
from projections.clocks import SeenClock, clocks_at
from projections.findings import HeldFinding, held_at
from projections.register import Row
from projections.rules.chapter import Chapter
from tests.recording import Recording, local, rows_of

END_OF_TIME = "2090-01-01 00:00"


def rows(chapter: Chapter, story: Recording, at: str | None = None) -> list[Row]:
    """The rows of a chapter, of the facts as of a moment."""
    return list(rows_of(chapter.register(), story.events, as_of=at).values())


def found(chapter: Chapter, story: Recording, at: str | None = None) -> list[HeldFinding]:
    """The findings that hold at a moment."""
    return held_at(rows(chapter, story, at), local(at or END_OF_TIME))


def brief(findings: Sequence[HeldFinding]) -> list[tuple[str, str, str]]:
    """Each finding as its rule, its controllers, and its moment in civil time."""
    return [
        (
            finding.rule.id,
            "+".join(finding.controllers),
            finding.at.astimezone(AMSTERDAM).strftime("%Y-%m-%d %H:%M"),
        )
        for finding in findings
    ]


def clocks(chapter: Chapter, story: Recording, at: str | None = None) -> list[SeenClock]:
    """The clocks with their states at a moment."""
    return clocks_at(rows(chapter, story, at), local(at or END_OF_TIME))
