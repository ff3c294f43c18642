"""The lines of a log of a system, from its files: as they stand, or as records of OpenTelemetry.

A file is plain or gzip, by its first bytes and not its name. A directory stands for the files in
it, by name; what is in it besides regular files (a link, a pipe, a directory) is refused, so that a
name in a directory that others write to leads nowhere else. A line ends at a line feed, which does
not belong to it; all other bytes do, also a carriage return, in whatever encoding. Whatever is too
long, or too many, ends the reading: nothing is cut off quietly. `tests/test_log_files.py`.
"""

from __future__ import annotations

import errno
import gzip
import os
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from ledger import otlp, strict_json
from ledger.anchor import MAX_LINES
from ledger.cloudevent import read_instant
from ledger.errors import ConfigurationError, LinesUnreadable
from ledger.keyring import CIVIL_TIME
from ledger.line_proof import MAX_LINE

GZIP = b"\x1f\x8b"


class Form(StrEnum):
    """What a line is: of a file as it stands, or a record of OpenTelemetry (`ledger/otlp.py`)."""

    LINES = "lines"
    OTLP = "otlp"


@dataclass(frozen=True, slots=True)
class Line:
    """A line, without its end; `day` is None where nothing in it is asked for its day."""

    content: bytes
    day: date | None


@dataclass
class DayOf:
    """The lines of one day in some files, one after another; `others` counts those of others."""

    files: Iterable[Path]
    form: Form
    day: date
    time: str | None = None
    others: int = 0

    def __iter__(self) -> Iterator[bytes]:
        """Raises LinesUnreadable and OSError."""
        self.others = count = 0
        for line in lines(self.files, self.form, self.time):
            if line.day not in (None, self.day):
                self.others += 1
                continue
            count += 1
            if count > MAX_LINES:
                raise LinesUnreadable(self.day, f"a day has at most {MAX_LINES} lines")
            yield line.content


def lines(given: Iterable[Path], form: Form, time: str | None = None) -> Iterator[Line]:
    """The lines of some files and directories, in their order.

    `time` names the member of a line in JSON that says when it was (RFC 3339); without it a plain
    line is of whatever day the file is. Raises LinesUnreadable, ConfigurationError and OSError.
    """
    if form is Form.OTLP and time is not None:
        raise ConfigurationError("records of OpenTelemetry say their time themselves")
    for file, opened in _files(given):
        if form is Form.OTLP:
            yield from _records(file, opened)
        else:
            yield from _plain(file, opened, time)


def _files(given: Iterable[Path]) -> Iterator[tuple[Path, BinaryIO]]:
    """Each file, open."""
    for each in given:
        if not each.is_dir():
            yield from _open(each)
        else:
            for file in sorted(each.iterdir()):
                yield from _open(file, os.O_NOFOLLOW)


def _open(file: Path, flags: int = 0) -> Iterator[tuple[Path, BinaryIO]]:
    # A pipe without a writer would keep it waiting.
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | flags)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise LinesUnreadable(file, "is a link: a directory of a log has files only") from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise LinesUnreadable(file, "is no file")
    with os.fdopen(descriptor, "rb") as opened:
        yield file, opened


def _plain(file: Path, opened: BinaryIO, time: str | None) -> Iterator[Line]:
    for number, content in enumerate(_read(file, opened, MAX_LINE), start=1):
        try:
            yield Line(content, None if time is None else _day(content, time))
        except ValueError as error:
            raise LinesUnreadable(file, str(error), number) from None


def _records(file: Path, opened: BinaryIO) -> Iterator[Line]:
    for number, export in enumerate(_read(file, opened, otlp.MAX_EXPORT), start=1):
        if not export.strip():
            continue
        try:
            for record in otlp.read(export):
                yield Line(record.line, record.day)
        except ValueError as error:
            raise LinesUnreadable(file, str(error), number) from None


def _day(content: bytes, time: str) -> date:
    value = strict_json.loads(content, otlp.LIMITS)
    said = value.get(time) if isinstance(value, dict) else None
    try:
        return read_instant(said).astimezone(CIVIL_TIME).date()
    except ValueError:
        raise ValueError(f"{time} is not there, or no instant with its offset") from None


def _read(file: Path, opened: BinaryIO, longest: int) -> Iterator[bytes]:
    """The lines of an open file, each without its line feed."""
    packed = opened.read(len(GZIP)) == GZIP
    opened.seek(0)
    if not packed:
        yield from _split(file, opened.readline, longest)
        return
    with gzip.open(opened) as unpacked:
        try:
            yield from _split(file, unpacked.readline, longest)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise LinesUnreadable(file, "is gzip that is cut off or damaged") from None


def _split(file: Path, readline: Callable[[int], bytes], longest: int) -> Iterator[bytes]:
    number = 0
    while line := readline(longest + 2):
        number += 1
        content = line.removesuffix(b"\n")
        if len(content) > longest:
            raise LinesUnreadable(file, f"a line has at most {longest} bytes", number)
        yield content
