"""A plot of figures by size, both on a scale of powers of ten, as SVG (`tests/test_benchmarks.py`).

What grows with the logarithm of the size is nearly flat in it; what grows with the size is steep.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from math import ceil, floor, log10

WIDTH, HEIGHT = 760, 400
LEFT, RIGHT, TOP, BOTTOM = 60, 130, 40, 40
LABEL = 15
"""How far labels of lines are apart at least."""

COLOURS = ("#0b5d6b", "#b3441e", "#3f6d2a", "#6a3d9a", "#946200", "#555555")


def lines(title: str, sizes: Sequence[int], curves: Mapping[str, Sequence[float]]) -> str:
    """A line for each name, through its figures at the sizes; all are above 0."""
    figures = [figure for curve in curves.values() for figure in curve]
    lowest, highest = floor(log10(min(figures))), ceil(log10(max(figures)))
    first, last = log10(sizes[0]), log10(sizes[-1])

    def x(size: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (log10(size) - first) / ((last - first) or 1)

    def y(figure: float) -> float:
        return (
            HEIGHT
            - BOTTOM
            - (HEIGHT - TOP - BOTTOM) * (log10(figure) - lowest) / ((highest - lowest) or 1)
        )

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        ' font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(LEFT, 22, title, "start"),
    ]
    for power in range(lowest, highest + 1):
        at = y(10**power)
        parts.append(_line([(LEFT, at), (WIDTH - RIGHT, at)], "#ddd", 1))
        parts.append(_text(LEFT - 8, at + 4, f"{10**power:g}", "end"))
    for size in sizes:
        parts.append(_text(x(size), HEIGHT - BOTTOM + 20, f"{size:,}", "middle"))
    places = _apart({name: y(curve[-1]) for name, curve in curves.items()})
    for colour, (name, curve) in zip(COLOURS, curves.items(), strict=False):
        points = [(x(size), y(figure)) for size, figure in zip(sizes, curve, strict=True)]
        parts.append(_line(points, colour, 2))
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in points]
        parts.append(_text(WIDTH - RIGHT + 10, places[name] + 4, name, "start", colour))
    return "\n".join([*parts, "</svg>", ""])


def _apart(places: Mapping[str, float]) -> dict[str, float]:
    """Places of labels, moved down as far as it takes to read them."""
    order = sorted(places, key=lambda name: places[name])
    found = dict(places)
    for above, below in pairwise(order):
        found[below] = max(found[below], found[above] + LABEL)
    return found


def _line(points: Sequence[tuple[float, float]], colour: str, width: int) -> str:
    way = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
    return f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#222") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"'
    return f"<text {place}>{escape(text)}</text>"
