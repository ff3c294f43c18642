"""Pictures of the desk: safe whatever is recorded, and what they show is what the numbers are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from api.desk import charts
from api.desk.charts import Bar
from ledger.opening import Ledger
from projections.clocks import STATES, ask_clocks
from projections.question import Moment
from tests.test_isolation import scenario

__all__ = ["scenario"]

SVG = "{http://www.w3.org/2000/svg}"
texts = st.text(max_size=40)


def parsed(svg: str) -> ElementTree.Element:
    """The picture as XML."""
    return ElementTree.fromstring(svg)  # noqa: S314 - our own


@given(st.lists(st.tuples(texts, st.integers(0, 10**9)), min_size=1, max_size=9), texts, texts)
def test_bars_are_as_long_as_their_values(
    rows: list[tuple[str, int]], title: str, words: str
) -> None:
    """In proportion, from one line; labels are text."""
    root = parsed(charts.bars([Bar(label, value) for label, value in rows], title, words))
    lengths = [float(rect.attrib["width"]) for rect in root.iter(f"{SVG}rect")]
    most = max(value for _, value in rows) or 1
    full = max(lengths) if max(lengths) else 1
    for length, (_, value) in zip(lengths, rows, strict=True):
        assert abs(length / full - value / most) < 0.001
    assert len(list(root.iter(f"{SVG}text"))) == 2 * len(rows)
    assert root.attrib["role"] == "img"


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=5))
def test_shares_fill_the_bar(values: list[int]) -> None:
    """Whatever their number, and nothing when all are zero."""
    shares = [Bar(str(number), value, "primary") for number, value in enumerate(values)]
    root = parsed(charts.stacked([("label", shares)], "t", "d"))
    lengths = [float(rect.attrib["width"]) for rect in root.iter(f"{SVG}rect")]
    full = charts.WIDTH - charts.LABEL - 10
    assert abs(sum(lengths) - (full if any(values) else 0)) < 1


def test_clocks_run_from_their_start_to_their_end(scenario: Ledger) -> None:
    """Every clock a bar, in its state; the moment asked about only where it is near."""
    now = scenario.now()
    found = ask_clocks(scenario.pool, now, Moment(), states=STATES).clocks
    root = parsed(charts.clock_bars(found, now, "nl"))
    kinds = [rect.attrib["class"] for rect in root.iter(f"{SVG}rect")]
    assert kinds == [f"clock {clock.state}" for clock in found]
    first = min(clock.started_at for clock in found)
    last = max(clock.due_at for clock in found)
    for at, there in ((first, True), (last, True), (last + 10 * (last - first), False)):
        drawn = charts.clock_bars(found, at, "en")
        assert ('class="now"' in drawn) == there
        parsed(drawn)


def test_delays_are_dots() -> None:
    """One for each event; an event of one moment divides by nothing."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    points = [(start + timedelta(days=n), start + timedelta(days=n, hours=n)) for n in range(5)]
    for some in (points, points[:1]):
        root = parsed(charts.dots(some, "t", "d"))
        assert len(list(root.iter(f"{SVG}circle"))) == len(some)
