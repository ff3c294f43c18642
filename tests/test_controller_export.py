"""Lines of an export: one spelling, bounded, and what is none is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import controller_export as exports
from ledger.controller_export import LONGEST_LINE, Head, Line
from ledger.errors import ExportMalformed

HASH = bytes(range(32))
HEAD = Head("C1", HASH, "log.example/a+12345678+AAAA", "log.example/a\n7\nAAA=\n\n— log x=\n")
LINE = Line(17, 301, b"{}", (HASH,), (HASH, bytes(32)))
GOLDEN_HEAD = (
    '{"controller":"C1","key":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",'
    '"vkey":"log.example/a+12345678+AAAA",'
    '"checkpoint":"log.example/a\\n7\\nAAA=\\n\\n— log x=\\n"}\n'
).encode()
GOLDEN_LINE = (
    b'{"number":17,"index":301,"entry":"e30=",'
    b'"inclusion":["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="],'
    b'"opening":["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",'
    b'"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]}\n'
)

hashes = st.lists(st.binary(min_size=32, max_size=32), max_size=4).map(tuple)
whole = st.integers(0, 2**53 - 1)
lines = st.builds(Line, whole, whole, st.binary(max_size=200), hashes, hashes, st.booleans())
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n"), max_size=30)
heads = st.builds(
    Head,
    st.from_regex(r"[A-Za-z0-9]([a-z.:/-]{0,5}[0-9])?", fullmatch=True),
    st.binary(min_size=32, max_size=32),
    texts,
    texts,
)


@pytest.mark.parametrize(("line", "golden"), [(HEAD, GOLDEN_HEAD), (LINE, GOLDEN_LINE)])
def test_the_bytes_of_a_line_never_change(line: Head | Line, golden: bytes) -> None:
    """A controller keeps exports for years."""
    assert exports.format(line) == golden
    assert exports.parse(golden) == line


@given(lines | heads)
def test_a_line_is_read_as_it_was_written(line: Head | Line) -> None:
    """Any values come back; in the line with the latest number it has another name."""
    raw = exports.format(line)
    assert exports.parse(raw) == line
    assert exports.is_export(raw) == isinstance(line, Head)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b"{", b" {"),
        (b"}\n", b"}"),
        (b"}\n", b"}\n\n"),
        (b"}\n", b"}\r\n"),
        (b":17", b": 17"),
        (b":17", b":17.0"),
        (b":17", b":1.7e1"),
        (b":17", b":-17"),
        (b":17", b":true"),
        (b":17", b':"17"'),
        (b":17", b":9007199254740992"),
        (b"301", b"null"),
        (b"e30=", b"e30"),
        (b"e30=", b"e31="),
        (b"e30=", b"e3-="),
        (b"e30=", b"\\u00653\\u0030="),
        (b"Hh8=", b"Hg=="),
        (b'"number"', b'"numbers"'),
        (b'"number":17', b'"number":17,"latest":17'),
        (b'"number":17', b'"number":17,"number":18'),
        (b'"number":17,"index":301', b'"index":301,"number":17'),
        (b'"inclusion":[', b'"inclusion":[1,'),
        (b'"inclusion":["', b'"inclusion":"'),
        (b'{"number"', b'{"x":1,"number"'),
        (b'{"number"', b'{"controller":"C1","number"'),
        (b'{"number"', b"\xef\xbb\xbf" + b'{"number"'),
    ],
)
def test_second_spellings_are_refused(right: bytes, wrong: bytes) -> None:
    """Each of these is almost the golden line."""
    assert right in GOLDEN_LINE
    with pytest.raises(ExportMalformed):
        exports.parse(GOLDEN_LINE.replace(right, wrong, 1))


@pytest.mark.parametrize(
    "controller", ["", "C 1", "C1\n", "\x1b[2J", "x" * 65, "-C1", "[bold]", "Praktijk é"]
)
def test_whose_export_it_is_can_be_printed(controller: str) -> None:
    """An id of a controller, and nothing that moves a terminal's cursor."""
    raw = exports.format(Head(controller, HASH, "v", "c"))
    with pytest.raises(ExportMalformed):
        exports.parse(raw)


@given(
    st.binary(max_size=80)
    | st.recursive(
        st.none() | st.integers() | st.floats() | st.text(max_size=5) | st.just("C1"),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["controller", "key", "vkey", "number", "latest", "index", "entry", "opening"]
                ),
                inner,
            )
        ),
    ).map(lambda value: json.dumps(value).encode() + b"\n")
)
def test_any_bytes_are_refused_and_nothing_else_happens(raw: bytes) -> None:
    """What is no line of an export is ExportMalformed."""
    with pytest.raises(ExportMalformed):
        exports.parse(raw)


def test_lines_are_bounded(tmp_path: Path) -> None:
    """A line without an end is read up to its limit, and then refused."""
    file = tmp_path / "endless"
    file.write_bytes(GOLDEN_HEAD + b"x" * (LONGEST_LINE * 3))
    with file.open("rb") as opened:
        first, second, *rest = exports.read(opened)
    assert first == GOLDEN_HEAD
    assert len(second) == LONGEST_LINE + 1
    assert len(rest) == 2
    with pytest.raises(ExportMalformed, match="at most"):
        exports.parse(second)


def test_the_largest_line_fits() -> None:
    """The largest entry, with the longest paths there can be."""
    line = Line(2**53 - 1, 2**53 - 1, b"x" * 65_535, (HASH,) * 63, (HASH,) * 256)
    raw = exports.format(line)
    assert len(raw) < 103 * 1024 < LONGEST_LINE
    assert exports.parse(raw) == line
    for larger in (
        Line(1, 1, b"x" * 65_536, (), ()),
        Line(1, 1, b"", (HASH,) * 64, ()),
        Line(1, 1, b"", (), (HASH,) * 257),
    ):
        with pytest.raises(ExportMalformed):
            exports.parse(exports.format(larger))
