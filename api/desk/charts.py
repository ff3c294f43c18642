"""Pictures where people would rather look than read: SVG, each with its table beside it.

Colours and sizes come from classes (`assets/style.css`), as a page may have no styles of its own.
Numbers are in the table, so a picture has a title and a description and no more.
`tests/test_charts.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from markupsafe import Markup

from projections.civil import local_minute
from projections.clocks import SeenClock
from projections.register import Label

WIDTH, BAR, GAP, LABEL = 820, 18, 10, 290

STATES = {
    "running": Label("loopt", "running"),
    "late": Label("te laat", "late"),
    "met": Label("gehaald", "met"),
    "ended": Label("voorbij", "ended"),
    "not_applicable": Label("niet van toepassing", "not applicable"),
}

CLOCKS = Label("Termijnen, van begin tot uiterste moment", "Clocks, from begin to due moment")
NOW = Label("peilmoment", "moment asked about")


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label, its value, and the class of its colour."""

    label: str
    value: float
    kind: str = "bar"


@dataclass(frozen=True, slots=True)
class Span:
    """A time that lasted: its label, begin and end, the class of its colour, and maybe a moment at
    which something stopped it."""

    label: str
    begin: datetime
    end: datetime
    kind: str
    stopped_at: datetime | None = None


def bars(rows: Sequence[Bar], title: str, description: str) -> Markup:
    """Horizontal bars from zero, each with its label before and its value behind."""
    most = max((row.value for row in rows), default=0) or 1
    height = len(rows) * (BAR + GAP) + GAP
    parts = [_open(WIDTH, height, title, description)]
    for number, row in enumerate(rows):
        y = GAP + number * (BAR + GAP)
        length = (WIDTH - LABEL - 60) * row.value / most
        parts += [
            _text(LABEL - 8, y + BAR - 5, row.label, "end"),
            f'<rect class="{row.kind}" x="{LABEL}" y="{y}" width="{length:.1f}" height="{BAR}"/>',
            _text(LABEL + length + 6, y + BAR - 5, f"{row.value:g}", "start"),
        ]
    return Markup("\n".join([*parts, "</svg>"]))  # noqa: S704 - every text in it is escaped


def stacked(rows: Sequence[tuple[str, Sequence[Bar]]], title: str, description: str) -> Markup:
    """Bars made of parts, all of the same length: what share each part has."""
    height = len(rows) * (BAR + GAP) + GAP
    parts = [_open(WIDTH, height, title, description)]
    for number, (label, shares) in enumerate(rows):
        y, x = GAP + number * (BAR + GAP), float(LABEL)
        total = sum(share.value for share in shares) or 1
        parts.append(_text(LABEL - 8, y + BAR - 5, label, "end"))
        for share in shares:
            length = (WIDTH - LABEL - 10) * share.value / total
            parts.append(
                f'<rect class="{share.kind}" x="{x:.1f}" y="{y}" width="{length:.1f}"'
                f' height="{BAR}"><title>{_plain(share.label)}: {share.value:g}</title></rect>'
            )
            x += length
    return Markup("\n".join([*parts, "</svg>"]))  # noqa: S704 - every text in it is escaped


def clock_bars(clocks: Sequence[SeenClock], at: datetime, language: str) -> Markup:
    """A bar for each clock, from its start to its due moment, with what stopped it and the moment
    that was asked about."""
    words = "; ".join(
        f"{c.title.text(language)}: {local_minute(c.started_at)} – {local_minute(c.due_at)},"
        f" {STATES[c.state].text(language)}"
        for c in clocks
    )
    found = [
        Span(c.title.text(language), c.started_at, c.due_at, c.state, c.stopped_at) for c in clocks
    ]
    return _spans(found, at, CLOCKS.text(language), words, language)


def spans(rows: Sequence[Span], at: datetime, title: str, language: str) -> Markup:
    """A bar for each time that lasted, and the moment that was asked about."""
    words = "; ".join(
        f"{row.label}: {local_minute(row.begin)} – {local_minute(row.end)}" for row in rows
    )
    return _spans(rows, at, title, words, language)


def _spans(
    rows: Sequence[Span], at: datetime, title: str, description: str, language: str
) -> Markup:
    begin = min(row.begin for row in rows)
    end = max(moment for row in rows for moment in (row.end, row.stopped_at) if moment)
    if begin <= at <= end + (end - begin) / 4:
        end = max(end, at)
    span = (end - begin).total_seconds() or 1.0
    room = WIDTH - LABEL - 20
    height = len(rows) * (BAR + GAP) + GAP + 16
    parts = [_open(WIDTH, height, title, description)]

    def across(moment: datetime) -> float:
        return LABEL + room * min(1.0, max(0.0, (moment - begin).total_seconds() / span))

    for number, row in enumerate(rows):
        y = GAP + number * (BAR + GAP)
        left, right = across(row.begin), across(row.end)
        parts += [
            _text(LABEL - 8, y + BAR - 5, _short(row.label), "end"),
            f'<rect class="clock {row.kind}" x="{left:.1f}" y="{y}"'
            f' width="{max(2.0, right - left):.1f}" height="{BAR}"/>',
        ]
        if row.stopped_at is not None:
            x = across(row.stopped_at)
            parts.append(f'<path class="stopped" d="M{x:.1f} {y - 3} V{y + BAR + 3}"/>')
    if begin <= at <= end:
        x = across(at)
        parts += [
            f'<path class="now" d="M{x:.1f} 2 V{height - 14}"/>',
            _text(x, height - 2, NOW.text(language), "end" if x > WIDTH - 80 else "middle"),
        ]
    return Markup("\n".join([*parts, "</svg>"]))  # noqa: S704 - every text in it is escaped


def dots(points: Sequence[tuple[datetime, datetime]], title: str, description: str) -> Markup:
    """Recorded against occurred: a dot for each event, its delay upwards, on a scale of roots so
    that a long one leaves room for short ones."""
    size, edge = 300, 40
    begin = min(occurred for occurred, _ in points)
    end = max(occurred for occurred, _ in points)
    span = (end - begin).total_seconds() or 1.0
    delays = [max(0.0, (recorded - occurred).total_seconds()) for occurred, recorded in points]
    most = max(delays) or 1.0
    parts = [_open(WIDTH, size, title, description)]
    parts += [
        f'<path class="axis" d="M{edge} 10 V{size - edge} H{WIDTH - 10}"/>',
        _text(edge + 6, 18, f"{most / 86_400:.1f} d", "start"),
        _text(edge, size - edge + 18, local_minute(begin)[:10], "start"),
        _text(WIDTH - 10, size - edge + 18, local_minute(end)[:10], "end"),
    ]
    for (occurred, _), delay in zip(points, delays, strict=True):
        x = edge + (WIDTH - edge - 20) * (occurred - begin).total_seconds() / span
        y = size - edge - (size - edge - 20) * (delay / most) ** 0.5
        parts.append(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3"/>')
    return Markup("\n".join([*parts, "</svg>"]))  # noqa: S704 - every text in it is escaped


def _open(width: int, height: int, title: str, description: str) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" focusable="false"'
        f' aria-label="{_plain(title)}" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{_plain(title)}</title><desc>{_plain(description)}</desc>"
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{_plain(text)}</text>'


def _plain(text: str) -> str:
    return escape("".join(c if c.isprintable() else "\ufffd" for c in text))


def _short(text: str, most: int = 44) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
