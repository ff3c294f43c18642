"""A ledger that is killed at a step of an append: `python -m tests.dying URL DATA SCHEMA`.

Each line on stdin is a number N and an envelope in base64. A process forked for it opens the
ledger, appends the envelope, and is killed by SIGKILL at its Nth step; one that gets through says
that the event was answered. On stdout comes `killed STEP` or `answered` for each line.
"""

from __future__ import annotations

import base64
import fcntl
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from ledger.append import Appended
from ledger.deployment import Home
from ledger.opening import open_ledger

WATCHED: tuple[tuple[Any, str], ...] = (
    (fcntl, "flock"),
    (psycopg.Transaction, "__exit__"),
    (os, "fsync"),
    (os, "rename"),
)
"""Where an append reaches the disk, or lets others in."""


class Dying:
    """Kills this process before or after the call of a number, and tells which one it was."""

    def __init__(self, number: int, told: int) -> None:
        self.number = number
        self.told = told

    def watch(self) -> None:
        """From here on, calls are counted."""
        for holder, name in WATCHED:
            setattr(holder, name, self._step(name, getattr(holder, name)))

    def _step(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            self._count(f"before {name}")
            answer = real(*arguments, **more)
            self._count(f"after {name}")
            return answer

        return call

    def _count(self, step: str) -> None:
        if self.number == 0:
            os.write(self.told, f"killed {step}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)
        self.number -= 1


def main(url: str, data: str, schema: str) -> None:
    """Answer every line."""
    home = Home(Path(data), url, schema)
    for line in sys.stdin:
        number, encoded = line.split()
        if os.fork() == 0:
            with open_ledger(home) as ledger:
                Dying(int(number), sys.stdout.fileno()).watch()
                (answer,) = ledger.append([base64.b64decode(encoded)])
                assert isinstance(answer, Appended), answer
                os.write(sys.stdout.fileno(), b"answered\n")
                os.kill(os.getpid(), signal.SIGKILL)
        os.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
