"""Findings and clocks of chapters over recorded events, as of a moment, as known at one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from projections.civil import AMSTERDAM
from projections.clocks import SeenClock, clocks_at
from projections.facts import Recorded
from projections.findings import HeldFinding, held_at
from projections.register import Row
from projections.rules.chapter import Chapter
from tests.recording import local, rows_of


def found(
    chapters: Chapter | Iterable[Chapter],
    events: Sequence[Recorded],
    as_of: str | None = None,
    known_at: str | None = None,
) -> list[HeldFinding]:
    """The findings that hold; without a moment at the recording of the last event."""
    return held_at(_rows(chapters, events, as_of, known_at), _moment(events, as_of, known_at))


def clocks(
    chapters: Chapter | Iterable[Chapter],
    events: Sequence[Recorded],
    as_of: str | None = None,
    known_at: str | None = None,
) -> list[SeenClock]:
    """The clocks with their states, as `found` gives the findings."""
    return clocks_at(_rows(chapters, events, as_of, known_at), _moment(events, as_of, known_at))


def said(finding: HeldFinding) -> tuple[str, tuple[str, ...], str]:
    """What tells a finding from others: its rule, controllers and moment, in Dutch civil time."""
    return finding.rule.id, finding.controllers, civil(finding.at)


def civil(at: datetime) -> str:
    """A moment in Dutch civil time: 2025-06-14 11:00, with seconds when there are any."""
    text = at.astimezone(AMSTERDAM).strftime("%Y-%m-%d %H:%M:%S")
    return text.removesuffix(":00")


def _rows(
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
