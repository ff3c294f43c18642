"""Faults at system calls of running processes, by `strace --inject`.

    with injected([pid], "fdatasync", "error=EIO:when=3") as calls:
        calls.until_hit()

The kernel's answer is replaced, so the program meets exactly what a broken disk or line gives it.
Calls are counted for each thread from the moment strace attached. With a path, only calls about
that file count.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.faults.scene import until

HIT = re.compile(r"\((INJECTED|DELAYED)\)|\+\+\+ killed by SIGKILL")


class NotReached(AssertionError):
    """The call was not made: the fault did not happen."""


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls that are traced; `killed` are processes that one of them is to kill."""

    trace: Path
    killed: Sequence[int] = ()

    def hits(self) -> int:
        """How many were tampered with."""
        # Of a process with threads, strace may never say that it was killed.
        dead = sum(_is_dead(pid) for pid in self.killed)
        return dead or len(HIT.findall(self.trace.read_text(errors="replace")))

    def until_hit(self, count: int = 1, seconds: float = 30) -> None:
        """Wait for the fault. Raises NotReached."""
        deadline = time.monotonic() + seconds
        while self.hits() < count:
            if time.monotonic() > deadline:
                raise NotReached(f"the call was not made within {seconds:g} seconds")
            time.sleep(0.02)


@contextmanager
def injected(
    pids: Sequence[int], call: str, what: str, *, path: Path | None = None
) -> Iterator[Calls]:
    """Tamper with a system call of processes, their threads and children, until the block ends."""
    with tempfile.TemporaryDirectory() as directory:
        trace, said = Path(directory, "trace"), Path(directory, "said")
        command = [
            "strace",
            "-f",
            "-o",
            trace,
            "-e",
            f"trace={call}",
            "-e",
            f"inject={call}:{what}",
        ]
        command += ["-P", path] if path else []
        for pid in pids:
            command += ["-p", str(pid)]
        trace.touch()
        with said.open("w") as out:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=out
            )
        try:
            until(
                lambda: (
                    said.read_text().count("attached") >= len(pids) or process.poll() is not None
                ),
                "strace attaches",
            )
            assert process.poll() is None or trace.stat().st_size, said.read_text()
            yield Calls(trace, pids if "signal=KILL" in what else ())
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:  # it waits for a thread that is gone
                process.kill()
                process.wait()


def _is_dead(pid: int) -> bool:
    """Whether a process has ended, also when its parent has not looked yet."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


@cache
def why_not() -> str | None:
    """Why nothing can be traced here; None when it can."""
    sleeper = subprocess.Popen(["sleep", "5"])
    try:
        with injected([sleeper.pid], "nanosleep", "delay_exit=1"):
            return None
    except (OSError, AssertionError) as error:
        return str(error) or type(error).__name__
    finally:
        sleeper.kill()
        sleeper.wait()
