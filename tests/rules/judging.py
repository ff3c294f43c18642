"""What a chapter finds in a story, and its clocks, as they hold at a moment.

    found(agreements.CHAPTER, story)                       at the end of time
    found(agreements.CHAPTER, story, at="2025-01-01 00:00")

With `at` the facts are those as of that moment, as a question about it sees them. `held` and
`standing` judge at the recording of the last event, as the ledger of a demonstration would, or as
of one moment, as known at another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from projections.civil import AMSTERDAM
from projections.clocks import SeenClock, clocks_at
from projections.facts import Recorded
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


def held(
    chapters: Chapter | Iterable[Chapter],
    events: Sequence[Recorded],
    as_of: str | None = None,
    known_at: str | None = None,
) -> list[HeldFinding]:
    """The findings that hold; without a moment at the recording of the last event."""
    return held_at(_rows_at(chapters, events, as_of, known_at), _moment(events, as_of, known_at))


def standing(
    chapters: Chapter | Iterable[Chapter],
    events: Sequence[Recorded],
    as_of: str | None = None,
    known_at: str | None = None,
) -> list[SeenClock]:
    """The clocks with their states, as `held` gives the findings."""
    return clocks_at(_rows_at(chapters, events, as_of, known_at), _moment(events, as_of, known_at))


def said(finding: HeldFinding) -> tuple[str, tuple[str, ...], str]:
    """What tells a finding from others: its rule, controllers and moment, in Dutch civil time."""
    return finding.rule.id, finding.controllers, civil(finding.at)


def civil(at: datetime) -> str:
    """A moment in Dutch civil time: 2025-06-14 11:00, with seconds when there are any."""
    text = at.astimezone(AMSTERDAM).strftime("%Y-%m-%d %H:%M:%S")
    return text.removesuffix(":00")


def _rows_at(
    chapters: Chapter | Iterable[Chapter],
    events: Sequence[Recorded],
    as_of: str | None,
    known_at: str | None,
) -> list[Row]:
    asked = [chapters] if isinstance(chapters, Chapter) else chapters
    return [
        row
        for chapter in asked
        for row in rows_of(chapter.register(), events, as_of, known_at).values()
    ]


def _moment(events: Sequence[Recorded], as_of: str | None, known_at: str | None) -> datetime:
    asked = as_of or known_at
    return local(asked) if asked else max(event.recorded_at for event in events)
