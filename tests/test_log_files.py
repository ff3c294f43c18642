"""Logs as files: every byte of every line, and nothing that a hostile directory would slip in."""

from __future__ import annotations

import gzip
import json
import os
from datetime import date
from pathlib import Path

import pytest

from ledger import line_proof, log_files
from ledger.errors import LinesUnreadable
from ledger.log_files import DayOf, Form, lines
from tests.test_otlp import LOGS, TRACE

DAY = date(2026, 11, 29)


def contents(*given: Path, form: Form = Form.LINES, time: str | None = None) -> list[bytes]:
    return [line.content for line in lines(given, form, time)]


def written(file: Path, content: bytes) -> Path:
    file.write_bytes(content)
    return file


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"one", [b"one"]),
        (b"one\ntwo\n", [b"one", b"two"]),
        (b"one\r\ntwo\r\n", [b"one\r", b"two\r"]),
        (b"\n\none\n\n", [b"", b"", b"one", b""]),
        (b"\xff\xfe\x00\n\xef\xbb\xbfx\n", [b"\xff\xfe\x00", b"\xef\xbb\xbfx"]),
        (b"a\x0bb\x0cc\x85\n", [b"a\x0bb\x0cc\x85"]),
    ],
)
def test_a_line_is_what_stands_between_line_feeds(
    tmp_path: Path, content: bytes, expected: list[bytes]
) -> None:
    """In whatever encoding; also packed, under whatever name."""
    assert contents(written(tmp_path / "log", content)) == expected
    assert contents(written(tmp_path / "log.txt", gzip.compress(content))) == expected


def test_a_directory_stands_for_its_files_by_name(tmp_path: Path) -> None:
    """Rotated ones too, packed or not; several are read in the order given."""
    written(tmp_path / "access.1.gz", gzip.compress(b"1\n2\n"))
    written(tmp_path / "access.2", b"3\n")
    assert contents(tmp_path) == [b"1", b"2", b"3"]
    assert contents(tmp_path / "access.2", tmp_path / "access.1.gz") == [b"3", b"1", b"2"]


@pytest.mark.parametrize("what", ["link", "link to a directory", "directory", "pipe"])
def test_what_is_no_file_in_a_directory_is_refused(tmp_path: Path, what: str) -> None:
    """So that nobody who may write there has other files read, or the reading wait for ever."""
    secret = written(tmp_path / "secret", b"not of the log\n")
    log = tmp_path / "log"
    log.mkdir()
    written(log / "a", b"1\n")
    match what:
        case "link":
            (log / "b").symlink_to(secret)
        case "link to a directory":
            (log / "b").symlink_to(tmp_path)
        case "directory":
            (log / "b").mkdir()
        case "pipe":
            os.mkfifo(log / "b")
    with pytest.raises(LinesUnreadable, match="b: is "):
        contents(log)


def test_a_pipe_that_is_given_is_refused(tmp_path: Path) -> None:
    """It is no file, and a writer may never come."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(LinesUnreadable, match="is no file"):
        contents(tmp_path / "pipe")


@pytest.mark.parametrize("packed", [False, True])
def test_a_line_that_is_too_long_ends_the_reading(tmp_path: Path, packed: bool) -> None:
    """It is named by its number; the longest that may be is read whole."""
    longest = b"x" * line_proof.MAX_LINE
    pack = gzip.compress if packed else bytes
    assert contents(written(tmp_path / "log", pack(longest + b"\n"))) == [longest]
    with pytest.raises(LinesUnreadable, match="line 2: a line has at most"):
        contents(written(tmp_path / "log", pack(b"1\n" + longest + b"x\n")))


def test_a_file_that_unpacks_without_end_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the longest line, or at so many lines."""
    bomb = written(tmp_path / "bomb", gzip.compress(bytes(50_000_000)))
    with pytest.raises(LinesUnreadable, match="line 1: a line has at most"):
        contents(bomb)
    monkeypatch.setattr(log_files, "MAX_LINES", 1000)
    many = written(tmp_path / "many", gzip.compress(b"\n" * 1001))
    with pytest.raises(LinesUnreadable, match="at most 1000 lines"):
        list(DayOf([many], Form.LINES, DAY))


@pytest.mark.parametrize("cut", [5, 30, -1])
def test_a_packed_file_that_was_cut_is_refused(tmp_path: Path, cut: int) -> None:
    """What is missing would be missing from the digest too."""
    packed = gzip.compress(b"".join(b"%d\n" % n for n in range(100)))
    with pytest.raises(LinesUnreadable, match="cut off or damaged"):
        contents(written(tmp_path / "log", packed[:cut]))
    with pytest.raises(LinesUnreadable, match="cut off or damaged"):
        contents(written(tmp_path / "log", packed[:20] + b"\xff" + packed[21:]))


def test_a_line_in_json_can_say_its_day(tmp_path: Path) -> None:
    """Those of other days are left, and counted; midnight is that of Amsterdam."""
    file = tmp_path / "log"
    times = [
        "2026-11-28T22:59:59Z",
        "2026-11-28T23:00:00Z",
        "2026-11-29T23:59:59.999999+01:00",
        "2026-11-30T00:00:00+01:00",
    ]
    file.write_text(
        "".join(json.dumps({"n": n, "start_time": t}) + "\n" for n, t in enumerate(times))
    )
    of = DayOf([file], Form.LINES, DAY, "start_time")
    assert [json.loads(line)["n"] for line in of] == [1, 2]
    assert of.others == 2
    assert len(list(DayOf([file], Form.LINES, DAY))) == 4


@pytest.mark.parametrize(
    "line", ['{"start_time":"29 november"}', "{}", "[]", "no json", '{"start_time":1764370800}']
)
def test_a_line_that_does_not_say_its_day_is_refused(tmp_path: Path, line: str) -> None:
    """Named by its number, and never repeated."""
    file = tmp_path / "log"
    file.write_text('{"start_time":"2026-11-29T12:00:00Z"}\n' + line + "\n")
    with pytest.raises(LinesUnreadable, match=r"log, line 2: ") as refused:
        contents(file, time="start_time")
    assert "november" not in str(refused.value)


def test_exports_of_a_collector_are_read_line_by_line(tmp_path: Path) -> None:
    """As its file exporter writes them, spans and log records, each record a line of its own."""
    file = tmp_path / "traces.jsonl"
    file.write_text(json.dumps(TRACE) + "\n" + json.dumps(LOGS) + "\n\n" + json.dumps(TRACE))
    found = contents(file, form=Form.OTLP)
    assert [next(k for k in ("span", "logRecord") if k in json.loads(line)) for line in found] == [
        "span",
        "logRecord",
        "span",
    ]
    assert list(DayOf([file], Form.OTLP, DAY)) == []
    with file.open("a") as more:
        more.write('\n{"resourceSpans":7}\n')
    with pytest.raises(LinesUnreadable, match=r"line 5: resourceSpans is a list of objects"):
        contents(file, form=Form.OTLP)
