"""A service of whatever program is on the path, under load until stdin ends: run as a file, beside
another one.

A line on stdout for each append: its receipt, as JSON. The first line says which schema the program
knows. It follows the log meanwhile, as a service does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ledger import cloudevent, deployment, envelope, keys
from ledger.append import Appended
from ledger.deployment import Home
from ledger.keys import SigningKey
from ledger.opening import Ledger, open_ledger
from projections.follow import Follower, catch_up

SENDERS = 4


def main(home: Home, name: str) -> None:
    """Serve; an error ends it, with its trace on stderr."""
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    key = keys.load(keys.key_file(home.keys / "producers", "k-helpdesk"))
    with open_ledger(home) as ledger:
        _say({"schema_version": deployment.SCHEMA_VERSION})
        follower = Follower(ledger.pool, ledger.listener)
        with ThreadPoolExecutor(SENDERS) as senders:
            sending = [
                senders.submit(_send, ledger, key, f"{name}-{number}", ended)
                for number in range(SENDERS)
            ]
        follower.close()
        for one in sending:
            one.result()
        if follower.error is not None:
            raise follower.error
        catch_up(ledger.pool)


def _send(ledger: Ledger, key: SigningKey, name: str, ended: threading.Event) -> None:
    number = 0
    while not ended.is_set():
        number += 1
        now = datetime.now(UTC)
        payload = cloudevent.format(
            id=f"{name}-{number}",
            source="urn:nld:kvk:00000000:systeem:helpdesk",
            type="InstructionReceived",
            time=now,
            occurred_at=now,
            data={
                "instruction_id": f"I-{name}-{number}",
                "controller_id": "C1",
                "channel": "email",
            },
        )
        (answer,) = ledger.append([envelope.format(key.sign(payload))])
        assert isinstance(answer, Appended), answer
        _say({"index": answer.index, "receipt": answer.receipt})
        ended.wait(0.02)


def _say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


@dataclass(frozen=True, slots=True)
class Running:
    """Another program at work: what it says, line by line."""

    process: subprocess.Popen[bytes]
    said: Path

    def lines(self) -> list[dict[str, Any]]:
        """The whole lines so far."""
        lines = self.said.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]

    def receipts(self) -> list[str]:
        """The receipts that it was given so far."""
        return [line["receipt"] for line in self.lines() if "receipt" in line]

    def go_on(self, appends: int = 20) -> None:
        """Wait until it has appended so often again."""
        goal, until = len(self.receipts()) + appends, time.monotonic() + 120
        while len(self.receipts()) < goal:
            assert self.process.poll() is None, "the other program ended"
            assert time.monotonic() < until, "the other program stands still"
            time.sleep(0.05)


@contextmanager
def running(program: Path, home: Home, name: str) -> Iterator[Running]:
    """Run the program of a directory on a home for the block; it must end without an error."""
    said, complained = home.data / f"{name}.said", home.data / f"{name}.errors"
    where = [str(home.data), str(home.database_url), home.schema]
    with said.open("wb") as out, complained.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, __file__, *where, name],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=errors,
            env={**os.environ, "PYTHONPATH": str(program)},
            cwd="/",
        )
    try:
        yield Running(process, said)
        process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, complained.read_text()


if __name__ == "__main__":
    main(Home(Path(sys.argv[1]), sys.argv[2], sys.argv[3]), sys.argv[4])
