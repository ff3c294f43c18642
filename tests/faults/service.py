"""`verantwoord serve` as a process of its own, that can be killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

PROGRAM = Path(sys.executable).with_name("verantwoord")

START = 60.0
"""Seconds until it answers, crash recovery on a busy machine included."""


class DidNotStart(Exception):
    """The service ended instead of answering; the text is what it said."""


class Service:
    """The service of a data directory, on one port as long as this object lives.

    What it says goes to `log`, of all its starts one after the other.
    """

    def __init__(self, data: Path, *options: str) -> None:
        self.data = data
        self.options = options
        self.environment: dict[str, str] = {}
        self.log = data / "service.log"
        self.port = 0
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it and wait until it is ready. Raises DidNotStart."""
        command = [PROGRAM, "serve", "--data", self.data, "--port", str(self.port), *self.options]
        if self.process is not None:  # killed by somebody else: its pipe is still open
            self.process.communicate(timeout=60)
        before = len(self.said())
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **self.environment},
            )
        assert self.process.stdout is not None
        line = ""
        while " at http" not in line:  # it may say first whom it asks
            line = self.process.stdout.readline()
            if not line:
                self.process.wait()
                raise DidNotStart(self.said()[before:])
        self.port = int(line.rpartition(":")[2])
        deadline = time.monotonic() + START
        while time.monotonic() < deadline:
            if self.is_ready():
                return
            time.sleep(0.05)
        raise AssertionError("the service does not come up")

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its process."""
        assert self.process is not None
        return self.process.pid

    def is_ready(self) -> bool:
        """Whether it says that it can do its work."""
        try:
            return httpx.get(f"{self.url}/readyz", timeout=10).status_code == 200
        except httpx.TransportError:
            return False

    def has_ended(self) -> bool:
        """Whether its process is gone."""
        return self.process is None or self.process.poll() is not None

    def said(self) -> str:
        """The log of the service."""
        return self.log.read_text() if self.log.exists() else ""

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, as an operator stops it."""
        self._end(signal.SIGTERM)

    def _end(self, ending: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(ending)
            try:
                self.process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.communicate(timeout=60)
                raise
