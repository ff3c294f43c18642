"""SIGKILL under load, at random moments: of the service, of PostgreSQL, of one of its processes, or
of both.

The clients send again what was not answered. After each kill all that they hold is compared with
the log; every so often, and at the end, the whole ledger is checked.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.faults.scene import Scene, scene
from tests.ledgers import TestLedger

WHOLE = 25
"""Kills after which everything is derived again; the kills before are looked at more quickly."""

FRESH = 100
"""Kills after which a new ledger is taken, so that a check does not take ever longer."""

KINDS = {"service": 2, "postmaster": 3, "backend": 4, "both": 1}
"""What is killed, and how often of ten times."""


def kill(
    made: TestLedger, directory: Path, kills: int, seed: int, told: Callable[[str], None]
) -> Counter[str]:
    """Kill so many times; how often what was killed. AssertionError when a promise is broken."""
    counted: Counter[str] = Counter()
    for number in range(0, kills, FRESH):
        few = min(FRESH, kills - number)
        counted += _kill(made, directory / f"kills-{seed}-{number}", few, seed + number, told)
    return counted


def _kill(
    made: TestLedger, data: Path, kills: int, seed: int, told: Callable[[str], None]
) -> Counter[str]:
    dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
    counted: Counter[str] = Counter()
    with scene(made, data, seed=seed) as stage:
        stage.service.start()
        for number in range(1, kills + 1):
            stage.clients.start()
            stage.answered(dice.randint(1, 6))
            time.sleep(dice.uniform(0, 0.3))
            (kind,) = dice.choices([*KINDS], [*KINDS.values()])
            counted[kind] += 1
            _strike(stage, kind, dice)
            if kind in ("service", "both"):
                stage.clients.stop()
                stage.service.start()
            else:
                stage.answered()  # it comes back under load, by itself
                stage.clients.stop()
                assert not stage.service.has_ended(), stage.service.said()
            stage.clients.send_again()
            if number % WHOLE == 0 or number == kills:
                stage.clients.send_all_again(200)
                size = stage.check()
            else:
                size = stage.check_what_is_new()
            told(f"kill {number} ({kind}): {size} entries, {len(stage.clients.given)} receipts")
        assert len(stage.clients.given) > kills, "the load was no load"
    return counted


def _strike(stage: Scene, kind: str, dice: random.Random) -> None:
    if kind == "backend":
        backends = stage.processes("verantwoord", "walwriter", "checkpointer", "io worker")
        os.kill(dice.choice(backends), signal.SIGKILL)
    if kind in ("postmaster", "both"):
        stage.kill_postgres()
    if kind in ("service", "both"):
        stage.service.kill()
