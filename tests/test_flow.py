"""Pictures of flows: complete, the same each time, and safe whatever the names are."""

from __future__ import annotations

from itertools import combinations
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from projections.exports.flow import WIDTH, Flow, to_svg

SVG = "{http://www.w3.org/2000/svg}"
FLOWS = [
    Flow("Practice", "Record"),
    Flow("Practice", "Claims"),
    Flow("Record", "Processor"),
    Flow("Claims", "Processor"),
    Flow("Processor", "Host"),
    Flow("Host", "NL"),
    Flow("Processor", "NL"),
]


def parsed(svg: str) -> ElementTree.Element:
    """The picture as XML."""
    return ElementTree.fromstring(svg)  # noqa: S314 - our own


def boxes(svg: str) -> list[tuple[float, float, float, float]]:
    """Left, top, right and bottom of each box."""
    found = []
    for rect in parsed(svg).iter(f"{SVG}rect"):
        x, y = float(rect.attrib["x"]), float(rect.attrib["y"])
        found.append((x, y, x + WIDTH, y + float(rect.attrib["height"])))
    return found


def test_every_flow_is_an_arrow_between_boxes() -> None:
    """Left to right, and said in words for those who do not see it."""
    svg = to_svg(FLOWS, "Flows", "Practice → Record")
    root = parsed(svg)
    assert root.attrib["role"] == "img"
    assert root.findtext(f"{SVG}title") == "Flows"
    assert root.findtext(f"{SVG}desc") == "Practice → Record"
    assert len(boxes(svg)) == 6
    assert svg.count("marker-end") == len(FLOWS)
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert {"Practice", "Record", "Claims", "Processor", "Host", "NL"} == set(words)
    assert to_svg(FLOWS, "Flows", "Practice → Record") == svg


names = st.text(min_size=1, max_size=60)


@settings(deadline=None)
@given(st.lists(st.builds(Flow, names, names), min_size=1, max_size=12))
def test_boxes_never_lie_over_each_other_and_names_stay_text(flows: list[Flow]) -> None:
    """Loops, circles, parts that hang together with nothing, markup and control characters."""
    svg = to_svg(flows, "<t>", "&")
    root = parsed(svg)
    assert {each.tag.removeprefix(SVG) for each in root.iter()} <= {
        "svg", "title", "desc", "defs", "marker", "path", "rect", "text",
    }  # fmt: skip
    found = boxes(svg)
    assert len(found) == len({name for f in flows for name in (f.source, f.target)})
    for (l1, t1, r1, b1), (l2, t2, r2, b2) in combinations(found, 2):
        assert r1 <= l2 + 0.2 or r2 <= l1 + 0.2 or b1 <= t2 + 0.2 or b2 <= t1 + 0.2
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for left, top, right, bottom in found:
        assert left >= 0
        assert top >= 0
        assert right <= width + 1
        assert bottom <= height + 1
