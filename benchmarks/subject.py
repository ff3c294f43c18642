"""What a benchmark is asked to measure: a ledger that was filled before, or a new one for it."""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.filling import filled
from ledger.deployment import Home
from ledger.opening import Ledger, open_ledger


@dataclass(frozen=True, slots=True)
class Subject:
    """A ledger that `benchmarks.filling` made in `data`, or else a new one of so many events; and
    the file for the result, if there is to be one."""

    events: int
    data: Path | None
    result: Path | None

    @contextmanager
    def home(self) -> Iterator[Home]:
        """The home of the ledger, which is there for the block."""
        if self.data is not None:
            yield Home(self.data)
        else:
            with tempfile.TemporaryDirectory(prefix="verantwoord-") as folder:
                home = Home(Path(folder) / "data")
                with filled(home, self.events):
                    pass
                yield home

    @contextmanager
    def opened(self) -> Iterator[Ledger]:
        """The ledger, open for the block."""
        with self.home() as home, open_ledger(home) as ledger:
            yield ledger

    def write(self, found: Any) -> None:
        """Write the result as JSON, where asked."""
        if self.result is not None:
            self.result.write_text(json.dumps(found, indent=2) + "\n")


def asked(program: str, arguments: Sequence[str] | None) -> Subject:
    """What the command line of `python -m benchmarks.PROGRAM` asks for."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{program}")
    parser.add_argument("--events", type=int, default=100_000, help="size of a new ledger")
    parser.add_argument("--data", type=Path, help="a ledger that benchmarks.filling made")
    parser.add_argument("--json", type=Path, help="file for the result")
    given = parser.parse_args(arguments)
    return Subject(given.events, given.data, given.json)


def most_memory(of: int = resource.RUSAGE_SELF) -> float:
    """The most that this process ever held, or one of those it started that ended, in megabytes."""
    return resource.getrusage(of).ru_maxrss / 1024
