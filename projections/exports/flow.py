"""Flows of data as a picture: boxes and arrows, laid out by grandalf (Sugiyama's method).

Left to right, each box one step further than what leads to it. The picture is SVG that stands by
itself, with a title and a description for those who do not see it; the table behind it is in the
dossier. `tests/test_flow.py`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from grandalf.graphs import Edge, Graph, Vertex
from grandalf.layouts import SugiyamaLayout

WIDTH = 150
"""Of a box; text of more lines makes it higher."""

ACROSS, LINE, PADDING, GAP = 22, 15, 8, 60

ROUNDS = 10
"""How often the layout looks for fewer crossings."""

INK, QUIET, PAPER, EDGE = "#1b2430", "#52606e", "#eef3f6", "#7a8894"


@dataclass(frozen=True, slots=True)
class Flow:
    """Data that go from one to another."""

    source: str
    target: str


@dataclass(slots=True)
class _Box:
    """What the layout asks of a box: its size across and along, and its middle. It works from top
    to bottom, so across and along change places."""

    w: int
    h: int
    xy: tuple[float, float] = (0.0, 0.0)


def to_svg(flows: Sequence[Flow], title: str, description: str) -> str:
    """The picture of some flows; those that lead back to where they came from are left out."""
    names = list(dict.fromkeys(name for flow in flows for name in (flow.source, flow.target)))
    boxes, lines = _laid_out(names, flows)
    left = min((box.xy[1] - WIDTH / 2 for box in boxes.values()), default=0.0)
    top = min((box.xy[0] - box.w / 2 for box in boxes.values()), default=0.0)
    right = max((box.xy[1] + WIDTH / 2 for box in boxes.values()), default=0.0)
    bottom = max((box.xy[0] + box.w / 2 for box in boxes.values()), default=0.0)
    width, height = right - left + 4, bottom - top + 4
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}"'
        f' width="{width:.0f}" height="{height:.0f}" role="img"'
        f' aria-label="{_plain(title)}" font-family="Libertinus Serif, system-ui, serif"'
        ' font-size="12">',
        f"<title>{_plain(title)}</title>",
        f"<desc>{_plain(description)}</desc>",
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7"'
        f' markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="{EDGE}"/></marker>'
        "</defs>",
    ]
    for flow in flows:
        if flow.source != flow.target:
            begin, end = boxes[flow.source], boxes[flow.target]
            forward = 1 if begin.xy[1] <= end.xy[1] else -1
            x1, y1 = begin.xy[1] - left + 2 + forward * WIDTH / 2, begin.xy[0] - top + 2
            x2, y2 = end.xy[1] - left + 2 - forward * WIDTH / 2, end.xy[0] - top + 2
            middle = (x1 + x2) / 2
            parts.append(
                f'<path d="M{x1:.1f} {y1:.1f} C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f}'
                f' {x2:.1f} {y2:.1f}" fill="none" stroke="{EDGE}" marker-end="url(#arrow)"/>'
            )
    for name, box in boxes.items():
        parts += _drawn(lines[name], box, box.xy[1] - left + 2, box.xy[0] - top + 2)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _plain(text: str) -> str:
    """A text as XML can hold it, and as markup that is none."""
    return escape("".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text))


def _laid_out(
    names: Sequence[str], flows: Sequence[Flow]
) -> tuple[dict[str, _Box], dict[str, list[str]]]:
    lines = {name: textwrap.wrap(name, ACROSS) or [""] for name in names}
    boxes = {name: _Box(len(lines[name]) * LINE + 2 * PADDING, WIDTH + GAP) for name in names}
    vertices = {name: Vertex(name) for name in names}
    for name, vertex in vertices.items():
        vertex.view = boxes[name]
    pairs = dict.fromkeys((f.source, f.target) for f in flows if f.source != f.target)
    graph = Graph(list(vertices.values()), [Edge(vertices[a], vertices[b]) for a, b in pairs])
    beside = 0.0
    for component in graph.C:
        layout = SugiyamaLayout(component)
        layout.xspace, layout.yspace = 18, 0
        layout.init_all()
        layout.draw(ROUNDS)
        own = [vertex.view for vertex in component.sV]
        shift = beside - min(box.xy[0] - box.w / 2 for box in own)
        for box in own:
            box.xy = (box.xy[0] + shift, box.xy[1])
        beside = max(box.xy[0] + box.w / 2 for box in own) + 18
    return boxes, lines


def _drawn(lines: Sequence[str], box: _Box, x: float, y: float) -> list[str]:
    height = box.w
    first = y - (len(lines) - 1) * LINE / 2 + 4
    return [
        f'<rect x="{x - WIDTH / 2:.1f}" y="{y - height / 2:.1f}" width="{WIDTH}"'
        f' height="{height}" rx="4" fill="{PAPER}" stroke="{QUIET}"/>',
        *(
            f'<text x="{x:.1f}" y="{first + number * LINE:.1f}" text-anchor="middle"'
            f' fill="{INK}">{_plain(line)}</text>'
            for number, line in enumerate(lines)
        ),
    ]
