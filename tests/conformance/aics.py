"""aics-tlog and aics-witness, in a virtual environment made once and kept in pytest's cache.

They need Python 3.12 or later. The first of these that is there is used: the one that
VERANTWOORD_TEST_PYTHON names, the one that runs the tests, `python3.14` to `python3.12` on the
path, those of pyenv. With none, or without a package index, the tests skip (`tests/absent.py`).
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.absent import absent

PACKAGES = ("aics-tlog==0.2.1", "aics-witness==0.1.0")
OLDEST = (3, 12)
AUDIT = Path(__file__).with_name("aics_audit.py")


class Auditor:
    """A running aics-tlog."""

    def __init__(self, python: Path) -> None:
        self._python = python
        self._process = subprocess.Popen(
            [python, AUDIT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def audit(
        self, prefix: str | Path, vkey: str, *, entries: bool = True, leaves: Path | None = None
    ) -> dict[str, Any]:
        """What aics-tlog finds of the log at a prefix: a size and counts, or an error."""
        wanted = {
            "prefix": str(prefix),
            "vkey": vkey,
            "entries": entries,
            "leaves": None if leaves is None else str(leaves),
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(wanted) + "\n")
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def run(self, *arguments: object) -> dict[str, Any]:
        """What a command of aics-tlog prints."""
        done = subprocess.run(
            [self._python, "-m", "aics_tlog", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.stdout, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


@contextmanager
def auditor(cache: Path) -> Iterator[Auditor]:
    """A running aics-tlog whose environment is in a cache directory."""
    made = Auditor(environment(cache))
    try:
        yield made
    finally:
        made.close()


def environment(cache: Path) -> Path:
    """The Python of an environment with both packages; made when it is not in the cache."""
    python = find_python()
    if python is None:
        absent("aics-tlog", "it needs Python 3.12 or later, and none was found")
    place = cache / f"{'+'.join(PACKAGES)}-{'.'.join(map(str, version_of(python)))}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the tests may run in several processes
        if not (place / "ready").exists():
            shutil.rmtree(place, ignore_errors=True)
            make(python, place)
            (place / "ready").touch()
    return place / "bin" / "python"


def make(python: Path, place: Path) -> None:
    """A new environment with the packages. The test is over when it cannot be had."""
    for command in (
        [python, "-m", "venv", place],
        [place / "bin" / "python", "-m", "pip", "install", "--quiet", *PACKAGES],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()
            absent("aics-tlog", f"its environment cannot be made: {said[-300:]}")


def find_python() -> Path | None:
    """A Python that is new enough."""
    named = [shutil.which(f"python3.{minor}") for minor in (14, 13, 12)]
    candidates = [
        os.environ.get("VERANTWOORD_TEST_PYTHON"),
        sys.executable,
        *named,
        *sorted(map(str, Path.home().glob(".pyenv/versions/3.1[2-9].*/bin/python")), reverse=True),
    ]
    for candidate in candidates:
        if candidate is not None and version_of(Path(candidate)) >= OLDEST:
            return Path(candidate)
    return None


def version_of(python: Path) -> tuple[int, ...]:
    """Major and minor version; none for a program that does not run."""
    program = "import sys; print(*sys.version_info[:2])"
    try:
        told = subprocess.run(
            [python, "-c", program], capture_output=True, text=True, check=False, timeout=30
        )
    except OSError:
        return ()
    return tuple(int(number) for number in told.stdout.split()) if told.returncode == 0 else ()
