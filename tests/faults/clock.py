"""The clock of the machine jumps, by hours and by days, while the service runs (`clock.c`).

Recorded time never runs backwards: it is the later of the clock and the last recorded time, and
`fsck` holds the whole log to it. An event from after the ledger's clock is refused, and says so.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from tests.faults.clients import CLIENTS
from tests.faults.fault import Fault, Outcome, Says
from tests.faults.scene import Scene, until

KIND = "clock"
COMPILER = ("gcc",)


class SetClock:
    """The clock of the service, and of the clients where they run on the same machine."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._file = scene.data / "clock"
        self.put(0)

    def put(self, hours: int, *, clients: bool = True) -> None:
        """So many hours from where it is."""
        beside = self._file.with_suffix(".new")
        beside.write_text(f"{hours * 3600}\n")
        beside.rename(self._file)
        self._scene.clients.ahead = timedelta(hours=hours if clients else 0)


@contextmanager
def set_clock(scene: Scene) -> Iterator[SetClock]:
    """The service has a clock that can be set; its clock of seconds since the start goes on."""
    library, source = scene.data / "clock.so", Path(__file__).with_name("clock.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    clock = SetClock(scene)
    scene.service.environment = {
        "LD_PRELOAD": str(library),
        "CLOCK_AHEAD": str(scene.data / "clock"),
    }
    yield clock


def forth_and_back(scene: Scene, hours: int) -> None:
    """Ahead, and right again: until the clock has caught up, entries get the last recorded time."""
    scene.beside.put(hours, clients=False)
    scene.answered(2 * CLIENTS)  # more than were on their way
    scene.beside.put(0)
    scene.answered(2 * CLIENTS)
    with scene.connect() as conn:
        ((last, entries, ahead),) = conn.execute(
            "SELECT recorded_at, count(*), recorded_at > now() + interval '1 hour'"
            " FROM entries GROUP BY recorded_at ORDER BY recorded_at DESC LIMIT 1"
        )
    assert ahead, f"the clock was not ahead: {last}"
    assert entries > 1, "nothing was recorded at the last recorded time"


def back(scene: Scene, hours: int) -> None:
    """Behind, with those who send: nothing is recorded before what is there."""
    scene.clients.stop()  # what was on its way would come from the future
    scene.beside.put(-hours)
    scene.clients.start()
    scene.answered(CLIENTS)
    scene.beside.put(0)


def behind(scene: Scene, hours: int) -> None:
    """Behind those who send: what they say lies in the future, until the clock is right."""
    before = scene.clients.mark().refused
    scene.beside.put(-hours, clients=False)
    until(lambda: scene.clients.mark().refused >= before + 3, "events are refused")
    scene.beside.put(0)


FAULTS: Sequence[Fault] = (
    Fault(
        "clock-forth-and-back",
        KIND,
        "The clock jumps 3 hours and 3 days ahead, and back",
        Outcome.GOES_ON,
        forth_and_back,
        (),
        (3, 72),
        COMPILER,
        set_clock,
    ),
    Fault(
        "clock-back",
        KIND,
        "The clock jumps 3 hours and 3 days back, for the ledger and for those who send",
        Outcome.GOES_ON,
        back,
        (),
        (3, 72),
        COMPILER,
        set_clock,
    ),
    Fault(
        "clock-behind",
        KIND,
        "The clock of the ledger alone jumps 3 hours and 3 days back, and is set right",
        Outcome.REFUSES,
        behind,
        [Says("answer", r"lies more than 60 s after the ledger's clock")],
        (3, 72),
        COMPILER,
        set_clock,
    ),
)
