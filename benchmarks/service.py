"""The service as users start it, in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ledger.deployment import Home


@dataclass(frozen=True, slots=True)
class Service:
    """A service that answers on this machine."""

    port: int
    pid: int

    def memory_mb(self) -> float:
        """The most that its process has held, in megabytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024


@contextmanager
def served(home: Home, *options: str) -> Iterator[Service]:
    """`verantwoord serve` on a free port, until the block ends."""
    program = str(Path(sys.executable).with_name("verantwoord"))
    with subprocess.Popen(
        [program, "serve", "--port", "0", "--data", str(home.data), *options],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as server:
        try:
            for line in server.stdout or ():
                if found := re.search(r"at http://[\d.]+:(\d+)", line):
                    yield Service(int(found[1]), server.pid)
                    return
            raise RuntimeError("the service ended before it served")
        finally:
            server.terminate()
