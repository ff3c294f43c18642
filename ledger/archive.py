"""ZIP files that are the same for the same content, and are read with distrust.

Written: in the order given, dated 1980-01-01, with nothing of the machine that wrote them, and in
pieces, so that a file of any size takes little memory. Read: every name is a plain relative path,
none comes twice whatever the letters' case, nothing is encrypted or packed in another way than
deflate, and no more is unpacked than was announced. The two places in which a ZIP says what a file
is (PKWARE APPNOTE 4.3.7 and 4.3.12) say the same, as it was written here, and nothing is before,
between or behind the files: no program that reads ZIPs in another way finds others in it.
`tests/test_archive.py`.
"""

from __future__ import annotations

import errno
import hashlib
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from ledger.errors import ArchiveMalformed

BEGINNING = b"PK\x03\x04"
"""Of every file here that is not empty."""

MOST_FILES = 1_000_000

PIECE = 64 * 1024

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._+-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._+-]*)*")

_EPOCH, _TIME, _DATE = (1980, 1, 1, 0, 0, 0), 0, 0x21

_UNIX, _READABLE, _VERSION = 3, 0o644 << 16, 45

_HEADER = struct.Struct("<4sHHHHHLLLHH")
"""APPNOTE 4.3.7: what stands before a file, up to its name."""

_LARGE = 0xFFFFFFFF

_LAST = struct.Struct("<4s4s12x2s")
"""APPNOTE 4.3.16: the end of an archive, of which zipfile reads what is left out here: which disk
it is on, and how long a comment behind it is."""

_LAST_OF_ALL = b"PK\x05\x06"

_LENGTHS = struct.Struct("<HHQQ")
"""APPNOTE 4.5.3: the lengths of a file, behind its name, of any size."""


@dataclass(frozen=True, slots=True)
class Filed:
    """A file as it was put in: its name, length in bytes, and SHA-256 in hex."""

    name: str
    bytes: int
    sha256: str


class Writer:
    """Puts files into an archive, one after another, until its block ends."""

    def __init__(self, out: BinaryIO) -> None:
        self._zip = zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6)
        self.filed: list[Filed] = []

    def add(self, name: str, content: bytes | Iterable[bytes]) -> Filed:
        """Put a file in, whole or in pieces. Raises ValueError for a name that is none."""
        if not is_name(name):
            raise ValueError(f"{name!r} is not a name in an archive")
        info = zipfile.ZipInfo(name, _EPOCH)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.create_system = _UNIX
        info.external_attr = _READABLE
        digest, length = hashlib.sha256(), 0
        with self._zip.open(info, "w", force_zip64=True) as file:
            for piece in [content] if isinstance(content, bytes) else content:
                digest.update(piece)
                length += len(piece)
                file.write(piece)
        filed = Filed(name, length, digest.hexdigest())
        self.filed.append(filed)
        return filed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._zip.close()  # which writes the directory


class Archive:
    """An archive that somebody gave, in a file that can be read from any place."""

    def __init__(self, raw: BinaryIO) -> None:
        with _read("the file"):
            self._zip = opened = zipfile.ZipFile(raw)
        infos = opened.infolist()
        if len(infos) > MOST_FILES:
            raise ArchiveMalformed(f"an archive has at most {MOST_FILES} files")
        self._infos = {info.filename: info for info in infos}
        if len({name.lower() for name in self._infos}) != len(infos):
            raise ArchiveMalformed("a name comes twice in the archive")
        for info in infos:
            if not is_name(info.filename):
                raise ArchiveMalformed(f"{info.filename[:80]!r} is no name of a file in an archive")
            if info.flag_bits & 0x1 or info.compress_type != zipfile.ZIP_DEFLATED:
                raise ArchiveMalformed(f"{info.filename} is encrypted, or packed in another way")
        raw.seek(-_LAST.size, 2)
        ends = _LAST.unpack(raw.read(_LAST.size))
        if ends != (_LAST_OF_ALL, bytes(4), bytes(2)) or _end(raw, infos) != opened.start_dir:
            raise ArchiveMalformed("there is something in the archive beside its files")

    @property
    def names(self) -> list[str]:
        """The names of the files, in the order in which the archive has them."""
        return [*self._infos]

    def length(self, name: str) -> int:
        """How long a file says that it is. Raises FileNotFoundError."""
        return self._info(name).file_size

    def pieces(self, name: str) -> Iterator[bytes]:
        """A file, piece by piece. Raises FileNotFoundError and ArchiveMalformed."""
        left = self.length(name)
        with _read(name), self._zip.open(self._info(name)) as file:
            while piece := file.read(PIECE):
                left -= len(piece)
                if left < 0:
                    raise ArchiveMalformed(f"{name} is longer than the archive says")
                yield piece
        if left:
            raise ArchiveMalformed(f"{name} is shorter than the archive says")

    def read(self, name: str, most: int) -> bytes:
        """A whole file of `most` bytes. Raises FileNotFoundError and ArchiveMalformed."""
        if self.length(name) > most:
            raise ArchiveMalformed(f"{name} has more than {most} bytes")
        return b"".join(self.pieces(name))

    def lines(self, name: str, longest: int) -> Iterator[bytes]:
        """The lines of a file, each with its end, of at most so many bytes. Raises
        FileNotFoundError and ArchiveMalformed."""
        self.length(name)
        with _read(name), self._zip.open(self._info(name)) as file:
            while line := file.readline(longest + 1):
                if len(line) > longest:
                    raise ArchiveMalformed(f"a line of {name} has more than {longest} bytes")
                yield line

    def _info(self, name: str) -> zipfile.ZipInfo:
        try:
            return self._infos[name]
        except KeyError:
            raise FileNotFoundError(name) from None


@contextmanager
def open_archive(file: Path) -> Iterator[Archive]:
    """The archive in a file, until the block ends. Raises ArchiveMalformed and OSError."""
    with file.open("rb") as raw:
        yield Archive(raw)


def is_archive(beginning: bytes) -> bool:
    """Whether a file that begins so means to be an archive."""
    return beginning.startswith(BEGINNING)


def is_name(name: str) -> bool:
    """Whether a file in an archive may be called so, on every system."""
    return len(name) <= 255 and _NAME.fullmatch(name) is not None


def _end(raw: BinaryIO, infos: Iterable[zipfile.ZipInfo]) -> int:
    """Where the files end that follow each other from the first byte on. Raises ArchiveMalformed
    for one that is described otherwise than `Writer` describes it."""
    at = 0
    for info in infos:
        raw.seek(at)
        header = _header(info)
        if (at, header) != (info.header_offset, raw.read(len(header))) or not _is_plain(info):
            raise ArchiveMalformed(
                f"{info.filename} is described in another way than it was written: the archive was"
                " packed again, or damaged"
            )
        at += len(header) + info.compress_size
    return at


def _header(info: zipfile.ZipInfo) -> bytes:
    name = info.filename.encode()
    how = (_VERSION, 0, zipfile.ZIP_DEFLATED, _TIME, _DATE)
    begin = _HEADER.pack(BEGINNING, *how, info.CRC, _LARGE, _LARGE, len(name), _LENGTHS.size)
    return begin + name + _LENGTHS.pack(1, 16, info.file_size, info.compress_size)


def _is_plain(info: zipfile.ZipInfo) -> bool:
    large = [info.file_size, info.compress_size]
    if max(large) <= zipfile.ZIP64_LIMIT:
        large = []
    if info.header_offset > zipfile.ZIP64_LIMIT:
        large.append(info.header_offset)
    extra = struct.pack(f"<HH{len(large)}Q", 1, 8 * len(large), *large) if large else b""
    return (
        (info.create_system, info.create_version, info.extract_version)
        == (_UNIX, _VERSION, _VERSION)
        and (info.reserved, info.flag_bits, info.volume, info.internal_attr) == (0, 0, 0, 0)
        and (info.date_time, info.external_attr) == (_EPOCH, _READABLE)
        and (info.comment, info.extra) == (b"", extra)
    )


_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    struct.error,
)
"""What reading a damaged archive can end in."""


@contextmanager
def _read(name: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGED:
        raise ArchiveMalformed(f"{name} cannot be unpacked: it was cut or damaged") from None
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        # It says that something is before its beginning.
        raise ArchiveMalformed(f"{name} cannot be unpacked: it was damaged") from None
