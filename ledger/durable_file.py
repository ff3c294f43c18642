"""A file that is wholly old or wholly new, whenever the machine stops.

    write FILE.new · fsync it · rename it to FILE · fsync the directory

Without the first fsync the name could lead to an empty file after a power failure, without the
second to the old one. Writers of one file take turns: `locked` is a lock that ends with its holder,
also when that is killed. `tests/test_durable_file.py` stops at every step.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def write(file: Path, content: bytes | Iterable[bytes], *, mode: int = 0o644) -> None:
    """Write a file, whole or piece by piece; when this returns it is on the disk. Raises OSError,
    and then it is as it was, or already new.

    One writer at a time. Its directory must be there: one that is made here could hide that a disk
    is not mounted.
    """
    with writing(file, mode=mode) as out:
        out.writelines([content] if isinstance(content, bytes) else content)


@contextmanager
def writing(file: Path, *, mode: int = 0o644) -> Iterator[BinaryIO]:
    """The file as it will be: it is there, on the disk, when the block has ended without an error.
    Of one that did not, nothing is left. Otherwise as `write`."""
    beside = file.with_name(f"{file.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, "wb") as out:
            yield out
            out.flush()
            os.fsync(descriptor)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    beside.rename(file)
    sync_directory(file.parent)


@contextmanager
def locked(file: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of a file, `FILE.lock`. Raises OSError; without `wait`, BlockingIOError when
    somebody holds it."""
    descriptor = os.open(file.with_name(f"{file.name}.lock"), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def sync_directory(directory: Path) -> None:
    """Put on the disk which files are in a directory, and under which names."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
