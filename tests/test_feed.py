"""Reading a feed: each bad line is named, whatever is wrong with it, and memory stays bounded."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from ledger import feed
from ledger.feed import LONGEST_LINE, FeedError, shown

GOOD = {
    "id": "E1",
    "type": "LicenceGranted",
    "occurred_at": "2024-10-01T09:00:00+02:00",
    "recorded_at": "2024-10-01T09:15:00+02:00",
    "producer": "licence-service",
    "data": {"controller_id": "C6", "licence_id": "L-C6"},
}
LINE = json.dumps(GOOD).encode()


def write(tmp_path: Path, content: bytes) -> Path:
    file = tmp_path / "feed.ndjson"
    file.write_bytes(content)
    return file


def with_data(text: bytes) -> bytes:
    """A line with this as its data."""
    return LINE.replace(json.dumps(GOOD["data"]).encode(), text)


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        (LINE[:-1], "is not JSON: Expecting ',' delimiter at character"),
        (b"\xef\xbb\xbf" + LINE, "byte order mark"),
        (LINE.replace(b"L-C6", b"L-\xff"), "not UTF-8"),
        (LINE.replace(b"L-C6", b"L-\xed\xa0\x80"), "not UTF-8"),
        (LINE.replace(b"L-C6", b"L-\\ud800"), "half a surrogate pair"),
        (LINE.replace(b"L-C6", b"L-\\u0000"), "control character"),
        (LINE.replace(b"L-C6", b"L-\x00"), "Invalid control character"),
        (LINE.replace(b'"id"', b'"id": "E0", "id"'), "the same key twice"),
        (with_data(b'{"a": 1, "a": 1}'), "the same key twice"),
        (with_data(b'{"a": NaN}'), "NaN"),
        (with_data(b'{"a": -Infinity}'), "Infinity"),
        (with_data(b'{"a": 1e999}'), "too large"),
        (with_data(b'{"a": 9007199254740992}'), "beyond"),
        (with_data(b'{"a":' * 40 + b"1" + b"}" * 40), "deeper"),
        (with_data(b"[" * 100_000), "deeper"),
        (with_data(b"null"), "data must be an object"),
        (LINE + LINE, "Extra data"),
        (b"[]", "fields"),
        (b"null", "fields"),
        (LINE.replace(b'"id"', b'"ID"'), "fields"),
        (LINE.replace(b'"E1"', b"1"), "id must be text"),
        (LINE.replace(b"+02:00", b""), "occurred_at"),
        (LINE.replace(b"2024-10-01T09:00", b"2024-02-30T09:00"), "occurred_at"),
        (LINE.replace(b"T09:15:00+02:00", b"T09:15:00+02:00[Europe/Amsterdam]"), "recorded_at"),
        (LINE.replace(b"T09:15:00+02:00", b"T07:14:59Z"), "before the line above"),
        (b" " * (LONGEST_LINE + 1), "longer than"),
        (b"x" * 10_000_000, "longer than"),
        (LINE.replace(b"L-C6", b"L" * 10_000_000), "longer than"),
    ],
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_a_bad_line_is_named(tmp_path: Path, line: bytes, finding: str, end: bytes) -> None:
    """By its number in the file, empty lines counted; what is above it was given, and what is wrong
    is said in a short text of ASCII."""
    file = write(tmp_path, LINE + b"\n\n" + LINE + b"\r\n" + line + end)
    found: list[feed.FeedEvent] = []
    with pytest.raises(FeedError, match=finding) as error:
        found.extend(feed.read(file))
    assert error.value.line == 4
    assert str(error.value).startswith("line 4: ")
    assert [event.line for event in found] == [1, 3]
    assert len(str(error.value)) < 200
    assert str(error.value).isascii()


def test_a_last_line_needs_no_end(tmp_path: Path) -> None:
    """And an empty line at the end is none."""
    assert len([*feed.read(write(tmp_path, LINE + b"\n" + LINE))]) == 2
    assert len([*feed.read(write(tmp_path, LINE + b"\n \n\n"))]) == 1
    assert [*feed.read(write(tmp_path, b"\n\r\n"))] == []


def test_what_is_no_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    """A directory, or nothing at all."""
    with pytest.raises(IsADirectoryError):
        next(feed.read(tmp_path))
    with pytest.raises(FileNotFoundError):
        next(feed.read(tmp_path / "nothing"))


def peak(file: Path) -> tuple[int, int]:
    """How many events a feed has, and how many bytes reading it took at most."""
    tracemalloc.start()
    try:
        count = sum(1 for _ in feed.read(file))
        return count, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_long_feed_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    """Lines are read one at a time."""
    short, long = tmp_path / "short", tmp_path / "long"
    short.write_bytes((LINE + b"\n") * 100)
    long.write_bytes((LINE + b"\n") * 20_000)
    assert peak(short)[0] == 100
    count, most = peak(long)
    assert count == 20_000
    assert most < 500_000


def test_a_line_without_end_takes_no_more_memory_than_the_longest(tmp_path: Path) -> None:
    """A line of 100 MB is not read as far as its end."""
    file = tmp_path / "feed.ndjson"
    with file.open("wb") as out:
        for _ in range(100):
            out.write(b"x" * 1_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(FeedError, match="line 1: is longer than"):
            next(feed.read(file))
        assert tracemalloc.get_traced_memory()[1] < 4 * LONGEST_LINE
    finally:
        tracemalloc.stop()


@pytest.mark.long
def test_a_million_lines_are_read(tmp_path: Path) -> None:
    """And the bad one after them is named."""
    file = tmp_path / "feed.ndjson"
    with file.open("wb") as out:
        for _ in range(1000):
            out.write((LINE + b"\n") * 1000)
        out.write(b"{\n")
    with pytest.raises(FeedError) as error:
        for _ in feed.read(file):
            pass
    assert error.value.line == 1_000_001


@pytest.mark.parametrize("text", ["\x1b[31mred", "é" * 9, "[/bold]", "x" * 1000, ""])
def test_what_a_feed_says_is_shown_without_harm(text: str) -> None:
    """An error goes to a terminal: no control characters, and nothing that is long."""
    assert shown(text).isascii()
    assert shown(text).isprintable()
    assert 0 < len(shown(text)) < 500
    assert shown("licence-service") == "licence-service"
