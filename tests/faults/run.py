"""The runner: clients append, a fault is played, and what comes of it is held against its row."""

from __future__ import annotations

import shutil
import time
from functools import cache
from pathlib import Path

from tests.faults import disk, strace
from tests.faults.clients import Mark
from tests.faults.fault import Fault, Outcome, Seen, fits, is_told
from tests.faults.scene import Scene, scene, until
from tests.ledgers import TestLedger

WARM = 4
"""Requests that are answered before something is broken, and again once it is mended."""

AGAIN = 200
"""Events that are sent once more at the end."""


@cache
def missing(need: str) -> str | None:
    """Why something that a fault takes is not here; None when it is."""
    if need == "strace" and shutil.which(need):
        return strace.why_not()
    if need == "mount" and not disk.may_mount():
        return "only root mounts"
    return None if shutil.which(need) else f"there is no program {need}"


def run(made: TestLedger, fault: Fault, data: Path) -> Seen:
    """Play a fault on a ledger of its own in a directory."""
    seen = Seen(fault)
    begun = time.monotonic()
    try:
        with scene(made, data) as stage, fault.around(stage) as stage.beside:
            try:
                _play(stage, fault, seen)
            finally:
                stage.end()
    except Exception as error:  # whatever it is, it is a difference, and the next fault is played
        seen.different.append(f"{type(error).__name__}: {error}")
    seen.seconds = time.monotonic() - begun
    return seen


def _play(stage: Scene, fault: Fault, seen: Seen) -> None:
    stage.service.start()
    for number in fault.numbers:
        stage.clients.start()
        stage.answered(WARM)
        before = stage.clients.mark()
        fault.play(stage, number)
        seen.outcomes.add(_come_back(stage, before))
        stage.clients.stop()
        stage.clients.send_again()
        seen.plays += 1
    _hold(stage, fault, seen)


def _come_back(stage: Scene, before: Mark) -> Outcome:
    """Wait until appends are taken again; what it took."""
    if not stage.service.has_ended():
        stage.answered(WARM)
    if stage.service.has_ended():
        stage.service.start()
        stage.answered(WARM)
        return Outcome.RESTART
    until(stage.service.is_ready, "the service is ready again")
    now = stage.clients.mark()
    if now.refused > before.refused:
        return Outcome.REFUSES
    return Outcome.GOES_ON if now.failed == before.failed else Outcome.BY_ITSELF


def _hold(stage: Scene, fault: Fault, seen: Seen) -> None:
    """What was seen against what was expected, and the whole ledger."""
    clients = stage.clients
    stage.clients.send_all_again(AGAIN)
    seen.entries = stage.check()
    seen.answered, seen.failed, seen.slowest = (
        clients.answered,
        len(clients.failed),
        clients.slowest,
    )
    texts = {
        "answer": "\n".join(clients.failed + clients.refused),
        "service": stage.service.said(),
        "server": stage.server_said(),
        **stage.told,
    }
    seen.different += [
        f"expected: {fault.outcome}; seen: {outcome}"
        for outcome in seen.outcomes
        if not fits(fault.outcome, outcome)
    ]
    seen.different += clients.wrong
    seen.different += [
        f"the {says.where} does not say: {says.text}"
        for says in fault.says
        if not is_told(says, texts)
    ]
