"""A durable file is wholly old or wholly new, at whatever step the machine stops."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger import durable_file

STEPS = ("open", "fsync", "rename")


class Stopped(BaseException):
    """The machine stopped."""


def stop_at(number: int, monkeypatch: pytest.MonkeyPatch, seen: list[str]) -> None:
    """Let the call of that number, among those that reach the disk, stop the machine."""

    def stopping(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            seen.append(name)
            if len(seen) - 1 == number:
                raise Stopped
            return real(*arguments, **more)

        return call

    for name in STEPS:
        monkeypatch.setattr(os, name, stopping(name, getattr(os, name)))


@pytest.mark.parametrize("number", range(6))
def test_the_file_is_old_or_new_wherever_it_stops(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old until the name was changed, new after; and the next write finds nothing in its way."""
    file = tmp_path / "file"
    durable_file.write(file, b"old")
    seen: list[str] = []
    with monkeypatch.context() as patched:
        stop_at(number, patched, seen)
        if number < 5:
            with pytest.raises(Stopped):
                durable_file.write(file, b"new")
        else:
            durable_file.write(file, b"new")
    # The content is on the disk before the name leads to it, and the name before the end.
    assert ["open", "fsync", "rename", "open", "fsync"][: number + 1] == seen
    assert file.read_bytes() == (b"old" if number < 3 else b"new")
    durable_file.write(file, b"next")
    assert file.read_bytes() == b"next"


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """It may be a disk that is not mounted, so it is not made."""
    with pytest.raises(FileNotFoundError):
        durable_file.write(tmp_path / "disk" / "file", b"x")
    assert not (tmp_path / "disk").exists()


def test_a_lock_lets_in_one_at_a_time(tmp_path: Path) -> None:
    """Threads of a process exclude each other as processes do."""
    inside: list[int] = []
    most = 0

    def enter(number: int) -> None:
        nonlocal most
        with durable_file.locked(tmp_path / "file"):
            inside.append(number)
            most = max(most, len(inside))
            threading.Event().wait(0.005)
            inside.remove(number)

    threads = [threading.Thread(target=enter, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
