"""ZIP files that are the same for the same content, and are read with distrust.

Written: in the order given, dated 1980-01-01, with nothing of the machine that wrote them, and in
pieces, so that a file of any size takes little memory. Read: every name is a plain relative path,
none comes twice whatever the letters' case, nothing is encrypted or packed in another way than
deflate, and no more is unpacked than was announced. `tests/test_archive.py`.
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

_EPOCH = (1980, 1, 1, 0, 0, 0)


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
        info.create_system = 3
        info.external_attr = 0o644 << 16
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
    """An archive that somebody gave."""

    def __init__(self, opened: zipfile.ZipFile) -> None:
        self._zip = opened
        infos = opened.infolist()
        if len(infos) > MOST_FILES:
            raise ArchiveMalformed(f"an archive has at most {MOST_FILES} files")
        self._infos = {info.filename: info for info in infos}
        if len({name.lower() for name in self._infos}) != len(infos):
            raise ArchiveMalformed("a name comes twice in the archive")
        for info in infos:
            if not is_name(info.filename):
                raise ArchiveMalformed(f"{info.filename[:80]!r} is no name of a file in an archive")
            if info.flag_bits & 0x1 or info.compress_type not in _PACKED:
                raise ArchiveMalformed(f"{info.filename} is encrypted, or packed in another way")

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
        with _read("the file"):
            opened = zipfile.ZipFile(raw)
        with opened:
            yield Archive(opened)


def is_archive(beginning: bytes) -> bool:
    """Whether a file that begins so means to be an archive."""
    return beginning.startswith(BEGINNING)


def is_name(name: str) -> bool:
    """Whether a file in an archive may be called so, on every system."""
    return len(name) <= 255 and _NAME.fullmatch(name) is not None


_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

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
